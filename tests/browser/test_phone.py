"""A person with a phone, played through in Chromium: each test goes on where the last one ended."""

from __future__ import annotations

import re
import time

import pytest

from dashcamd.storage import mp4_reader
from tests.browser import network
from tests.browser.steps import (
    PRESS_GO,
    by_id,
    choose,
    count,
    events,
    keep_picture,
    number_shown,
    open_newest,
    pull,
    slow_down,
    text,
    wait,
    width,
)
from tests.storage.test_what_if import disk_of, visits

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_there_is_no_way_out(why_connected):
    if why_connected:
        pytest.skip("the network is cut by root only: " + why_connected)
    assert network.way_out() is None


def test_a_wrong_password_is_refused_and_the_right_one_lets_in(browser, daemon):
    browser.get(daemon.address)
    assert browser.current_url.endswith("/sign-in")
    keep_picture(browser, "sign-in")
    by_id(browser, "password").send_keys("not-the-password")
    by_id(browser, "go").click()
    wait(browser, lambda: "not the password" in (text(browser, "why") or ""))
    by_id(browser, "password").clear()
    by_id(browser, "password").send_keys(daemon.password.upper())
    # once more after a while: whoever was wrong waits for a second
    wait(browser, lambda: browser.execute_script(PRESS_GO) == "/")
    wait(browser, lambda: text(browser, "state-word") == "Disarmed")


def test_the_live_picture_moves_and_tells_its_age(browser, daemon):
    first = wait(browser, lambda: number_shown(browser, "picture"))
    wait(browser, lambda: (number_shown(browser, "picture") or 0) > first + 20)
    wait(browser, lambda: text(browser, "age").startswith("● LIVE"))


def test_the_cameras_own_video_plays_and_keeps_up(browser, daemon):
    by_id(browser, "hd-button").click()
    first = wait(browser, lambda: number_shown(browser, "hd"))
    wait(browser, lambda: (number_shown(browser, "hd") or 0) > first + 20)
    wait(browser, lambda: "HD" in text(browser, "age"))
    by_id(browser, "hd-button").click()
    wait(browser, lambda: number_shown(browser, "picture"))


def clock_source(browser):
    return browser.execute_script("return App.state().clock.source")


def test_the_phone_sets_a_clock_that_nobody_else_has_set(browser, daemon):
    wait(browser, lambda: clock_source(browser))
    if clock_source(browser) == "ntp":
        pytest.skip("this machine's clock is set by NTP, which is better than a phone")
    wait(browser, lambda: count(browser, "#banners button"))
    browser.execute_script("document.querySelector('#banners button').click()")
    wait(browser, lambda: not count(browser, "#banners button"))
    wait(browser, lambda: clock_source(browser) == "phone")


def test_record_now_makes_an_event_that_grows_and_plays(browser, daemon):
    assert not events(browser)
    by_id(browser, "record").click()
    wait(browser, lambda: text(browser, "state-word") == "Recording")
    keep_picture(browser, "recording")
    wait(browser, lambda: events(browser))
    wait(browser, lambda: count(browser, "button.event img"))
    open_newest(browser)
    wait(browser, lambda: number_shown(browser, "video-a") is not None)
    wait(browser, lambda: "Part 2 of" in text(browser, "player-more"))
    browser.execute_script("document.getElementById('player-close').click()")
    wait(browser, lambda: text(browser, "state-word") == "Disarmed")


def test_parts_follow_each_other(browser, daemon):
    wait(browser, lambda: "still" not in text(browser, "events"))
    slow_down(browser)
    open_newest(browser)
    wait(browser, lambda: "Part 1 of" in text(browser, "player-more"))
    first = wait(browser, lambda: number_shown(browser, "video-a"))
    keep_picture(browser, "player")
    assert not by_id(browser, "picture").get_attribute("src"), "the link is the recording's"
    wait(browser, lambda: "Part 2 of" in text(browser, "player-more"))
    shown = "video-b" if by_id(browser, "video-b").is_displayed() else "video-a"
    wait(browser, lambda: (number_shown(browser, shown) or 0) > first)


def test_a_locked_event_cannot_be_deleted_and_is_marked(browser, daemon):
    by_id(browser, "keep").click()
    wait(browser, lambda: text(browser, "keep-word") == "Unlock")
    assert list(daemon.storage.rglob("locked.txt"))
    assert not by_id(browser, "delete").is_enabled()


def inspect(path):
    return mp4_reader.inspect(str(path))


def test_the_download_is_the_file(browser, daemon):
    by_id(browser, "download").click()
    file = wait(browser, lambda: next(browser.downloads.glob("*.mp4"), None))
    info = wait(browser, lambda: inspect(file))
    assert info.status == "ok"
    parts = map(inspect, daemon.storage.rglob("*_p*.mp4"))
    assert info in parts, "only the index is at another place"


def test_delete_asks_can_be_undone_and_then_deletes(browser, daemon):
    by_id(browser, "keep").click()
    wait(browser, lambda: by_id(browser, "delete").is_enabled())
    by_id(browser, "delete").click()
    wait(browser, lambda: by_id(browser, "ask").is_displayed())
    keep_picture(browser, "delete")
    by_id(browser, "ask-yes").click()
    wait(browser, lambda: not events(browser))
    by_id(browser, "undo").click()
    wait(browser, lambda: events(browser))
    open_newest(browser)
    wait(browser, lambda: by_id(browser, "delete").is_enabled())
    by_id(browser, "delete").click()
    by_id(browser, "ask-yes").click()
    wait(browser, lambda: not list(daemon.storage.rglob("*.mp4")))
    wait(browser, lambda: not events(browser))


def test_a_lost_camera_is_shown_and_comes_back(browser, daemon):
    with daemon.unplugged():
        wait(browser, lambda: text(browser, "state-word") == "Camera lost")
        assert "bad" in by_id(browser, "state").get_attribute("class")
        wait(browser, lambda: "Check its cable" in text(browser, "banners"))
        wait(browser, lambda: text(browser, "age") == "NO PICTURE")
        # the drawn notice is wider than the camera's picture
        wait(browser, lambda: width(browser, "picture") == 960)
        keep_picture(browser, "camera-lost")
    wait(browser, lambda: text(browser, "state-word") == "Disarmed")
    wait(browser, lambda: number_shown(browser, "picture"))


def test_an_ejected_stick_is_let_go_of_and_used_again_once_it_was_pulled(browser, daemon):
    by_id(browser, "eject").click()
    wait(browser, lambda: by_id(browser, "ask").is_displayed())
    by_id(browser, "ask-yes").click()
    wait(browser, lambda: "can be pulled out" in (text(browser, "toast") or ""))
    wait(browser, lambda: text(browser, "state-word") == "Not saving")
    assert not by_id(browser, "eject").is_enabled()
    assert daemon.files_open_on_the_stick() == []
    keep_picture(browser, "ejected")
    pull(browser, daemon)
    daemon.pulled.unlink()
    wait(browser, lambda: text(browser, "state-word") == "Disarmed")


def test_settings_are_checked_while_they_are_typed(browser, daemon):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    by_id(browser, "menu").click()
    section = wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#settings details"))[0]
    browser.execute_script("arguments[0].open = true", section)
    field = by_id(browser, "s-camera-resolution")
    field.clear()
    field.send_keys("huge", Keys.TAB)
    wait(browser, lambda: field.get_attribute("aria-invalid") == "true")
    keep_picture(browser, "settings")
    choose(browser, "theme", "dark")
    for language, word in (("zh-TW", "已停用"), ("ja", "監視オフ"), ("en", "Disarmed")):
        choose(browser, "language", language)
        wait(browser, lambda expected=word: text(browser, "state-word") == expected)
        keep_picture(browser, "language-" + language)
    by_id(browser, "menu").click()


PAINT_ALL = """
const svg = document.getElementById('overlay'), box = svg.getBoundingClientRect();
for (let y = 1; y < box.height; y += 12) for (let x = 1; x < box.width; x += 12)
    svg.dispatchEvent(new PointerEvent('pointermove', {
        pointerType: 'touch', clientX: box.left + x, clientY: box.top + y,
    }));
return document.querySelectorAll('#overlay .ignored').length;
"""
BARS = """
const meter = document.getElementById('meter');
const pixels = meter.getContext('2d').getImageData(0, 0, meter.width, meter.height).data;
const colours = new Set();
for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.slice(at, at + 3).join());
return colours.size;
"""


def is_moving(browser):
    return browser.execute_script("return App.state().motion.is_moving")


def press(browser, name):
    browser.execute_script("document.getElementById(arguments[0]).click()", name)


def test_what_moves_is_drawn_over_the_picture_and_told_in_words(browser, daemon):
    assert not by_id(browser, "tuner").is_displayed()
    by_id(browser, "motion-button").click()
    wait(browser, lambda: "would be recorded, but" in text(browser, "seen"))
    wait(browser, lambda: count(browser, "#moves path.moving") and count(browser, "#moves rect"))
    wait(browser, lambda: browser.execute_script(BARS) >= 3)
    keep_picture(browser, "motion")
    wait(browser, lambda: text(browser, "would").endswith("no"))
    wait(browser, lambda: text(browser, "seen") == "Nothing moves.")
    by_id(browser, "motion-button").click()
    assert count(browser, "#moves *") == 0
    assert not by_id(browser, "tuner").is_displayed()


def test_what_is_painted_over_is_not_motion_any_more(browser, daemon):
    by_id(browser, "motion-button").click()
    wait(browser, lambda: count(browser, "#overlay .moving"))
    press(browser, "paint-button")
    wait(browser, lambda: count(browser, "#overlay .square") == 16 * 12)
    assert browser.execute_script(PAINT_ALL) == 16 * 12
    keep_picture(browser, "painting")
    press(browser, "tune-save")
    wait(browser, lambda: by_id(browser, "painter").is_displayed() is False)
    end = time.monotonic() + 10  # the walker comes by every nine seconds
    time.sleep(1.5)
    while time.monotonic() < end:
        assert not is_moving(browser)
    press(browser, "paint-button")
    wait(browser, lambda: count(browser, "#overlay .ignored") == 16 * 12)
    press(browser, "paint-clear")
    press(browser, "tune-save")
    wait(browser, lambda: is_moving(browser))


def test_squares_are_painted_with_the_keyboard_alone(browser, daemon):
    from selenium.webdriver.common.keys import Keys

    button = by_id(browser, "paint-button")
    browser.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.SPACE)
    wait(browser, lambda: count(browser, "#overlay .square") == 16 * 12)
    overlay = browser.switch_to.active_element
    assert overlay.get_attribute("id") == "overlay"
    assert text(browser, "cell-said").startswith("Column 1, row 1: counts.")
    overlay.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.SPACE)
    assert text(browser, "cell-said").startswith("Column 3, row 2: ignored.")
    overlay.send_keys(Keys.END, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ENTER)
    assert text(browser, "cell-said").startswith("Column 16, row 1: ignored.")
    assert count(browser, "#overlay .ignored") == 2
    cursor = browser.execute_script(
        "return getComputedStyle(document.querySelector('#overlay .cursor')).display"
    )
    assert cursor == "block", "it shows where one is"
    keep_picture(browser, "painting-by-keyboard")
    overlay.send_keys(Keys.SPACE)
    assert text(browser, "cell-said").startswith("Column 16, row 1: counts.")
    press(browser, "tune-undo")
    wait(browser, lambda: count(browser, "#overlay .ignored") == 0)
    assert not by_id(browser, "tune-deck").is_displayed()
    press(browser, "paint-button")
    assert overlay.get_attribute("tabindex") is None


SLIDE = """
const slider = document.getElementById('sensitivity');
slider.value = arguments[0];
slider.dispatchEvent(new Event('input'));
"""


def weighed(browser):
    """How many events the page says there would have been, and are; None while it looks."""
    said = re.fullmatch(
        r"Would have made (\d+) events in the last .* \(now (\d+)\)\.", text(browser, "what-if")
    )
    return said and (int(said.group(1)), int(said.group(2)))


def test_the_slider_tells_what_it_would_have_recorded(browser, daemon):
    traces = disk_of(visits(100, 300), visits(200))
    for path in traces.paths:
        (daemon.storage / path).parent.mkdir(parents=True, exist_ok=True)
        (daemon.storage / path).write_bytes(traces.content(path))
    browser.execute_script(SLIDE, 9)
    would, now = wait(browser, lambda: weighed(browser))
    assert min(would, now) >= 3, "and perhaps what the daemon itself saw by now"
    keep_picture(browser, "what-if")
    press(browser, "paint-button")
    assert browser.execute_script(PAINT_ALL) == 16 * 12
    wait(browser, lambda: (weighed(browser) or (1,))[0] == 0)
    press(browser, "tune-undo")
    browser.execute_script(SLIDE, 6)
    press(browser, "tune-save")
    wait(browser, lambda: text(browser, "toast-text") == "Saved.")
    assert text(browser, "sensitivity-value") == "6"
    by_id(browser, "motion-button").click()


def test_health_and_log_are_told_in_words(browser, daemon):
    by_id(browser, "record").click()
    by_id(browser, "menu").click()
    for word in ("Last picture", "Last saved", "Processor", "Memory", "System card", "writes take"):
        wait(browser, lambda expected=word: expected in text(browser, "health"))
    wait(browser, lambda: count(browser, "#log li.error"))
    assert "camera" in text(browser, "log"), "it was lost a while ago"
    warnings = count(browser, "#log li")
    choose(browser, "log-level", "info")
    wait(browser, lambda: count(browser, "#log li") > warnings)
    keep_picture(browser, "log")
    by_id(browser, "menu").click()


def test_arming_needs_no_question_and_disarming_does(browser, daemon):
    by_id(browser, "arm").click()
    wait(browser, lambda: text(browser, "arm-word") == "Disarm")
    for theme in ("dark", "night"):
        choose(browser, "theme", theme)
        keep_picture(browser, "armed-" + theme)
    by_id(browser, "arm").click()
    wait(browser, lambda: by_id(browser, "ask").is_displayed())
    by_id(browser, "ask-yes").click()
    wait(browser, lambda: text(browser, "arm-word") == "Arm")


def test_nothing_is_wider_than_a_small_phone(browser, daemon):
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390
    small = browser.execute_script("""
        return [...document.querySelectorAll('button, a.button, select')]
            .filter(node => node.offsetParent && !node.closest('.strip'))
            .filter(node => {
                const box = node.getBoundingClientRect();
                return Math.min(box.height, box.width) < 44;
            })
            .map(node => node.id || node.className);
    """)
    assert not small


def test_nothing_was_asked_of_anybody_else_and_nothing_was_refused_by_the_policy(browser, daemon):
    names = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [name for name in names if not name.startswith((daemon.address, "blob:"))] == []
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not [
        line for line in complaints if "Content Security Policy" in line or "TypeError" in line
    ]


def test_signing_out_shuts_the_door(browser, daemon):
    by_id(browser, "menu").click()
    browser.execute_script("document.getElementById('sign-out').click()")
    wait(browser, lambda: browser.current_url.endswith("/sign-in"))
    browser.get(daemon.address)
    assert browser.current_url.endswith("/sign-in")
