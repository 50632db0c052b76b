"""What may be deleted, and what never: properties over volumes of every shape."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.retention import HIGH_WATER, Kept, part_bytes, plan, reserve_bytes

MB = 1_000_000


@st.composite
def volumes(draw):
    """Closed events oldest first, parts of an open one, and a free space that may be too small."""
    events = [
        Kept(
            number,
            draw(st.integers(0, 100)) * MB,
            is_locked=draw(st.booleans()),
            age_s=draw(st.none() | st.floats(-1e6, 1e6)),
        )
        for number in sorted(draw(st.lists(st.integers(1, 500), unique=True, max_size=20)))
    ]
    sizes = draw(st.lists(st.integers(0, 40), max_size=5))
    parts = tuple(("p%02d" % place, size * MB) for place, size in enumerate(sizes))
    free, reserve = draw(st.integers(0, 400)) * MB, draw(st.integers(1, 400)) * MB
    return events, parts, free, reserve, draw(st.sampled_from([0.0, 3600.0, 1e5]))


def is_too_old(event, keep_s):
    return keep_s > 0 and event.age_s is not None and event.age_s > keep_s


@given(volumes())
def test_the_plan_keeps_every_promise(volume):
    events, parts, free, reserve, keep_s = volume
    chosen = plan(iter(events), parts, free, reserve, keep_s)
    deleted = [event for event in events if event.number in chosen.events]
    assert list(chosen.events) == [event.number for event in deleted], "oldest first, each once"
    assert not [event for event in deleted if event.is_locked]

    for_space = [event for event in deleted if not is_too_old(event, keep_s)]
    spared = [event for event in events if not event.is_locked and event not in deleted]
    if for_space:
        assert free < reserve, "nothing is deleted for space that is there"
        assert not [event for event in spared if event.number < for_space[-1].number]
        before = free + sum(e.bytes for e in deleted if e.number < for_space[-1].number)
        assert before < HIGH_WATER * reserve, "not one event more than needed"

    assert list(chosen.parts) == [name for name, _ in parts[: len(chosen.parts)]]
    assert not parts or parts[-1][0] not in chosen.parts, "the newest closed part stays"
    freed = sum(event.bytes for event in deleted)
    freed += sum(size for name, size in parts if name in chosen.parts)
    if chosen.parts:
        assert not spared, "parts of the open event went although whole events could have"
    missing = max(0, reserve - free - freed) if free < reserve else 0
    assert chosen.short_bytes == missing, "what is missing is said"


def test_the_first_events_go_when_they_are_too_old_and_a_locked_one_does_not_hold_up_the_rest():
    ages = [(1, 500, False), (2, 400, True), (3, 300, False), (4, 50, False), (5, 20, False)]
    events = [Kept(number, MB, is_locked, age_s) for number, age_s, is_locked in ages]
    assert plan(events, (), 10 * MB, 1 * MB, keep_s=100).events == (1, 3)


def test_deleting_goes_on_to_the_high_water_mark_so_that_it_pauses_afterwards():
    events = [Kept(number, 10 * MB) for number in range(1, 101)]
    chosen = plan(events, (), free=95 * MB, reserve=100 * MB, keep_s=0)
    assert chosen.events == (1, 2, 3)
    assert 95 * MB + 3 * 10 * MB >= HIGH_WATER * 100 * MB


def test_an_event_without_a_clock_is_not_too_old():
    events = [Kept(1, MB, age_s=None), Kept(2, MB, age_s=100.1), Kept(3, MB, age_s=-5e9)]
    assert plan(events, (), 10 * MB, 1 * MB, keep_s=100).events == (2,)


def test_no_more_events_are_looked_at_than_needed():
    looked = []
    events = (looked.append(number) or Kept(number, 10 * MB) for number in range(1, 10_001))
    assert plan(events, (), 95 * MB, 100 * MB, keep_s=0).events == (1, 2, 3)
    assert len(looked) == 4


def test_ten_thousand_events_on_a_small_stick():
    """Years of driving: somebody copies holiday films to the stick, locks and unlocks events."""
    dice = random.Random(7)
    total, reserve, foreign = 2000 * MB, 100 * MB, 0
    sizes, locked, used = {}, set(), 0
    for number in range(1, 10_001):
        sizes[number] = dice.randrange(1, 30) * MB
        foreign += 50 * MB * (number % 1000 == 0)
        used += sizes[number]
        if number % 97 == 0:
            locked.add(number)
        if number % 700 == 0:
            locked.clear()
        free = max(0, total - foreign - used)
        kept = (Kept(n, sizes[n], n in locked) for n in sorted(sizes) if n != number)
        chosen = plan(kept, (), free, reserve, keep_s=0)
        may_go = [n for n in sorted(sizes) if n not in locked and n != number]
        assert list(chosen.events) == may_go[: len(chosen.events)]
        freed = sum(sizes.pop(victim) for victim in chosen.events)
        used -= freed
        assert free + freed >= reserve or chosen.short_bytes == reserve - free - freed
    assert number in sizes
    assert len(sizes) < 150


@given(st.integers(1, 1 << 45), st.integers(1, 1 << 40))
def test_a_small_volume_keeps_most_of_itself_for_video(total, configured):
    assert reserve_bytes(configured, total) <= total / 10
    assert reserve_bytes(configured, total) <= configured
    assert part_bytes(total) < 1 << 32, "FAT32 holds no larger file"
    assert part_bytes(total) >= 1 << 20
    assert part_bytes(1 << 30) <= (1 << 30) / 16
