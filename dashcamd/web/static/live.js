'use strict';
// The live picture: MJPEG, single pictures on a weak link, or the camera's own H.264.
const Live = (() => {
  const picture = document.getElementById('picture');
  const video = document.getElementById('hd');
  const tag = document.getElementById('age');
  const button = document.getElementById('hd-button');
  const Source = window.ManagedMediaSource || window.MediaSource;
  const SETTLE_MS = 400, WINDOW_MS = 2000, RESERVE_S = 0.01, SILENT_MS = 2000, FIRST_S = 0.06, SEEK_EVERY_S = 2, LOST_MS = 4000;
  let mode = 'off', wanted = 'mjpeg', late = 0, aborter = null, lastUrl = null, hdAt = 0, began = 0, soughtAt = -SEEK_EVERY_S, startedAt = 0, leads = [], covered = false, said = {age: null, at: 0};

  // How old the picture is now, by the word that came last; silence makes it older.
  function show(age) {
    said = {age, at: performance.now()};
    write(age);
  }
  function grow() {
    const silent = performance.now() - said.at;
    if (mode !== 'off' && typeof said.age === 'number' && silent > SILENT_MS) write(said.age + silent / 1000);
  }
  function write(age) {
    if (age === null || age === undefined) {
      tag.textContent = w('no_picture');
      tag.className = 'tag dead';
    } else if (age > 3) {
      tag.textContent = w('stalled') + ' ' + age.toFixed(0) + ' s';
      tag.className = 'tag dead';
    } else {
      tag.textContent = '● ' + w('live') + (mode === 'hd' ? ' HD ' : ' ') + age.toFixed(1) + ' s';
      tag.className = age > 1 ? 'tag late' : 'tag';
    }
  }
  function stop() {
    mode = 'off';
    if (aborter) aborter.abort();
    aborter = null;
    picture.src = '';
    picture.removeAttribute('src');
    video.hidden = true;
    picture.hidden = false;
    video.removeAttribute('src');
    video.load();
  }
  function start() {
    stop();
    if (document.hidden || covered) return;
    late = 0;
    startedAt = performance.now();
    mode = wanted;
    if (mode === 'hd') hd();
    else if (mode === 'poll') poll();
    else picture.src = '/preview.mjpg?t=' + Date.now();
    button.setAttribute('aria-pressed', String(wanted === 'hd'));
  }
  // Looked at again: what was said of the picture before is not said of this one.
  function begin() {
    said = {age: 0, at: performance.now()};
    start();
  }
  // While a recording or the settings are over it, the live picture leaves them the link.
  function cover(is) {
    if (covered === is) return;
    covered = is;
    begin();
  }
  async function poll() {
    const mine = aborter = new AbortController();
    let stamp = 0;
    while (!mine.signal.aborted) {
      const asked = performance.now();
      try {
        const answer = await fetch('/preview.jpg?after=' + stamp, {signal: mine.signal});
        if (answer.status === 401) { location.replace('/sign-in'); return; }
        if (!answer.ok) throw new Error(answer.status);
        const data = await answer.blob();
        if (mine.signal.aborted) return;
        const sent = name => Number(answer.headers.get(name));
        stamp = sent('X-Stamp');  // a drawn picture has none
        const age = stamp ? (sent('X-Age-Ms') - sent('X-Waited-Ms') + performance.now() - asked) / 1000 : null;
        const url = URL.createObjectURL(data);
        picture.src = url;
        await picture.decode().catch(() => {});
        if (lastUrl) URL.revokeObjectURL(lastUrl);
        lastUrl = url;
        show(age);
      } catch (error) {
        if (mine.signal.aborted) return;
        show(null);
        await new Promise(done => setTimeout(done, 1000));
      }
    }
  }
  async function hd() {
    const mine = aborter = new AbortController();
    try {
      const answer = await fetch('/live.mp4', {signal: mine.signal});
      const type = answer.headers.get('Content-Type') || '';
      if (!answer.ok || !Source || !Source.isTypeSupported(type)) throw new Error('no HD');
      const source = new Source();
      video.disableRemotePlayback = true;
      video.src = URL.createObjectURL(source);
      await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
      URL.revokeObjectURL(video.src);
      const buffer = source.addSourceBuffer(type);
      video.hidden = false;
      picture.hidden = true;
      await feed(answer.body.getReader(), buffer, mine);
      throw new Error('the stream ended');
    } catch (error) {
      if (mine.signal.aborted) return;
      wanted = 'mjpeg';
      start();
    }
  }
  async function feed(reader, buffer, mine) {
    began = 0;
    soughtAt = -SEEK_EVERY_S;
    leads = [];
    hdAt = performance.now();
    while (!mine.signal.aborted) {
      const {value, done} = await reader.read();
      if (done) return;
      hdAt = performance.now();
      began = began || hdAt;
      note(buffer);
      await append(buffer, value);
      chase(buffer);
      await forget(buffer);
    }
  }
  // How far the picture could have been played when the next data came: the reserve of this link.
  function note(buffer) {
    if (hdAt - began < SETTLE_MS || !buffer.buffered.length) return;  // the newest GOP comes at once
    leads.push([hdAt, buffer.buffered.end(buffer.buffered.length - 1) - hdAt / 1000]);
    while (leads[0][0] < hdAt - WINDOW_MS) leads.shift();
  }
  function append(buffer, data) {
    return new Promise((done, fail) => {
      buffer.addEventListener('updateend', done, {once: true});
      buffer.addEventListener('error', fail, {once: true});
      buffer.appendBuffer(data);
    });
  }
  // Play as far behind the newest frame as the late ones of the last seconds need, and no further.
  // Whoever decodes slowly shows nothing while it seeks, so a seek is let end and others wait.
  function chase(buffer) {
    if (!buffer.buffered.length || video.seeking) return;
    const ranges = buffer.buffered, end = ranges.end(ranges.length - 1), now = performance.now() / 1000;
    const sorted = leads.map(lead => lead[1]).sort((a, b) => a - b);
    const safe = sorted.length ? sorted[Math.floor(sorted.length / 20)] + now - RESERVE_S : end - FIRST_S;
    const behind = safe - video.currentTime;
    const far = behind > (sorted.length ? 0.3 : 0.1) || video.currentTime > end;
    if (far && now - soughtAt >= SEEK_EVERY_S) {
      soughtAt = now;
      video.currentTime = Math.max(safe, ranges.start(ranges.length - 1));
    }
    const rate = Math.abs(behind) < 0.008 ? 1 : 1 + Math.max(-0.1, Math.min(0.2, behind));
    if (video.playbackRate !== rate) video.playbackRate = rate;
    if (video.paused) video.play().catch(() => {});
    show(Math.max(0, end - video.currentTime) + now - hdAt / 1000);
  }
  async function forget(buffer) {
    if (!buffer.buffered.length || video.currentTime - buffer.buffered.start(0) < 20) return;
    await new Promise(done => {
      buffer.addEventListener('updateend', done, {once: true});
      buffer.remove(buffer.buffered.start(0), video.currentTime - 5);
    });
  }
  picture.addEventListener('load', () => {
    if (picture.naturalWidth) picture.parentNode.classList.toggle('wide', picture.naturalWidth / picture.naturalHeight > 1.5);
  });
  picture.addEventListener('error', () => {
    if (mode === 'mjpeg' && picture.getAttribute('src')) setTimeout(() => mode === 'mjpeg' && start(), 2000);
  });
  button.addEventListener('click', () => { wanted = wanted === 'hd' ? 'mjpeg' : 'hd'; start(); });
  document.getElementById('full').addEventListener('click', () => {
    const box = document.getElementById('live');
    if (document.fullscreenElement) document.exitFullscreen();
    else if (box.requestFullscreen) box.requestFullscreen().catch(() => {});
    else if (video.webkitEnterFullscreen) video.webkitEnterFullscreen();
  });
  document.addEventListener('visibilitychange', begin);
  window.addEventListener('pagehide', stop);
  window.addEventListener('pageshow', begin);
  setInterval(grow, 1000);

  // What the server says of the age of the picture that last left for this phone.
  function told(state) {
    if (mode === 'mjpeg') {
      const age = state.preview && state.preview.age_s;
      show(age);
      late = state.preview && state.preview.behind_s > 1 ? late + 1 : 0;
      const lost = state.preview && state.preview.is_watched === false;  // browsers do not tell
      if (late > 4) { wanted = 'poll'; start(); } else if (lost && performance.now() - startedAt > LOST_MS) start();
    } else if (mode === 'hd' && performance.now() - hdAt > 4000) {
      wanted = 'mjpeg';
      start();
    }
  }
  // The camera was away and is back: what it sent before ended without a word.
  function again() { if (mode === 'mjpeg') start(); }
  return {told, stop, cover, again, mode: () => mode};
})();
