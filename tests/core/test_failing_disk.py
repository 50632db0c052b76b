"""A disk that fails amid the recorder's decisions: nothing that is to be told is lost."""

from __future__ import annotations

import pytest

from tests.scenes import House

pytestmark = pytest.mark.timeout(60)

SCENES = {
    "one part": {"frames": "kppp" * 20, "motion": "........#"},
    "splits": {"frames": "kppp" * 20, "motion": "#" * 60, "segment": 8, "event_max": 24},
    "the camera was away": {"frames": "kppp" * 5 + "____" + "kppp" * 15, "motion": "#" * 70},
    "the ring went round": {
        "frames": "kpppp" * 12,
        "motion": "." * 5 + "#" * 50,
        "ring_bytes": 12 * 7,
        "works": lambda place: not 8 < place < 30,
    },
}


def gaps(house):
    """What is missing where, whatever is to blame."""
    return [(gap.frames, gap.start, gap.end) for gap in house.disk.gaps]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("call", range(1, 40))
def test_whatever_call_fails_each_event_is_closed_and_each_gap_told_once(scene, call):
    whole = House(**SCENES[scene])
    house = House(**SCENES[scene], fails=lambda number: number == call)
    begun = sorted({part.event.serial for part in house.parts})
    assert house.disk.closed_events == begun
    assert sorted(set(house.written)) == sorted(set(whole.written))
    assert gaps(house) == gaps(whole)


def test_what_was_lost_before_a_stick_came_is_told_once_a_part_of_it_is_open():
    told = []

    def watch(action):
        told.append(type(action).__name__)
        carry_out(action)

    house = House(
        "kpppp" * 12,
        "." * 5 + "#" * 50,
        ring_bytes=12 * 7,
        hooks={40: lambda house, place: house.plug("late")},
        volume=None,
        run=False,
    )
    carry_out, house.disk.carry_out = house.disk.carry_out, watch
    house.run()
    assert told[:3] == ["OpenPart", "Append", "Lose"]
