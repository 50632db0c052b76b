'use strict';
const $ = id => document.getElementById(id);
$('show').addEventListener('change', () => {
  $('password').type = $('show').checked ? 'text' : 'password';
});
$('form').addEventListener('submit', async event => {
  event.preventDefault();
  $('go').disabled = true;
  $('why').textContent = '';
  try {
    const answer = await fetch('/api/v1/session', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({password: $('password').value}),
    });
    if (answer.ok) { location.replace('/'); return; }
    if (answer.status === 429) $('why').textContent = w('wait_s', {s: answer.headers.get('Retry-After')});
    else $('why').textContent = answer.status === 403 ? w('wrong_password') : (await answer.json()).error;
  } catch (error) {
    $('why').textContent = w('no_connection');
  }
  $('go').disabled = false;
  $('password').select();
});
translate();
$('password').focus();
