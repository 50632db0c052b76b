'use strict';
// Plays an event part by part: the next part is loaded while this one plays, then they change places.
const Player = (() => {
  const $ = id => document.getElementById(id);
  const dialog = $('player');
  let screens = [$('video-a'), $('video-b')], event = null, place = 0, ready = -1;

  async function source(part) {
    if (!part.open) return part.url;
    const answer = await fetch(part.url, {method: 'HEAD'});
    return answer.ok ? answer.url.replace(location.origin, '') : part.url;
  }
  async function load(screen, index) {
    screen.src = await source(event.parts[index]);
    screen.load();
  }
  async function play(index) {
    if (!event || index < 0 || index >= event.parts.length) return;
    place = index;
    if (ready === index) screens.reverse();
    ready = -1;
    const [now, other] = screens;
    other.pause();
    other.removeAttribute('src');
    other.load();
    other.hidden = true;
    now.hidden = false;
    if (!now.getAttribute('src') || now.dataset.part !== event.parts[index].url) {
      now.dataset.part = event.parts[index].url;
      await load(now, index);
    }
    tell();
    now.play().catch(() => {});
  }
  async function prepare() {
    const next = place + 1, [now, other] = screens;
    if (ready === next || !event || next >= event.parts.length || !(now.duration - now.currentTime < 10)) return;
    ready = next;
    other.dataset.part = event.parts[next].url;
    await load(other, next);
  }
  function tell() {
    const part = event.parts[place];
    $('player-title').textContent = App.title(event);
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
  function open(chosen) {
    event = chosen;
    for (const screen of screens) { screen.removeAttribute('src'); screen.dataset.part = ''; }
    ready = -1;
    Live.cover(true);
    if (!dialog.open) dialog.showModal();
    if (event.parts.length) play(0); else { $('player-title').textContent = App.title(event); }
  }
  function close() {
    for (const screen of screens) { screen.pause(); screen.removeAttribute('src'); screen.load(); }
    event = null;
    if (dialog.open) dialog.close();
    Live.cover(false);
  }
  for (const screen of screens) {
    screen.addEventListener('timeupdate', () => screen === screens[0] && prepare());
    screen.addEventListener('ended', () => screen === screens[0] && play(place + 1));
  }
  dialog.addEventListener('close', close);
  $('player-close').addEventListener('click', close);
  $('prev').addEventListener('click', () => play(place - 1));
  $('next').addEventListener('click', () => play(place + 1));
  $('keep').addEventListener('click', async () => {
    const changed = await App.lock(event.id, !event.locked);
    if (changed && event) { event = changed; tell(); }
  });
  $('delete').addEventListener('click', () => { const gone = event; App.remove(gone, close); });
  return {open};
})();
