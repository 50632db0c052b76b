"""Continuous mode: nothing is missed while it is armed, whatever is asked besides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.wants import Policy
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


def test_record_now_after_a_long_quiet_changes_nothing_in_continuous_mode():
    house = House("kppp" * 50, continuous=True, hooks={101: button})
    assert house.places == [list(range(200))]
    assert house.parts[0].event.story.is_asked


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
        ("motion", list(range(16, 24))),
        ("continuous", list(range(24, 80))),
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
