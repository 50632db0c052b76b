"""The list of recordings while it changes under the eyes of who reads it, in Chromium."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from dashcamd.core.timeline import Moment
from dashcamd.storage.volume import local
from tests.browser import stick
from tests.browser.conftest import Running
from tests.browser.steps import by_id, choose, count, events, newest, sign_in, text, wait
from tests.browser.stick import DAY_S, NOON

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

A_PAGE, OF_THE_DAY = 40, 60
LATER = 900
"""A number that the daemon does not get to."""


def fill(storage):
    """A day with few events, and a later one with more than the list shows at first."""
    for number in range(1, 4):
        stick.add_event(storage, number, NOON - DAY_S + number)
    for number in range(4, 4 + OF_THE_DAY):
        stick.add_event(storage, number, NOON + 20 * number)


@pytest.fixture
def daemon(tmp_path, why_connected):
    pytest.importorskip("tornado", reason="the page needs tornado")
    running = Running(tmp_path, fill=fill)
    yield running
    running.stop()


@pytest.fixture
def page(browser, daemon):
    sign_in(browser, daemon)
    wait(browser, lambda: events(browser) == A_PAGE)
    return browser


def record(page):
    """An event that is over; the daemon dates it years before those of the stick."""
    by_id(page, "record").click()
    wait(page, lambda: text(page, "state-word") == "Recording")
    wait(page, lambda: text(page, "state-word") == "Disarmed")


def row(page, place):
    return page.execute_script(
        "return document.querySelectorAll('button.event')[arguments[0]].dataset.event", place
    )


@contextmanager
def looking_elsewhere(page):
    """Another tab is before the page."""
    here = page.current_window_handle
    page.switch_to.new_window("tab")
    try:
        yield
    finally:
        page.close()
        page.switch_to.window(here)


def delete_newest(page):
    page.execute_script("document.querySelector('button.event').click()")
    wait(page, lambda: by_id(page, "delete").is_displayed())
    by_id(page, "delete").click()
    wait(page, lambda: by_id(page, "ask-yes").is_displayed())
    by_id(page, "ask-yes").click()
    wait(page, lambda: text(page, "toast-text") == "Deleted")


def test_the_list_has_what_came_while_nobody_looked(page, daemon):
    with looking_elsewhere(page):
        added = stick.add_event(daemon.storage, LATER, NOON + 3600)
    wait(page, lambda: newest(page) == added)


def test_lock_this_takes_what_came_last_not_what_is_shown(page, daemon):
    record(page)
    (made,) = [path.name for path in daemon.storage.glob("DASHCAM/*/*_manual")]
    assert newest(page) != made
    by_id(page, "lock").click()
    wait(page, lambda: stick.locked(daemon.storage))
    assert stick.locked(daemon.storage) == [made]
    wait(page, lambda: "Recorded by hand" in text(page, "toast-text"))
    by_id(page, "undo").click()
    wait(page, lambda: not stick.locked(daemon.storage))


def test_lock_this_passes_over_what_was_just_deleted(page, daemon):
    first, second = row(page, 0), row(page, 1)
    delete_newest(page)
    by_id(page, "lock").click()
    wait(page, lambda: stick.locked(daemon.storage))
    assert stick.locked(daemon.storage) == [second]
    wait(page, lambda: not list(daemon.storage.glob("DASHCAM/*/" + first)))


def test_who_leaves_the_page_has_deleted(page, daemon):
    place = stick.folder_of(daemon.storage, newest(page))
    delete_newest(page)
    page.get("about:blank")
    wait(page, lambda: not place.exists())


def test_who_looks_elsewhere_has_deleted(page, daemon):
    place = stick.folder_of(daemon.storage, newest(page))
    delete_newest(page)
    with looking_elsewhere(page):
        wait(page, lambda: not place.exists(), 4)
    assert not by_id(page, "undo").is_displayed()


UNDO_AT_DELETION = """
const done = arguments[0], ask = window.fetch;
window.fetch = (path, options) => {
  if (path.endsWith('/delete')) done(document.getElementById('toast').hidden);
  return ask(path, options);
};
"""
"""Whether the word with Undo is gone when the deletion is sent."""


def test_undo_is_offered_as_long_as_it_works(page, daemon):
    place = stick.folder_of(daemon.storage, newest(page))
    delete_newest(page)
    page.set_script_timeout(30)
    assert page.execute_async_script(UNDO_AT_DELETION) is True
    wait(page, lambda: not place.exists())


def test_who_reads_older_events_keeps_them_when_another_begins(page, daemon):
    page.execute_script("document.getElementById('older').click()")
    wait(page, lambda: events(page) == OF_THE_DAY)
    last = row(page, OF_THE_DAY - 1)
    before = page.execute_script("return performance.getEntriesByType('resource').length")
    record(page)
    asked = "return performance.getEntriesByType('resource').length"
    wait(page, lambda: page.execute_script(asked) > before)
    added = stick.add_event(daemon.storage, LATER, NOON + 3600)
    with looking_elsewhere(page):
        pass
    wait(page, lambda: newest(page) == added)
    assert events(page) == OF_THE_DAY + 1
    assert row(page, OF_THE_DAY) == last


def test_the_strip_shows_the_whole_day(page, daemon):
    wait(page, lambda: count(page, "#strip button") == OF_THE_DAY)
    choose(
        page, "day", page.execute_script("return document.getElementById('day').options[1].value")
    )
    wait(page, lambda: count(page, "#strip button") == 3)


def test_hours_are_the_cameras_as_the_days_are_and_a_phone_abroad_says_whose(page, daemon):
    first = page.execute_script("return document.querySelector('button.event b').textContent")
    page.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
    try:
        choose(page, "language", "ja")
        shown = local(Moment(0, NOON + 20 * (3 + OF_THE_DAY), 0, ""))
        wait(page, lambda: text(page, "events").count("UTC") == A_PAGE)
        row = page.execute_script("return document.querySelector('button.event b').textContent")
        assert row.startswith("%d:%s UTC" % (shown.hour, shown.strftime("%M:%S")))
        assert "UTC" in text(page, "clock")
    finally:
        page.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})
        choose(page, "language", "en")
    wait(page, lambda: "UTC" not in text(page, "events"))
    assert first == page.execute_script(
        "return document.querySelector('button.event b').textContent"
    )
