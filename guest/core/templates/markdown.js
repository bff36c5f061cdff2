
(() => {
  const status = document.createElement('p');
  status.className = 'away';
  status.setAttribute('role', 'status');
  document.querySelector('main').append(status);

  // Browsers give the clipboard only to pages over TLS or of this machine.
  const copy = async (code) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent);
    getSelection().selectAllChildren(code);
    if (!document.execCommand('copy')) throw new Error();
    getSelection().empty();
  };
  for (const pre of document.querySelectorAll('.page pre')) {
    const box = document.createElement('div'), button = document.createElement('button');
    box.className = 'code';
    button.type = 'button';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      const done = await copy(pre).then(() => 'Copied', () => 'Not copied');
      button.textContent = status.textContent = done;
      setTimeout(() => {
        button.textContent = 'Copy';
        status.textContent = '';
      }, 2000);
    });
    pre.replaceWith(box);
    box.append(pre, button);
  }
})();
