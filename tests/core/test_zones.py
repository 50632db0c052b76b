import pytest

from dashcamd.core.detector import Detector
from dashcamd.core.tracker import Tracker
from dashcamd.core.zones import Zone, ZonePlan, inside
from dashcamd.errors import ConfigError
from tests.core.fields import still, walk

LEFT_HALF = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
TRIANGLE = ((0, 0), (1, 0), (0, 1))


def seen(fields, *zones):
    """Stamps of the motion that is confirmed with these zones."""
    plan = ZonePlan(zones)
    detector, tracker = Detector(zones=plan), Tracker(zones=plan)
    told = [tracker.step(detector.judge(one)) for one in fields]
    return [motion.last for motion in told if motion]


def passage():
    """Somebody crosses from left to right between second 5 and 15."""
    return still(0, 5) + walk(5, 10)


def test_a_polygon_is_drawn_by_the_centres_of_blocks():
    assert inside(LEFT_HALF, 4, 4).tolist() == [[True, True, False, False]] * 4
    assert inside(TRIANGLE, 2, 2).tolist() == [[True, False], [False, False]]


def test_without_zones_everything_counts():
    assert ZonePlan().on_grid(3, 4) is None
    assert max(seen(passage())) == pytest.approx(14.9, abs=0.2)


def test_motion_counts_inside_an_include_zone_only():
    stamps = seen(passage(), Zone(LEFT_HALF))
    assert max(stamps) == pytest.approx(10.0, abs=0.5)


def test_motion_inside_an_exclude_zone_never_counts():
    stamps = seen(passage(), Zone(LEFT_HALF, is_excluded=True))
    assert min(stamps) == pytest.approx(10.0, abs=0.8)


def test_exclude_wins_over_include():
    assert seen(passage(), Zone(LEFT_HALF), Zone(LEFT_HALF, is_excluded=True)) == []


def test_a_zone_may_ask_for_a_least_size():
    assert seen(passage(), Zone(LEFT_HALF, least_size=0.002))
    assert seen(passage(), Zone(LEFT_HALF, least_size=0.05)) == []


def test_a_zone_may_ask_for_a_direction():
    assert seen(passage(), Zone(LEFT_HALF, direction="right"))
    assert seen(passage(), Zone(LEFT_HALF, direction="left")) == []


@pytest.mark.parametrize(
    ("zone", "what"),
    [
        ({"corners": ((0, 0), (1, 1))}, "three corners"),
        ({"corners": ((0, 0), (1, 1), (0, 2))}, "0 to 1"),
        ({"corners": TRIANGLE, "least_size": 3}, "share"),
        ({"corners": TRIANGLE, "direction": "north"}, "one of"),
    ],
)
def test_a_zone_that_cannot_be_drawn_says_why(zone, what):
    with pytest.raises(ConfigError, match=what):
        Zone(name="gate", **zone)
