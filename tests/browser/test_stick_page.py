"""The stick opened from file:// on a computer without a network."""

from __future__ import annotations

import time

import pytest

from dashcamd.storage import stick_page
from tests.browser import browsers

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
COUNT = 5000


@pytest.fixture(params=browsers.KINDS)
def opened(request, tmp_path):
    with browsers.started(request.param, tmp_path) as made:
        yield made


def write_page(root):
    for path, name in stick_page.STATIC.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(stick_page.static_file(name))
    entry = '{"n":%d,"d":"2026-11-20","f":"193528_e%06d_motion","r":"motion","p":[],"b":1}'
    chunks = range(COUNT // stick_page.CHUNK)
    for chunk in chunks:
        first = chunk * stick_page.CHUNK
        lines = {number: entry % (number, number) for number in range(first, first + 200)}
        (root / stick_page.chunk_path(chunk)).write_bytes(stick_page.chunk_bytes(chunk, lines))
    (root / stick_page.LIST).write_bytes(stick_page.list_bytes(chunks))


def test_five_thousand_events_are_usable_within_two_seconds(opened, tmp_path):
    write_page(tmp_path / "stick")
    began = time.monotonic()
    opened.get((tmp_path / "stick" / "DASHCAM" / "index.html").as_uri())
    while str(COUNT) not in opened.find_element("id", "count").text:
        assert time.monotonic() - began < 60
    took_s = time.monotonic() - began
    print("usable after %.2f s" % took_s)
    assert len(opened.find_elements("css selector", ".event")) >= 60
    assert took_s < 2
