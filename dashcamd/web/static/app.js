'use strict';
const App = (() => {
  const $ = id => document.getElementById(id);
  let state = null, heard = 0, timer = null, ending = null, lastEvent, lastVolume;

  async function api(path, body) {
    const options = body === undefined ? {} : {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body), keepalive: true,  // it arrives although the page is left
    };
    let answer;
    try { answer = await fetch('/api/v1/' + path, options); } catch (error) { throw refused(w('no_connection'), 0); }
    if (answer.status === 401) { location.replace('/sign-in'); throw new Error('signed out'); }
    const document = await answer.json();
    if (!answer.ok) throw refused(document.error, answer.status);
    return document;
  }
  // An error that knows the answer's status; 0 where there was no answer.
  function refused(text, status) { return Object.assign(new Error(text), {status}); }
  // A word at the bottom for a while. It ends once: with `undo`, or with `gone` when its time is over,
  // the next word comes or the page is left.
  function toast(text, undo, gone) {
    end();
    $('toast-text').textContent = text;
    $('undo').hidden = !undo;
    $('undo').onclick = () => { ending = null; end(); if (undo) undo(); };
    $('toast').hidden = false;
    ending = gone || null;
    timer = setTimeout(end, 6000);
  }
  function end() {
    const act = ending;
    ending = null;
    clearTimeout(timer);
    $('toast').hidden = true;
    if (act) act();
  }
  function leave() { if (ending) end(); }
  function ask(text, yes) {
    return new Promise(done => {
      $('ask-text').textContent = text;
      $('ask-yes').textContent = yes;
      let answer = false;
      $('ask-yes').onclick = () => { answer = true; $('ask').close(); };
      $('ask-no').onclick = () => $('ask').close();
      $('ask').addEventListener('close', () => done(answer), {once: true});
      $('ask').showModal();
      $('ask-no').focus();
    });
  }
  async function act(call) {
    try { return await call(); } catch (error) { toast(error.message || w('no_connection')); return null; }
  }
  const gigabytes = bytes => (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);
  const size = bytes => bytes < 1e6 ? Math.ceil(bytes / 1e3) + ' kB' : bytes < 1e9 ? (bytes / 1e6).toFixed(1) + ' MB' : gigabytes(bytes) + ' GB';
  function span(seconds) {
    return seconds < 5400 ? w('minutes', {n: Math.max(0, Math.round(seconds / 60))}) : w('hours', {n: Math.round(seconds / 3600)});
  }
  function length(seconds) {
    const whole = Math.round(seconds || 0);
    return Math.floor(whole / 60) + ':' + String(whole % 60).padStart(2, '0');
  }

  // A time as the camera's clock shows it, with the zone where this phone has another.
  function time(unixS, offsetS, look) {
    const here = -60 * new Date(unixS * 1000).getTimezoneOffset(), offset = typeof offsetS === 'number' ? offsetS : here;
    const shown = new Date((unixS + offset) * 1000).toLocaleTimeString(language, {...look, timeZone: 'UTC'});
    return offset === here ? shown : shown + ' ' + zone(offset / 60);
  }
  function zone(minutes) {
    const far = Math.abs(minutes), rest = far % 60;
    return 'UTC' + (far ? (minutes < 0 ? '-' : '+') + Math.floor(far / 60) : '') + (rest ? ':' + String(rest).padStart(2, '0') : '');
  }

  // State: one word, never green while nothing could be saved.
  function tell() {
    const gone = performance.now() - heard > 12000;
    const word = gone || !state ? (state || gone ? 'gone' : 'starting') : state.state.replace(' ', '_');
    const kinds = {recording: 'saving', armed: 'ready', disarmed: 'off', starting: 'off', ended: 'off'};
    $('state').className = 'state ' + (kinds[word] || 'bad');
    set('state-word', w('s_' + word));
    const age = state && state.last_durable_age_s;
    set('state-more', w('m_' + word, {s: age === null || age === undefined ? '?' : age.toFixed(0)}));
    document.title = w('s_' + word) + ' · dashcam';
    if (!state) return;
    const clock = state.clock;
    set('clock', clock.known ? time(Date.parse(clock.now) / 1000, clock.utc_offset_s, {hour: '2-digit', minute: '2-digit'}) : '--:--');
    set('arm-word', w(state.armed ? 'disarm' : 'arm'));
    $('eject').hidden = !state.can.eject;
    const useless = gone || word === 'camera_lost';
    $('record').disabled = $('arm').disabled = useless;
    $('lock').disabled = gone || !state.volume.where;
    $('eject').disabled = gone || !state.volume.where;
    banners(gone ? 'gone' : word);
    if (gone) Motion.lost();
    room();
    Health.tell(state);
    if (state.event !== lastEvent || state.volume.where !== lastVolume) {
      const isFirst = lastVolume === undefined;
      lastEvent = state.event;
      lastVolume = state.volume.where;
      setTimeout(Events.refresh, isFirst ? 0 : 400);  // a new event has its folder by then
    }
  }
  function set(id, text) { if ($(id).textContent !== text) $(id).textContent = text; }
  function banners(word) {
    const wanted = [];
    if (word === 'no_stick') wanted.push(['bad', w('b_no_stick'), w('d_no_stick')]);
    if (word === 'camera_lost') wanted.push(['bad', w('b_camera_lost'), w('d_camera_lost')]);
    const isFull = word === 'stick_full' || state.keep.short_bytes;
    if (isFull) wanted.push(['bad', w('b_full'), w('d_full')]);
    if (word === 'fault') wanted.push(['bad', w('b_fault'), state.faults.join('; ')]);
    if (word !== 'gone' && (!state.clock.known || state.clock.uncertainty_s > 60)) wanted.push(['', w('b_clock'), w('d_clock'), w('use_phone_time'), clock]);
    set('waiting', word === 'no_stick' || isFull ? waits() : '');
    show(wanted);
  }
  // Only what is new is drawn and said; what stays keeps the keyboard's focus.
  function show(wanted) {
    const box = $('banners'), keys = wanted.map(one => JSON.stringify(one));
    for (const node of [...box.children]) if (!keys.includes(node.dataset.key)) node.remove();
    wanted.forEach((one, place) => {
      if (box.children[place] && box.children[place].dataset.key === keys[place]) return;
      box.insertBefore(banner(one, keys[place]), box.children[place] || null);
    });
  }
  function banner([kind, head, text, button, call], key) {
    const box = make('div', 'banner ' + kind), words = make('div');
    box.dataset.key = key;
    words.append(make('b', '', head), make('span', 'quiet', text));
    box.append(words);
    if (button) { const node = make('button', '', button); node.onclick = call; box.append(node); }
    return box;
  }
  function waits() {
    const {events, seconds} = state.waiting;
    return events ? w('d_waits', {n: events, t: length(seconds)}) : '';
  }
  function room() {
    const volume = state.volume;
    if (!volume.total_bytes) { set('room', w('on_the_stick')); set('stick-size', ''); $('used').style.width = '0'; return; }
    const left = volume.health.hours_left;
    $('used').style.width = 100 * (1 - volume.free_bytes / volume.total_bytes) + '%';
    set('stick-size', w('free', {n: gigabytes(volume.free_bytes), m: gigabytes(volume.total_bytes)}));
    set('room', left === 0 ? w('replacing') : left ? w('hours_fit', {h: span(left * 3600)}) : '');
  }
  function make(kind, name, text) {
    const node = document.createElement(kind);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function icon(name, kind) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('aria-hidden', 'true');
    if (kind) svg.setAttribute('class', kind);
    use.setAttribute('href', '#i-' + name);
    svg.append(use);
    return svg;
  }

  async function clock() {
    await act(() => api('clock', {unix_s: Date.now() / 1000, confirm: true}));
  }

  // Settings.
  async function settings() {
    const found = await act(() => api('settings'));
    if (!found) return;
    $('settings').replaceChildren(...found.sections.map(section => {
      const box = make('details');
      box.append(make('summary', '', section.name), make('p', 'quiet', section.sentence));
      for (const key of section.keys) if (!key.is_table) box.append(setting(section.name, key));
      return box;
    }));
  }
  function setting(section, key) {
    const box = make('div', 'setting'), label = make('label', '', key.key), why = make('p', 'quiet');
    const choices = key.kind === 'bool' ? ['true', 'false'] : key.choices;
    const field = make(choices.length ? 'select' : 'input');
    field.id = 's-' + section + '-' + key.key;
    label.htmlFor = field.id;
    for (const choice of choices) { const node = make('option', '', choice); node.value = choice; field.append(node); }
    let saved = field.value = Array.isArray(key.value) ? key.value.join(', ') : String(key.value);
    why.setAttribute('role', 'status');
    field.disabled = !key.settable;
    if (field.disabled) why.textContent = w('only_file');
    field.onchange = async () => {
      const wanted = field.value;
      let verdict;
      try {
        const answer = await api('settings', {settings: {[section]: {[key.key]: typed(key.kind, wanted)}}});
        verdict = answer.verdicts.find(one => !one.taken) || answer.verdicts[0];
        if (verdict.taken) saved = wanted;
      } catch (error) {
        verdict = {taken: false, text: w('not_saved') + ' ' + error.message};
        field.value = saved;  // nobody has judged it, so the field shows what is in force
      }
      why.className = verdict.taken ? 'quiet' : 'why';
      why.textContent = verdict.text;
      field.setAttribute('aria-invalid', String(!verdict.taken));
    };
    box.append(label, make('p', 'quiet', key.sentence + (key.allowed ? ' (' + key.allowed + ')' : '')), field, why);
    return box;
  }
  function typed(kind, text) {
    if (kind === 'bool') return text === 'true';
    if (kind === 'tuple') return text.split(',').map(Number);
    if ((kind === 'int' || kind === 'float') && text.trim() !== '' && !isNaN(text)) return Number(text);
    return text;
  }

  // Buttons.
  $('record').onclick = async () => { if (await act(() => api('trigger', {reason: 'manual'}))) toast(w('recording_asked')); };
  $('arm').onclick = async () => {
    const armed = !(state && state.armed);
    if (!armed && !await ask(w('sure_disarm'), w('disarm'))) return;
    await act(() => api('arm', {armed, confirm: true}));
  };
  $('eject').onclick = async () => {
    if (!await ask(w('sure_eject'), w('eject'))) return;
    toast(w('ejecting'));
    if (await act(() => api('eject', {confirm: true}))) toast(w('ejected'));
  };
  $('menu').onclick = () => {
    const more = $('more').hidden;
    $('more').hidden = !more;
    $('home').hidden = more;
    $('menu').setAttribute('aria-expanded', String(more));
    if (more) settings();
    Live.cover(more);
    Health.show(more);
    Motion.rest();
    window.scrollTo(0, 0);
  };
  $('sign-out').onclick = async () => { Live.stop(); leave(); await act(() => api('session/end', {})); location.replace('/sign-in'); };
  $('theme').value = localStorage.getItem('theme') || 'auto';
  $('theme').onchange = () => { localStorage.setItem('theme', $('theme').value); translate(); };
  $('language').value = language;
  $('language').onchange = () => {
    language = $('language').value;
    localStorage.setItem('language', language);
    translate();
    tell();
    Tune.tell();
    Events.tell();
  };

  let stream = null, broken = false;
  function listen() {
    if (stream) stream.close();
    stream = null;
    if (document.hidden) return;
    stream = new EventSource('/api/v1/stream');
    stream.addEventListener('state', message => {
      state = JSON.parse(message.data);
      heard = performance.now();
      tell();
      Live.told(state);
    });
    stream.onopen = () => { if (broken) { Live.again(); if (state) Events.refresh(); } broken = false; };
    stream.onerror = () => {
      broken = true;
      if (stream && stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);  // refused: it would not try again
      api('status').catch(() => {});
    };
  }
  document.addEventListener('visibilitychange', () => {
    listen();
    if (document.hidden) leave(); else if (state) Events.refresh();
  });
  window.addEventListener('pagehide', () => { leave(); if (stream) stream.close(); });
  setInterval(tell, 2000);
  setInterval(() => { if (!document.hidden && state && state.event && !$('home').hidden) Events.refresh(false); }, 5000);
  document.addEventListener('DOMContentLoaded', () => { tell(); listen(); });
  return {size, length, time, icon, act, api, ask, toast, make, set, span, state: () => state};
})();
