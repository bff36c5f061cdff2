// What a person does to download a part of a folder: selects entries, by mouse and keyboard, with and without a script.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NASTY, serving } from './harness.mjs';

const site = serving();

const { at } = site;
const box = (page, name) => page.getByRole('checkbox', { name: `Select ${name}`, exact: true });
const total = (page, text) => page.locator('#chosen', { hasText: text }).waitFor();

/** The names in the query of a download. */
const only = async (page, format) => {
  const button = page.getByRole('navigation', { name: 'Download' }).getByRole('button', { name: format, exact: true });
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const query = new URL(download.url()).searchParams;
  assert.equal(query.get('download'), format);
  await download.cancel();
  return query.getAll('only');
};

for (const javaScriptEnabled of [true, false]) {
  test(`the selected names are in the query ${javaScriptEnabled ? 'with' : 'without'} a script`, async () => {
    await at('/nasty/', { javaScriptEnabled }, async (page) => {
      const offered = NASTY.filter((name) => !name.includes('\n'));
      assert.equal(await page.locator('[name="only"]').count(), offered.length, 'a form cannot send a line break as it is');
      const some = ['a b & c', '100%', '"quoted" \'x\'', 'é ü 漢字 🌿', '&lt;'];
      for (const name of some) await box(page, name).check();
      assert.deepEqual((await only(page, 'zip')).toSorted(), some.toSorted());
    });
    await at('/plain/', { javaScriptEnabled }, async (page) => assert.deepEqual(await only(page, 'tar'), []));
  });
}

test('Shift selects a range, and the page says how much it is', async () => {
  await at('/plain/', {}, async (page) => {
    await total(page, /^Download all$/);
    await box(page, 'File1.txt').click();
    await total(page, /^Download 1 file, 100 B$/);
    await box(page, 'file10.txt').click({ modifiers: ['Shift'] });
    await total(page, /^Download 3 files, 3\.0 KiB$/);
    await box(page, 'sub').check();
    await total(page, /^Download 1 folder, 3 files, 3\.0 KiB$/);
    assert.deepEqual(await only(page, 'zip'), [], 'all entries are the folder');
    await box(page, 'file2.txt').uncheck();
    await total(page, /^Download 1 folder, 2 files, 3\.0 KiB$/);
    assert.deepEqual(await only(page, 'zip'), ['sub', 'File1.txt', 'file10.txt']);
  });
});

test('all that is shown can be selected at once', async () => {
  await at('/plain/', {}, async (page) => {
    await page.getByRole('searchbox').fill('file1');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr:not([hidden])').length === 2);
    await page.getByRole('button', { name: 'Select all' }).click();
    await total(page, /^Download 2 files, 3\.0 KiB$/);
    await page.getByRole('button', { name: 'Select none' }).click();
    await total(page, /^Download all$/);
  });
});

test('the arrow keys stay on the boxes', async () => {
  await at('/plain/', {}, async (page) => {
    await box(page, 'sub').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    assert.ok(await box(page, 'File1.txt').isChecked());
  });
});

test('too many names are not sent', async () => {
  await at('/long/', {}, async (page) => {
    await page.getByRole('button', { name: 'Select all' }).click();
    await total(page, /^Download 2100 files, 0 B$/);
    assert.ok(await page.getByRole('button', { name: 'zip', exact: true }).isEnabled(), 'all entries need no names');
    await page.locator('[name="only"]').nth(7).uncheck();
    await total(page, /too many for one download/);
    assert.ok(await page.getByRole('button', { name: 'zip', exact: true }).isDisabled());
  });
});

test('a terminal gets the address and the selection', async () => {
  await at('/nasty/', {}, async (page) => {
    const command = page.locator('details code');
    assert.ok(await command.isHidden());
    await page.getByText('Terminal', { exact: true }).click();
    assert.equal(await command.textContent(), `curl -fsS '${site.server.address}/nasty/?download=tar' | tar xf -`);
    await box(page, '"quoted" \'x\'').check();
    await total(page, /1 folder/);
    assert.equal(await command.textContent(),
      `curl -fsS '${site.server.address}/nasty/?download=tar&only=%22quoted%22+%27x%27' | tar xf -`);
    assert.equal(await page.getByText('ADDRESS').count(), 0);
  });
  await at(`/nasty/${encodeURIComponent('"quoted" \'x\'')}/`, {}, async (page) => {
    const command = await page.locator('details code').textContent();
    assert.equal(command, `curl -fsS '${site.server.address}/nasty/%22quoted%22%20%27x%27/?download=tar' | tar xf -`);
  });
  await at('/nasty/', { javaScriptEnabled: false }, async (page) => {
    await page.getByText('Terminal', { exact: true }).click();
    assert.equal(await page.locator('details code').textContent(), "curl -fsS 'ADDRESS?download=tar' | tar xf -");
    await page.getByText('ADDRESS is the address of this page.').waitFor();
  });
});
