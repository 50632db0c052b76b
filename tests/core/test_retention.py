"""What may be deleted, and what never: properties over volumes of every shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.naming import EventName
from dashcamd.core.retention import (
    CONTINUOUS,
    LOCKED,
    MOTION,
    Kept,
    Marks,
    Plan,
    class_of,
    marks,
    part_bytes,
    plan,
    too_old,
)

MB = 1_000_000


def name(number: int) -> EventName:
    return EventName("2027-01-15", "120000_e%06d_motion" % number)


def numbers(names) -> list:
    return [int(found.folder[8:14]) for found in names]


@st.composite
def events(draw):
    return [
        Kept(
            name(number),
            draw(st.integers(0, 100)) * MB,
            is_locked=draw(st.booleans()),
            age_s=draw(st.none() | st.floats(-1e6, 1e6)),
        )
        for number in sorted(draw(st.lists(st.integers(1, 500), unique=True, max_size=20)))
    ]


@st.composite
def volumes(draw):
    """Closed events oldest first, parts of an open one, and a free space that may be too small."""
    sizes = draw(st.lists(st.integers(0, 40), max_size=5))
    parts = tuple(("p%02d" % place, size * MB) for place, size in enumerate(sizes))
    low = draw(st.integers(1, 400)) * MB
    water = Marks(low, low + draw(st.integers(0, 100)) * MB)
    return draw(events()), parts, draw(st.integers(0, 400)) * MB, water


@given(volumes())
def test_the_plan_for_room_keeps_every_promise(volume):
    kept, parts, free, water = volume
    chosen = plan(iter(kept), parts, free, water)
    deleted = [event for event in kept if event.name in chosen.events]
    assert list(chosen.events) == [event.name for event in deleted], "in order, each once"
    assert not [event for event in deleted if event.is_locked]
    if free >= water.low:
        assert not deleted, "nothing is deleted for space that is there"
        assert not chosen.parts
    spared = [event for event in kept if not event.is_locked and event not in deleted]
    if deleted:
        assert not [event for event in spared if event.name < deleted[-1].name]
        before = free + sum(event.bytes for event in deleted[:-1])
        assert before < water.high, "not one event more than needed"

    assert list(chosen.parts) == [part for part, _ in parts[: len(chosen.parts)]]
    assert not parts or parts[-1][0] not in chosen.parts, "the newest closed part stays"
    if chosen.parts:
        assert not spared, "parts of the open event went although whole events could have"
    freed = sum(event.bytes for event in deleted)
    freed += sum(size for part, size in parts if part in chosen.parts)
    assert chosen.short_bytes == max(0, water.low - free - freed), "what is missing is said"


@given(events(), st.sampled_from([0.0, 3600.0, 1e5]))
def test_only_what_is_surely_too_old_goes_and_never_a_locked_event(kept, keep_s):
    gone = tuple(too_old(iter(kept), keep_s))
    for event in kept:
        if event.name in gone:
            assert keep_s > 0
            assert not event.is_locked
            assert event.age_s > keep_s
    young = [e.name for e in kept if not e.is_locked and e.age_s is not None and e.age_s <= keep_s]
    assert not young or all(victim < young[0] for victim in gone), "order is the number's"


def test_the_first_events_go_when_they_are_too_old_and_a_locked_one_does_not_hold_up_the_rest():
    ages = [(1, 500, False), (2, 400, True), (3, None, False), (4, 300, False), (5, 50, False)]
    kept = [Kept(name(number), MB, is_locked, age_s) for number, age_s, is_locked in ages]
    assert numbers(too_old(kept, keep_s=100)) == [1, 4]


def test_deleting_goes_on_to_the_high_water_mark_so_that_it_pauses_afterwards():
    kept = [Kept(name(number), 10 * MB) for number in range(1, 101)]
    chosen = plan(kept, (), 95 * MB, Marks(100 * MB, 125 * MB))
    assert numbers(chosen.events) == [1, 2, 3]


def test_what_is_not_known_yet_is_waited_for_and_nothing_is_said_to_be_missing():
    parts = (("p00", MB), ("p01", MB))
    chosen = plan([Kept(name(1), MB), None], parts, 0, Marks(100 * MB, 125 * MB))
    assert chosen == Plan((name(1),), is_partial=True)
    old = Kept(name(1), MB, age_s=500.0)
    assert list(too_old([old, None], 100.0)) == [name(1), None]


def test_no_more_events_are_looked_at_than_needed():
    looked = []
    kept = (looked.append(n) or Kept(name(n), 10 * MB, age_s=5.0) for n in range(1, 10_001))
    assert len(plan(kept, (), 95 * MB, Marks(100 * MB, 125 * MB)).events) == 3
    assert len(looked) == 3
    assert list(too_old(kept, 100.0)) == []
    assert len(looked) == 4
    assert list(too_old(kept, 0.0)) == []
    assert plan(kept, (), 100 * MB, Marks(100 * MB, 125 * MB)).events == ()
    assert len(looked) == 4


@pytest.mark.parametrize(
    ("reason", "is_locked", "kind"),
    [
        ("motion", False, MOTION),
        ("trigger", False, MOTION),
        ("", False, MOTION),
        ("continuous", False, CONTINUOUS),
        ("continuous", True, LOCKED),
        ("motion", True, LOCKED),
    ],
)
def test_every_event_is_in_one_class(reason, is_locked, kind):
    assert class_of(reason, is_locked) == kind


@given(st.integers(1, 1 << 45), st.integers(1, 1 << 40), st.floats(0, 400))
def test_a_small_volume_keeps_most_of_itself_for_video(total, configured, percent):
    water = marks(configured, percent, total)
    assert water.low <= min(configured, total / 10)
    assert water.low <= water.high <= total / 2
    assert part_bytes(total) < 1 << 32, "FAT32 holds no larger file"
    assert part_bytes(total) >= 1 << 20
    assert part_bytes(1 << 30) <= (1 << 30) / 16
