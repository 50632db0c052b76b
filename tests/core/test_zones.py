import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.config import Zone
from dashcamd.config_read import parse
from dashcamd.core.detector import TOO_SMALL, Detector
from dashcamd.core.tracker import Tracker
from dashcamd.core.zones import ZonePlan, inside, painted
from tests.core.fields import field, still, walk

LEFT_HALF = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
TRIANGLE = ((0, 0), (1, 0), (0, 1))


def seen(fields, *zones, ignore=""):
    """Stamps of the motion that is confirmed with these zones."""
    plan = ZonePlan(zones, ignore)
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
    stamps = seen(passage(), Zone(corners=LEFT_HALF))
    assert max(stamps) == pytest.approx(10.0, abs=0.5)


def test_motion_inside_an_exclude_zone_never_counts():
    stamps = seen(passage(), Zone(corners=LEFT_HALF, is_excluded=True))
    assert min(stamps) == pytest.approx(10.0, abs=0.8)


def test_exclude_wins_over_include():
    assert seen(passage(), Zone(corners=LEFT_HALF), Zone(corners=LEFT_HALF, is_excluded=True)) == []


def test_a_zone_may_ask_for_a_least_size():
    assert seen(passage(), Zone(corners=LEFT_HALF, least_size=0.002))
    assert seen(passage(), Zone(corners=LEFT_HALF, least_size=0.05)) == []


RIGHT_HALF = ((0.5, 0), (1, 0), (1, 1), (0.5, 1))


def test_a_least_size_is_asked_of_the_largest_group_in_that_zone():
    """A large thing elsewhere does not hide a small one where small ones are wanted."""
    zones = Zone(corners=LEFT_HALF), Zone(corners=RIGHT_HALF, least_size=0.05)
    detector = Detector(zones=ZonePlan(zones))
    fields = still(0, 3)
    fields.append(field(3, patches=[(5, 30, 7, 7, 6000), (20, 4, 3, 2, 6000)]))
    score = [detector.judge(one) for one in fields][-1]
    assert (score.is_moving, score.cluster) == (True, 6)
    assert score.place[2] < 0.5


def test_what_is_too_small_for_its_zone_is_not_saved_by_a_zone_that_its_box_touches():
    zones = Zone(corners=LEFT_HALF, least_size=0.05), Zone(corners=RIGHT_HALF, least_size=0.001)
    detector = Detector(zones=ZonePlan(zones))
    fields = [*still(0, 3), field(3, patches=[(10, 17, 3, 3, 6000)])]
    score = [detector.judge(one) for one in fields][-1]
    assert score.veto == TOO_SMALL


def test_a_zone_may_ask_for_a_direction():
    assert seen(passage(), Zone(corners=LEFT_HALF, direction="right"))
    assert seen(passage(), Zone(corners=LEFT_HALF, direction="left")) == []


def test_a_zone_is_found_at_any_grid():
    for rows, cols in ((9, 16), (12, 20), (30, 40), (45, 80)):
        counts = ZonePlan([Zone(corners=LEFT_HALF, is_excluded=True)]).on_grid(rows, cols)
        assert counts.sum() == rows * cols // 2
        assert counts[:, cols // 2 :].all()


def test_painted_squares_never_count():
    stamps = seen(passage(), ignore="2x1:8")
    assert min(stamps) == pytest.approx(10.0, abs=0.8)
    assert seen(passage(), ignore="1x1:8") == []
    assert seen(passage(), ignore="1x1:0") == seen(passage())


def test_painted_squares_win_over_include_zones():
    assert seen(passage(), Zone(corners=LEFT_HALF), ignore="2x1:8") == []


def test_squares_are_counted_row_by_row_from_the_top_left():
    assert painted("4x2:8f", 2, 4).tolist() == [[True, False, False, False], [True] * 4]
    assert painted("3x1:2", 1, 3).tolist() == [[False, False, True]]
    assert painted("1x3:C", 3, 1).tolist() == [[True], [True], [False]]


def test_a_block_is_ignored_when_half_of_it_is_painted():
    assert painted("4x1:8", 1, 2).tolist() == [[True, False]]
    assert painted("8x1:80", 1, 2).tolist() == [[False, False]]


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 90), st.integers(1, 90), st.data())
def test_any_mask_fits_any_grid(cols, rows, field_cols, field_rows, data):
    digits = -(-cols * rows // 4)
    bits = data.draw(st.integers(0, 16**digits - 1))
    ignore = "%dx%d:%0*x" % (cols, rows, digits, bits)
    config = parse({"motion": {"ignore": ignore}}, "x").motion
    assert painted(config.ignore, field_rows, field_cols).shape == (field_rows, field_cols)
