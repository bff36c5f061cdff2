// What a person does with a folder of pictures: looks at them one after the other, and plays films and sound.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { GALLERY, PICTURES, serving } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The pictures and films in the order of the page: numbers and letters by value, so `it's` is behind `film`. */
const ORDER = ['b.png', 'c.png', 'd.png', 'film.webm', "it's 1 & 2.png", 'z.png'];

const site = serving('--grid');

const { at } = site;
const viewer = (page) => page.getByRole('dialog', { name: 'Viewer' });
const tile = (page, name) => page.locator('.grid').getByRole('link', { name });
const closed = (page) => page.waitForFunction(() => !document.querySelector('dialog'));
const focused = (page) => page.evaluate(() => document.activeElement.textContent);

/** Waits until the viewer shows this entry, and says where it is among the others. */
const shows = (page, name) => viewer(page).getByText(`${ORDER.indexOf(name) + 1} of ${ORDER.length}`, { exact: true })
  .and(page.locator(`dialog:has(strong:text-is(${JSON.stringify(name)})) span`)).waitFor();

test('the gallery is what the tests say', () => assert.deepEqual(ORDER.toSorted(), GALLERY.toSorted()));

test('with --grid a folder of pictures is a grid, and one may choose', async () => {
  await at('/gallery/', {}, async (page) => {
    assert.equal(await page.locator('.grid > li').count(), GALLERY.length + 2);
    await page.getByRole('button', { name: 'List' }).click();
    assert.equal(new URL(page.url()).search, '?view=list');
    await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click();
    await page.waitForURL(/sort=size/);
    assert.equal(await page.locator('table').count(), 1, 'the choice is kept');
    await page.getByRole('button', { name: 'Grid' }).click();
    assert.equal(await page.locator('.grid').count(), 1);
    await page.goto(`${site.server.address}/plain/`);
    assert.equal(await page.locator('table').count(), 1, 'a folder of texts is a list');
  });
});

test('the keyboard goes through the pictures', async () => {
  await at('/gallery/', {}, async (page) => {
    await tile(page, 'c.png').focus();
    await page.keyboard.press('Enter');
    await shows(page, 'c.png');
    assert.equal(await viewer(page).locator('img').evaluate((image) => image.decode().then(() => image.naturalWidth)), 1);
    assert.match(await viewer(page).textContent(), /70 B, 2020-01-02 08:34/);
    for (const [key, name] of [
      ['ArrowRight', 'd.png'], ['ArrowLeft', 'c.png'], ['ArrowLeft', 'b.png'], ['ArrowLeft', 'b.png'],
      ['End', 'z.png'], ['ArrowRight', 'z.png'], ['Home', 'b.png'],
    ]) {
      await page.keyboard.press(key);
      await shows(page, name);
    }
    assert.equal(await viewer(page).getByRole('link', { name: 'Original' }).evaluate((link) => new URL(link.href).pathname), '/gallery/b.png');
    await page.keyboard.press('Escape');
    await closed(page);
    assert.equal(await focused(page), 'b.png', 'the focus is on what was seen last');
    assert.equal(new URL(page.url()).hash, '');
  });
});

test('the focus stays in the viewer', async () => {
  await at('/gallery/', {}, async (page) => {
    await tile(page, 'c.png').click();
    await shows(page, 'c.png');
    const visited = new Set();
    for (let press = 0; press < 8; press++) {
      await page.keyboard.press('Tab');
      visited.add(await page.evaluate(() => document.activeElement.closest('dialog') || document.activeElement === document.body));
    }
    assert.ok([...visited].every(Boolean));
  });
});

test('the buttons go on, and the address follows', async () => {
  await at('/gallery/', {}, async (page) => {
    await tile(page, 'b.png').click();
    await shows(page, 'b.png');
    assert.ok(await viewer(page).getByRole('button', { name: 'Previous' }).isHidden(), 'there is none before the first');
    await viewer(page).getByRole('button', { name: 'Next' }).click();
    await shows(page, 'c.png');
    assert.equal(new URL(page.url()).hash, '#c.png');
  });
});

test('the back button closes the viewer, then leaves the page', async () => {
  await at('/', {}, async (page) => {
    await page.getByRole('link', { name: 'gallery/' }).click();
    await tile(page, 'b.png').click();
    await shows(page, 'b.png');
    for (const name of ['c.png', 'd.png']) {
      await page.keyboard.press('ArrowRight');
      await shows(page, name);
    }
    await page.goBack();
    await closed(page);
    assert.equal(new URL(page.url()).pathname, '/gallery/');
    await page.goForward();
    await viewer(page).waitFor();
    await page.keyboard.press('Escape');
    await closed(page);
    await page.goBack();
    assert.equal(new URL(page.url()).pathname, '/');
  });
});

test('the address of a picture opens it, and is escaped', async () => {
  await at("/gallery/#it%27s%201%20%26%202.png", {}, async (page) => {
    await shows(page, "it's 1 & 2.png");
    await page.keyboard.press('Escape');
    await closed(page);
    assert.equal(page.url(), `${site.server.address}/gallery/`);
  });
});

test('a swipe goes on', async () => {
  await at('/gallery/', { hasTouch: true, viewport: { width: 375, height: 740 } }, async (page) => {
    await tile(page, 'b.png').tap();
    await shows(page, 'b.png');
    const swipe = (from, to) => page.locator('.stage').evaluate((stage, [from, to]) => {
      const touch = (clientX) => new Touch({ identifier: 1, target: stage, clientX, clientY: 300 });
      stage.dispatchEvent(new TouchEvent('touchstart', { touches: [touch(from)], changedTouches: [touch(from)] }));
      stage.dispatchEvent(new TouchEvent('touchend', { touches: [], changedTouches: [touch(to)] }));
    }, [from, to]);
    await swipe(300, 100);
    await shows(page, 'c.png');
    await swipe(200, 190);
    await shows(page, 'c.png');
    await swipe(100, 300);
    await shows(page, 'b.png');
  });
});

test('what the browser cannot show leads to the original', async () => {
  await at('/gallery/', {}, async (page) => {
    await tile(page, 'z.png').click();
    await viewer(page).getByText('The browser cannot show this file.').waitFor();
    await page.keyboard.press('ArrowLeft');
    await shows(page, "it's 1 & 2.png");
  });
});

test('sound plays in its place', async () => {
  await at('/gallery/', {}, async (page) => {
    const sound = page.getByLabel('sound.wav', { exact: true });
    assert.equal(await sound.getAttribute('preload'), 'none');
    const seconds = await sound.evaluate((audio) => new Promise((resolve, reject) => {
      audio.addEventListener('loadedmetadata', () => resolve(audio.duration));
      audio.addEventListener('error', () => reject(audio.error.message));
      audio.preload = 'metadata';
      audio.load();
    }));
    assert.equal(seconds, 1);
    assert.equal(await page.locator('.grid video[controls]').count(), 1);
  });
});

test('without a script pictures are links', async () => {
  // A browser asks for an icon of a picture, which does not exist.
  await at('/gallery/', { javaScriptEnabled: false, expected: [/404/] }, async (page) => {
    const [answer] = await Promise.all([page.waitForResponse('**/gallery/b.png'), tile(page, 'b.png').click()]);
    assert.equal(answer.status(), 200);
    await page.waitForURL('**/gallery/b.png');
  });
});

for (const colorScheme of ['light', 'dark']) {
  test(`the viewer can be used by everybody, ${colorScheme}`, async () => {
    await at('/gallery/', { colorScheme, bypassCSP: true }, async (page) => {
      await tile(page, 'c.png').click();
      await shows(page, 'c.png');
      await page.addScriptTag({ content: AXE });
      const { violations } = await page.evaluate(() => window.axe.run());
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
      assert.deepEqual(found, []);
      await page.screenshot({ path: join(PICTURES, `viewer-${colorScheme}.png`) });
    });
  });
}
