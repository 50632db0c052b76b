'use strict';
// What the data files say is data: checked by these patterns, shown by textContent alone.
const DAY = /^(\d{4}-\d{2}-\d{2}|boot-\d{6,12})$/;
const FOLDER = /^\d{6}_e\d{6,12}_[a-z]{1,16}$/;
const PART = /^\d{6}_p\d{2,6}(\.part)?\.mp4$/;
const FLAGS = ['damaged', 'open', 'recovered', 'gaps'];
const MOST_CHUNKS = 200, SCREENFUL = 60, SURE_S = 60;

const $ = (id) => document.getElementById(id);
const events = new Map();
let shown = [], drawn = 0, waiting = 0, missing = 0, playing = null, part = 0;

let language = Math.max(0, LANGUAGES.findIndex((code) =>
  (navigator.languages || []).some((own) => own.slice(0, 2) === code.slice(0, 2) && code !== 'en')));

function word(name, values = {}) {
  const text = Object.hasOwn(WORDS, name) ? WORDS[name][language] : String(name);
  return text.replace(/\{(\w)\}/g, (_, key) => values[key]);
}

// --- the data files call these ---
function dashcamd_list(chunks) {
  if (!Array.isArray(chunks)) return;
  for (const chunk of chunks.slice(0, MOST_CHUNKS)) {
    if (Number.isInteger(chunk) && chunk >= 0) load('index/events-' + String(chunk).padStart(6, '0') + '.js');
  }
}

function dashcamd_events(chunk, rows) {
  if (!Array.isArray(rows)) return;
  for (const row of rows) {
    const event = checked(row);
    if (event) events.set(event.number, event);
  }
}

function checked(row) {
  if (!row || !DAY.test(row.d) || !FOLDER.test(row.f) || !Number.isInteger(row.n)) return null;
  const time = typeof row.t === 'string' && /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(row.t) ? row.t : null;
  const parts = (Array.isArray(row.p) ? row.p : []).filter((one) => Array.isArray(one) && PART.test(one[0]))
    .map(([file, seconds]) => ({ file, seconds: Number(seconds) || 0 }));
  return {
    number: row.n, path: row.d + '/' + row.f + '/', parts, why: String(row.r).slice(0, 200),
    day: time ? time.slice(0, 10) : row.d, clock: time ? time.slice(11) : row.f.slice(0, 6).replace(/(..)(?=.)/g, '$1:'),
    doubt: time ? Number(row.u) || 0 : 0, hasCover: row.c === 1, isLocked: row.l === 1,
    flags: FLAGS.filter((flag) => Array.isArray(row.x) && row.x.includes(flag)),
    seconds: parts.reduce((sum, one) => sum + one.seconds, 0),
  };
}

function load(source) {
  const script = document.createElement('script');
  waiting += 1;
  script.async = false;
  script.src = source;
  script.onload = () => loaded(false);
  script.onerror = () => loaded(true);
  document.body.append(script);
}

function loaded(isMissing) {
  waiting -= 1;
  missing += isMissing;
  if (drawn === 0 || waiting === 0) show();
}

// --- the list ---
function show() {
  options($('day'), 'all_days', [...new Set(sorted().map((event) => event.day))], dayName);
  options($('why'), 'all_reasons', [...new Set(sorted().map((event) => event.why))].sort(), word);
  const day = $('day').value, why = $('why').value, isLocked = $('locked').checked;
  shown = sorted().filter((event) => (!day || event.day === day) && (!why || event.why === why)
    && (!isLocked || event.isLocked));
  $('list').replaceChildren();
  drawn = 0;
  const isBroken = waiting === 0 && (missing > 0 || events.size === 0);
  $('count').textContent = shown.length || !isBroken ? word(shown.length ? 'events' : 'no_events', { n: shown.length }) : '';
  $('more').textContent = isBroken && missing ? word('no_list') : '';
  draw();
}

function sorted() {
  return [...events.values()].sort((one, other) => other.number - one.number);
}

function options(select, all, values, name) {
  const chosen = select.value;
  select.replaceChildren(new Option(word(all), ''), ...values.map((value) => new Option(name(value), value)));
  select.value = values.includes(chosen) ? chosen : '';
}

function dayName(day) {
  return day.startsWith('boot-') ? word('power_on', { n: Number(day.slice(5)) }) : day;
}

function draw() {
  const list = $('list'), end = Math.min(shown.length, drawn + SCREENFUL);
  for (; drawn < end; drawn += 1) {
    const event = shown[drawn];
    if (drawn === 0 || shown[drawn - 1].day !== event.day) list.append(element('h2', dayName(event.day)));
    list.append(row(event));
  }
}

function row(event) {
  const button = element('button', '', 'event');
  let cover = document.createElement('i');
  if (event.hasCover) {
    cover = document.createElement('img');
    cover.alt = '';
    cover.loading = 'lazy';
    cover.onerror = () => cover.replaceWith(document.createElement('i'));
    cover.src = event.path + 'cover.jpg';
  }
  const text = document.createElement('span');
  text.append(element('b', event.clock + ' · ' + word(event.why)), element('small', length(event.seconds)));
  const notes = notesOf(event);
  if (notes) text.append(element('small', notes, event.flags.length ? 'warn' : ''));
  button.append(cover, text);
  button.onclick = () => play(event, 0);
  return button;
}

function element(tag, text, name) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function length(seconds) {
  const whole = Math.round(seconds), two = (value) => String(value).padStart(2, '0');
  const minutes = two(Math.floor(whole / 60) % 60) + ':' + two(whole % 60);
  return whole < 3600 ? minutes : Math.floor(whole / 3600) + ':' + minutes;
}

function notesOf(event) {
  const notes = event.flags.map((flag) => word(flag));
  if (event.isLocked) notes.unshift(word('locked'));
  if (event.doubt > SURE_S) notes.push(word('about', { s: Math.round(event.doubt) }));
  if (!event.parts.length) notes.push(word('no_parts'));
  return notes.join(', ');
}

// --- the player ---
function play(event, number) {
  const video = $('video'), one = event.parts[number];
  [playing, part] = [event, number];
  $('title').textContent = dayName(event.day) + ' ' + event.clock + ' · ' + word(event.why);
  $('part').textContent = one ? word('part_of', { n: number + 1, m: event.parts.length }) : word('no_parts');
  $('notes').textContent = notesOf(event);
  $('previous').disabled = !step(-1);
  $('next').disabled = !step(1);
  $('file').hidden = !one;
  if (one) {
    $('file').href = video.src = event.path + one.file;
    video.play().catch(() => {});
  } else {
    video.removeAttribute('src');
    video.load();
  }
  if (!$('player').open) $('player').showModal();
}

// The part before or after: of this event, else of the next one in time as the list has it.
function step(way) {
  if (playing.parts[part + way]) return [playing, part + way];
  const place = shown.indexOf(playing), event = place < 0 ? null : shown[place - way];
  return event ? [event, way > 0 ? 0 : Math.max(0, event.parts.length - 1)] : null;
}

function go(way) {
  const there = playing && step(way);
  if (there) play(...there);
}

$('previous').onclick = () => go(-1);
$('next').onclick = () => go(1);
$('close').onclick = () => $('player').close();
$('player').onclose = () => { $('video').pause(); };
$('video').onended = () => { if (playing.parts[part + 1]) go(1); };
$('video').onerror = () => { if ($('video').hasAttribute('src')) $('part').textContent = word('cannot_play'); };
for (const id of ['day', 'why', 'locked']) $(id).onchange = show;
$('filter').onsubmit = (event) => event.preventDefault();
$('language').onchange = () => { language = LANGUAGES.indexOf($('language').value); speak(); };
new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) draw(); },
  { rootMargin: '600px' }).observe($('more'));

function speak() {
  document.documentElement.lang = $('language').value = LANGUAGES[language];
  for (const one of document.querySelectorAll('[data-word]')) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll('[data-label]')) one.setAttribute('aria-label', word(one.dataset.label));
  show();
}

load('index/list.js');
speak();
