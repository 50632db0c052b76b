"""What may be deleted, and what never: properties over volumes of every shape."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.retention import HIGH_WATER, Kept, part_bytes, plan, reserve_bytes

MB = 1_000_000


@st.composite
def volumes(draw):
    """Events in any order, one of them open at most, and a free space that is too small or not."""
    numbers = draw(st.lists(st.integers(1, 500), unique=True, max_size=25))
    opened = draw(st.sampled_from([None, *numbers]))
    events = []
    for number in numbers:
        is_open = number == opened
        sizes = draw(st.lists(st.integers(0, 40), max_size=5)) if is_open else []
        parts = tuple(("p%02d" % place, size * MB) for place, size in enumerate(sizes))
        events.append(
            Kept(
                number,
                draw(st.integers(0, 100)) * MB,
                is_locked=draw(st.booleans()),
                is_open=is_open,
                age_s=draw(st.none() | st.floats(-1e6, 1e6)),
                parts=parts,
            )
        )
    free, reserve = draw(st.integers(0, 400)) * MB, draw(st.integers(1, 400)) * MB
    return events, free, reserve, draw(st.sampled_from([0.0, 3600.0, 1e5]))


@given(volumes())
def test_the_plan_keeps_every_promise(volume):
    events, free, reserve, keep_s = volume
    chosen = plan(events, free, reserve, keep_s)
    known = {event.number: event for event in events}
    deleted = [known[number] for number in chosen.events]
    assert not [event for event in deleted if event.is_locked or event.is_open]
    assert list(chosen.events) == sorted(set(chosen.events)), "oldest first, each once"

    own = {event for event in deleted if not is_too_old(event, keep_s)}
    spared = [e for e in events if e not in deleted and not e.is_locked and not e.is_open]
    if own and spared:
        assert max(event.number for event in own) < min(event.number for event in spared)
    assert not [event for event in spared if is_too_old(event, keep_s)]

    opened = [event for event in events if event.parts]
    freed = sum(event.bytes for event in deleted)
    freed += sum(size for event in opened for name, size in event.parts if name in chosen.parts)
    if chosen.parts:
        assert not spared, "parts of the open event went although whole events could have"
        assert list(chosen.parts) == [name for name, _ in opened[0].parts[: len(chosen.parts)]]
        assert opened[0].parts[-1][0] not in chosen.parts, "the newest closed part stays"
        assert not opened[0].is_locked
    if free < reserve:
        assert chosen.short_bytes == max(0, reserve - free - freed), "what is missing is said"
    else:
        assert chosen.short_bytes == 0
        assert not own, "nothing is deleted for space that is there"


def is_too_old(event, keep_s):
    return keep_s > 0 and event.age_s is not None and event.age_s > keep_s


def test_deleting_goes_on_to_the_high_water_mark_so_that_it_pauses_afterwards():
    events = [Kept(number, 10 * MB) for number in range(1, 101)]
    chosen = plan(events, free=95 * MB, reserve=100 * MB, keep_s=0)
    assert chosen.events == (1, 2, 3)
    assert 95 * MB + 3 * 10 * MB >= HIGH_WATER * 100 * MB


def test_an_event_without_a_clock_is_not_too_old():
    events = [Kept(1, MB, age_s=None), Kept(2, MB, age_s=-5e9), Kept(3, MB, age_s=100.1)]
    assert plan(events, 10 * MB, 1 * MB, keep_s=100).events == (3,)


def test_ten_thousand_events_on_a_small_stick():
    """Years of driving: somebody copies holiday films to the stick, locks and unlocks events."""
    dice = random.Random(7)
    total, reserve, foreign = 2000 * MB, 100 * MB, 0
    sizes, locked = {}, set()
    for number in range(1, 10_001):
        sizes[number] = dice.randrange(1, 30) * MB
        foreign += 50 * MB * (number % 1000 == 0)
        if number % 97 == 0:
            locked.add(number)
        if number % 700 == 0:
            locked.clear()
        free = max(0, total - foreign - sum(sizes.values()))
        if free >= reserve and number % 10:
            continue
        kept = [Kept(n, size, n in locked, n == number) for n, size in sizes.items()]
        dice.shuffle(kept)
        chosen = plan(kept, free, reserve, keep_s=0)
        may_go = [n for n in sorted(sizes) if n not in locked and n != number]
        assert list(chosen.events) == may_go[: len(chosen.events)]
        freed = sum(sizes.pop(victim) for victim in chosen.events)
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
