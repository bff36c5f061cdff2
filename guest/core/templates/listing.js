
(() => {
  const all = (what) => [...document.querySelectorAll(what)];
  const box = document.querySelector('#search'), status = document.querySelector('#status');
  const two = (number) => String(number).padStart(2, '0');

  // The server writes times in UTC. Show them in the time zone of the reader.
  for (const time of all('time')) {
    const date = new Date(time.dateTime);
    time.firstChild.data = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
    time.lastChild.textContent = `${two(date.getHours())}:${two(date.getMinutes())}`;
  }
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
  const units = Object.entries({
    year: 31_557_600, month: 2_629_800, week: 604_800, day: 86_400, hour: 3_600, minute: 60, second: 1,
  });
  const distance = (date) => {
    const seconds = (date - Date.now()) / 1000;
    const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? units.at(-1);
    return relative.format(Math.trunc(seconds / length), unit);
  };
  document.addEventListener('mouseover', ({ target }) => {
    const time = target.closest('time');
    if (!time) return;
    const date = new Date(time.dateTime);
    time.title = `${exact.format(date)}, ${distance(date)}`;
  });

  const rows = all('tbody tr, .grid li').filter((row) => !row.closest('.readme'));
  // The end of a long list is far away.
  const sum = document.querySelector('.sum');
  if (rows.length && !status.hasChildNodes()) {
    status.textContent = sum.textContent;
    sum.hidden = true;
  }
  const said = [...status.childNodes];
  // A browser lays out only the groups in sight. The others are as high as their rows.
  const groups = all('.long tbody');
  const height = (count) => `calc(${count} * var(--row))`;
  for (const group of groups) group.style.containIntrinsicHeight = `auto ${height(group.rows.length)}`;

  // A tab has little room, and shows the beginning. Programs read the title of the page as it was sent.
  const query = new URLSearchParams(location.search);
  const folder = document.querySelector('h1 [aria-current]').textContent;
  if (!query.get('search')?.trim()) document.title = `${folder} – ${location.host}`;
  // The order and the layout stay in other folders. Programs follow the links as they were sent.
  const kept = [...query].filter(([name]) => ['sort', 'order', 'view'].includes(name));
  const keep = ({ target }) => {
    const link = target.closest('tbody a, .grid a, h1 a');
    if (link?.pathname.endsWith('/') && !link.closest('.readme')) link.search = new URLSearchParams(kept);
  };
  if (kept.length) for (const event of ['click', 'auxclick', 'contextmenu']) document.addEventListener(event, keep);

  let names, shown = rows;
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    names ??= rows.map((row) => row.querySelector('a').textContent.toLowerCase());
    shown = rows.filter((row, index) => {
      const fits = words.every((word) => names[index].includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      return fits;
    });
    const counts = new Map();
    if (groups.length) for (const { parentNode: group } of shown) counts.set(group, (counts.get(group) ?? 0) + 1);
    for (const group of groups) {
      const count = counts.get(group) ?? 0;
      group.hidden = !count;
      group.style.containIntrinsicHeight = height(count);
    }
    if (words.length) status.textContent = `${shown.length} of ${rows.length} here`;
    else status.replaceChildren(...said);
  };
  let due;
  box.addEventListener('input', () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(filter);
  });
  box.placeholder = 'Filter, Enter to search below';
  box.title = 'Press / to come here, Esc to clear';

  // A table, or a grid.
  const step = (key, from) => {
    const top = (row) => row?.offsetTop, at = shown[from];
    switch (key) {
      case 'ArrowRight': return at?.matches('li') ? from + 1 : -1;
      case 'ArrowLeft': return at?.matches('li') ? from - 1 : -1;
      case 'Home': return from < 0 ? -1 : 0;
      case 'End': return from < 0 ? -1 : shown.length - 1;
    }
    if (!at?.matches('li')) return key === 'ArrowDown' ? from + 1 : from - 1;
    const wide = shown.findIndex((row) => top(row) > top(shown[0]));
    return key === 'ArrowDown' ? from + (wide < 0 ? 1 : wide) : from - (wide < 0 ? 1 : wide);
  };
  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || target.matches('video, audio')) return;
    if (key === '/' && target !== box) {
      box.focus();
      box.select();
    } else if (key === 'Escape' && target === box) {
      if (!box.value) return box.blur();
      box.value = '';
      filter();
    } else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(key)) {
      const from = shown.indexOf(target.closest('tbody tr, .grid li'));
      if (from < 0 && key !== 'ArrowDown') return;
      const to = step(key, from);
      if (to < 0 && key === 'ArrowUp') box.focus();
      else if (shown[to]) ((target.name === 'only' && shown[to].querySelector('[name="only"]')) || shown[to].querySelector('a')).focus();
      else return;
    } else return;
    event.preventDefault();
  });
})();
