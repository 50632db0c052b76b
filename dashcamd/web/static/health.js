'use strict';
// How daemon, machine and stick fare, in words; and the last lines of the log.
const Health = (() => {
  const $ = id => document.getElementById(id), {make} = App;
  const POLL_MS = 5000;
  let timer = null;

  function ago(seconds) {
    if (seconds === null || seconds === undefined) return '';
    if (seconds < 90) return w('ago_s', {s: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)});
    return w('ago', {t: App.span(seconds)});
  }
  function word(prefix, text) {
    const key = prefix + text.toLowerCase().replace(/[^a-z]+/g, '_');
    return WORDS[key] ? w(key) : text;
  }
  function stick(health) {
    if (!health.state) return '';
    const slowest = health.ever && health.ever.longest_stall_s;
    return [
      word('stick_', health.state),
      health.p99_s ? w('stick_writes', {n: Math.round(health.p99_s * 1000)}) : '',
      slowest ? w('stick_stalled', {s: slowest.toFixed(1)}) : '',
    ].filter(Boolean).join(' · ');
  }
  function power(throttling) {
    if (!throttling) return '';
    const now = throttling.now.map(one => word('power_', one));
    const before = throttling.since_power_on.filter(one => !throttling.now.includes(one)).map(one => w('power_before', {a: word('power_', one)}));
    return [...now, ...before].join(' · ') || w('power_fine');
  }
  function facts(state) {
    const {camera, motion, clock, counters} = state, machine = state.health, number = one => typeof one === 'number';
    return [
      ['h_camera', [camera.name, camera.resolution, camera.fps && camera.fps + ' fps'].filter(Boolean).join(' ')],
      ['h_picture', ago(camera.last_frame_age_s)],
      ['h_field', ago(motion.last_field_age_s)],
      ['h_saved', ago(state.last_durable_age_s)],
      ['h_frames', counters.frames_lost],
      ['h_stick', stick(state.volume.health || {})],
      ['h_processor', number(machine.cpu_percent) ? w('h_of_which', {n: Math.round(machine.cpu_percent) + ' %', m: Math.round(machine.process_cpu_percent) + ' %'}) : ''],
      ['h_memory', number(machine.memory_percent) ? w('h_of_which', {n: Math.round(machine.memory_percent) + ' %', m: Math.round(machine.process_rss_mib) + ' MB'}) : ''],
      ['h_temperature', number(machine.temperature_c) ? machine.temperature_c.toFixed(0) + ' °C' : ''],
      ['h_power', power(machine.throttling)],
      ['h_disk', number(machine.system_disk_free_mib) ? w('h_free', {n: App.size(machine.system_disk_free_mib * 1048576)}) : ''],
      ['h_clock', clock.source ? clock.source + ' ±' + clock.uncertainty_s.toFixed(clock.uncertainty_s < 10 ? 1 : 0) + ' s' : ''],
      ['h_viewers', state.preview.viewers],
    ].map(([key, value]) => [w(key), value]);
  }
  function tell(state) {
    if ($('more').hidden) return;
    const rows = facts(state);
    for (const text of [...state.faults, ...(state.health.warnings || [])]) rows.push(['!', text]);
    if (state.web.fingerprint) rows.push([w('h_certificate'), state.web.fingerprint]);
    $('health').replaceChildren(...rows.filter(row => row[1] !== undefined && row[1] !== null && row[1] !== '').flatMap(
      ([name, value]) => [make('dt', '', name), make('dd', name === '!' ? 'fault' : '', String(value))]));
  }
  async function log() {
    const found = await App.api('log?level=' + $('log-level').value).catch(() => null);
    if (!found) return;
    $('log').replaceChildren(...found.lines.map(line => {
      const item = make('li', line.level), head = make('span', 'quiet', [ago(line.age_s), line.room, line.times > 1 ? '×' + line.times : ''].filter(Boolean).join(' · '));
      item.append(head, make('span', '', line.text));
      return item;
    }));
    if (!found.lines.length) $('log').append(make('li', 'quiet', w('log_nothing')));
  }
  // Asked for only while it is looked at.
  function show(is) {
    clearInterval(timer);
    if (!is) return;
    if (App.state()) tell(App.state());
    log();
    timer = setInterval(() => { if (!document.hidden) log(); }, POLL_MS);
  }
  $('log-level').onchange = log;
  return {tell, show};
})();
