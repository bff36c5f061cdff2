// Reloads this page, or replaces its style sheets, when a file behind it changes. Sends nothing to other servers.
(() => {
  'use strict';
  const mark = Symbol.for('glasshouse live');
  if (window[mark]) return;
  window[mark] = true;

  const plain = (path) => {
    try {
      return decodeURIComponent(path);
    } catch {
      return path;
    }
  };
  const { file, page } = document.currentScript?.dataset ?? {};
  const here = plain(location.pathname);
  const source = file && plain(file);

  // The last message of this tab, so that no reload repeats itself. Not every page may store something.
  const KEY = 'glasshouse live';
  const stored = () => {
    try {
      return sessionStorage.getItem(KEY) ?? '0';
    } catch {
      return null;
    }
  };
  const store = (id) => {
    try {
      if (id) sessionStorage.setItem(KEY, id);
    } catch {}
  };

  // The time up to which this page knows of every change. It begins with the request for the page. This clock is never
  // set.
  let seen = 0;
  let generation, stream, again, isLeaving = false;

  /** What this page has loaded from this server: paths and URLs. */
  const loaded = () => performance.getEntriesByType('resource').flatMap(({ name }) => {
    const url = new URL(name);
    const isFile = url.origin === location.origin && !url.pathname.startsWith('/.glasshouse/');
    return isFile ? [{ path: plain(url.pathname), url: name }] : [];
  });

  /** Whether something at `path` is, or is below, what changed. */
  const isWithin = (path, changed) => path === changed || (changed.endsWith('/') && path.startsWith(changed));
  const parent = (path) => path.replace(/[^/]*\/?$/, '');

  const concernsPage = (changed) => {
    if (isWithin(here, changed) || (source && isWithin(source, changed))) return true;
    // A search shows the folders below, too.
    const isSearch = new URLSearchParams(location.search).get('search')?.trim();
    if (page === 'folder') return isSearch ? changed.startsWith(here) : parent(changed) === here;
    // What was missing may appear at this path, as a page with another name, or as the index of a folder.
    return page === 'error' && changed.startsWith(here.replace(/\/$/, ''));
  };

  const reload = async (urls) => {
    if (isLeaving) return;
    isLeaving = true;
    stream?.close();
    // A browser reloads a page without asking for files that it takes for fresh.
    const requests = Promise.allSettled([...new Set(urls)].slice(0, 100).map((url) => fetch(url, { cache: 'no-cache' })));
    const limit = new Promise((resolve) => setTimeout(resolve, 1_000));
    if (urls.length) await Promise.race([requests, limit]);
    location.reload();
  };

  // For each new style sheet, those that it replaces.
  const replaced = new WeakMap(), waiting = new WeakSet();
  /** Replaces the style sheets at a path. Returns `false` if the page has none there, or has it in another way. */
  const replaceSheets = (path) => {
    const isHere = ({ href }) => {
      const url = new URL(href, location.href);
      return url.origin === location.origin && plain(url.pathname) === path;
    };
    const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')].filter(isHere);
    for (const link of links.filter((link) => !waiting.has(link))) {
      const url = new URL(link.href), next = link.cloneNode();
      url.searchParams.set('live', Date.now());
      next.href = url;
      waiting.add(link);
      replaced.set(next, [...(replaced.get(link) ?? []), link]);
      next.addEventListener('load', () => {
        for (const old of replaced.get(next)) old.remove();
        replaced.delete(next);
      });
      next.addEventListener('error', () => reload([link.href]));
      link.after(next);
    }
    return links.length > 0;
  };

  const take = (changes) => {
    const resources = changes.length ? loaded() : [];
    let mustReload = false;
    const urls = [];
    for (const { kind, path } of changes) {
      const changed = resources.filter((resource) => isWithin(resource.path, path));
      if (concernsPage(path)) mustReload = true;
      else if (kind === 'css' && replaceSheets(path)) continue;
      else if (changed.length) mustReload = true;
      urls.push(...changed.map(({ url }) => url));
    }
    if (mustReload) reload(urls);
  };

  const close = () => {
    clearTimeout(again);
    stream?.close();
    if (stream) seen = performance.now();
    stream = undefined;
  };

  const open = () => {
    // Browsers allow six connections to a server over HTTP/1.1, so a hidden page holds none.
    if (stream || isLeaving || document.hidden) return;
    const query = new URLSearchParams({ age: Math.round(performance.now() - seen) });
    const after = stored();
    if (after !== null) query.set('after', after);
    stream = new EventSource(`/.glasshouse/events?${query}`);
    stream.addEventListener('hello', ({ data }) => {
      const now = JSON.parse(data).generation;
      if (generation && generation !== now) reload(loaded().map(({ url }) => url));
      generation = now;
    });
    stream.addEventListener('message', ({ data, lastEventId }) => {
      store(lastEventId);
      seen = performance.now();
      take(JSON.parse(data));
    });
    // The browser would connect again with the same age.
    stream.addEventListener('error', () => {
      stream.close();
      stream = undefined;
      clearTimeout(again);
      again = setTimeout(open, 1_000);
    });
  };

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', ({ persisted }) => persisted && open());
  open();
})();
