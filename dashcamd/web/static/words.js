'use strict';
// One line a word: English, Traditional Chinese, Japanese.
const WORDS = {
  sign_in: ['Sign in', '登入', 'サインイン'],
  sign_out: ['Sign out', '登出', 'サインアウト'],
  password: ['Password', '密碼', 'パスワード'],
  show_password: ['Show it', '顯示', '表示する'],
  where_password: ['On the camera, "dashcamd password" shows it.', '在攝影機上執行「dashcamd password」即可查看。', 'カメラ上で「dashcamd password」を実行すると表示されます。'],
  wrong_password: ['That is not the password.', '密碼錯誤。', 'パスワードが違います。'],
  wait_s: ['Too many attempts. Wait {s} s.', '嘗試次數過多，請等候 {s} 秒。', '試行回数が多すぎます。{s} 秒お待ちください。'],
  no_connection: ['The camera does not answer.', '攝影機沒有回應。', 'カメラが応答しません。'],
  settings: ['Settings', '設定', '設定'],
  settings_hint: ['Try a value here to see whether it is allowed; the file on the camera is not changed.', '可在此試填數值以檢查是否允許；不會更改攝影機上的檔案。', 'ここで値が使えるか確認できます。カメラのファイルは変更されません。'],
  allowed_value: ['Allowed.', '可以使用。', '使用できます。'],
  live_picture: ['Live picture', '即時畫面', 'ライブ映像'],
  live: ['LIVE', '即時', 'ライブ'],
  stalled: ['STALLED', '畫面停頓', '停止中'],
  no_picture: ['NO PICTURE', '沒有畫面', '映像なし'],
  full_screen: ['Full screen', '全螢幕', '全画面'],
  stick: ['USB stick', 'USB 隨身碟', 'USB メモリ'],
  free: ['{n} GB free of {m}', '可用 {n} GB，共 {m}', '空き {n} GB / {m}'],
  hours_fit: ['{h} of recording fit before the oldest is replaced', '還可錄 {h}，之後會覆蓋最舊的', 'あと {h} 録画できます。その後は古いものから上書き'],
  replacing: ['Full: the oldest events make room', '已滿：自動刪除最舊的事件', '満杯：古いイベントから消去中'],
  hours: ['{n} h', '{n} 小時', '{n} 時間'],
  minutes: ['{n} min', '{n} 分鐘', '{n} 分'],
  day: ['Day', '日期', '日付'],
  events: ['Events', '事件', 'イベント'],
  no_events: ['No events.', '沒有事件。', 'イベントはありません。'],
  on_the_stick: ['Events are on the stick. Plug it in to see them.', '事件存放在隨身碟上，插入後即可查看。', 'イベントは USB メモリにあります。差し込むと表示されます。'],
  older: ['Older', '更早', '以前のもの'],
  look: ['Look', '外觀', '表示'],
  colours: ['Colours', '顏色', '配色'],
  auto: ['Auto', '自動', '自動'],
  light: ['Light', '淺色', 'ライト'],
  dark: ['Dark', '深色', 'ダーク'],
  night: ['Night (red)', '夜間（紅色）', '夜間（赤）'],
  language: ['Language', '語言', '言語'],
  health: ['Health', '狀態', '状態'],
  lock_this: ['Lock this', '鎖定這段', 'これを保護'],
  record_now: ['Record now', '立即錄影', '今すぐ録画'],
  arm: ['Arm', '啟用', '監視オン'],
  disarm: ['Disarm', '停用', '監視オフ'],
  eject: ['Eject stick', '退出隨身碟', '取り外し'],
  close: ['Close', '關閉', '閉じる'],
  previous: ['Previous', '上一段', '前へ'],
  next: ['Next', '下一段', '次へ'],
  lock: ['Lock', '鎖定', '保護'],
  unlock: ['Unlock', '解除鎖定', '保護解除'],
  download: ['Download', '下載', '保存'],
  delete: ['Delete', '刪除', '削除'],
  cancel: ['Cancel', '取消', 'キャンセル'],
  undo: ['Undo', '復原', '元に戻す'],
  part_of: ['Part {n} of {m}', '第 {n} 段，共 {m} 段', '{m} 個中 {n} 個目'],
  still_recording: ['still being recorded', '錄影中', '録画中'],
  clock_unknown: ['clock not known', '時間未知', '時刻不明'],
  locked: ['Locked', '已鎖定', '保護しました'],
  unlocked: ['Unlocked', '已解除鎖定', '保護を解除しました'],
  deleting: ['Deleted', '已刪除', '削除しました'],
  recording_asked: ['Recording', '開始錄影', '録画します'],
  ejecting: ['Ejecting: leave it in', '正在退出，請勿拔出', '取り外し中です。まだ抜かないでください'],
  ejected: ['The stick can be pulled out', '可以拔出隨身碟', '取り外せます'],
  nothing_to_lock: ['There is no event to lock', '沒有可鎖定的事件', '保護するイベントがありません'],
  sure_delete: ['Delete this event? It cannot be brought back.', '要刪除此事件嗎？刪除後無法復原。', 'このイベントを削除しますか？元に戻せません。'],
  sure_disarm: ['Disarm? Motion will not be recorded any more.', '要停用嗎？停用後不再因移動而錄影。', '監視をオフにしますか？動きがあっても録画されません。'],
  sure_eject: ['Eject the stick? Nothing is saved until it is back.', '要退出隨身碟嗎？插回之前不會儲存。', '取り外しますか？戻すまで保存されません。'],
  use_phone_time: ['Use phone time', '使用手機時間', '電話の時刻を使う'],
  s_recording: ['Recording', '錄影中', '録画中'],
  s_armed: ['Armed', '待命', '待機中'],
  s_disarmed: ['Disarmed', '已停用', '監視オフ'],
  s_no_stick: ['Not saving', '未儲存', '保存していません'],
  s_camera_lost: ['Camera lost', '攝影機中斷', 'カメラ切断'],
  s_starting: ['Starting', '啟動中', '起動中'],
  s_fault: ['Not saving', '未儲存', '保存していません'],
  s_ended: ['Ended', '已結束', '終了'],
  s_gone: ['No connection', '沒有連線', '接続なし'],
  m_recording: ['saved {s} s ago', '{s} 秒前已儲存', '{s} 秒前に保存'],
  m_armed: ['records what moves', '有移動就錄影', '動きがあれば録画'],
  m_disarmed: ['motion is not recorded', '移動時不錄影', '動きがあっても録画しません'],
  m_no_stick: ['waiting for a USB stick', '等待 USB 隨身碟', 'USB メモリ待ち'],
  m_camera_lost: ['trying again every few seconds', '每隔幾秒重試', '数秒ごとに再試行'],
  m_starting: ['a moment', '請稍候', 'しばらくお待ちください'],
  m_fault: ['see below', '請看下方', '下を参照'],
  m_ended: ['the film is over', '影片已播完', '映像は終わりました'],
  m_gone: ['is the phone in its Wi-Fi?', '手機是否連上它的 Wi-Fi？', '電話は Wi-Fi に接続していますか？'],
  b_no_stick: ['No USB stick', '沒有 USB 隨身碟', 'USB メモリがありません'],
  d_no_stick: ['Nothing is being saved. Plug a stick in; the newest events wait in memory.', '目前沒有儲存。請插入隨身碟；最新的事件保留在記憶體中。', '保存されていません。USB メモリを差してください。新しいイベントはメモリにあります。'],
  d_waits: ['Waiting: {n} ({t}).', '等待中：{n} 個事件（{t}）。', '待機中：{n} 件（{t}）。'],
  b_full: ['Stick full', '隨身碟已滿', 'USB メモリが満杯'],
  d_full: ['Locked events and other files leave no room. Unlock or delete some.', '鎖定的事件與其他檔案佔滿空間。請解鎖或刪除一些。', '保護したイベントや他のファイルで空きがありません。解除か削除してください。'],
  b_camera_lost: ['No picture from the camera', '攝影機沒有畫面', 'カメラの映像がありません'],
  d_camera_lost: ['Check its cable. It starts by itself when it is back.', '請檢查接線；恢復後會自動開始。', 'ケーブルを確認してください。復帰すると自動で始まります。'],
  b_clock: ['Clock not set', '時間未設定', '時計が未設定'],
  d_clock: ['Clips would be misdated.', '錄影日期會不正確。', '録画の日付が正しくなりません。'],
  b_fault: ['Something is wrong', '發生問題', '問題があります'],
  r_motion: ['Motion', '移動', '動き'],
  r_manual: ['Recorded by hand', '手動錄影', '手動録画'],
  r_continuous: ['Continuous', '連續錄影', '常時録画'],
  h_camera: ['Camera', '攝影機', 'カメラ'],
  h_temperature: ['Temperature', '溫度', '温度'],
  h_frames: ['Frames lost', '遺失的影格', '失われたコマ'],
  h_motion: ['Motion', '移動', '動き'],
  h_viewers: ['Watching', '觀看人數', '視聴中'],
  h_clock: ['Clock', '時間', '時計'],
};
const LANGUAGES = ['en', 'zh-TW', 'ja'];
function guess() {
  const wanted = (navigator.language || 'en').toLowerCase();
  if (wanted.startsWith('zh')) return 'zh-TW';
  return wanted.startsWith('ja') ? 'ja' : 'en';
}
let language = localStorage.getItem('language') || guess();
function w(key, values) {
  const line = WORDS[key];
  let text = line ? line[Math.max(0, LANGUAGES.indexOf(language))] : key;
  for (const name in values || {}) text = text.replace('{' + name + '}', values[name]);
  return text;
}
function translate() {
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = localStorage.getItem('theme') || 'auto';
  for (const node of document.querySelectorAll('[data-w]')) node.textContent = w(node.dataset.w);
  for (const node of document.querySelectorAll('[data-wl]')) node.setAttribute('aria-label', w(node.dataset.wl));
  for (const node of document.querySelectorAll('[data-wa]')) node.setAttribute('alt', w(node.dataset.wa));
}
translate();
