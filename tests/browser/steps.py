"""What a person does and sees on the page, in words for tests and benchmarks."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest

from dashcamd.cameras.scene import read_counter

PICTURES = os.environ.get("DASHCAMD_PICTURES")

COPY = """
const node = document.getElementById(arguments[0]);
const width = node.videoWidth || node.naturalWidth, height = node.videoHeight || node.naturalHeight;
if (!width) return null;
const canvas = document.createElement('canvas');
canvas.width = width; canvas.height = height;
canvas.getContext('2d').drawImage(node, 0, 0);
return canvas.toDataURL('image/png');
"""


PRESS_GO = """
const button = document.getElementById('go');
if (button && !button.disabled) button.click();
return location.pathname;
"""


def wait(browser, condition, seconds=60):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, poll_frequency=0.1).until(lambda _: condition())


def by_id(browser, name):
    return browser.find_element("id", name)


def text(browser, name):
    return browser.execute_script(
        "const node = document.getElementById(arguments[0]); return node && node.textContent", name
    )


def luma(browser, name):
    image = pytest.importorskip("PIL.Image", reason="reading pixels needs pillow")
    numpy = pytest.importorskip("numpy")
    data = browser.execute_script(COPY, name)
    if not data:
        return None
    picture = image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))
    return numpy.asarray(picture.convert("L"))


def number_shown(browser, name):
    pixels = luma(browser, name)
    try:
        return None if pixels is None else read_counter(pixels)
    except ValueError:
        return None


def width(browser, name):
    """Of the picture itself, not of its box."""
    return browser.execute_script("return document.getElementById(arguments[0]).naturalWidth", name)


def choose(browser, name, value):
    browser.execute_script(
        "const node = document.getElementById(arguments[0]); node.value = arguments[1];"
        "node.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def keep_picture(browser, name):
    if PICTURES:
        browser.save_screenshot(str(Path(PICTURES) / (name + ".png")))


def count(browser, selector):
    return browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector)


def events(browser):
    return count(browser, "button.event")


def newest(browser):
    """The event in the first row, if there is one."""
    return browser.execute_script(
        "const row = document.querySelector('button.event'); return row && row.dataset.event"
    )


def pull(browser, daemon):
    """Take the stick out; returns when the daemon has seen it."""
    daemon.pulled.touch()
    wait(browser, daemon.seen_pulled.exists)


def open_newest(browser):
    """The list is drawn anew while an event grows, so the row is looked up where it is pressed."""
    browser.execute_script("document.querySelector('button.event').click()")


def slow_down(browser):
    """Play half as fast from the next part on, so that a busy machine can look at each."""
    browser.execute_script(
        "for (const video of document.querySelectorAll('video')) video.defaultPlaybackRate = 0.5"
    )


def sign_in(browser, daemon):
    browser.get(daemon.address)
    by_id(browser, "password").send_keys(daemon.password)
    wait(browser, lambda: browser.execute_script(PRESS_GO) == "/")
    wait(browser, lambda: text(browser, "state-word"))
