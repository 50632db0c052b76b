"""Continuous mode: nothing is missed while it is armed, whatever is asked besides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.wants import Policy
from dashcamd.types import Motion
from tests.scenes import House

pytestmark = pytest.mark.timeout(60)


def by_motion(house, place):
    house.recording.change(Policy(4, 4, 14, 1000, 10**5, 2))


def without_a_pause(house, place):
    house.recording.change(Policy(4, 4, 14, 1000, 10**5, 2, is_continuous=True))


def button(house, place):
    house.recording.wants.trigger(place, "button")


def arm(house, place):
    house.recording.wants.arm(True, place)


def disarm(house, place):
    house.recording.wants.arm(False, place)


def camera_lost(house, place):
    house.recording.wants.camera_lost()


def reasons(house):
    """Reason of each event and the places of its frames, those that are told twice left out."""
    found = {}
    for part, places in zip(house.parts, house.places):
        found.setdefault((part.event.serial, part.event.reason), []).extend(places[part.overlap :])
    return [(reason, places) for (_, reason), places in found.items()]


def test_record_now_in_continuous_mode_is_an_event_of_its_own_without_a_seam():
    house = House("kppp" * 50, continuous=True, hooks={101: button})
    assert reasons(house) == [
        ("continuous", list(range(100))),
        ("button", list(range(100, 108))),
        ("continuous", list(range(108, 200))),
    ], "from what is in no file yet to the first keyframe behind the horizon of 107"
    assert [part.event.continues for part in house.parts] == [None, 1, 2]
    assert [part.event.story.is_asked for part in house.parts] == [False, True, False]


def test_asked_again_meanwhile_the_same_event_goes_on():
    house = House("kppp" * 50, continuous=True, hooks={101: button, 105: button})
    assert reasons(house)[1:] == [
        ("button", list(range(100, 112))),
        ("continuous", list(range(112, 200))),
    ]


def test_what_is_asked_for_has_its_pre_roll_while_no_stick_has_it():
    hooks = {62: button, 90: lambda house, place: house.plug("stick")}
    house = House("kppp" * 30, continuous=True, volume=None, hooks=hooks)
    assert reasons(house) == [
        ("continuous", list(range(56))),
        ("button", list(range(56, 72))),
        ("continuous", list(range(72, 120))),
    ]


def test_asked_for_within_a_long_gop_the_event_begins_with_the_keyframe_before_once_more():
    house = House(("k" + "p" * 9) * 8, continuous=True, gop=10, hooks={45: button})
    assert [part.overlap for part in house.parts] == [0, 3, 0]
    assert house.places[1] == list(range(40, 60))
    assert reasons(house) == [
        ("continuous", list(range(43))),
        ("button", list(range(43, 60))),
        ("continuous", list(range(60, 80))),
    ]


def test_within_a_long_gop_nothing_is_lost_when_the_stick_goes_just_then():
    def pull(house, place):
        house.pull()

    hooks = {44: pull, 45: button, 180: lambda house, place: house.plug("stick")}
    hooks[46] = pull
    house = House(
        ("k" + "p" * 9) * 20,
        continuous=True,
        gop=10,
        hooks=hooks,
        ring_bytes=40 * 8,
        boat_bytes=1000 * 8,
    )
    assert [place for _, places in reasons(house) for place in places] == list(range(200))
    assert not house.disk.gaps


@pytest.mark.parametrize("asked_off", [disarm, camera_lost, by_motion])
def test_what_is_asked_for_ends_with_continuous_mode(asked_off):
    house = House("kppp" * 20, continuous=True, hooks={41: button, 43: asked_off})
    assert reasons(house)[1][0] == "button"
    assert house.written[:44] == list(range(44))


def test_who_asks_after_a_stall_misses_nothing_before():
    house = House("kppp" * 30, continuous=True, hooks={62: button}, works=lambda at: at > 90)
    assert house.written == list(range(120))


def test_a_bump_in_continuous_mode_is_an_event_and_mere_motion_is_not():
    def bump(house, place):
        house.recording.wants.motion(Motion(place, place, "bump"))

    house = House("kppp" * 30, "." * 20 + "#" * 10, continuous=True, hooks={61: bump})
    assert [reason for reason, _ in reasons(house)] == ["continuous", "bump", "continuous"]


def test_without_a_stick_what_was_asked_for_outlives_what_nobody_asked_for():
    hooks = {40: button, 280: lambda house, place: house.plug("stick")}
    house = House(
        "kppp" * 75, continuous=True, volume=None, hooks=hooks, ring_bytes=40 * 8, boat_bytes=40 * 8
    )
    asked = [places for reason, places in reasons(house) if reason == "button"]
    assert asked == [list(range(36, 48))]


def test_armed_anew_after_a_trigger_continuous_mode_goes_on_without_a_seam():
    hooks = {40: disarm, 61: button, 63: arm}
    house = House("kppp" * 30, continuous=True, hooks=hooks)
    assert reasons(house) == [
        ("continuous", list(range(41))),
        ("button", list(range(56, 68))),
        ("continuous", list(range(68, 120))),
    ], "from the first keyframe behind the horizon of 67 on"


def test_disarmed_a_trigger_ends_as_it_does_in_any_mode():
    house = House("kppp" * 30, continuous=True, hooks={40: disarm, 61: button})
    assert house.places[-1] == list(range(56, 68))
    assert house.disk.closed_events == [1, 2]


def test_motion_while_disarmed_keeps_no_triggered_event_open():
    house = House("kppp" * 60, "." + "#" * 239, hooks={0: disarm, 20: button, 150: arm})
    assert house.written[:11] == list(range(16, 27))
    assert house.written[11:] == list(range(144, 240))


def test_an_event_that_continuous_mode_goes_on_from_keeps_its_reason_up_to_its_end():
    house = House("kppp" * 20, "." * 20 + "#", hooks={22: without_a_pause})
    assert reasons(house) == [
        ("motion", list(range(16, 28))),
        ("continuous", list(range(28, 80))),
    ]


def test_who_asked_before_the_first_frame_does_not_end_continuous_mode():
    hooks = {0: button, 1: without_a_pause}
    house = House("____" + "kppp" * 30, hooks=hooks)
    assert house.written == list(range(4, 124))


ASKED = st.sampled_from([button, arm, disarm, camera_lost, by_motion, without_a_pause])


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 3),
    st.text("....#", max_size=160),
    st.dictionaries(st.integers(0, 159), ASKED, max_size=8),
    st.sets(st.integers(0, 159), max_size=100),
    st.booleans(),
)
def test_whatever_is_asked_continuous_mode_misses_nothing_while_it_is_armed(
    late, motion, hooks, stalled, continuous
):
    house = House(
        "_" * late + "kppp" * 40,
        motion,
        hooks=hooks,
        works=lambda place: place not in stalled,
        continuous=continuous,
    )
    is_armed, wanted = True, set()
    for place in range(160 + late):
        asked = hooks.get(place)
        is_armed = is_armed if asked not in (arm, disarm) else asked is arm
        if asked in (by_motion, without_a_pause):
            continuous = asked is without_a_pause
        if is_armed and continuous and place >= late:
            wanted.add(place)
    told = [
        place for part, places in zip(house.parts, house.places) for place in places[part.overlap :]
    ]
    assert wanted <= set(told)
    assert told == sorted(set(told))
    assert not house.disk.gaps
