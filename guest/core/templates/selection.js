
(() => {
  // The longest query: HTTP/2 limits the fields of a request, and proxies limit them further.
  const LONGEST = 30_000;
  const form = document.querySelector('#download'), chosen = document.querySelector('#chosen');
  const all = (what) => [...document.querySelectorAll(what)];
  const boxes = all('[name="only"]'), buttons = all('#download [name="download"]');
  const rowOf = (box) => box.closest('tr, li');
  const picked = new Map();

  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  const short = (bytes) => {
    if (bytes < 1024) return `${bytes} B`;
    const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length), value = bytes / 1024 ** power;
    return `${value < 10 ? (Math.floor(value * 10) / 10).toFixed(1) : Math.floor(value)} ${units[power - 1]}`;
  };
  const size = (box) => Number(rowOf(box).querySelector('td, p > span')?.title.replace(/\D/g, '') ?? 0);
  const count = (number, what) => number ? `${number} ${what}${number > 1 ? 's' : ''}` : '';

  // All entries are the folder itself, which needs no list of names.
  const isAll = () => picked.size === boxes.length && !document.querySelector('.note')
    && all('tbody tr, .grid li').every((row) => row.querySelector('[name="only"], .link') || row.closest('.readme'));
  const query = () => isAll() ? '' : String(new URLSearchParams([...picked.keys()].map((box) => ['only', box.value])));

  // The terminal wants the address that the visitor sees, with nothing in it that a shell would read.
  const address = document.querySelector('#address'), only = document.querySelector('#only');
  const encode = (letter) => `%${letter.charCodeAt().toString(16).toUpperCase().padStart(2, '0')}`;
  if (address) {
    address.textContent = location.origin.replaceAll("'", "'\\''") + location.pathname.replace(/[^\w\/.~%-]/g, encode);
    document.querySelector('#hint').remove();
  }

  const select = Object.assign(document.createElement('button'), { type: 'button' });
  if (boxes.length) form.append(' ', select);
  let due;
  const update = () => {
    let bytes = 0, folders = 0;
    for (const [box, size] of picked) {
      bytes += size;
      if (rowOf(box).querySelector('a').textContent.endsWith('/')) folders++;
    }
    const files = picked.size - folders, text = query(), isLong = text.length > LONGEST;
    const parts = [count(folders, 'folder'), count(files, 'file'), files ? short(bytes) : ''].filter(Boolean);
    chosen.textContent = isLong ? `${parts.join(', ')}: too many for one download` : `Download ${parts.join(', ') || (boxes.length ? 'all' : '')}`;
    for (const button of buttons) button.disabled = isLong;
    select.textContent = picked.size ? 'Select none' : 'Select all';
    if (only) only.textContent = text && !isLong ? `&${text}` : '';
  };
  const note = (box) => {
    if (box.checked) picked.set(box, size(box));
    else picked.delete(box);
    cancelAnimationFrame(due);
    due = requestAnimationFrame(update);
  };
  const mark = (some, checked) => {
    for (const box of some) {
      if (checked && rowOf(box).hidden) continue;
      box.checked = checked;
      note(box);
    }
  };
  select.addEventListener('click', () => mark(boxes, !picked.size));

  let last;
  document.querySelector('main').addEventListener('click', (event) => {
    const box = event.target;
    if (box.name !== 'only') return;
    if (event.shiftKey && last && last !== box) {
      const [one, other] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      mark(boxes.slice(one, other + 1).filter((between) => !rowOf(between).hidden), box.checked);
    }
    note(box);
    last = box;
  });
  form.addEventListener('formdata', ({ formData }) => {
    if (isAll()) formData.delete('only');
  });
  // A browser that goes back restores the boxes.
  addEventListener('pageshow', () => {
    for (const box of boxes) if (box.checked !== picked.has(box)) note(box);
  });
  update();
})();
