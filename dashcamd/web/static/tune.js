'use strict';
// Sensitivity and areas to ignore, and what they would have recorded; saved together.
const Tune = (() => {
  const $ = id => document.getElementById(id), svg = $('overlay'), COLS = 16, ROWS = 12, TRIES = 5, PAUSE_MS = 2000;
  const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-COLS, 0], End: [COLS, 0]};
  let saved = null, cells = [], painting = false, erasing = false, cursor = 0, asked = 0, timer = null;

  const inside = (value, count) => Math.max(0, Math.min(count - 1, value));
  function read(text) {
    const found = Motion.grid(text);
    return Array.from({length: COLS * ROWS}, (_, n) => {
      if (!found) return false;
      const column = Math.floor((n % COLS + 0.5) * found.columns / COLS), row = Math.floor((Math.floor(n / COLS) + 0.5) * found.rows / ROWS);
      return found.has(row * found.columns + column);
    });
  }
  function written() {
    if (!cells.includes(true)) return '';
    let digits = '';
    for (let n = 0; n < cells.length; n += 4) digits += cells.slice(n, n + 4).reduce((sum, is) => sum * 2 + (is ? 1 : 0), 0).toString(16);
    return COLS + 'x' + ROWS + ':' + digits;
  }
  // What differs from what is in force; a grid of another size counts as painted only when touched.
  function changes() {
    const found = {};
    if (!saved) return found;
    if (Number($('sensitivity').value) !== saved.sensitivity) found.sensitivity = Number($('sensitivity').value);
    if (cells.some((is, n) => is !== saved.cells[n])) found.ignore = written();
    return found;
  }
  function draw() {
    const [width, height] = Motion.size(), wide = width / COLS, high = height / ROWS;
    const square = (n, kind) => Motion.node('rect', {x: n % COLS * wide, y: Math.floor(n / COLS) * high, width: wide, height: high, class: kind});
    Motion.fit();
    const drawn = painting ? cells.map((is, n) => square(n, is ? 'ignored' : 'square')) : [];
    if (painting) drawn.push(square(cursor, 'cursor'));
    $('cells').replaceChildren(...drawn);
  }
  function tell() {
    if (!saved) return;
    App.set('sensitivity-value', $('sensitivity').value);
    const is = Object.keys(changes()).length > 0;
    $('tune-deck').hidden = !is;
    say();
    draw();
  }
  function say() {
    $('cell-said').hidden = !painting;
    App.set('cell-said', painting ? w(cells[cursor] ? 'cell_ignored' : 'cell_counts', {c: cursor % COLS + 1, r: Math.floor(cursor / COLS) + 1}) + ' ' + w('paint_keys') : '');
  }

  // What if: the newest question counts; while an answer is of less than was asked for it is asked again.
  function weigh(delay) {
    const mine = ++asked;
    clearTimeout(timer);
    App.set('what-if', w('what_if_wait'));
    timer = setTimeout(() => look(mine), delay);
  }
  async function look(mine) {
    let before = 0, idle = 0;
    for (;;) {
      let found = null;
      try { found = await App.api('motion/what-if', {motion: changes()}); } catch (error) { if (mine === asked) App.set('what-if', error.message); }
      if (!found || mine !== asked) return;
      idle = found.covered_s > before ? 0 : idle + 1;  // the recorder goes first
      const more = !found.is_complete && idle < TRIES;
      App.set('what-if', answer(found) + (more ? ' ' + w('what_if_more', {n: found.hours_looked, m: found.hours_found}) : ''));
      if (!more) return;
      before = found.covered_s;
      if (idle) await new Promise(done => setTimeout(done, PAUSE_MS));
      if (mine !== asked) return;
    }
  }
  function answer(found) {
    if (!found.covered_s) return w(found.is_complete ? 'what_if_none' : 'what_if_slow');
    const said = {n: found.events, m: found.now, t: App.span(found.covered_s)};
    return w(Object.keys(changes()).length ? 'what_if' : 'what_if_same', said);
  }

  function mark(n, is) {
    if (cells[n] === is) return;
    cells[n] = is;
    tell();
    weigh(600);
  }
  function touch(event) {
    if (!painting || (event.pointerType === 'mouse' && !event.buttons)) return;
    const [width, height] = Motion.size(), at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const column = Math.floor(at.x / width * COLS), row = Math.floor(at.y / height * ROWS);
    if (column < 0 || row < 0 || column >= COLS || row >= ROWS) return;
    cursor = row * COLS + column;
    mark(cursor, !erasing);
  }
  function press(event) {
    const move = MOVES[event.key];
    if (!painting || (!move && event.key !== ' ' && event.key !== 'Enter')) return;
    event.preventDefault();
    if (move) {
      cursor = inside(Math.floor(cursor / COLS) + move[1], ROWS) * COLS + inside(cursor % COLS + move[0], COLS);
      say();
      draw();
    } else { mark(cursor, !cells[cursor]); }
  }
  function paint(on) {
    painting = on;
    cursor = 0;
    $('painter').hidden = !on;
    svg.classList.toggle('painting', on);
    svg.setAttribute('role', on ? 'application' : 'presentation');
    if (on) { svg.tabIndex = 0; svg.focus({preventScroll: true}); } else { svg.removeAttribute('tabindex'); }
    $('paint-button').setAttribute('aria-pressed', String(on));
    tell();
  }
  function reset() {
    if (!saved) return;
    $('sensitivity').value = saved.sensitivity;
    cells = [...saved.cells];
    tell();
    App.set('what-if', '');
    asked++;
  }
  async function open(is) {
    asked++;
    clearTimeout(timer);
    if (!is) { paint(false); saved = null; return; }
    const found = await App.act(() => App.api('settings'));
    if (!found) return;
    const value = name => found.sections.find(one => one.name === 'motion').keys.find(one => one.key === name).value;
    saved = {sensitivity: value('sensitivity'), cells: read(value('ignore'))};
    reset();
  }
  async function save() {
    const answer = await App.act(() => App.api('settings', {settings: {motion: changes()}}));
    if (!answer) return;
    const refused = answer.verdicts.find(one => !one.taken);
    App.toast(refused ? refused.text : w('saved'));
    if (refused) return;
    saved = {sensitivity: Number($('sensitivity').value), cells: [...cells]};
    paint(false);
    reset();
  }
  svg.addEventListener('pointerdown', touch);
  svg.addEventListener('pointermove', touch);
  svg.addEventListener('keydown', press);
  $('sensitivity').addEventListener('input', () => { tell(); weigh(250); });
  $('paint-button').onclick = () => { if (saved) paint(!painting); };
  $('paint-erase').onclick = () => { erasing = !erasing; $('paint-erase').setAttribute('aria-pressed', String(erasing)); };
  $('paint-clear').onclick = () => { cells = cells.map(() => false); tell(); weigh(250); };
  $('tune-undo').onclick = reset;
  $('tune-save').onclick = save;
  return {open, tell};
})();
