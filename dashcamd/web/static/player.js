'use strict';
// Plays an event part by part: the next part is loaded while this one plays, then they change places.
const Player = (() => {
  const $ = id => document.getElementById(id);
  const dialog = $('player');
  const AHEAD_S = 10, ASK_MS = 3000;
  let screens = [$('video-a'), $('video-b')], event = null, place = 0, ready = -1, asked = 0;

  // While an event is recorded its last part grows and others follow: what is known gets old.
  async function freshen() {
    if (!event || !event.open) return;
    asked = performance.now();
    const found = await App.api('events/' + event.id).catch(() => null);
    if (found && event && found.id === event.id) { event = found; tell(); }
  }
  function load(screen, index, from) {
    const url = event.parts[index].play;
    screen.dataset.play = url || '';
    if (!url) return;
    screen.src = url;
    if (from) screen.addEventListener('loadedmetadata', () => { screen.currentTime = from; }, {once: true});
    screen.load();
  }
  function play(index, from) {
    if (!event || index < 0 || index >= event.parts.length) return;
    const loaded = ready === index;
    place = index;
    if (loaded) screens.reverse();
    ready = -1;
    const [now, other] = screens;
    other.pause();
    other.removeAttribute('src');
    other.dataset.play = '';
    other.load();
    other.hidden = true;
    now.hidden = false;
    if (from || (!loaded && now.dataset.play !== event.parts[index].play)) load(now, index, from);
    tell();
    now.play().catch(() => {});
  }
  async function prepare() {
    const next = place + 1, [now, other] = screens;
    if (ready === next || !event || !(now.duration - now.currentTime < AHEAD_S)) return;
    if (event.open && performance.now() - asked > ASK_MS) await freshen();
    if (!event || place + 1 !== next || next >= event.parts.length || ready === next || !event.parts[next].play) return;
    ready = next;
    load(other, next);
  }
  // The next part at once if it is there, or what was written meanwhile of this one.
  async function ended() {
    const [now] = screens, shown = place, end = now.duration;
    if (event.parts[place].open || ready !== place + 1) await freshen();
    if (!event || place !== shown) return;
    if (event.parts[place].play !== now.dataset.play) play(place, end);
    else play(place + 1);
  }
  function tell() {
    const part = event.parts[place];
    if (!part) { empty(); return; }
    $('player-title').textContent = Events.title(event);
    $('player-more').textContent = [
      w('part_of', {n: place + 1, m: event.parts.length}), App.size(part.bytes),
      part.open ? w('still_recording') : '',
    ].filter(Boolean).join(' · ');
    $('prev').disabled = place === 0;
    $('next').disabled = place + 1 >= event.parts.length;
    $('keep-word').textContent = w(event.locked ? 'unlock' : 'lock');
    $('keep-icon').setAttribute('href', event.locked ? '#i-unlock' : '#i-lock');
    $('delete').disabled = event.locked || event.open;
    $('download').href = part.url + '?download=1';
    $('download').setAttribute('download', event.id + '_' + part.file.replace('.part.mp4', '.mp4'));
  }
  // Nothing of it is there yet, or any more.
  function empty() {
    $('player-title').textContent = Events.title(event);
    $('player-more').textContent = '';
    for (const name of ['prev', 'next', 'delete']) $(name).disabled = true;
    $('keep-word').textContent = w(event.locked ? 'unlock' : 'lock');
    $('download').removeAttribute('href');
  }
  // The stick went, or somebody else deleted it, or nobody answers: said where one looks.
  async function failed() {
    const shown = place;
    if (!event) return;
    let status = 200;
    try { await App.api('events/' + event.id); } catch (error) { status = error.status; }
    if (!event || place !== shown || (status === 200 && !screens[0].error)) return;
    $('player-more').textContent = w(status === 200 || status === 404 || status === 503 ? 'unreadable' : 'no_connection');
  }
  function open(chosen) {
    event = chosen;
    for (const screen of screens) { screen.removeAttribute('src'); screen.dataset.play = ''; }
    ready = -1;
    asked = performance.now();
    Live.cover(true);
    if (!dialog.open) dialog.showModal();
    if (event.parts.length) play(0); else empty();
  }
  function close() {
    for (const screen of screens) { screen.pause(); screen.removeAttribute('src'); screen.load(); }
    event = null;
    if (dialog.open) dialog.close();
    Live.cover(false);
  }
  for (const screen of screens) {
    screen.addEventListener('timeupdate', () => screen === screens[0] && prepare());
    screen.addEventListener('error', () => screen === screens[0] && screen.getAttribute('src') && failed());
    screen.addEventListener('ended', () => screen === screens[0] && ended());
  }
  dialog.addEventListener('close', close);
  $('player-close').addEventListener('click', close);
  $('prev').addEventListener('click', () => play(place - 1));
  $('next').addEventListener('click', () => play(place + 1));
  $('keep').addEventListener('click', async () => {
    const changed = await Events.lock(event.id, !event.locked);
    if (changed && event) { event = changed; tell(); }
  });
  $('delete').addEventListener('click', () => { const gone = event; Events.remove(gone, close); });
  return {open};
})();
