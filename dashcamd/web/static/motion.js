'use strict';
// What the detector sees now: blocks and the box over the picture, a meter, and why it does not record.
// Followed only while it is shown.
const Motion = (() => {
  const $ = id => document.getElementById(id), svg = $('overlay'), meter = $('meter');
  const KEPT = 80, AGAIN_MS = 3000, LINE = 0.4, FULL = 40;  // bars; height of the threshold; so many times it fills the meter
  let showing = false, stream = null, levels = [], last = null, isLost = false;

  function size() {
    const picture = $('picture'), video = $('hd');
    return [picture.naturalWidth || video.videoWidth || 640, picture.naturalHeight || video.videoHeight || 480];
  }
  function node(kind, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', kind);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }
  function fit() { svg.setAttribute('viewBox', '0 0 ' + size().join(' ')); }
  // COLSxROWS:HEX, row by row from the top left: columns, rows and whether bit n is set.
  function grid(text) {
    const match = /^(\d+)x(\d+):([0-9a-fA-F]+)$/.exec(text || '');
    if (!match) return null;
    const digits = match[3], has = bit => (parseInt(digits[bit >> 2] || '0', 16) >> (3 - bit % 4) & 1) === 1;
    return {columns: Number(match[1]), rows: Number(match[2]), has};
  }
  function path(found) {
    const [width, height] = size(), wide = width / found.columns, high = height / found.rows;
    let drawn = '';
    for (let row = 0; row < found.rows; row++) {
      for (let column = 0; column < found.columns; column++) {
        if (!found.has(row * found.columns + column)) continue;
        let run = 1;
        while (column + run < found.columns && found.has(row * found.columns + column + run)) run++;
        drawn += 'M' + column * wide + ' ' + row * high + 'h' + run * wide + 'v' + high + 'h' + -run * wide + 'z';
        column += run;
      }
    }
    return drawn;
  }
  function draw() {
    const shown = [], [width, height] = size();
    fit();
    if (showing && last && last.blocks) {
      const found = grid(last.blocks), kind = last.is_motion ? ' moving' : '';
      if (found) shown.push(node('path', {d: path(found), class: 'blocks' + kind}));
      if (last.place && last.count) {
        const [left, top, right, bottom] = last.place;
        shown.push(node('rect', {x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height, class: 'box' + kind}));
      }
    }
    $('moves').replaceChildren(...shown);
  }
  function why() {
    if (isLost) return w('no_connection');
    if (!last || last.ts === null) return w('v_no_field');
    if (last.is_motion) return w(App.state() && !App.state().armed ? 'v_disarmed' : last.ego === 'driving' ? 'v_driving' : 'v_motion');
    const key = 'v_' + (last.veto || '').replace(/[^a-z]+/g, '_');
    if (last.veto) return WORDS[key] ? w(key) : last.veto;
    return w(last.is_moving ? 'v_not_long' : last.count ? 'v_too_small' : 'v_nothing');
  }
  function bars() {
    const pen = meter.getContext('2d'), {width, height} = meter, step = width / KEPT;
    const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name);
    pen.fillStyle = colour('--track');
    pen.fillRect(0, 0, width, height);
    levels.forEach(([part, is], n) => {
      pen.fillStyle = colour(is ? '--rec' : '--quiet');
      const tall = height * (part < 1 ? LINE * part : Math.min(1, LINE + (1 - LINE) * Math.log(part) / Math.log(FULL)));
      pen.fillRect(width - (levels.length - n) * step, height - tall, step - 1, tall);
    });
    pen.strokeStyle = colour('--warn');
    pen.lineWidth = 3;
    pen.setLineDash([14, 8]);
    pen.beginPath();
    pen.moveTo(0, height * (1 - LINE));
    pen.lineTo(width, height * (1 - LINE));
    pen.stroke();
  }
  function tell() {
    App.set('would', isLost ? '' : w('would_record', {a: w(last && last.is_motion ? 'yes' : 'no')}));
    App.set('seen', why() + (last && last.count ? ' ' + w('blocks_seen', {n: last.count, m: last.largest, k: last.least}) : ''));
    bars();
    draw();
  }
  function take(seen) {
    last = seen;
    isLost = false;
    if (seen.ts !== null) levels.push([seen.largest / Math.max(1, seen.least), seen.is_motion]);
    levels = levels.slice(-KEPT);
    tell();
  }
  function follow() {
    if (stream) stream.close();
    stream = null;
    if (!showing || document.hidden || $('home').hidden) return;
    stream = new EventSource('/api/v1/motion');
    stream.addEventListener('motion', message => take(JSON.parse(message.data)));
    stream.onerror = () => {
      lost();
      if (stream && stream.readyState === EventSource.CLOSED) setTimeout(() => stream && stream.readyState === EventSource.CLOSED && follow(), AGAIN_MS);
    };
  }
  // What was seen last is not seen now.
  function lost() {
    if (!showing || isLost) return;
    isLost = true;
    last = null;
    levels = [];
    tell();
  }
  function show(is) {
    showing = is;
    isLost = false;
    levels = [];
    last = null;
    $('tuner').hidden = !is;
    $('motion-button').setAttribute('aria-pressed', String(is));
    follow();
    draw();
    if (is) tell();
    Tune.open(is);
  }
  $('motion-button').onclick = () => show(!showing);
  document.addEventListener('visibilitychange', follow);
  window.addEventListener('pagehide', () => stream && stream.close());
  return {size, node, fit, grid, lost, rest: follow};
})();
