import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.detector import Detector
from dashcamd.core.habit import Habit
from dashcamd.core.rest import LONG_STEADY_S, STEADY_S, Rest
from dashcamd.core.tracker import Tracker
from dashcamd.types import Score
from tests.core.fields import field, still, walk

HERE, BESIDE, THERE = (0.1, 0.1, 0.2, 0.3), (0.15, 0.1, 0.25, 0.3), (0.6, 0.1, 0.7, 0.3)
VISITOR = [(10, 10, 6, 4, 6000, 8, 0)]


def looked_at(stamps, places, is_long=True, is_allowed=True):
    """Which of the stamps are judged; nothing moves where the place is None."""
    rest, judged = Rest(is_long), []
    for ts, place in zip(stamps, places):
        if rest.holds(ts):
            continue
        judged.append(ts)
        rest.see(Score(ts, place is not None, 5, 5, place), is_allowed)
    return judged


def tenths(number):
    return [i / 10 for i in range(number)]


def gaps(stamps):
    return np.diff(stamps)


def test_what_moves_on_is_looked_at_less_the_longer_it_does():
    judged = looked_at(tenths(40), [HERE, BESIDE] * 20)
    apart = gaps(judged)
    for ts, gap in zip(judged, apart):
        expected = 0.1 if ts < STEADY_S else 0.2 if ts < LONG_STEADY_S else 0.4
        assert gap == pytest.approx(expected)


def test_only_an_encoder_has_long_rests():
    assert max(gaps(looked_at(tenths(60), [HERE] * 60, is_long=False))) == pytest.approx(0.2)


@pytest.mark.parametrize("fps", [6, 8, 10, 12, 15 / 2, 25 / 3, 10.1, 30])
def test_fields_judged_are_hardly_more_than_0_4_s_apart_at_any_rate(fps):
    apart = gaps(looked_at([i / fps for i in range(200)], [HERE] * 200))
    assert max(apart) <= 0.401
    assert max(apart) >= 0.33 - 1e-9


def test_nothing_rests_that_is_not_told():
    assert looked_at(tenths(60), [HERE] * 60, is_allowed=False) == tenths(60)


@pytest.mark.parametrize("other", [None, THERE])
def test_every_field_is_judged_again_once_nothing_or_something_else_moves(other):
    judged = looked_at(tenths(60), [HERE] * 30 + [other] * 5 + [HERE] * 25)
    (first,) = [i for i, ts in enumerate(judged) if ts >= 3.0][:1]
    assert judged[first] < 3.4
    begins = judged[first] if other else 3.5
    again = [ts for ts in tenths(60) if judged[first] <= ts < begins + STEADY_S]
    assert set(again) <= set(judged)


def test_what_is_refused_at_its_place_does_not_move():
    rest = Rest(is_long=True)
    for ts in tenths(11):
        rest.see(Score(ts, ts != 0.7, 5, 5, HERE), is_allowed=True)
        assert rest.holds(ts + 0.1) == (0.45 < ts < 0.65)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.sampled_from([None, HERE, BESIDE, THERE]))))
def test_no_field_rests_for_long_whatever_the_stamps_are(script):
    rest, judged, ts = Rest(is_long=True), None, 0.0
    for step, place in script:
        ts += step
        if rest.holds(ts):
            assert judged < ts < judged + 0.4
            continue
        judged = ts
        rest.see(Score(ts, place is not None, 5, 5, place), is_allowed=True)


def followed(fields):
    """(judged by the detector or not, score, motion) of each field, as a watch sees them."""
    detector, tracker, told = Detector(), Tracker(), []
    for one in fields:
        score = detector.judge(one, tracker.is_telling)
        told.append((not detector.left_out, score, tracker.step(score)))
    return told


def shown(start, seconds, patches, source):
    return [
        field(start + i / 10, patches=patches, source=source) for i in range(round(seconds * 10))
    ]


@pytest.mark.parametrize(
    ("source", "most"), [("lores", 0.65), ("ffmpeg", 0.65), ("videocore", 0.45)]
)
def test_who_walks_on_is_motion_to_his_last_field_though_few_are_judged(source, most):
    fields = still(0, 5, source=source) + walk(5, 9, source=source)
    told = followed(fields + still(14, 2, source=source))
    assert sum(is_judged for is_judged, _, _ in told[50:140]) <= 90 * most
    motions = [motion for _, _, motion in told if motion]
    assert motions[0].first == pytest.approx(5.0)
    assert abs(motions[-1].last - 13.9) <= 0.4
    assert all(score.is_moving for _, score, _ in told[50:140])


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_a_second_visitor_is_followed_from_field_to_field_when_the_first_is_gone(source):
    second = [(10, 28, 6, 4, 6000, 8, 0)]
    fields = still(0, 5, source=source) + shown(5, 5, VISITOR, source)
    told = followed(fields + shown(10, 1, second, source))[100:]
    elsewhere = [i for i, (_, score, _) in enumerate(told) if score.place[0] > 0.5]
    assert elsewhere[0] < 4
    assert all(is_judged for is_judged, _, _ in told[elsewhere[0] : elsewhere[0] + 5])
    assert told[-1][2].last == pytest.approx(10.9)


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_light_that_comes_on_is_told_from_who_is_there_within_half_a_second(source):
    flash = [(0, 0, 30, 40, 9000)]
    fields = still(0, 5, source=source) + shown(5, 5, VISITOR, source)
    told = followed(fields + shown(10, 1, flash, source))[100:]
    assert not any(score.is_moving for _, score, _ in told[4:])
    assert all(is_judged for is_judged, _, _ in told[4:])


def test_a_rest_hides_no_vectors_from_the_field_after_it():
    """They are added up over 0.2 s: of one field alone there are too few."""
    plain = [(10, 10, 8, 8, 1300, 4, 0), (10, 10, 2, 8, 6000, 4, 0)]
    fields = still(0, 5, source="videocore") + shown(5, 1.7, plain, "videocore")
    told = followed(fields)[52:]
    assert not all(is_judged for is_judged, _, _ in told)
    assert min(score.blocks for _, score, _ in told) > 40


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_who_does_not_say_that_motion_is_told_has_every_field_judged(source):
    detector = Detector()
    for one in still(0, 5, source=source) + walk(5, 8, source=source):
        detector.judge(one)
        assert not detector.left_out


def test_every_field_is_judged_while_it_may_rain_or_snow():
    rng, fields = np.random.default_rng(3), still(0, 2)
    for i in range(200):
        cells = rng.choice(80, 24, replace=False)
        flakes = [(3 * (cell // 8), 4 * (cell % 8), 2, 2, 6000) for cell in cells]
        visitor = [(10, i - 150, 8, 6, 6000)] if i >= 150 else []
        fields.append(field(2 + i / 10, patches=[*flakes, *visitor]))
    told = followed(fields)
    assert sum(motion is not None for _, _, motion in told[180:]) > 20
    assert all(is_judged for is_judged, _, _ in told[120:])


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_fields_that_a_rest_left_out_need_not_be_given(source):
    """A trace that lacks them, or holds them, is judged as the live fields were."""
    fields = still(0, 5, source=source) + shown(5, 6, VISITOR, source) + still(11, 3, source=source)
    told = followed(fields)
    far = [
        not is_judged and not after
        for (is_judged, _, _), (after, _, _) in zip(told, [*told[1:], (True, None, None)])
    ]
    again = followed([one for one, is_left_out in zip(fields, far) if not is_left_out])
    judged = [(score, motion) for is_judged, score, motion in told if is_judged]
    assert [(score, motion) for is_judged, score, motion in again if is_judged] == judged


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_for_habits_a_field_stands_for_those_left_out_before_it(source, monkeypatch):
    counted, see = [], Habit.see

    def spy(self, *args):
        counted.append(args[-1])
        see(self, *args)

    monkeypatch.setattr(Habit, "see", spy)
    told = followed(walk(0, 8, source=source) + still(8, 2, source=source))
    assert max(counted) == (4 if source == "videocore" else 2)
    assert sum(counted) == sum(score.veto is None for _, score, _ in told) > len(counted) + 20
