'use strict';
// Squares over the live picture: what moves now, and areas to ignore, painted with a finger.
const Paint = (() => {
  const $ = id => document.getElementById(id);
  const svg = $('overlay'), COLS = 16, ROWS = 12;
  let cells = new Array(COLS * ROWS).fill(false), painting = false, erasing = false, showing = false, before = '';

  function size() {
    const picture = $('picture'), video = $('hd');
    return [picture.naturalWidth || video.videoWidth || 640, picture.naturalHeight || video.videoHeight || 480];
  }
  function rectangle(x, y, width, height, kind) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [name, value] of Object.entries({x, y, width, height, class: kind})) node.setAttribute(name, value);
    return node;
  }
  function draw() {
    const [width, height] = size(), wide = width / COLS, high = height / ROWS;
    svg.setAttribute('viewBox', '0 0 ' + width + ' ' + height);
    const drawn = [];
    if (painting) cells.forEach((is, n) => drawn.push(rectangle((n % COLS) * wide, Math.floor(n / COLS) * high, wide, high, is ? 'ignored' : 'square')));
    const motion = showing && App.state() && App.state().motion;
    if (motion && motion.place && motion.blocks) {
      const [left, top, right, bottom] = motion.place;
      drawn.push(rectangle(left * width, top * height, (right - left) * width, (bottom - top) * height, motion.is_moving ? 'moving' : 'stirring'));
    }
    svg.replaceChildren(...drawn);
    $('would').hidden = !showing;
    if (motion) $('would').textContent = w('would_record', {a: w(motion.is_moving ? 'yes' : 'no')}) + ' · ' + motion.reason;
  }
  // COLSxROWS:HEX, row by row from the top left; any grid is read, ours is written.
  function read(text) {
    const match = /^(\d+)x(\d+):([0-9a-fA-F]+)$/.exec(text || '');
    if (!match) return cells.map(() => false);
    const [wide, high] = [Number(match[1]), Number(match[2])];
    return cells.map((_, n) => {
      const column = Math.floor((n % COLS + 0.5) * wide / COLS), row = Math.floor((Math.floor(n / COLS) + 0.5) * high / ROWS);
      const bit = row * wide + column;
      return (parseInt(match[3][bit >> 2] || '0', 16) >> (3 - bit % 4) & 1) === 1;
    });
  }
  function written() {
    if (!cells.includes(true)) return '';
    let digits = '';
    for (let n = 0; n < cells.length; n += 4) digits += cells.slice(n, n + 4).reduce((sum, is) => sum * 2 + (is ? 1 : 0), 0).toString(16);
    return COLS + 'x' + ROWS + ':' + digits;
  }
  function touch(event) {
    if (!painting || (event.pointerType === 'mouse' && !event.buttons)) return;
    const [width, height] = size(), at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const column = Math.floor(at.x / width * COLS), row = Math.floor(at.y / height * ROWS);
    if (column < 0 || row < 0 || column >= COLS || row >= ROWS) return;
    if (cells[row * COLS + column] === !erasing) return;
    cells[row * COLS + column] = !erasing;
    draw();
  }
  function mode(on) {
    painting = on;
    $('painter').hidden = !on;
    svg.classList.toggle('painting', on);
    $('paint-button').setAttribute('aria-pressed', String(on));
    draw();
  }
  svg.addEventListener('pointerdown', touch);
  svg.addEventListener('pointermove', touch);
  $('motion-button').onclick = () => {
    showing = !showing;
    $('motion-button').setAttribute('aria-pressed', String(showing));
    draw();
  };
  $('paint-button').onclick = async () => {
    if (painting) { mode(false); return; }
    const found = await App.act(() => App.api('settings'));
    if (!found) return;
    before = found.sections.find(one => one.name === 'motion').keys.find(one => one.key === 'ignore').value;
    cells = read(before);
    mode(true);
  };
  $('paint-erase').onclick = () => { erasing = !erasing; $('paint-erase').setAttribute('aria-pressed', String(erasing)); };
  $('paint-clear').onclick = () => { cells = cells.map(() => false); draw(); };
  $('paint-save').onclick = async () => {
    const answer = await App.act(() => App.api('settings', {settings: {motion: {ignore: written()}}}));
    if (!answer) return;
    const refused = answer.verdicts.find(one => !one.taken);
    App.toast(refused ? refused.text : w('saved'));
    if (!refused) mode(false);
  };
  return {draw};
})();
