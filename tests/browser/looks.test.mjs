// How pages look and whether everybody can use them: colours, widths, print, and the rules of accessibility. Pictures
// of the pages are left in target/screenshots for people to judge what a test cannot.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { PICTURES, serving } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const MISSING = '/plain/file3.txt';
const PAGES = {
  list: '/', grid: '/gallery/?view=grid', empty: '/empty/', search: '/?search=file', 404: MISSING, names: '/deceive/',
  document: '/plain/sub/deep/guide.md',
};
const WIDE = { width: 1100, height: 800 }, PHONE = { width: 375, height: 740 };

mkdirSync(PICTURES, { recursive: true });
const site = serving();

const at = (path, options, use) => {
  const expected = path === MISSING ? [/404/] : [];
  return site.at(path, { viewport: WIDE, expected, ...options }, use);
};

for (const colorScheme of ['light', 'dark']) {
  for (const [name, path] of Object.entries(PAGES)) {
    test(`${name} can be used by everybody, ${colorScheme}`, async () => {
      // The policy of the page would not let the checker in.
      await at(path, { colorScheme, bypassCSP: true }, async (page) => {
        await page.addScriptTag({ content: AXE });
        const { violations } = await page.evaluate(() => window.axe.run());
        const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
        assert.deepEqual(told, []);
      });
    });
  }
}

test('light and dark differ', async () => {
  const colours = [];
  for (const colorScheme of ['light', 'dark']) {
    await at('/', { colorScheme }, async (page) => {
      colours.push(await page.evaluate(() => [getComputedStyle(document.body).color, getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).backgroundColor].join()));
    });
  }
  assert.notEqual(colours[0], colours[1]);
});

for (const [name, path] of Object.entries({ ...PAGES, nasty: '/nasty/' })) {
  test(`${name} fits on a phone`, async () => {
    await at(path, { viewport: PHONE }, async (page) => {
      const [inside, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(inside <= window, `${inside} > ${window}`);
    });
  });
}

test('paper has no box to type into', async () => {
  await at('/', {}, async (page) => {
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.getByRole('searchbox').isVisible(), false);
    assert.ok(await page.getByRole('link', { name: 'notes.txt' }).isVisible());
  });
});

const SHOTS = {
  light: ['/', { colorScheme: 'light' }],
  dark: ['/', { colorScheme: 'dark' }],
  phone: ['/', { colorScheme: 'light', viewport: PHONE }],
  grid: [PAGES.grid, { colorScheme: 'light' }],
  empty: [PAGES.empty, { colorScheme: 'light' }],
  404: [MISSING, { colorScheme: 'dark' }],
  names: ['/deceive/', { colorScheme: 'light' }],
  document: [PAGES.document, { colorScheme: 'light' }],
};
for (const [name, [path, options]] of Object.entries(SHOTS)) {
  test(`a picture: ${name}`, async () => {
    await at(path, options, async (page) => {
      const picture = await page.screenshot({ path: join(PICTURES, `${name}.png`) });
      assert.ok(picture.length > 1000);
    });
  });
}
