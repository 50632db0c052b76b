"""The pure pieces: ranges, hosts, schemas, the drawn picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.web import hosts, notice, ranges, schema

NAMES = hosts.own_names("Pi.lan", "dashcam.local, car")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 100, True)),
        ("bytes=0-9", (0, 10, False)),
        ("bytes=90-", (90, 100, False)),
        ("bytes=90-500", (90, 100, False)),
        ("bytes=-10", (90, 100, False)),
        ("bytes=-500", (0, 100, False)),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=-0", None),
        ("bytes=-", (0, 100, True)),
        ("bytes=0-1,5-6", (0, 100, True)),
        ("items=0-1", (0, 100, True)),
        ("bytes=x-1", (0, 100, True)),
    ],
)
def test_ranges(header, expected):
    assert ranges.span(header, 100) == expected


@given(st.text(alphabet="bytes=0123456789-, x", max_size=30), st.integers(0, 10**12))
def test_a_range_always_lies_inside_the_file(header, size):
    found = ranges.span(header, size)
    assert found is None or 0 <= found.start <= found.end <= size


@pytest.mark.parametrize(
    "host", ["192.168.1.5", "192.168.1.5:8080", "[fe80::1]:8080", "localhost:1", "pi", "PI.lan",
             "pi.local:8080", "dashcam.local", "dashcam.local.", "car"],
)  # fmt: skip
def test_our_names_and_addresses_are_answered(host):
    assert hosts.is_ours(host, NAMES)


@pytest.mark.parametrize(
    ("hostname", "listening", "told"),
    [
        ("Pi.lan", "0.0.0.0", "pi.local"),
        ("pi", "::", "pi.local"),
        ("localhost", "0.0.0.0", "localhost"),
        ("pi", "127.0.0.1", "127.0.0.1"),
        ("pi", "fe80::1", "[fe80::1]"),
    ],
)
def test_people_are_told_a_host_that_is_answered(hostname, listening, told):
    assert hosts.shown(hostname, listening) == told
    assert hosts.is_ours(told + ":8080", hosts.own_names(hostname, ""))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8080", "dashcam.local.evil.example", "a@localhost",
             "localhost/x", "localhost:x", "[::1", "localhost:99999999", "localhost, evil"],
)  # fmt: skip
def test_foreign_and_malformed_names_are_not(host):
    assert not hosts.is_ours(host, NAMES)


@given(st.text(max_size=40))
def test_no_host_header_is_too_strange(host):
    hosts.is_ours(host, NAMES)


def test_an_origin_is_the_very_same_place():
    assert hosts.is_same_origin("http://PI:8080", "pi:8080")
    for origin in (None, "null", "http://pi", "http://pi:80801", "https://pi:8080", ""):
        assert not hosts.is_same_origin(origin, "pi:8080")


@pytest.mark.parametrize(
    ("value", "rules", "is_fine"),
    [
        (True, {"type": "boolean"}, True),
        (1, {"type": "boolean"}, False),
        (True, {"type": "integer"}, False),
        (1.5, {"type": "integer"}, False),
        (float("nan"), {"type": "number"}, False),
        (5, {"type": "number", "maximum": 4}, False),
        ("x" * 5, {"type": "string", "maxLength": 4}, False),
        ("ab", {"type": "string", "pattern": "^[a-z]+$"}, True),
        ("ab\n", {"type": "string", "pattern": "^[a-z]+$"}, False),
        (False, {"type": "boolean", "enum": [True]}, False),
        ({}, {"type": "object"}, True),
        ([], {"type": "object"}, False),
    ],
)
def test_schemas(value, rules, is_fine):
    assert (schema.problem(value, rules) is None) is is_fine


def test_unknown_and_missing_keys_are_named():
    rules = {"armed": {"type": "boolean"}}
    assert schema.body_problem({"armed": True}, rules, ("armed",)) is None
    assert "armed is missing" in schema.body_problem({}, rules, ("armed",))
    assert "'arm'" in schema.body_problem({"armed": True, "arm": 1}, rules, ())


def decoded(data):
    image = pytest.importorskip("PIL.Image", reason="looking at a JPEG needs pillow: '.[media]'")
    return np.asarray(image.open(io.BytesIO(data)).convert("L"))


def test_the_drawn_picture_is_a_jpeg_with_the_words_in_it():
    pixels = decoded(notice.notice("camera lost"))
    assert pixels.shape == (notice.ROWS * 8, notice.COLUMNS * 8)
    assert abs(int(pixels[100, 4]) - notice.PAPER) <= 2
    inked = (pixels[::8, ::8] > 150).sum()
    assert 100 < inked < 300
    assert (decoded(notice.notice("starting")) != pixels).any()


@given(st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), min_size=3, max_size=3))
def test_every_grey_comes_out_as_it_was(grid):
    pixels = decoded(notice.jpeg(grid))
    assert np.abs(pixels[::8, ::8].astype(int) - np.array(grid)).max() <= 1


@given(st.text(max_size=300))
def test_any_text_can_be_drawn(text):
    assert notice.notice(text).endswith(b"\xff\xd9")
