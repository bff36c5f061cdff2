
(() => {
  const grid = document.querySelector('.grid');
  const media = (tile) => tile?.querySelector('.picture > :is(img, video)');
  const make = (name, properties) => Object.assign(document.createElement(name), properties);

  // A film has a picture before it plays. Only those in sight read the start of their files.
  const seen = new IntersectionObserver((changes) => {
    for (const { isIntersecting, target } of changes) {
      if (!isIntersecting) continue;
      target.preload = 'metadata';
      seen.unobserve(target);
    }
  });
  for (const film of grid.querySelectorAll('video')) seen.observe(film);

  const dialog = make('dialog', { ariaLabel: 'Viewer' }), figure = make('figure'), stage = make('div', { className: 'stage' });
  const button = (className, ariaLabel, textContent, onclick) => make('button', { type: 'button', className, ariaLabel, textContent, onclick });
  const before = button('before', 'Previous', '\u2039', () => show(at - 1));
  const after = button('after', 'Next', '\u203a', () => show(at + 1));
  const caption = make('figcaption'), place = make('span'), name = make('strong'), facts = make('span');
  const original = make('a', { textContent: 'Original' });
  caption.append(place, name, facts, original);
  caption.setAttribute('aria-live', 'polite');
  figure.append(stage, caption);
  dialog.append(figure, before, after, button('close', 'Close', '\u00d7', () => leave()));

  let tiles = [], at = -1, near = [];
  const label = (tile) => [...tile.querySelector('a').childNodes]
    .map((part) => part.matches?.('.picture, .link') ? '' : part.textContent).join('');
  const address = (tile) => tile.querySelector('a').getAttribute('href');
  const here = (hash) => {
    try {
      history.replaceState(history.state, '', hash || location.pathname + location.search);
    } catch {
      // Browsers limit the changes in some seconds. The address is late then, but the viewer works.
    }
  };

  const show = (index) => {
    const tile = tiles[index];
    if (!tile) return;
    at = index;
    const href = address(tile), title = label(tile);
    const film = media(tile).matches('video');
    const shown = film ? make('video', { controls: true, autoplay: true, playsInline: true, ariaLabel: title }) : make('img', { alt: title });
    shown.addEventListener('error', () => stage.replaceChildren(make('p', { textContent: 'The browser cannot show this file.' })));
    shown.src = href;
    stage.replaceChildren(shown);
    place.textContent = `${at + 1} of ${tiles.length}`;
    name.textContent = title;
    facts.textContent = [...tile.querySelectorAll('p > *')].map((part) => part.textContent).join(', ');
    original.href = href;
    const focused = document.activeElement;
    before.disabled = at === 0;
    after.disabled = at === tiles.length - 1;
    if (focused?.disabled) dialog.focus();
    here(`#${href}`);
    near = [tiles[at + 1], tiles[at - 1]].filter((beside) => beside && media(beside).matches('img'))
      .map((beside) => make('img', { src: address(beside) }));
  };

  // The viewer has one step in the history, so the back button closes it, and the next press leaves the page.
  const open = (tile, isNew) => {
    tiles = [...grid.children].filter((other) => !other.hidden && media(other));
    const index = tiles.indexOf(tile);
    if (index < 0) return;
    for (const playing of grid.querySelectorAll('video, audio')) playing.pause();
    if (isNew) history.pushState({ viewer: true }, '', `#${address(tile)}`);
    if (!dialog.open) {
      document.body.append(dialog);
      dialog.showModal();
      dialog.tabIndex = -1;
      dialog.focus();
    }
    show(index);
  };
  const close = () => {
    if (!dialog.isConnected) return;
    dialog.close();
    stage.replaceChildren();
    near = [];
    dialog.remove();
    tiles[at]?.querySelector('a').focus();
  };
  const leave = () => {
    if (history.state?.viewer) return history.back();
    here('');
    close();
  };
  const follow = () => {
    const tile = [...grid.children].find((one) => media(one) && `#${address(one)}` === location.hash);
    if (tile) open(tile, false);
    else close();
  };

  grid.addEventListener('click', (event) => {
    const link = event.target.closest('a'), tile = link?.closest('li');
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !media(tile)) return;
    event.preventDefault();
    open(tile, true);
  });
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    leave();
  });
  // A browser may close it without asking.
  dialog.addEventListener('close', () => {
    if (dialog.isConnected) leave();
  });
  dialog.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('video')) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tiles.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
  dialog.addEventListener('click', ({ target }) => {
    if (target === stage) leave();
  });

  let from;
  stage.addEventListener('touchstart', ({ touches, target }) => {
    const isOne = touches.length === 1 && !target.matches('video') && !(visualViewport?.scale > 1);
    from = isOne ? { x: touches[0].clientX, y: touches[0].clientY } : undefined;
  }, { passive: true });
  stage.addEventListener('touchend', ({ changedTouches: [end] }) => {
    if (!from) return;
    const across = end.clientX - from.x, down = end.clientY - from.y;
    from = undefined;
    if (Math.abs(across) > 40 && Math.abs(across) > 2 * Math.abs(down)) show(across < 0 ? at + 1 : at - 1);
  });

  addEventListener('popstate', follow);
  if (location.hash) follow();
})();
