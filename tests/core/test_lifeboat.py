"""The lifeboat: what waits for a stick outlives the ring, the newest longest, nothing silently."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.actions import Append
from dashcamd.core.lifeboat import GIVEN_UP, Lifeboat, Span
from dashcamd.core.recording import OVERRUN
from dashcamd.core.wants import MAX_RUNS
from dashcamd.handover import Ring
from tests.core.test_recording import scenes
from tests.scenes import House, frames_of

pytestmark = pytest.mark.timeout(60)

FRAME = 7
"""Bytes of a frame of `tests.scenes`."""

QUIET = "." * 60
EVENT = "." * 8 + "#" + "." * 31
"""Forty frames that want 4..12: nine of them (pre-roll and post-roll of 4)."""


def waiting_house(motion, *, boat, ring=40, **options):
    """No stick until all is over, then one."""
    frames = ("kppp" * len(motion))[: len(motion)]
    house = House(
        frames, motion, volume=None, ring_bytes=ring * FRAME, boat_bytes=boat * FRAME, **options
    )
    house.plug("late")
    house.work()
    return house


def test_quiet_minutes_do_not_overwrite_an_event_that_waits():
    house = waiting_house(EVENT + QUIET * 5, boat=20)
    assert house.places == [list(range(4, 13))]
    assert house.disk.gaps == []


def test_without_a_lifeboat_they_do_and_that_is_counted():
    house = waiting_house(EVENT + QUIET * 5, boat=0)
    assert house.places == []
    assert [(gap.frames, gap.cause) for gap in house.disk.gaps] == [(9, OVERRUN)]


def test_events_are_written_in_order_when_a_stick_comes():
    house = waiting_house(EVENT * 4 + QUIET, boat=40)
    assert house.places == [list(range(start + 4, start + 13)) for start in (0, 40, 80, 120)]


def test_the_oldest_event_goes_first_and_from_its_front():
    house = waiting_house(EVENT * 3 + QUIET, boat=20)
    assert house.places == [[12], list(range(44, 53)), list(range(84, 93))]
    assert [(gap.frames, gap.cause) for gap in house.disk.gaps] == [(8, GIVEN_UP)]


def test_an_event_asked_for_by_hand_outlives_those_that_nobody_asked_for():
    hooks = {8: lambda house, place: house.recording.wants.trigger(place, "button")}
    house = waiting_house("." * 40 + EVENT * 2 + QUIET, boat=22, hooks=hooks)
    (asked, *others) = house.parts
    assert asked.event.story.reason == "button"
    assert [int(frame.data[:6]) for frame in asked.frames] == list(range(4, 15))
    assert [part.event.story.first_motion for part in others] == [48, 88]
    assert len(others[0].frames) == 1, "the motion between them went first"


def test_motion_that_somebody_triggered_during_it_counts_as_asked_for():
    hooks = {9: lambda house, place: house.recording.wants.trigger(place, "button")}
    house = waiting_house(EVENT * 3 + QUIET, boat=24, hooks=hooks)
    assert house.parts[0].event.story.is_asked
    assert house.places[0] == list(range(4, 16))


def test_the_newest_event_goes_last_even_when_the_older_one_was_asked_for():
    hooks = {8: lambda house, place: house.recording.wants.trigger(place, "button")}
    house = waiting_house("." * 40 + EVENT + QUIET, boat=9, hooks=hooks)
    assert house.places[-1] == list(range(44, 53))


def test_a_single_event_that_is_too_long_keeps_its_newest_frames_from_a_keyframe_on():
    house = waiting_house("." * 8 + "#" * 100 + QUIET, boat=30)
    assert len(house.places) == 1
    assert house.files[0][0] == "k"
    assert house.places[0] == list(range(84, 112))
    assert sum(gap.frames for gap in house.disk.gaps) == 80


def test_the_tail_of_a_pulled_stick_waits_in_the_lifeboat():
    house = House(
        "kppp" * 60,
        motion="." * 4 + "#" * 20,
        ring_bytes=40 * FRAME,
        boat_bytes=40 * FRAME,
        hooks={15: lambda house, place: house.pull()},
    )
    house.plug("second")
    house.work()
    first, second = house.parts
    assert (first.volume, second.volume) == ("stick", "second")
    assert second.event.continues == first.event.serial
    assert sorted(set(house.written)) == list(range(0, 28))
    assert house.places[1][: second.overlap] == [12, 13, 14], "pulled between two keyframes"
    assert house.disk.gaps == []


def test_continuous_mode_keeps_the_newest_stretch():
    house = waiting_house("." * 400, boat=60, continuous=True)
    assert house.written == list(range(house.written[0], 400))
    assert len(house.written) >= 60
    assert sum(gap.frames for gap in house.disk.gaps) == house.written[0]


def test_more_events_than_can_wait_never_make_an_endless_one():
    house = waiting_house(EVENT * (MAX_RUNS + 44), boat=40)
    assert house.places[-1] == list(range(40 * (MAX_RUNS + 43) + 4, 40 * (MAX_RUNS + 43) + 13))
    assert all(len(places) <= 9 for places in house.places)
    kept, lost = len(house.written), sum(gap.frames for gap in house.disk.gaps)
    assert kept + lost == 9 * (MAX_RUNS + 44)


def test_a_frame_beyond_a_hole_is_not_taken_for_the_next_one():
    house = House("kppp" * 40, EVENT * 3, volume=None, ring_bytes=40 * FRAME, boat_bytes=999)
    carry_out, seen = house.disk.carry_out, []
    house.disk.carry_out = lambda action: (seen.append(action), carry_out(action))
    house.plug("late")
    house.work()
    appends = [action for action in seen if isinstance(action, Append)]
    assert [action.frames[-1].ts for action in appends if action.next_ts is None] == [12, 52, 92]


def test_what_waits_is_told_while_it_waits():
    house = House(
        "kppp" * 40, EVENT * 3, volume=None, ring_bytes=40 * FRAME, boat_bytes=100 * FRAME
    )
    assert house.recording.waiting == (3, 27, 24.0)
    house.plug("late")
    house.work()
    house.secure()
    assert house.recording.waiting == (0, 0, 0.0)
    assert house.recording.lifeboat.stats.bytes == 0


def test_a_run_that_is_gone_whole_is_counted_before_a_stick_comes():
    house = House("kppp" * 100, EVENT, volume=None, ring_bytes=40 * FRAME)
    assert [gap.frames for gap in house.disk.gaps] == [9]
    assert house.recording.state == "idle"


def test_reading_past_a_hole_says_how_many_are_lost():
    ring = Ring(10 * FRAME)
    boat = Lifeboat(ring, 100 * FRAME)
    for frame in frames_of("kppp" * 10):
        ring.append(frame)
        boat.keep([Span(4, 4, 12), Span(16, 16, 20)])
    assert (len(boat.read(4, 99).frames), boat.read(4, 99).lost) == (8, 0)
    assert (len(boat.read(13, 99).frames), boat.read(13, 99).lost) == (4, 3)
    assert (boat.read(21, 99).lost, boat.read(21, 99).frames[0].ts) == (9, 30)
    assert [boat.keyframe_before(cursor) for cursor in (3, 7, 14, 19, 33)] == [
        None,
        4,
        None,
        16,
        32,
    ]


PLUGS = st.lists(st.tuples(st.integers(0, 250), st.sampled_from(["pull", "a", "b"])), max_size=12)

STALLS = st.sets(st.integers(0, 300), max_size=250)


def hook(what):
    def change(house, place):
        house.pull()
        house.plug(None if what == "pull" else what)

    return change


def voyage(scene, plugs, ring, boat, stalled=()):
    """The scene with sticks coming and going, and the same one with a stick throughout."""
    frames, motion, gop = scene
    options = {"pre": 3, "post": 2, "gap": 6 + gop, "gop": gop, "segment": 20}
    house = House(
        frames,
        motion,
        ring_bytes=ring * FRAME,
        boat_bytes=boat * FRAME,
        hooks={place: hook(what) for place, what in plugs},
        volume=None,
        works=lambda place: place not in stalled,
        **options,
    )
    house.plug("last")
    house.work()
    return house, House(frames, motion, **options)


@settings(max_examples=300, deadline=None)
@given(scenes(), PLUGS, st.integers(36, 80), st.integers(0, 120), STALLS)
def test_frames_in_are_frames_out_or_counted(scene, plugs, ring, boat, stalled):
    house, whole = voyage(scene, plugs, ring, boat, stalled)
    written = house.written
    lost = sum(gap.frames for gap in house.disk.gaps)
    assert set(written) <= set(whole.written)
    assert len(set(whole.written) - set(written)) == lost
    assert len(written) - len(set(written)) == sum(part.overlap for part in house.parts)
    assert [part.frames[0].key for part in house.parts] == [True] * len(house.parts)
    for places in house.places:
        assert places == list(range(places[0], places[0] + len(places)))


@settings(max_examples=300, deadline=None)
@given(scenes(), PLUGS, st.integers(36, 80))
def test_nothing_is_lost_while_there_is_room(scene, plugs, ring):
    house, whole = voyage(scene, plugs, ring, boat=400)
    assert set(house.written) == set(whole.written)
    assert house.disk.gaps == []


@settings(max_examples=300, deadline=None)
@given(scenes(), PLUGS, st.integers(36, 80), st.integers(0, 120))
def test_the_newest_event_survives_whole_when_it_fits(scene, plugs, ring, boat):
    house, whole = voyage(scene, plugs, ring, boat)
    if not whole.parts:
        return
    serial = whole.parts[-1].event.serial
    newest = {
        place
        for part, places in zip(whole.parts, whole.places)
        if part.event.serial == serial
        for place in places
    }
    if len(newest) <= boat:
        assert newest <= set(house.written)
