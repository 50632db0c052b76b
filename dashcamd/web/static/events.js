'use strict';
// What was recorded: the events of a day, where they lie in it, keeping and deleting them.
const Events = (() => {
  const $ = id => document.getElementById(id), {act, api, ask, icon, length, make, set, size, time, toast} = App;
  const PAGE = 40;
  let events = [], marks = [], oldest = null, picked = '', shownDay = '', hidden = new Set();

  function when(event) {
    if (!event.start_unix_s) return event.id.slice(0, 2) + ':' + event.id.slice(2, 4) + ':' + event.id.slice(4, 6) + ' (' + w('clock_unknown') + ')';
    return time(event.start_unix_s, event.utc_offset_s);
  }
  function why(event) { return WORDS['r_' + event.reason] ? w('r_' + event.reason) : event.reason; }
  function title(event) { return when(event) + ' · ' + why(event); }

  // The newest events of the day, of it all with `is_whole`; older ones that are listed stay.
  async function refresh(isWhole = true) {
    if (App.state() && !App.state().volume.where) { forget(); draw([]); return; }
    const asked = shownDay, found = await api('events?limit=' + PAGE + of(asked) + (isWhole ? '&marks=1' : '')).catch(() => null);  // nobody asked: the state says what is wrong
    if (!found || asked !== shownDay) return;
    if (picked && !found.days.includes(picked)) picked = '';  // the clock was set, or all of it is gone
    const day = picked || found.days[0] || '';
    if (shownDay && day !== shownDay) { turn(day); return; }
    shownDay = day;
    const listed = new Set(found.events.map(event => event.id)), meets = events.some(event => listed.has(event.id));
    if (!meets || found.next === null || events[events.length - 1].number >= found.next) oldest = found.next;
    events = meets ? above(events, found) : found.events;
    marks = found.marks || above(marks, found);
    draw(found.days);
    set('events-count', String(found.total));
  }
  async function older() {
    const asked = shownDay, before = oldest;
    const found = await act(() => api('events?limit=' + PAGE + of(asked) + '&before=' + before));
    if (!found || asked !== shownDay || before !== oldest) return;
    events = events.concat(found.events);
    oldest = found.next;
    draw(found.days);
  }
  const of = day => day ? '&day=' + encodeURIComponent(day) : '';
  // What was found in the place of what was known from there on.
  function above(known, found) {
    return found.events.filter(event => !shownDay || event.day === shownDay).concat(known.filter(one => found.next !== null && one.number < found.next));
  }
  function put(event) {
    const renewed = one => one.id === event.id ? event : one;
    events = events.map(renewed);
    marks = marks.map(renewed);
  }
  function drop(id) {
    events = events.filter(event => event.id !== id);
    marks = marks.filter(mark => mark.id !== id);
  }
  function forget() {
    events = [];
    marks = [];
    oldest = null;
  }
  function turn(day) {
    shownDay = day;
    forget();
    refresh();
  }
  function draw(days) {
    if (days.join() !== $('day').dataset.key) {  // or it would close under the finger
      $('day').replaceChildren(...days.map(day => { const node = make('option', '', day); node.value = day; return node; }));
      $('day').dataset.key = days.join();
    }
    $('day').value = shownDay;
    $('day').hidden = !days.length;
    strip();
    const seen = events.filter(event => !hidden.has(event.id) && (!shownDay || event.day === shownDay));
    const key = JSON.stringify([seen, language, oldest, !!(App.state() && App.state().volume.where)]);
    if ($('events').dataset.key === key) return;  // or the keyboard would lose its place
    $('events').dataset.key = key;
    $('events').replaceChildren(...seen.map(row));
    if (!seen.length) $('events').append(make('li', 'quiet', w(App.state() && !App.state().volume.where ? 'on_the_stick' : 'no_events')));
    $('older').hidden = oldest === null;
  }
  function row(event) {
    const item = make('li'), button = make('button', 'event'), thumb = make('span', 'thumb'), words = make('span');
    button.dataset.event = event.id;
    if (event.cover) { const image = make('img'); image.src = event.cover; image.alt = ''; image.loading = 'lazy'; thumb.append(image); }
    thumb.append(icon('play'), make('small', '', length(event.duration_s)));
    if (event.problem) words.append(make('b', '', title(event)), make('span', 'quiet', w('damaged')));
    else words.append(make('b', '', when(event)), make('span', 'quiet', [why(event), size(event.bytes), event.open ? w('still_recording') : ''].filter(Boolean).join(' · ')));
    button.append(thumb, words);
    if (event.locked) { button.append(icon('lock', 'kept')); words.append(make('span', 'quiet', w('locked'))); }
    button.onclick = () => show(event.id);
    item.append(button);
    return item;
  }
  function strip() {
    const dated = marks.filter(mark => mark.at_s !== null && !hidden.has(mark.id)), box = $('marks');
    now();
    const key = JSON.stringify([dated.map(mark => [mark.id, mark.at_s, mark.duration_s, mark.locked]), language]);
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    $('strip').setAttribute('aria-label', w('events') + ': ' + dated.length);
    box.replaceChildren(...dated.map(mark => {
      const node = make('button', mark.locked ? 'locked' : '');
      node.style.left = mark.at_s / 864 + '%';
      node.style.width = Math.max(0.6, mark.duration_s / 864) + '%';
      node.setAttribute('aria-label', new Date(mark.at_s * 1000).toLocaleTimeString(language, {timeZone: 'UTC'}));
      node.tabIndex = -1;
      node.onclick = () => show(mark.id);
      return node;
    }));
  }
  // A line at the present, if it is in the day that is shown.
  function now() {
    const clock = App.state() && App.state().clock, line = $('now');
    line.hidden = !clock || typeof clock.utc_offset_s !== 'number';
    if (line.hidden) return;
    const local = new Date(Date.parse(clock.now) + clock.utc_offset_s * 1000);
    line.hidden = local.toISOString().slice(0, 10) !== shownDay;
    line.style.left = (local.getTime() / 1000 % 86400) / 864 + '%';
  }
  async function show(id) {
    try { Player.open(await api('events/' + id)); } catch (error) {
      toast(error.message);
      if (error.status === 404) { drop(id); tell(); }
    }
  }
  async function lock(id, locked, undo) {
    const event = await act(() => api('events/' + id + '/lock', {locked}));
    if (event) { put(event); toast(w(locked ? 'locked' : 'unlocked') + ': ' + event.day + ' ' + title(event), undo); tell(); }
    return event;
  }
  // The event leaves the list at once and the stick when there is no way back any more.
  async function remove(event, done) {
    if (!await ask(w('sure_delete'), w('delete'))) return;
    done();
    hidden.add(event.id);
    tell();
    toast(w('deleting'), () => { hidden.delete(event.id); tell(); }, async () => {
      if (await act(() => api('events/' + event.id + '/delete', {confirm: true}))) drop(event.id);
      hidden.delete(event.id);
      refresh(false);
    });
  }
  // In the language that was chosen.
  function tell() { draw([...$('day').options].map(option => option.value)); }
  // What is recorded now, or came last: asked at the press, for the list may be of another day or old.
  async function latest() {
    const {event} = await api('status');
    if (event) return event;
    const found = await api('events?limit=' + (hidden.size + 1));
    const one = found.events.find(event => !hidden.has(event.id));
    return one ? one.id : '';
  }
  $('lock').onclick = async () => {
    const id = await act(latest);
    if (id === '') toast(w('nothing_to_lock'));
    if (id) lock(id, true, () => lock(id, false));
  };
  $('day').onchange = () => { picked = $('day').selectedIndex ? $('day').value : ''; turn($('day').value); };
  $('older').onclick = older;
  return {lock, refresh, remove, tell, title};
})();
