import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashcamd.core import detector as rules
from dashcamd.core.detector import Detector
from dashcamd.types import MOTION_DTYPE, MotionField
from tests.core.fields import field, still, walk


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


def test_vectors_that_agree_in_a_plain_surface_are_not_a_thing():
    sky = [(0, 10, 6, 12, 250, 6, 0)]
    scores = judged(still(0, 5, source="videocore") + [
        field(5 + i / 10, patches=sky, source="videocore") for i in range(10)
    ])  # fmt: skip
    assert scores[-1].veto == rules.NO_OUTLINE


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


def test_light_with_a_halo_is_not_a_thing_where_light_cannot_be_taken_out():
    def judged(patches):
        detector = Detector()
        for i in range(40):
            detector.judge(field(i / 20, source="videocore"))
        return detector.judge(field(2.0, patches=patches, source="videocore"))

    assert judged([(12, 12, 6, 6, 5000)]).is_moving
    score = judged([(10, 10, 10, 10, 1500), (12, 12, 6, 6, 5000)])
    assert not score.is_moving
    assert score.veto == rules.SOFT_EDGE
