// What a person does with a listing: follows names, sorts, filters, searches, downloads.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NASTY, names, serving } from './harness.mjs';

const site = serving();
const PHONE = { viewport: { width: 375, height: 740 } };

/** A name with what is not seen in it as it is shown. */
const shown_as = (name) => name.replaceAll('\n', '⟨U+000A⟩');

const { at } = site;

test('every nasty name is text, and leads where it says', async () => {
  await at('/nasty/', {}, async (page) => {
    const shown = await names(page);
    assert.deepEqual(shown.toSorted(), NASTY.map((name) => `${shown_as(name)}/`).toSorted());
    for (const name of NASTY) {
      await page.goto(`${site.server.address}/nasty/`);
      const links = page.locator('table tbody a');
      const index = (await links.evaluateAll((all) => all.map((link) => link.textContent))).indexOf(`${shown_as(name)}/`);
      await links.nth(index).click();
      assert.equal(decodeURIComponent(new URL(page.url()).pathname), `/nasty/${name}/`);
      assert.deepEqual(await names(page), ['inside.txt']);
      assert.ok((await page.title()).includes(shown_as(name)), await page.title());
    }
    assert.equal(await page.locator('img').count(), 0);
  });
});

test('crumbs lead back up', async () => {
  await at('/plain/sub/deep/', {}, async (page) => {
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: 'sub' }).click();
    assert.equal(new URL(page.url()).pathname, '/plain/sub/');
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link').first().click();
    assert.equal(new URL(page.url()).pathname, '/');
  });
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with' : 'without';

  test(`each column sorts both ways ${how} a script`, async () => {
    await at('/plain/', { javaScriptEnabled }, async (page) => {
      assert.deepEqual(await names(page), ['sub/', 'File1.txt', 'file2.txt', 'file10.txt'], 'folders first, numbers by value');
      const orders = {
        Name: [['sub/', 'file10.txt', 'file2.txt', 'File1.txt'], ['sub/', 'File1.txt', 'file2.txt', 'file10.txt']],
        Size: [['sub/', 'file2.txt', 'File1.txt', 'file10.txt'], ['sub/', 'file10.txt', 'File1.txt', 'file2.txt']],
        Modified: [['sub/', 'File1.txt', 'file10.txt', 'file2.txt'], ['sub/', 'file2.txt', 'file10.txt', 'File1.txt']],
      };
      for (const [column, expected] of Object.entries(orders)) {
        const head = page.getByRole('columnheader', { name: column });
        const seen = [];
        for (const _ of expected) {
          await head.getByRole('button').click();
          const order = await head.getAttribute('aria-sort');
          assert.ok(['ascending', 'descending'].includes(order), `${column}: ${order}`);
          seen.push(await names(page));
        }
        assert.deepEqual(seen.map(String).toSorted(), expected.map(String).toSorted(), column);
      }
    });
  });

  test(`a search looks below ${how} a script`, async () => {
    await at('/', { javaScriptEnabled }, async (page) => {
      await page.getByRole('searchbox').fill('needle');
      await page.getByRole('searchbox').press('Enter');
      await page.waitForURL(/search=needle/);
      assert.deepEqual(await names(page), ['plain/sub/deep/needle.txt']);
      // It is no page, so a browser that opens it asks for an icon that nobody has; where it leads is enough.
      const href = await page.locator('table tbody a').evaluate((link) => link.href);
      assert.equal(new URL(href).pathname, '/plain/sub/deep/needle.txt');
      assert.equal((await page.request.get(href)).status(), 200);
    });
  });
}

test('the keyboard filters, moves and opens', async () => {
  await at('/plain/', {}, async (page) => {
    await page.keyboard.press('/');
    const box = page.getByRole('searchbox');
    assert.ok(await box.evaluate((element) => element === document.activeElement), '/ leads to the box');
    await page.keyboard.type('FILE 1');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr:not([hidden])').length === 2);
    assert.deepEqual(await names(page), ['File1.txt', 'file10.txt']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'file10.txt');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', 'what has the focus is seen');
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr[hidden]').length === 0);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/plain/sub/');
  });
});

test('times are those of the reader', async () => {
  await at('/', { timezoneId: 'Asia/Kolkata' }, async (page) => {
    const row = page.locator('tr', { hasText: 'notes.txt' }).locator('time');
    assert.equal(await row.getAttribute('datetime'), '2020-01-02T03:04:05Z');
    assert.match(await row.textContent(), /2020-01-02 08:34/);
  });
  await at('/', { javaScriptEnabled: false }, async (page) => {
    assert.match(await page.locator('tr', { hasText: 'notes.txt' }).locator('time').textContent(), /2020-01-02 03:04/);
  });
});

test('sizes are short, and exact where one points', async () => {
  await at('/', {}, async (page) => {
    const cell = page.locator('tr', { hasText: 'notes.txt' }).locator('td').first();
    assert.match(await cell.textContent(), /^12(\.\d)? (kB|KiB)$/);
    assert.match(await cell.getAttribute('title'), /12,345/);
  });
});

test('links are marked, hidden names are not there', async () => {
  await at('/', {}, async (page) => {
    const shown = await names(page);
    assert.ok(shown.includes('link@') && !shown.some((name) => name.startsWith('.')), String(shown));
  });
});

test('a table of a README has the style of its own', async () => {
  for (const options of [{}, PHONE]) {
    await at('/', options, async (page) => {
      const styles = await page.evaluate(() => ['td', 'td + td', 'td a'].map((what) => {
        const { margin, padding, lineHeight } = getComputedStyle(document.querySelector(`.readme ${what}`));
        return [margin, padding, lineHeight];
      }));
      const cell = ['0px', '6px 12px', '25.6px'], link = ['0px', '0px', '25.6px'];
      assert.deepEqual(styles, [cell, cell, link]);
    });
  }
});

test('a README is shown below, and nothing in it acts', async () => {
  await at('/', {}, async (page) => {
    const readme = page.locator('.readme');
    assert.equal(await readme.getByRole('heading', { name: 'Read me' }).count(), 1);
    assert.match(await readme.textContent(), /<script>window\.hurt = true<\/script>/);
    assert.equal(await readme.locator('script, b, [onmouseover]').count(), 0);
    assert.equal(await readme.locator('img').evaluate((image) => image.decode().then(() => image.naturalWidth)), 1);
    assert.equal(await page.evaluate(() => window.hurt), undefined);
  });
});

test('a folder of pictures is a grid if one likes', async () => {
  await at('/pictures/', {}, async (page) => {
    await page.getByRole('button', { name: 'Grid' }).click();
    const pictures = page.locator('.grid img');
    assert.equal(await pictures.count(), 6);
    assert.equal(await pictures.first().getAttribute('loading'), 'lazy');
    assert.equal(await pictures.first().evaluate((image) => image.decode().then(() => image.naturalWidth)), 1);
  });
});

test('archives are offered and come', async () => {
  await at('/plain/', {}, async (page) => {
    for (const form of ['tar', 'tar.gz', 'zip']) {
      const button = page.getByRole('navigation', { name: 'Download' }).getByRole('button', { name: form, exact: true });
      const [download] = await Promise.all([page.waitForEvent('download'), button.press('Enter')]);
      assert.equal(new URL(download.url()).search, `?download=${form}`);
      assert.equal(download.suggestedFilename(), `plain.${form}`);
      assert.ok(readFileSync(await download.path()).length > 100);
    }
  });
});

test('nothing but entries and the ways up is a link', async () => {
  for (const path of ['/', '/plain/sub/', '/pictures/', '/pictures/?view=grid', '/plain/?sort=size&order=desc']) {
    await at(path, {}, async (page) => {
      const links = await page.locator('a[href]').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
      assert.deepEqual(links.filter((link) => link.includes('?')), []);
    });
  }
});

test('the order and the layout stay in other folders', async () => {
  await at('/?sort=size&order=desc', {}, async (page) => {
    await page.getByRole('link', { name: 'plain/' }).click();
    await page.waitForURL('**/plain/?sort=size&order=desc');
    await page.locator('h1 a').first().click();
    await page.waitForURL((url) => url.pathname === '/' && url.search === '?sort=size&order=desc');
    const file = page.getByRole('link', { name: 'notes.txt' });
    await file.dispatchEvent('auxclick');
    assert.equal(await file.getAttribute('href'), 'notes.txt');
  });
});

test('the head stays above the rows', async () => {
  for (const [path, options] of [['/nasty/', {}], ['/nasty/', PHONE], ['/long/', {}], ['/long/', PHONE]]) {
    await at(path, options, async (page) => {
      await page.setViewportSize({ width: page.viewportSize().width, height: 200 });
      await page.evaluate(() => scrollTo(0, document.querySelector('tbody').offsetTop + 120));
      // Beside the letters, over the boxes, and over names.
      for (const x of [2, 8, 20, 40, 70, 100]) {
        assert.ok(await page.evaluate((x) => {
          const head = document.querySelector('thead th').getBoundingClientRect();
          return document.elementFromPoint(head.left + x, head.top + 12).closest('thead');
        }, x).then(Boolean), `${path} at ${x}`);
      }
      await page.getByRole('button', { name: 'Name' }).click();
      await page.waitForURL('**/*order=desc*');
    });
  }
});

test('a click beside a box opens nothing', async () => {
  for (const options of [{}, { ...PHONE, hasTouch: true }]) {
    await at('/plain/', options, async (page) => {
      const { x, y, width, height } = await page.getByRole('checkbox').first().boundingBox();
      for (const [left, top] of [[x + width / 2, y - 4], [x + width / 2, y + height + 4], [x - 2, y + height / 2]]) {
        assert.ok(await page.evaluate(([x, y]) => !document.elementFromPoint(x, y).closest('a'), [left, top]));
      }
    });
  }
});

test('totals are above the list, and the tab shows the folder', async () => {
  await at('/plain/', {}, async (page) => {
    assert.equal(await page.locator('#status').textContent(), '1 folder, 3 files, 3.0 KiB');
    assert.equal(await page.title(), `plain – ${new URL(page.url()).host}`);
    await page.getByRole('searchbox').fill('nothing');
    await page.waitForFunction(() => document.querySelector('#status').textContent === '0 of 4 here');
    await page.getByRole('searchbox').fill('');
    await page.waitForFunction(() => document.querySelector('#status').textContent === '1 folder, 3 files, 3.0 KiB');
  });
  await at('/?search=needle', {}, async (page) => assert.equal(await page.title(), 'Search for needle below /'));
});

test('names have the width of a phone', async () => {
  await at('/long/', PHONE, async (page) => {
    const rows = await page.locator('tbody tr').evaluateAll((all) => all.slice(0, 50).map((row) => {
      const [name, size, time] = [...row.children].map((cell) => cell.getBoundingClientRect());
      return [name.width > 330, size.top >= name.bottom, time.top === size.top, row.offsetHeight < 60];
    }));
    assert.deepEqual(rows, Array(50).fill([true, true, true, true]));
    await page.getByRole('searchbox').fill('entry 2099');
    const isShown = () => [...document.querySelectorAll('tbody tr')].filter((row) => row.offsetHeight).length === 1;
    await page.waitForFunction(isShown);
    // The count is one line.
    assert.ok(await page.locator('#status').evaluate((status) => status.offsetHeight < 40));
  });
});

test('a click on the picture of an entry opens it', async () => {
  await at('/plain/', {}, async (page) => {
    const box = await page.locator('tr', { hasText: 'sub/' }).locator('svg').boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForURL('**/plain/sub/');
  });
});

test('of a long listing a browser lays out what is seen', async () => {
  await at('/long/', {}, async (page) => {
    const [heads, cells] = await page.evaluate(() => ['thead tr', 'tbody tr'].map((row) =>
      [...document.querySelector(row).children].map((cell) => [cell.getBoundingClientRect().left, cell.getBoundingClientRect().width])));
    assert.deepEqual(cells, heads, 'columns are below their heads');
    const groups = page.locator('tbody');
    assert.deepEqual(await groups.evaluateAll((all) => all.map(({ rows }) => rows.length)), Array(7).fill(300));
    assert.equal(await groups.last().evaluate((group) => getComputedStyle(group).contentVisibility), 'auto');
    await page.getByRole('searchbox').fill('entry 2099');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr:not([hidden])').length === 1);
    assert.ok(await page.getByRole('link', { name: 'entry 2099' }).isVisible());
    assert.ok(!(await page.getByRole('link', { name: 'entry 2098' }).isVisible()));
    // Groups without a row take no space.
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight < 2 * innerHeight));
    await page.getByRole('searchbox').fill('');
    await page.waitForFunction(() => !document.querySelector('tbody[hidden], tbody tr[hidden]'));
  });
});

test('what a name hides is shown', async () => {
  await at('/deceive/', {}, async (page) => {
    assert.deepEqual(await names(page), ['annual-report-⟨U+202E⟩fdp.exe', 'b⟨U+200B⟩.txt', 'שלום.txt']);
    const [before, after] = await page.locator('tbody tr', { hasText: 'annual' }).locator('a').evaluate((link) => {
      const at = (from) => {
        const range = document.createRange(), text = link.firstChild;
        range.setStart(text, text.data.indexOf(from));
        range.setEnd(text, text.data.indexOf(from) + 1);
        return range.getBoundingClientRect().left;
      };
      return [at('annual'), at('exe')];
    });
    assert.ok(before < after, 'the suffix is where it is read');
  });
});

test('a page that says no shows the way', async () => {
  await at('/plain/file3.txt', { expected: [/404/] }, async (page) => {
    assert.match(await page.textContent('body'), /Error code: 404/);
    await page.getByRole('link', { name: 'file2.txt' }).waitFor();
    await page.getByRole('link', { name: /^Up to/ }).click();
    assert.equal(new URL(page.url()).pathname, '/plain/');
  });
});
