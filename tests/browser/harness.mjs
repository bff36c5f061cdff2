// What every test in a browser needs: the program with a tree to serve, and pages that are watched while they are open.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const HERE = import.meta.dirname;
const PROGRAM = process.env.GLASSHOUSE ?? join(HERE, '../../target/release/glasshouse');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Where pictures of the pages are kept. */
export const PICTURES = join(HERE, '../../target/screenshots');
/** How long anything may take, in milliseconds. */
const PATIENCE = 20_000;
/** The time after which a page is asked again to close, in milliseconds. */
const CLOSING = 500;

/** Names that something could take for something else. */
export const NASTY = [
  'a b & c', '100%', '#hash', 'question?', '"quoted" \'x\'', '<img src=x onerror=alert(1)>', 'javascript:alert(1)',
  'new\nline', 'é ü 漢字 🌿', 'back\\slash', '&lt;', 'l'.repeat(200),
];

/** A red square, for folders of pictures. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==', 'base64');

/** A second of silence (RIFF WAVE, 8 kHz, 8 bits). */
const SOUND = Buffer.concat([
  Buffer.from('RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0', 'latin1'),
  Buffer.alloc(8000, 0x80),
]);

/** A folder of pictures, with other files among them. The last picture is not one. */
export const GALLERY = ["it's 1 & 2.png", 'b.png', 'c.png', 'd.png', 'film.webm', 'z.png'];

const README = '# Read me\n\nText with `code`, a [link](plain/) and ![a picture](pictures/1.png).\n\n' +
  '| a | b |\n|---|---|\n| 1 | [two](plain/) |\n\n<script>window.hurt = true</script>\n\n<b onmouseover="window.hurt = true">not bold</b>\n';

/** A document with everything that a page of Markdown can hold. */
const GUIDE = '# A guide\n\nSee [the part below](#a-part), [the other](../../../README.md) and a note[^1].\n\n' +
  '## A part\n\n- [x] done\n- [ ] not done\n\n```sh\necho one\n```\n\n#### A deep part\n\n| a | b |\n|---|---|\n' +
  '| 1 | 2 |\n\n## A part\n\n<script>window.hurt = true</script>\n\n[^1]: The note.\n';

/** Writes the tree that is served. */
function plant(root) {
  const put = (path, content, seconds = 1_577_934_245) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    utimesSync(file, seconds, seconds);
  };
  for (const name of NASTY) put(`nasty/${name}/inside.txt`, name);
  put('plain/file10.txt', 'x'.repeat(3000), 1_600_000_000);
  put('plain/file2.txt', 'x'.repeat(20), 1_700_000_000);
  put('plain/File1.txt', 'x'.repeat(100), 1_500_000_000);
  put('plain/sub/deep/needle.txt', 'x');
  put('plain/sub/deep/guide.md', GUIDE);
  for (const name of ['annual-report-\u202efdp.exe', 'b\u200b.txt', 'שלום.txt']) put(`deceive/${name}`, 'MZ');
  for (let number = 0; number < 2_100; number++) put(`long/entry ${number}`, '');
  put('.hidden', 'x');
  for (const number of [1, 2, 3, 4, 5, 6]) put(`pictures/${number}.png`, PICTURE);
  for (const name of GALLERY.slice(0, 4)) put(`gallery/${name}`, PICTURE);
  put('gallery/film.webm', 'no film');
  put('gallery/z.png', 'no picture');
  put('gallery/sound.wav', SOUND);
  put('gallery/below/x.txt', 'x');
  put('notes.txt', 'x'.repeat(12_345));
  put('archive.tar.gz', 'x'.repeat(2_000_000));
  put('README.md', README);
  mkdirSync(join(root, 'empty'));
  symlinkSync('plain', join(root, 'link'));
}

/** The program, serving a tree of its own on a port that the system chose, with further flags. */
export async function serve(...flags) {
  const root = mkdtempSync(join(tmpdir(), 'glasshouse-browser-'));
  plant(root);
  return serveTree(root, '--markdown', ...flags);
}

/** The program, serving a tree that is removed at its end. */
export async function serveTree(root, ...flags) {
  const program = spawn(PROGRAM, ['0', '-b', '127.0.0.1', '-d', root, ...flags]);
  const address = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the program does not say where it serves')), PATIENCE);
    let said = '';
    program.stdout.on('data', (bytes) => {
      said += bytes;
      const found = said.match(/\((http:\/\/[^)]+)\/\)/);
      if (found) {
        clearTimeout(late);
        resolve(found[1]);
      }
    });
    program.on('error', reject);
    program.on('exit', (code) => reject(new Error(`the program ended with ${code}`)));
  });
  program.stderr.resume();
  const end = () => new Promise((resolve) => {
    program.removeAllListeners('exit');
    program.on('exit', () => {
      rmSync(root, { recursive: true, force: true });
      resolve();
    });
    program.kill('SIGTERM');
  });
  return { address, root, pid: program.pid, end };
}

/** Saves a file as many editors do: a new file takes the place of the old one. */
export function replaceFile(file, content) {
  writeFileSync(`${file}~`, content);
  renameSync(`${file}~`, file);
}

/** A browser without a profile and without anything that it does on its own. */
export function browse() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args, timeout: PATIENCE });
}

/** Closes a page. Chromium 156 forgets to do it if a navigation of the page commits at that moment. */
async function close(page) {
  const closed = new Promise((resolve) => page.once('close', () => resolve(true)));
  const session = await page.context().newCDPSession(page);
  do session.send('Page.close').catch(() => {});
  while (!await Promise.race([closed, wait(CLOSING)]));
}

/**
 * Opens a page, lets `use` have it, and then says what it should not have done: written to the console, broken its own
 * policy, asked anybody else, failed.
 */
export async function visit(browser, address, path, options, use) {
  const { expected = [], ...settings } = options;
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Asia/Kolkata', ...settings });
  context.setDefaultTimeout(PATIENCE);
  const wrong = [];
  try {
    const page = await context.newPage();
    page.on('console', (message) => wrong.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(address)) wrong.push(`asked elsewhere: ${request.url()}`);
    });
    await page.goto(address + path);
    await use(page);
  } finally {
    for (const page of context.pages()) await close(page);
    await context.close();
  }
  const unexpected = wrong.filter((what) => !expected.some((known) => known.test(what)));
  assert.deepEqual(unexpected, []);
}

/** The program and a browser for the tests of a file: `server`, `browser`, and `at`, which visits a page. */
export function serving(...flags) {
  const site = { at: (path, options, use) => visit(site.browser, site.server.address, path, options, use) };
  before(async () => {
    [site.server, site.browser] = await Promise.all([serve(...flags), browse()]);
  });
  after(async () => {
    await site.browser?.close();
    await site.server?.end();
  });
  return site;
}

/** The names in the table, in their order. */
export function names(page) {
  return page.locator('table tbody tr:not([hidden]) th').evaluateAll((cells) => cells.map((cell) => cell.textContent));
}
