import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashcamd.core import detector as rules
from dashcamd.core import vectors
from dashcamd.core.detector import Detector
from dashcamd.core.tracker import Tracker
from dashcamd.types import MOTION_DTYPE, MotionField
from tests.core.fields import field, still, walk
from tests.core.judging import in_turn, pools, videocore


def judged(fields, **settings):
    detector = Detector(**settings)
    return [detector.judge(one) for one in fields]


def moving(scores):
    return [score.ts for score in scores if score.is_moving]


def test_an_empty_scene_never_moves():
    assert moving(judged(still(0, 60))) == []


@pytest.mark.parametrize("source", ["lores", "ffmpeg", "videocore"])
def test_a_walker_moves_in_every_source_from_his_first_field(source):
    scores = judged(still(0, 5, source=source) + walk(5, 5, source=source))
    assert moving(scores)[0] == pytest.approx(5.0)
    assert len(moving(scores)) >= 49


def test_the_place_is_where_the_walker_is():
    score = judged([*still(0, 5), field(5, patches=[(12, 20, 3, 2, 6000)])])[-1]
    assert score.place == pytest.approx((20 / 40, 12 / 30, 22 / 40, 15 / 30))
    assert (score.blocks, score.cluster) == (6, 6)


def test_what_happens_while_the_camera_warms_up_is_not_motion():
    scores = judged(walk(0, 2), warm_up_s=1.0)
    assert min(moving(scores)) == pytest.approx(1.0)
    assert scores[5].veto == rules.WARM_UP


def test_a_camera_that_restarts_warms_up_again():
    detector = Detector(warm_up_s=1.0)
    for one in still(0, 3):
        detector.judge(one)
    assert detector.judge(walk(60, 1)[0]).veto == rules.WARM_UP


def test_the_whole_picture_at_once_is_light_and_not_a_visitor():
    flash = field(5, patches=[(0, 0, 30, 40, 9000)])
    assert judged([*still(0, 5), flash])[-1].veto == rules.WHOLE_SCENE


def test_single_blocks_far_apart_are_not_a_visitor():
    specks = field(5, patches=[(r, c, 1, 1, 9000) for r in (2, 12, 22) for c in (3, 15, 30)])
    assert judged([*still(0, 5), specks])[-1].veto == rules.TOO_SMALL


def test_many_small_groups_are_rain_until_one_is_clearly_larger():
    drops = [(r, c, 2, 2, 6000) for r in (1, 7, 13, 19, 25) for c in (2, 12, 22, 32)]
    assert judged([*still(0, 5), field(5, patches=drops)])[-1].veto == rules.SCATTERED
    visitor = [*drops, (8, 15, 6, 4, 6000)]
    assert judged([*still(0, 5), field(5, patches=visitor)])[-1].is_moving


def snowfall(seconds, source="lores", visitor=False, sad=6000, size=(4, 3)):
    """Two dozen flakes of four blocks, each time elsewhere; at the end a visitor."""
    rng, fields = np.random.default_rng(3), still(0, 2, source=source)
    for i in range(round(seconds * 10)):
        cells = rng.choice(80, 24, replace=False)
        flakes = [(3 * (cell // 8), 4 * (cell % 8), 2, 2, sad) for cell in cells]
        if visitor and i == round(seconds * 10) - 1:
            flakes.append((10, 34, *size, 6000))
        fields.append(field(2 + i / 10, patches=flakes, source=source))
    return fields


def test_a_visitor_need_not_outgrow_all_the_snow_once_it_is_known_to_snow():
    assert judged(snowfall(0.5, visitor=True))[-1].veto == rules.SCATTERED
    score = judged(snowfall(5, visitor=True))[-1]
    assert score.is_moving
    assert score.in_weather
    assert not judged([*still(0, 2), *walk(2, 8)])[-1].in_weather


@pytest.mark.parametrize("sensitivity", [1, 4, 5, 6, 10])
@pytest.mark.parametrize(("sad", "is_weather"), [(1300, False), (1900, True)])
def test_weather_is_the_same_at_every_sensitivity(sensitivity, sad, is_weather):
    """Only flakes that stand out at 5 are weather, also where none or all of them are seen."""
    fields = snowfall(5, visitor=True, sad=sad, size=(8, 4))
    score = judged(fields, sensitivity=sensitivity)[-1]
    assert score.is_moving
    assert score.in_weather == is_weather


def test_a_flake_is_no_visitor_however_long_it_snows():
    assert not any(score.is_moving for score in judged(snowfall(20)))


def walker_in_snow(sensitivity=5, source="lores"):
    """Scores from 20 s on of somebody of six blocks among a hundred flakes just as bright."""
    rng, fields = np.random.default_rng(7), still(0, 2, source=source)
    for i in range(230):
        cells = rng.choice(1200, 100, replace=False)
        patches = [(*divmod(int(cell), 40), 1, 1, 3000) for cell in cells]
        if i >= 200:
            patches.append((14, 5 + (i - 200) // 8, 3, 2, 3000))
        fields.append(field(2 + i / 10, patches=patches, source=source))
    return judged(fields, sensitivity=sensitivity)[220:]


def test_who_is_no_larger_than_the_flakes_is_told_by_staying():
    *_, before, first = walker_in_snow()
    assert before.is_moving
    assert first.in_weather
    left, top, right, bottom = first.place
    assert left <= 10 / 40 <= right
    assert top <= 15 / 30 <= bottom
    assert not any(score.is_moving for score in walker_in_snow(source="videocore"))


def crowd(people=5, speed=0.4, seconds=60):
    """Fields of people, three blocks by two, who cross the picture all the time."""
    rng = np.random.default_rng(3)
    rows, starts = np.arange(people) * 6 % 27, rng.uniform(0, 40, people)
    for i in range(seconds * 10):
        cols = (starts + speed * i) % 44 - 2
        patches = [(int(row), int(col), 3, 2, 5000) for row, col in zip(rows, cols)]
        yield field(2 + i / 10, patches=patches)


def test_people_in_a_crowd_that_is_taken_for_weather_are_told():
    detector, tracker = Detector(), Tracker()
    told = set()
    for one in [*still(0, 2), *crowd()]:
        score = detector.judge(one)
        if tracker.step(score) is not None:
            told.add(int(one.ts))
    assert score.in_weather
    assert len(told) >= 50


def test_in_snow_a_higher_sensitivity_finds_all_that_a_lower_one_finds():
    found = [set(moving(walker_in_snow(one))) for one in (1, 3, 5, 7, 10)]
    assert found[2]
    for lower, higher in zip(found, found[1:]):
        assert lower <= higher


def test_weather_is_not_told_where_vectors_tell_a_fall():
    score = judged(snowfall(5, source="videocore", visitor=True))[-1]
    assert score.veto == rules.SCATTERED


def test_vectors_that_agree_in_a_plain_surface_are_not_a_thing():
    sky = [(0, 10, 6, 12, 250, 6, 0)]
    scores = judged(still(0, 5, source="videocore") + [
        field(5 + i / 10, patches=sky, source="videocore") for i in range(10)
    ])  # fmt: skip
    assert scores[-1].veto == vectors.NO_OUTLINE


def test_the_rest_of_a_shift_at_sharp_edges_is_not_a_visitor():
    edge = field(5, patches=[(12, 20, 1, 4, 2000)])
    assert judged([*still(0, 5), edge])[-1].is_moving
    edge.blocks["x"] = 2
    assert not judged([*still(0, 5), edge])[-1].is_moving


def test_a_vector_in_one_corner_is_not_a_shift_of_the_picture():
    corner = field(5, patches=[(12, 20, 1, 4, 2000), (0, 0, 1, 1, 300, 4, 0)])
    assert judged([*still(0, 5), corner])[-1].is_moving


def test_when_the_whole_picture_differs_more_a_block_must_differ_much_more():
    pulse = field(5, noise=700, patches=[(12, 20, 3, 2, 2500)])
    assert not judged([*still(0, 5), pulse])[-1].is_moving


def dusk(walker_sad):
    """Noise that grows for 50 s; ten seconds later somebody walks through it."""
    growing = [field(i / 10, noise=400 + 1.6 * i) for i in range(500)]
    walking = [
        field(60 + i / 10, noise=1200, patches=[(12, 4 + i // 3, 4, 3, walker_sad)])
        for i in range(30)
    ]
    return [*growing, *(field(50 + i / 10, noise=1200) for i in range(100)), *walking]


def test_who_comes_at_dusk_is_measured_by_the_noise_and_not_by_its_growth():
    fields = dusk(1750)
    assert len([ts for ts in moving(judged(fields)) if ts >= 60]) > 25
    assert [ts for ts in moving(judged(fields)) if ts < 60] == []


def test_leaves_in_most_of_the_picture_are_no_noise_that_grows_everywhere():
    """Who walks where it is still is not measured by them."""

    def gusts(i):
        leaves = round(800 + 600 * np.sin(2 * np.pi * i / 200))
        walker = [(24, 4 + i // 3 % 30, 4, 3, 2200)] if i >= 300 else []
        return field(i / 10, patches=[(0, 0, 18, 40, leaves), *walker])

    told = moving(judged([gusts(i) for i in range(600)]))
    assert len([ts for ts in told if ts >= 30]) > 200


def test_a_repeated_picture_says_nothing():
    assert judged([*still(0, 5), field(5, noise=0)])[-1].veto == rules.NO_PICTURE


def test_blocks_that_never_rest_become_ordinary():
    leaves = [(4, 4, 6, 6, 3000)]
    scores = judged([field(i / 10, patches=leaves) for i in range(1200)])
    assert moving(scores[-50:]) == []


def test_a_more_sensitive_detector_sees_what_a_less_sensitive_one_does_not():
    faint = field(5, patches=[(12, 20, 2, 1, 1300)])
    assert not judged([*still(0, 5), faint], sensitivity=5)[-1].is_moving
    assert judged([*still(0, 5), faint], sensitivity=9)[-1].is_moving


def test_a_new_grid_starts_afresh():
    scores = judged([*still(0, 5), *still(5, 3, rows=15, cols=20)])
    assert scores[50].veto == rules.WARM_UP
    assert moving(scores) == []


any_field = hnp.arrays(
    MOTION_DTYPE,
    st.tuples(st.integers(1, 7), st.integers(2, 9)),
    elements=st.tuples(st.integers(-128, 127), st.integers(-128, 127), st.integers(0, 65535)),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            any_field,
            st.floats(-10, 1e9),
            st.sampled_from(["lores", "ffmpeg", "videocore", "unheard of"]),
        ),
        max_size=8,
    )
)
def test_no_field_makes_it_raise_and_the_same_fields_give_the_same_scores(script):
    fields = [MotionField(ts, blocks, 1.0, source) for blocks, ts, source in script]
    first = judged(fields, warm_up_s=0.0)
    assert first == judged(fields, warm_up_s=0.0)
    for score in first:
        assert 0 <= score.cluster <= score.blocks
        assert not (score.is_moving and score.veto)


def test_the_padding_column_is_never_read():
    one, other = field(5), field(5)
    other.blocks[:, -1] = np.array((127, 127, 65535), MOTION_DTYPE)
    assert judged([*still(0, 5), one])[-1] == judged([*still(0, 5), other])[-1]


def test_a_bump_is_not_believed_until_it_has_settled():
    visitor = [(10, 10, 6, 4, 6000, 8, 0)]
    jolt = pools([(row, 0, 1, 40, 1300, 0, 6 - 12 * (row % 2)) for row in range(30)])
    after = in_turn((5, pools([])), (0.1, jolt), (2, pools(visitor)))
    assert {score.veto for score in after[:8]} <= {rules.AFTER_SCENE, rules.WHOLE_SCENE}
    assert after[-1].is_moving


def test_a_third_of_the_picture_is_light_while_a_whole_scene_change_settles():
    flash = pools([(0, 0, 30, 40, 9000)])
    third = pools([(0, 0, 12, 40, 6000, 8, 0)])
    assert in_turn((5, pools([])), (0.3, third))[-1].is_moving
    scores = in_turn((5, pools([])), (0.1, flash), (1.5, third))
    assert not any(score.is_moving for score in scores)


@pytest.mark.parametrize("fields", [30, 31])
def test_nothing_goes_on_over_a_hole(fields):
    detector, visitor = Detector(), pools([(10, 10, 6, 4, 6000, 8, 0)])
    for i in range(50):
        detector.judge(pools([])(i / 10))
    for i in range(fields):
        detector.judge(visitor(5 + i / 10), is_told=True)
    assert detector.judge(pools([])(3600), is_told=True).veto == rules.WARM_UP


@pytest.mark.parametrize(("source", "sad"), [("lores", 1100), ("videocore", 1700)])
def test_who_stands_nearly_still_a_moment_after_he_moved_still_moves(source, sad):
    def last(before):
        slow = [(12, 20, 3, 2, sad, 4, 0)]
        return judged([*still(0, 5, source=source), *before, field(6, patches=slow, source=source)])

    assert last([field(5.9, patches=[(12, 20, 3, 2, 6000, 4, 0)], source=source)])[-1].is_moving
    assert not last([field(5.9, source=source)])[-1].is_moving


@pytest.mark.parametrize(
    ("source", "sad"), [("lores", 6000), ("videocore", 6000), ("videocore", 600)]
)
def test_what_stood_out_in_a_field_stays_as_it_was_told(source, sad):
    """Whether it has more SAD than is ordinary, or vectors alone."""
    detector, told = Detector(), []
    visitor = [
        field(5 + i / 10, patches=[(12, 10, 3, 2, sad, 20, 0)], source=source) for i in range(5)
    ]
    for one in [*still(0, 5, source=source), *visitor, *still(5.5, 2, source=source)]:
        detector.judge(one)
        told.append((detector.standing, detector.standing.copy()))
    assert all(np.array_equal(standing, copy) for standing, copy in told)
    assert 5 <= sum(copy.any() for _, copy in told) < 10


def test_small_groups_that_fall_all_over_the_picture_are_snow():
    def falling(col):
        return [(10, col, 2, 2, 5000, 0, -6)]

    scores = videocore([*map(falling, (2, 10, 18, 26, 34))])
    assert [score.veto for score in scores] == [None] * 3 + [vectors.FALLING] * 2


def test_who_walks_down_in_one_place_is_not_snow():
    scores = videocore([[(8 + i // 4, 20, 2, 2, 5000, 0, -4)] for i in range(30)])
    assert all(score.is_moving for score in scores)


@settings(deadline=None, max_examples=40)
@given(
    sad=st.integers(500, 9000),
    high=st.integers(1, 12),
    noise=st.sampled_from([50, 300, 1500]),
    specks=st.integers(0, 12),
    source=st.sampled_from(["lores", "videocore"]),
)
def test_a_higher_sensitivity_finds_all_that_a_lower_one_finds(sad, high, noise, specks, source):
    rng = np.random.default_rng(specks)
    dots = [(*rng.integers(0, (30, 40)), 1, 1, sad) for _ in range(specks)]
    fields = still(0, 3, source=source, noise=noise)
    for i in range(10):
        patches = [*dots, (12, 2 * i, high, 2, sad, 4, 0)]
        fields.append(field(3 + i / 10, noise, patches, source))
    found = [set(moving(judged(fields, sensitivity=one))) for one in range(1, 11)]
    for lower, higher in zip(found, found[1:]):
        assert lower <= higher


def test_hours_of_fields_leave_nothing_behind():
    detector, tracker = Detector(), Tracker()
    fields = [*still(0, 20), *walk(20, 10), *still(30, 20)]

    def hours(rounds):
        for turn in range(rounds):
            for one in fields:
                ts = one.ts + 50.0 * turn
                tracker.step(detector.judge(MotionField(ts, one.blocks, 1.0, "videocore")))

    hours(2)
    tracemalloc.start()
    hours(2)
    before = tracemalloc.get_traced_memory()[0]
    hours(6)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_stamps_that_stand_still_while_something_moves_on_do_no_harm(source):
    detector = Detector()
    for one in [*still(0, 5, source=source), *walk(5, 3, source=source)]:
        detector.judge(one, True)
    stuck = walk(8, 1, source=source)[0]
    for _ in range(300):
        detector.judge(stuck, True)
    scores = [detector.judge(one, True) for one in walk(9, 1, source=source)]
    assert any(score.is_moving for score in scores)
