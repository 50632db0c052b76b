from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.recording import MAX_PARTS
from dashcamd.core.timeline import Moment
from dashcamd.storage.sidecar import MAX_BYTES, EventFacts, PartFacts, from_bytes, to_bytes
from dashcamd.types import Gap

COUNTS = st.integers(0, (1 << 62) - 1)
STAMPS = st.integers(0, 10**10).map(lambda ms: ms / 1000)
TEXTS = st.text(max_size=200)


def moments(start):
    return st.builds(
        Moment,
        st.just(start),
        st.integers(0, 4 * 10**12).map(lambda ms: ms / 1000),
        st.integers(0, 10**9).map(lambda ms: ms / 1000),
        TEXTS,
    )


@st.composite
def facts(draw):
    start = draw(STAMPS)
    parts = st.builds(
        PartFacts, TEXTS, STAMPS, STAMPS, COUNTS, COUNTS, TEXTS, st.just("ok"), COUNTS
    )
    return EventFacts(
        number=draw(COUNTS),
        reason=draw(TEXTS),
        boot=draw(COUNTS),
        boot_id=draw(TEXTS),
        start=start,
        moment=draw(st.none() | moments(start)),
        first_motion=draw(STAMPS),
        last_motion=draw(STAMPS),
        peak_blocks=draw(COUNTS),
        motions=draw(COUNTS),
        is_closed=draw(st.booleans()),
        continues=draw(TEXTS),
        camera=draw(TEXTS),
        parts=tuple(draw(st.lists(parts, max_size=3))),
        gaps=tuple(draw(st.lists(st.builds(Gap, STAMPS, STAMPS, COUNTS, TEXTS), max_size=3))),
    )


def rounded(value):
    """Stamps are sums in floating point, so their last digits differ."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, tuple):
        return tuple(map(rounded, value))
    if hasattr(value, "__dataclass_fields__"):
        return {name: rounded(getattr(value, name)) for name in value.__dict__}
    return value


@given(facts())
def test_what_is_written_is_read_back(event):
    assert rounded(from_bytes(to_bytes(event))) == rounded(event)


GOOD = json.loads(
    to_bytes(
        EventFacts(
            7, "motion", 3, "boot", 10.0, Moment(10.0, 1.8e9, 1.0, "ntp"), 11.0, 12.0,
            parts=(PartFacts("120000_p00.mp4", 10.0, 2.0, 60, 1000, "ab"),),
            gaps=(Gap(10.5, 10.6, 3, "ring overrun"),),
        )
    )
)  # fmt: skip

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def places(document, path=()):
    """Paths to every value in a document."""
    yield path
    if isinstance(document, dict):
        for key, value in document.items():
            yield from places(value, (*path, key))
    elif isinstance(document, list):
        for key, value in enumerate(document):
            yield from places(value, (*path, key))


def with_value(path, value):
    document = json.loads(json.dumps(GOOD))
    if not path:
        return value
    here = document
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return document


@pytest.mark.parametrize("path", list(places(GOOD)), ids=str)
@settings(max_examples=25)
@given(junk=JUNK)
def test_no_false_value_anywhere_raises_and_what_is_read_can_be_used(path, junk):
    facts = from_bytes(json.dumps(with_value(path, junk)).encode())
    if facts is not None:
        assert facts.moment is None or facts.moment.iso
        assert facts.end >= facts.start or facts.end < facts.start, "a number that compares"
        assert to_bytes(facts)


@pytest.mark.parametrize("wall", [float("nan"), float("inf"), 1e12, -1e12, 10**400, "now"])
def test_a_date_no_calendar_has_makes_the_sidecar_count_as_absent(wall):
    assert from_bytes(json.dumps(with_value(("start_unix_s",), wall)).encode()) is None


NUMBERS = [
    ("start_monotonic_s",), ("uncertainty_s",), ("motion", "first_s"), ("motion", "last_s"),
    ("parts", 0, "start_s"), ("parts", 0, "duration_s"), ("gaps", 0, "start_s"),
    ("gaps", 0, "end_s"),
]  # fmt: skip


@pytest.mark.parametrize("path", NUMBERS, ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300, True])
def test_what_is_no_length_of_time_makes_the_sidecar_count_as_absent(path, value):
    assert from_bytes(json.dumps(with_value(path, value)).encode()) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    assert from_bytes(data) is None


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b"[" * 100_000, b"9" * 10_000, b'{"number": 1', b"\xff"]
)
def test_what_is_not_a_sidecar_counts_as_absent(data):
    assert from_bytes(data) is None


def test_unknown_keys_are_left_alone():
    assert from_bytes(json.dumps({**GOOD, "new": [1]}).encode()).number == 7


def test_a_part_told_twice_is_replaced():
    event = from_bytes(json.dumps(GOOD).encode())
    event = event.with_part(PartFacts("120000_p01.mp4", 12.0, 1.0, 30, 10))
    event = event.with_part(PartFacts("120000_p00.mp4", 10.0, 2.0, 61, 10))
    assert [part.frames for part in event.parts] == [61, 30]
    assert event.end == 13.0


def test_a_sidecar_of_as_many_parts_as_an_event_has_is_read():
    stamps = [1e7 + 20.033333 * number for number in range(MAX_PARTS)]
    parts = tuple(
        PartFacts("235959_p%02d.mp4" % n, ts, 20.033333, 601, 10**9, "f" * 64, "recovered", 30)
        for n, ts in enumerate(stamps)
    )
    gaps = tuple(Gap(ts, ts + 1.033333, 10**4, "ring overrun") for ts in stamps)
    many = EventFacts(
        1, "continuous", 1, "boot", 1e7, None, 1e7, stamps[-1], parts=parts, gaps=gaps
    )
    assert len(to_bytes(many)) < MAX_BYTES // 2
    assert len(from_bytes(to_bytes(many)).parts) == MAX_PARTS
