"""What goes wrong while somebody looks, in Chromium as wide as a phone."""

from __future__ import annotations

import pytest

from dashcamd.storage import mp4_reader
from dashcamd.web.vault import Vault
from tests.browser.steps import (
    by_id,
    choose,
    count,
    events,
    newest,
    number_shown,
    open_newest,
    pull,
    sign_in,
    slow_down,
    text,
    wait,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SMALL = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}

CUT_OFF = """
return [...document.querySelectorAll('button, a.button, select, .state, h2, .banner, dt, dd')]
    .filter(node => node.offsetParent && !node.closest('.strip'))
    .filter(node => {
        const box = node.getBoundingClientRect();
        return node.scrollWidth > node.clientWidth + 1 || box.left < 0 || box.right > innerWidth;
    })
    .map(node => node.id || node.textContent);
"""

FAINT = """
const linear = part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const parts = colour => colour.match(/[0-9.]+/g).map(Number);
const WEIGHTS = [0.2126, 0.7152, 0.0722];
const light = colour => WEIGHTS.reduce((sum, one, n) => sum + one * linear(colour[n] / 255), 0);
const ground = node => {
    for (; node; node = node.parentElement) {
        const found = parts(getComputedStyle(node).backgroundColor);
        if (found.length < 4 || found[3] === 1) return found;
        if (found[3] > 0) return null;  // over a picture
    }
    return [0, 0, 0];
};
return [...document.querySelectorAll('body *')]
    .filter(node => node.offsetParent && !node.closest(':disabled'))
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => [node, ground(node)])
    .filter(([node, behind]) => {
        if (!behind) return false;
        const one = light(parts(getComputedStyle(node).color)), other = light(behind);
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) < 4.5;
    })
    .map(([node]) => node.id || node.textContent.slice(0, 30));
"""
"""Text with less contrast than WCAG 2 asks for (1.4.3, AA)."""


IS_SAID = """
return document.getElementById(arguments[0])
    .closest('[aria-live], [role=status], [role=alert]') !== null;
"""
"""Whether a screen reader speaks up at each change."""


def value(browser, name):
    return browser.execute_script("return document.getElementById(arguments[0]).value", name)


@pytest.fixture(scope="module")
def signed_in(browser, daemon):
    sign_in(browser, daemon)
    return browser


def record(browser):
    """An event that is over, first in the list, and never looked at.

    One that is still open would go on instead, and the browser may have of it what it has played.
    """
    wait(browser, lambda: "still" not in text(browser, "events"))
    before = newest(browser)
    by_id(browser, "record").click()
    wait(browser, lambda: text(browser, "state-word") == "Recording")
    wait(browser, lambda: text(browser, "state-word") == "Disarmed")
    wait(browser, lambda: newest(browser) != before)
    wait(browser, lambda: "still" not in text(browser, "events"))


def is_shown(browser, selector):
    return browser.execute_script(
        "const node = document.querySelector(arguments[0]); return node && node.offsetParent",
        selector,
    )


def is_moving(browser, name="picture"):
    first = wait(browser, lambda: number_shown(browser, name))
    return wait(browser, lambda: (number_shown(browser, name) or first) != first)


def test_the_page_goes_on_by_itself_after_the_daemon_was_restarted(signed_in, daemon):
    assert is_moving(signed_in)
    with daemon.switched_off():
        wait(signed_in, lambda: text(signed_in, "state-word") == "No connection")
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")
    assert is_moving(signed_in)
    wait(signed_in, lambda: text(signed_in, "age").startswith("● LIVE"))


def test_without_a_connection_nothing_is_said_to_be_live(signed_in, daemon):
    record(signed_in)
    signed_in.execute_async_script(LOOK_UP)
    press(signed_in, "motion-button")
    wait(signed_in, lambda: text(signed_in, "would").startswith("Would record now"))
    wait(signed_in, lambda: text(signed_in, "age").startswith("● LIVE"))
    with daemon.switched_off():
        wait(signed_in, lambda: text(signed_in, "age").startswith("STALLED"))
        wait(signed_in, lambda: not text(signed_in, "would"))
        assert text(signed_in, "seen") == "The camera does not answer."
        assert count(signed_in, "#moves *") == 0
        signed_in.execute_script("Player.open(window.chosen)")
        wait(signed_in, lambda: text(signed_in, "player-more") == "The camera does not answer.")
        press(signed_in, "player-close")
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")
    wait(signed_in, lambda: text(signed_in, "age").startswith("● LIVE"))
    wait(signed_in, lambda: text(signed_in, "would").startswith("Would record now"))
    press(signed_in, "motion-button")


def test_a_setting_that_nobody_heard_of_is_not_shown_as_if_it_were_saved(signed_in, daemon):
    press(signed_in, "menu")
    wait(signed_in, lambda: count(signed_in, "#settings details"))
    before = value(signed_in, "s-recording-pre_roll_s")
    with daemon.switched_off():
        choose(signed_in, "s-recording-pre_roll_s", "4")
        wait(
            signed_in,
            lambda: "Not saved. The camera does not answer." in text(signed_in, "settings"),
        )
        assert value(signed_in, "s-recording-pre_roll_s") == before
        press(signed_in, "menu")
        wait(signed_in, lambda: text(signed_in, "state-word") == "No connection")
        assert not by_id(signed_in, "toast").is_displayed(), "the state says it"
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")


def test_without_a_stick_what_counts_is_not_said_again_and_again(signed_in, daemon):
    pull(signed_in, daemon)
    try:
        signed_in.get(daemon.address)
        wait(signed_in, lambda: "are on the stick" in text(signed_in, "events"))
        wait(signed_in, lambda: "No USB stick" in text(signed_in, "banners"))
        assert not by_id(signed_in, "toast").is_displayed(), "nobody asked for anything"
        signed_in.execute_script("document.querySelector('.banner').classList.add('is-the-same')")
        said = text(signed_in, "banners")
        press(signed_in, "record")
        first = wait(signed_in, lambda: text(signed_in, "waiting"))
        wait(signed_in, lambda: text(signed_in, "waiting") != first)
        assert count(signed_in, ".banner.is-the-same"), "and the keyboard keeps its place"
        assert text(signed_in, "banners") == said
        for name in ("waiting", "state-more"):
            assert not signed_in.execute_script(IS_SAID, name), name
    finally:
        daemon.pulled.unlink()
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")


@pytest.mark.parametrize("language", ["en", "zh-TW", "ja"])
@pytest.mark.parametrize("theme", ["day", "dark", "night"])
def test_the_narrowest_phone_shows_every_word(signed_in, daemon, language, theme):
    signed_in.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SMALL)
    try:
        choose(signed_in, "theme", theme)
        choose(signed_in, "language", language)
        for content in ("#home", "#more #settings details"):
            wait(signed_in, lambda content=content: is_shown(signed_in, content))
            assert signed_in.execute_script("return document.documentElement.scrollWidth") <= 360
            assert signed_in.execute_script(CUT_OFF) == []
            assert signed_in.execute_script(FAINT) == []
            by_id(signed_in, "menu").click()
    finally:
        signed_in.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        choose(signed_in, "theme", "auto")
        choose(signed_in, "language", "en")


def test_a_part_that_is_being_written_can_be_kept(signed_in, daemon):
    by_id(signed_in, "record").click()
    wait(signed_in, lambda: text(signed_in, "state-word") == "Recording")
    wait(signed_in, lambda: events(signed_in))
    open_newest(signed_in)
    wait(signed_in, lambda: number_shown(signed_in, "video-a") is not None)
    before = set(signed_in.downloads.glob("*.mp4"))
    by_id(signed_in, "download").click()
    file = wait(
        signed_in, lambda: next(iter(set(signed_in.downloads.glob("*.mp4")) - before), None)
    )
    assert wait(signed_in, lambda: mp4_reader.inspect(str(file))).status == "ok"
    press(signed_in, "player-close")
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")


def press(browser, name):
    browser.execute_script("document.getElementById(arguments[0]).click()", name)


LOOK_UP = """
const done = arguments[0], id = document.querySelector('button.event').dataset.event;
App.api('events/' + id).then(event => { window.chosen = event; done(event.parts.length); });
"""


def test_a_recording_whose_stick_is_gone_says_so(signed_in, daemon):
    """As when it is pulled while a finger is on the way; what a browser has by then it plays."""
    record(signed_in)
    assert signed_in.execute_async_script(LOOK_UP)
    pull(signed_in, daemon)
    try:
        wait(signed_in, lambda: text(signed_in, "state-word") == "Not saving")
        signed_in.execute_script("Player.open(window.chosen)")
        wait(signed_in, lambda: "cannot be read" in text(signed_in, "player-more"))
        press(signed_in, "player-close")
        wait(signed_in, lambda: events(signed_in) == 0)
    finally:
        daemon.pulled.unlink()
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")


def test_a_stick_is_ejected_although_somebody_plays_from_it(signed_in, daemon):
    wait(signed_in, lambda: events(signed_in))
    slow_down(signed_in)
    open_newest(signed_in)
    wait(signed_in, lambda: number_shown(signed_in, "video-a") is not None)
    signed_in.execute_script("App.api('eject', {confirm: true})")
    wait(signed_in, lambda: text(signed_in, "state-word") == "Not saving")
    wait(signed_in, lambda: daemon.files_open_on_the_stick() == [])
    press(signed_in, "player-close")
    pull(signed_in, daemon)
    daemon.pulled.unlink()
    wait(signed_in, lambda: text(signed_in, "state-word") == "Disarmed")


def test_keys_alone_open_and_close_a_recording(signed_in, daemon):
    from selenium.webdriver.common.keys import Keys

    wait(signed_in, lambda: events(signed_in))
    wait(signed_in, lambda: "still" not in text(signed_in, "events"))
    signed_in.execute_script("document.querySelector('button.event').focus()")
    signed_in.switch_to.active_element.send_keys(Keys.ENTER)
    wait(signed_in, lambda: by_id(signed_in, "player").is_displayed())
    signed_in.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait(signed_in, lambda: not by_id(signed_in, "player").is_displayed())
    assert signed_in.execute_script("return document.activeElement.className") == "event"
    assert is_moving(signed_in)


def test_another_password_ends_what_is_being_looked_at(signed_in, daemon):
    """As after a phone was lost: not only the next request is refused."""
    assert is_moving(signed_in)
    vault = Vault(daemon.vault)
    vault.open(resets=())
    daemon.password = vault.renew()
    wait(signed_in, lambda: signed_in.current_url.endswith("/sign-in"))


def test_who_guesses_is_told_to_wait_and_then_let_in(signed_in, daemon):
    signed_in.get(daemon.address)
    for _ in range(3):
        by_id(signed_in, "password").clear()
        by_id(signed_in, "password").send_keys("guess")
        wait(signed_in, lambda: by_id(signed_in, "go").is_enabled())
        by_id(signed_in, "go").click()
        wait(signed_in, lambda: text(signed_in, "why"))
    wait(signed_in, lambda: "Wait" in text(signed_in, "why"))
    sign_in(signed_in, daemon)
    assert count(signed_in, "#picture")
