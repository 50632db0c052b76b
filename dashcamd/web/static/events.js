'use strict';
// What was recorded: the events of a day, where they lie in it, keeping and deleting them.
const Events = (() => {
  const $ = id => document.getElementById(id), {act, api, ask, icon, length, make, set, size, toast} = App;
  let events = [], oldest = null, picked = '', shownDay = '', hidden = new Set();

  function when(event) {
    if (!event.start_unix_s) return event.id.slice(0, 2) + ':' + event.id.slice(2, 4) + ':' + event.id.slice(4, 6) + ' (' + w('clock_unknown') + ')';
    return new Date(event.start_unix_s * 1000).toLocaleTimeString(language);
  }
  function why(event) { return WORDS['r_' + event.reason] ? w('r_' + event.reason) : event.reason; }
  function title(event) { return when(event) + ' · ' + why(event); }
  async function refresh(more) {
    if (App.state() && !App.state().volume.where) { events = []; oldest = null; draw([]); return; }
    const query = 'limit=40' + (shownDay ? '&day=' + encodeURIComponent(shownDay) : '') + (more && oldest !== null ? '&before=' + oldest : '');
    const found = await act(() => api('events?' + query));
    if (!found) return;
    events = more ? events.concat(found.events) : found.events;
    oldest = found.next;
    if (picked && !found.days.includes(picked)) picked = '';  // the clock was set, or all of it is gone
    const day = picked || found.days[0] || '', isAnother = shownDay && day !== shownDay;
    shownDay = day;
    if (isAnother) { refresh(); return; }
    draw(found.days);
    set('events-count', String(found.total));
  }
  function draw(days) {
    if (days.join() !== $('day').dataset.key) {  // or it would close under the finger
      $('day').replaceChildren(...days.map(day => { const node = make('option', '', day); node.value = day; return node; }));
      $('day').dataset.key = days.join();
    }
    $('day').value = shownDay;
    $('day').hidden = !days.length;
    const seen = events.filter(event => !hidden.has(event.id) && (!shownDay || event.day === shownDay));
    const key = JSON.stringify([seen, language, oldest, !!(App.state() && App.state().volume.where)]);
    if ($('events').dataset.key === key) return;  // or the keyboard would lose its place
    $('events').dataset.key = key;
    $('events').replaceChildren(...seen.map(row));
    if (!seen.length) $('events').append(make('li', 'quiet', w(App.state() && !App.state().volume.where ? 'on_the_stick' : 'no_events')));
    $('older').hidden = oldest === null;
    strip(seen);
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
  function strip(seen) {
    const dated = seen.filter(event => event.start_unix_s);
    const box = $('strip');
    box.setAttribute('aria-label', w('events') + ': ' + dated.length);
    box.replaceChildren(...dated.map(event => {
      const start = new Date(event.start_unix_s * 1000), node = make('button', event.locked ? 'locked' : '');
      const at = start.getHours() * 3600 + start.getMinutes() * 60 + start.getSeconds();
      node.style.left = at / 864 + '%';
      node.style.width = Math.max(0.6, event.duration_s / 864) + '%';
      node.setAttribute('aria-label', title(event));
      node.tabIndex = -1;
      node.onclick = () => show(event.id);
      return node;
    }));
    const now = new Date(), line = make('i');
    line.style.left = (now.getHours() * 3600 + now.getMinutes() * 60) / 864 + '%';
    box.append(line);
  }
  async function show(id) {
    const event = await act(() => api('events/' + id));
    if (event) Player.open(event);
  }
  async function lock(id, locked, undo) {
    const event = await act(() => api('events/' + id + '/lock', {locked}));
    if (event) { toast(w(locked ? 'locked' : 'unlocked') + ': ' + event.day + ' ' + title(event), undo); refresh(); }
    return event;
  }
  // The event leaves the list at once and the stick when there is no way back any more.
  async function remove(event, done) {
    if (!await ask(w('sure_delete'), w('delete'))) return;
    done();
    hidden.add(event.id);
    tell();
    toast(w('deleting'), () => { hidden.delete(event.id); refresh(); }, async () => {
      await act(() => api('events/' + event.id + '/delete', {confirm: true}));
      hidden.delete(event.id);
      refresh();
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
  $('day').onchange = () => { shownDay = picked = $('day').value; if (!$('day').selectedIndex) picked = ''; refresh(); };
  $('older').onclick = () => refresh(true);
  return {lock, refresh, remove, tell, title};
})();
