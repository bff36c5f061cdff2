// What a person does with a Markdown file: reads it, follows its links, copies code, gets the file itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serving } from './harness.mjs';

const GUIDE = '/plain/sub/deep/guide.md';

const site = serving();

const { at } = site;

test('a Markdown file is a page, and nothing in it acts', async () => {
  await at(GUIDE, {}, async (page) => {
    assert.equal(await page.title(), 'A guide');
    const levels = await page.locator('article :is(h2, h3, h4)').evaluateAll((all) => all.map((one) => one.localName));
    assert.deepEqual(levels, ['h2', 'h3', 'h4', 'h3']);
    assert.match(await page.locator('article').textContent(), /<script>window\.hurt = true<\/script>/);
    assert.equal(await page.evaluate(() => window.hurt), undefined);
  });
});

test('the contents, anchors and notes lead to their places', async () => {
  await at(GUIDE, {}, async (page) => {
    const contents = page.getByRole('navigation', { name: 'Contents' }).getByRole('link');
    assert.deepEqual(await contents.evaluateAll((all) => all.map((one) => one.getAttribute('href'))),
      ['#a-part', '#a-deep-part', '#a-part-1']);
    await contents.last().click();
    assert.equal(await page.locator(':target').getAttribute('id'), 'a-part-1');
    await page.getByRole('link', { name: 'Footnote 1' }).click();
    assert.match(await page.locator(':target').textContent(), /The note/);
    await page.getByRole('link', { name: 'Back to reference 1' }).click();
    assert.equal(await page.locator(':target').getAttribute('id'), 'fnref:1');
    await page.getByRole('link', { name: 'the other' }).click();
    await page.waitForURL('**/README.md');
    assert.equal(await page.title(), 'Read me');
  });
});

test('code is copied with a script, and without one there is no button', async () => {
  await at(GUIDE, { permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor({ state: 'attached' });
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'echo one\n');
  });
  await at(GUIDE, { javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.getByRole('button').count(), 0);
  });
});

test('the file itself is one link away', async () => {
  await at(GUIDE, {}, async (page) => {
    const link = page.getByRole('link', { name: 'Markdown file' });
    const href = await link.evaluate((one) => one.href);
    assert.ok(href.endsWith('/guide.md?raw'), href);
    const response = await page.request.get(href, { headers: { Accept: 'text/html' } });
    assert.match(await response.text(), /^# A guide/);
  });
});
