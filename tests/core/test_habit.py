"""What moves at one place for minutes is ordinary there; people never are, who come and go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core import habit as rules
from dashcamd.core.detector import Detector
from dashcamd.core.habit import Habit
from dashcamd.core.tracker import Tracker
from dashcamd.types import MotionField
from tests.core.fields import COLS, ROWS, field, still, walk
from tests.core.test_trace import back, traced

PART = 0.25
SCREEN = (slice(10, 15), slice(20, 27))


def plane(*patches):
    """Measures of one field: patches (row, col, high, wide, sad) on a still picture."""
    sad = np.full((1, ROWS, COLS), 300, np.float32)
    for row, col, high, wide, level in patches:
        sad[0, max(0, row) : row + high, max(0, col) : max(0, col + wide)] = level
    return sad


def show(ts, seed=3):
    """A screen: shots of six seconds, of ten about four still, four calm and two wild ones."""
    kind = np.random.default_rng((seed, int(ts / 6))).integers(10)
    if kind < 4:
        return []
    moving = np.random.default_rng((seed, round(10 * ts)))
    return [(10, 20, 5, 7, float((3500 if kind < 8 else 16000) * moving.uniform(0.8, 1.2)))]


def watch(habit, start, seconds, patches):
    """Let `habit` see ten fields a second with `patches(ts)`."""
    for i in range(round(10 * seconds)):
        ts = start + i / 10
        habit.see(ts, plane(*patches(ts)), 300.0)
    return habit


def nothing(_ts):
    return []


def fresh():
    return Habit((1, ROWS, COLS), [1600.0], PART)


@pytest.fixture(scope="module")
def screen():
    """Told of a screen for eight minutes; for looking at only."""
    return watch(fresh(), 0, 480, show)


def test_a_field_that_stands_for_others_counts_as_many_times():
    def seen(times):
        """Five fields a second, of which one is active."""
        habit = fresh()
        for i in range(800):
            patches = [(10, 20, 5, 7, 6000.0)] if i % 5 == 0 else []
            habit.see(i / 5, plane(*patches), 300.0, 6000.0, times)
        return habit.part

    assert seen(1) == 0
    assert seen(2) == 35 / (ROWS * COLS)


def test_a_screen_is_a_habit_where_it_is_and_nowhere_else(screen):
    masked = screen.limit[0] > 0
    assert masked[SCREEN].all()
    assert np.count_nonzero(masked) == 35
    assert screen.part == pytest.approx(35 / 1200)


def test_it_takes_minutes():
    habit = watch(fresh(), 0, 60, show)
    assert habit.limit is None
    assert watch(habit, 60, 300, show).limit is not None


def test_what_outshines_the_habit_is_still_seen(screen):
    limit = screen.limit[0][SCREEN]
    assert (limit > 19200).all()
    assert (limit < 3 * 19200).all()


def calm(_ts):
    return [(10, 20, 5, 7, 4000)]


def test_who_stands_before_the_screen_does_not_teach_it_to_hide_the_next():
    habit = watch(fresh(), 0, 480, calm)
    before = habit.limit[0][SCREEN].max()
    watch(habit, 480, 30, lambda ts: [*calm(ts), (8, 22, 9, 3, 20000)])
    assert habit.limit[0][SCREEN].max() <= before * 1.1


def test_what_passed_there_before_the_screen_was_on_is_not_what_it_shows():
    plain = watch(fresh(), 0, 620, lambda ts: calm(ts) if ts > 450 else [])
    passed = watch(
        fresh(), 0, 620, lambda ts: calm(ts) if ts > 450 else [(6, 20, 12, 7, 30000)] * (ts < 4)
    )
    assert passed.limit[0][SCREEN].max() == pytest.approx(plain.limit[0][SCREEN].max(), rel=0.1)


def test_however_long_it_lasted_it_is_forgotten_within_twenty_minutes():
    habit = watch(fresh(), 0, 1800, lambda ts: [(10, 20, 5, 7, 4000)])
    sizes = []
    for minute in range(20):
        watch(habit, 1800 + 60 * minute, 60, nothing)
        sizes.append(habit.part)
    assert sizes[0] > 0
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0


@settings(deadline=None, max_examples=8)
@given(
    busy=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=5),
    quiet=st.integers(0, 900),
)
def test_nothing_that_was_learnt_outlasts_its_half_lives(busy, quiet):
    habit, ts = fresh(), 0
    for on, off in busy:
        watch(habit, ts, on, lambda _: [(10, 20, 5, 7, 4000)])
        watch(habit, ts + on, off, nothing)
        ts += on + off
    watch(habit, ts, 2, nothing)
    before = habit._share.copy()
    habit.see(ts + 2 + quiet, plane(), 300.0)
    habit.see(ts + 3.1 + quiet, plane(), 300.0)
    left = before * 0.5 ** (quiet / rules.HALF_LIFE_S)
    assert (habit._share <= left + 0.01).all()


def sweep(ts, every, lasts, width=6, long=4):
    """Cars of `long` blocks, one each `every` seconds, on a road of `width` blocks."""
    phase = ts % every
    if phase >= lasts:
        return []
    front = round((width + long) * phase / lasts) - long
    left, right = max(0, front), min(width, front + long)
    return [(20, left, 3, right - left, 5000)] if right > left else []


@pytest.mark.parametrize(("every", "lasts"), [(2.5, 1.0), (4.0, 2.0), (1.6, 1.4)])
def test_cars_on_a_short_piece_of_road_are_no_habit(every, lasts):
    habit = watch(fresh(), 0, 600, lambda ts: sweep(ts, every, lasts))
    assert habit.limit is None


def test_slow_cars_one_after_the_other_are_no_habit_since_they_travel():
    habit = watch(fresh(), 0, 600, lambda ts: sweep(ts, 9.0, 8.5, width=12, long=6))
    assert (habit._share > PART).any()
    assert habit.limit is None


def test_a_door_where_somebody_comes_each_minute_is_no_habit():
    habit = watch(fresh(), 0, 900, lambda ts: [(10, 20, 6, 3, 5000)] if ts % 60 < 8 else [])
    assert habit.limit is None


def arriving(at, stays):
    """Walks in from the left at `at`, and then works where the screen would be for `stays`."""

    def patches(ts):
        since = ts - at
        if 0 <= since < 5:
            return [(10, round(4 * since), 5, 3, 6000)]
        return show(ts, seed=1) if 5 <= since < 5 + stays else []

    return patches


def test_who_has_come_is_no_habit_for_ten_minutes():
    habit = watch(fresh(), 0, 620, arriving(20, 900))
    assert (habit._share > PART)[SCREEN].any()
    assert habit.limit is None
    assert watch(habit, 620, 60, arriving(20, 900)).limit is not None


def test_a_habit_that_had_rested_ends_when_somebody_comes_there():
    def left_and_came_back(ts):
        return arriving(20, 700)(ts) if ts < 800 else arriving(900, 60)(ts)

    habit = watch(fresh(), 0, 899, left_and_came_back)
    assert habit.limit is not None
    watch(habit, 899, 8, left_and_came_back)
    assert habit.limit is None or not (habit.limit[0] > 0)[10:15, 18:22].any()


def test_who_walks_past_a_screen_that_is_on_does_not_end_its_habit():
    def with_visitor(ts):
        return show(ts) + ([(10, round(4 * (ts - 480)), 6, 3, 6000)] if ts < 490 else [])

    habit = watch(fresh(), 0, 480, show)
    assert (watch(habit, 480, 15, with_visitor).limit[0] > 0)[SCREEN].all()


def test_when_half_the_picture_moves_nothing_is_asked_more():
    habit = watch(fresh(), 0, 480, lambda ts: [(0, 0, 15, 40, 4000)])
    assert habit.limit is None
    assert habit.part == 0


def test_a_noisy_picture_is_no_habit():
    habit = fresh()
    for i in range(600):
        noisy = np.random.default_rng(i).normal(1700, 200, (1, ROWS, COLS)).astype(np.float32)
        habit.see(i / 10, noisy, 1700.0)
    assert not habit._share.any()


def test_it_is_forgotten_over_a_hole_and_by_a_clock_that_was_set_back():
    habit = watch(fresh(), 1000, 480, show)
    watch(habit, 20_000, 3, show)
    assert habit.limit is None
    habit = watch(fresh(), 5000, 480, show)
    for i in range(1200):
        habit.see(20.0 + i, plane(), 300.0)
    assert habit.limit is None


def test_who_came_before_the_clock_was_set_back_keeps_no_habit_from_beginning():
    habit = watch(fresh(), 10_000, 10, arriving(10_000, 0))
    assert watch(habit, 6400, 480, show).limit is not None


def evening(seconds, extra=nothing):
    """Fields of the screen, and of `extra(ts)`."""
    stamps = (i / 10 for i in range(round(10 * seconds)))
    return [field(ts, patches=[*show(ts), *extra(ts)]) for ts in stamps]


def visitor(ts):
    return [(11, round(3 * (ts - 482)), 6, 2, 6000)] if 482 <= ts < 495 else []


def motions(fields, **rules_of):
    detector, tracker = Detector(**rules_of), Tracker()
    told = [tracker.step(detector.judge(one)) for one in fields]
    return [one for one in told if one is not None]


@pytest.fixture(scope="module")
def long_evening():
    """Eight minutes of the screen alone, then somebody walks past before it."""
    return evening(500, visitor)


def test_a_screen_alarms_in_the_first_minutes_only_and_a_visitor_before_it_is_followed(
    long_evening,
):
    told = motions(long_evening)
    assert [one for one in motions(long_evening, expert={"habit_part": 2}) if 300 < one.last < 481]
    assert not [one for one in told if 300 < one.last < 481]
    seen = {round(one.last) for one in told if one.last > 481}
    assert seen >= set(range(484, 495))


def test_a_refusal_says_so_and_where(long_evening):
    detector = Detector()
    scores = [detector.judge(one) for one in long_evening]
    refused = [one for one in scores if one.veto == rules.IS_HABIT]
    assert refused
    assert refused[-1].blocks >= detector.least_blocks
    assert refused[-1].place == pytest.approx((20 / 40, 10 / 30, 27 / 40, 15 / 30))
    assert detector.masked_part == pytest.approx(35 / 1200)


def test_a_trace_of_the_evening_gives_the_same(long_evening):
    live, replayed = motions(long_evening), motions(back(traced(long_evening)))
    late = [{round(one.last) for one in told if one.last > 300} for told in (live, replayed)]
    assert late[0] == late[1]


def test_another_grid_begins_anew(long_evening):
    detector = Detector()
    for one in long_evening[:4800]:
        detector.judge(one)
    assert detector.masked_part > 0
    detector.judge(field(481, rows=15, cols=20))
    assert detector.masked_part == 0


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_a_higher_sensitivity_finds_all_that_a_lower_one_finds(monkeypatch, source):
    monkeypatch.setattr(rules, "HALF_LIFE_S", 20.0)
    fields = [
        MotionField(one.ts, one.blocks, 1.0, source)
        for one in evening(60, lambda ts: [*visitor(ts + 432), (3, 3, 2, 2, 1900)])
    ]
    masked, found = [], []
    for sensitivity in (1, 3, 4, 5, 6, 8, 10):
        detector = Detector(sensitivity)
        scores = [detector.judge(one) for one in fields]
        found.append({one.ts for one in scores if one.is_moving})
        masked.append(detector.masked_part)
    assert len(set(masked)) == 1
    assert masked[0] > 0
    for lower, higher in zip(found, found[1:]):
        assert lower <= higher


def test_a_still_picture_and_a_walker_leave_no_habit():
    detector = Detector()
    for one in [*still(0, 30), *walk(30, 10), *still(40, 30)]:
        detector.judge(one)
    assert detector.masked_part == 0
