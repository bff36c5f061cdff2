// Writes the pictures of docs/ from a small folder: `make screenshots`.

import { mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { browse, replaceFile, serveTree } from './harness.mjs';

const ROOT = join(import.meta.dirname, '../..');
const WIDE = { width: 1000, height: 640 }, PHONE = { width: 390, height: 720 };
/** The age of files counts from here, in seconds. */
const NOW = 1_790_000_000;

const GUIDE = `# Garden plan

What grows where, and when it is watered.

## Beds

| bed | plant | since |
|---|---|---|
| north | beans | April |
| south | tomatoes | May |

## Work

- [x] build the greenhouse
- [ ] paint the fence

## Water

\`\`\`sh
glasshouse garden --live --markdown
\`\`\`
`;

/** A picture that a browser draws. */
async function picture(page, hue) {
  await page.setViewportSize({ width: 640, height: 480 });
  const sky = `linear-gradient(hsl(${hue} 60% 75%), hsl(${hue + 40} 55% 45%) 70%, hsl(${hue + 80} 45% 25%))`;
  await page.setContent(`<body style="margin:0;height:100vh;background:${sky}">`);
  return page.screenshot();
}

/** Writes the folder that is shown. */
async function plant(root, page) {
  const put = (path, content, age) => {
    const file = join(root, path), time = NOW - age * 86_400;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    utimesSync(file, time, time);
  };
  put('garden/plan.md', GUIDE, 1);
  put('garden/seeds.csv', 'x'.repeat(4_321), 3);
  put('invoices-2026.zip', 'x'.repeat(1_234_567), 9);
  put('talk.pdf', 'x'.repeat(845_000), 20);
  put('notes.txt', 'x'.repeat(1_900), 2);
  put('song.flac', 'x'.repeat(3_100_000), 40);
  put('README.md', '# Shared folder\n\nEverything for the summer. The [plan](garden/plan.md) comes first.\n', 1);
  for (const [number, name] of ['beach', 'dunes', 'forest', 'harbour', 'lake', 'valley'].entries()) {
    put(`photos/${name}.png`, await picture(page, number * 55), 30 + number);
  }
}

/** Writes one picture. `prepare` brings the page into its state. */
async function shoot(browser, address, name, path, options = {}, prepare = async () => {}) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', viewport: WIDE, ...options });
  const page = await context.newPage();
  await page.goto(address + path);
  await prepare(page);
  await page.screenshot({ path: join(ROOT, 'docs', `${name}.png`) });
  await context.close();
}

/** The page of `site` with a colour and a line of its source. */
const site = (hue, title) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>
  body { margin: 0; padding: 48px 40px; font: 18px/1.5 system-ui; color: #fff; background: hsl(${hue} 45% 38%); height: 100vh }
  h1 { font-size: 40px; margin: 0 0 12px }
</style>
<h1>${title}</h1>
<p>Open from May to September.</p>
</html>
`;

/** Writes the picture of a page before and after its file is saved. Nothing but `--live` reloads it. */
async function shootLive(browser) {
  const root = mkdtempSync(join(tmpdir(), 'glasshouse-screenshots-')), file = join(root, 'index.html');
  replaceFile(file, site(150, 'The garden'));
  const server = await serveTree(root, '--live');
  try {
    const page = await browser.newPage({ viewport: { width: 460, height: 300 } });
    // Chromium 156 forgets a request for a picture that comes while a reload commits. The file is so new that the page
    // reloads once when it is opened.
    const picture = () => page.screenshot({ timeout: 2_000 });
    const shot = () => picture().catch(picture);
    await page.goto(server.address);
    const before = await shot();
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('live')));
    replaceFile(file, site(20, 'Winter garden'));
    await page.getByRole('heading', { name: 'Winter garden' }).waitFor();
    const after = await shot();
    const figure = (picture, text) => `<figure style="margin:0">
      <img src="data:image/png;base64,${picture.toString('base64')}" style="border-radius:6px">
      <figcaption style="margin-top:12px;color:#444">${text}</figcaption></figure>`;
    await page.setViewportSize({ width: 1000, height: 400 });
    await page.setContent(`<body style="margin:24px;display:flex;gap:32px;font:16px system-ui;background:#fff">
      ${figure(before, 'The page in the browser')}
      ${figure(after, 'The same page after an editor saved <code>index.html</code>')}`);
    await page.screenshot({ path: join(ROOT, 'docs/live.png') });
    await page.close();
  } finally {
    await server.end();
  }
}

const root = mkdtempSync(join(tmpdir(), 'glasshouse-screenshots-'));
const browser = await browse();
try {
  const page = await browser.newPage();
  await plant(root, page);
  await page.close();
  const server = await serveTree(root, '--markdown', '--grid');
  try {
    const shot = (...rest) => shoot(browser, server.address, ...rest);
    await shot('listing', '/');
    await shot('listing-dark', '/', { colorScheme: 'dark' });
    await shot('listing-phone', '/', { viewport: PHONE });
    await shot('grid', '/photos/');
    await shot('viewer', '/photos/', {}, async (page) => {
      await page.getByRole('link', { name: 'harbour.png' }).first().click();
      await page.locator('dialog[open] img').waitFor();
    });
    await shot('markdown', '/garden/plan.md');
    await shot('missing', '/garden/plan.mb', { colorScheme: 'dark' });
  } finally {
    await server.end();
  }
  await shootLive(browser);
} finally {
  await browser.close();
}
