"""The same page in Firefox: in, the live picture moves, an event plays part by part."""

from __future__ import annotations

import io

import pytest

from dashcamd.cameras.scene import read_counter
from tests.browser import browsers
from tests.browser.steps import (
    by_id,
    events,
    number_shown,
    open_newest,
    sign_in,
    slow_down,
    text,
    wait,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

IN_FULL = """
const style = document.getElementById('picture').style;
Object.assign(style, {position: 'fixed', left: 0, top: 0, zIndex: 99, objectFit: 'fill',
    width: '640px', height: '480px', maxWidth: 'none', maxHeight: 'none'});
"""
"""The picture pixel by pixel in the corner: its counter is at the bottom left."""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory, why_connected):
    with browsers.started("firefox", tmp_path_factory.mktemp("firefox")) as made:
        yield made


def number_painted(browser):
    """Firefox copies no multipart picture to a canvas, so what it painted is looked at."""
    image = pytest.importorskip("PIL.Image", reason="reading pixels needs pillow")
    numpy = pytest.importorskip("numpy")
    painted = image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L")
    try:
        return read_counter(numpy.asarray(painted)[:480])
    except ValueError:
        return None


def test_the_live_picture_moves(firefox, daemon):
    sign_in(firefox, daemon)
    firefox.execute_script(IN_FULL)
    first = wait(firefox, lambda: number_painted(firefox))
    wait(firefox, lambda: (number_painted(firefox) or 0) > first + 20)
    firefox.execute_script("document.getElementById('picture').removeAttribute('style')")


def test_an_event_plays_part_by_part(firefox, daemon):
    by_id(firefox, "record").click()
    wait(firefox, lambda: events(firefox))
    wait(firefox, lambda: text(firefox, "state-word") == "Disarmed")
    wait(firefox, lambda: "still" not in text(firefox, "events"))
    slow_down(firefox)
    open_newest(firefox)
    first = wait(firefox, lambda: number_shown(firefox, "video-a"))
    wait(firefox, lambda: "Part 2 of" in text(firefox, "player-more"))
    shown = "video-b" if by_id(firefox, "video-b").is_displayed() else "video-a"
    wait(firefox, lambda: (number_shown(firefox, shown) or 0) > first)
