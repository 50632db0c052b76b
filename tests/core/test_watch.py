"""What one field tells in each mode."""

import pytest

from dashcamd.config import MotionConfig, Zone
from dashcamd.core.watch import Watch
from tests.core.fields import still, walk
from tests.core.test_ego import drive, shaken


def seen(fields, **motion):
    watch = Watch(MotionConfig(**motion))
    return [watch.step(one) for one in fields]


def motions(told):
    return [one.motion for one in told if one.motion is not None]


def reasons(told):
    return {one.reason for one in motions(told)}


JOURNEY = still(0, 5) + drive(5, 20) + still(25, 30)
KNOCK = still(0, 5) + shaken(5, [4, -4, 3, -2, 1, 0]) + still(5.6, 5)


@pytest.mark.parametrize("mode", ["car", "auto"])
def test_a_drive_is_motion_from_its_start_until_it_has_parked(mode):
    told = motions(seen(JOURNEY, mode=mode, parked_s=10))
    assert {one.reason for one in told} == {"driving"}
    assert told[0].first == pytest.approx(5.0, abs=1.0)
    assert told[-1].last == pytest.approx(35.0, abs=2.5)
    assert all(later.first == earlier.last for earlier, later in zip(told, told[1:]))


def test_a_stop_at_the_lights_does_not_end_a_drive():
    fields = still(0, 5) + drive(5, 10) + still(15, 20) + drive(35, 10) + still(45, 5)
    told = seen(fields, mode="auto", parked_s=30)
    assert all(one.is_driving for one in told[100:])


def test_at_a_door_nothing_drives():
    assert reasons(seen(JOURNEY, mode="door")) == set()
    assert {one.ego for one in seen(JOURNEY[:80], mode="door")} == {None}


def test_parked_again_a_walker_is_motion():
    told = seen(still(0, 5) + drive(5, 10) + still(15, 20) + walk(35, 8), parked_s=5)
    assert reasons(told[:200]) == {"driving"}
    assert reasons(told[230:]) == {"motion"}


def test_a_bump_is_told_in_a_car_and_at_a_door_it_is_not():
    bumps = {
        mode: [one.bump for one in seen(KNOCK, mode=mode) if one.bump is not None]
        for mode in ("car", "auto", "door")
    }
    assert bumps == {"car": [pytest.approx(5.0)], "auto": [], "door": []}
    assert "bump" in reasons(seen(KNOCK, mode="car"))


def test_auto_tells_bumps_once_it_has_seen_a_drive():
    later = still(36, 5) + shaken(41, [4, -4, 3, -2, 1, 0]) + still(41.6, 5)
    told = seen(drive(0, 10) + still(10, 26) + later, mode="auto", parked_s=5)
    assert [one.bump for one in told if one.bump is not None] == [pytest.approx(41.0)]


def test_a_bump_is_told_while_somebody_walks_on():
    """Though not every field of him is judged."""
    fields = still(0, 5) + walk(5, 4) + shaken(9, [4, -4, 3, -2, 1, 0]) + walk(9.6, 5)
    told = seen(fields, mode="car")
    assert all(one.motion for one in told[55:90])
    assert [one.bump for one in told if one.bump is not None] == [pytest.approx(9.0)]


@pytest.mark.parametrize("mode", ["car", "auto", "door"])
def test_who_walks_on_is_not_judged_in_every_field_in_any_mode(mode):
    watch, left_out = Watch(MotionConfig(mode=mode)), 0
    for one in still(0, 5) + walk(5, 8):
        watch.step(one)
        left_out += watch.detector.left_out > 0
    assert left_out > 20


def test_zones_and_painted_squares_reach_the_detector():
    passage = still(0, 5) + walk(5, 8)
    assert motions(seen(passage))
    assert not motions(seen(passage, ignore="1x1:8"))
    assert not motions(seen(passage, zones=(Zone(is_excluded=True),)))
    assert not motions(seen(passage, zones=(Zone(direction="left"),)))
    assert not motions(seen(passage, zones=(Zone(least_size=0.5),)))
