"""Second thoughts on what an encoder's vectors tell: light, glare, edges, glints."""

import pytest

from dashcamd.core import detector as rules
from dashcamd.core import vectors
from dashcamd.core.detector import Detector
from tests.core.fields import field
from tests.core.judging import in_turn, pools, videocore


def test_light_with_a_halo_is_not_a_thing_where_light_cannot_be_taken_out():
    def judged(patches):
        detector = Detector()
        for i in range(40):
            detector.judge(field(i / 20, source="videocore"))
        return detector.judge(field(2.0, patches=patches, source="videocore"))

    assert judged([(12, 12, 6, 6, 5000)]).is_moving
    score = judged([(10, 10, 10, 10, 1500), (12, 12, 6, 6, 5000)])
    assert not score.is_moving
    assert score.veto == vectors.SOFT_EDGE


def test_a_large_group_whose_vectors_lead_nowhere_is_glare():
    def group(*ways):
        return [(12, 10 + 2 * i, 6, 2, 5000, *way) for i, way in enumerate(ways)]

    left, right = (-6, 0), (6, 0)
    assert videocore([group(right, right, right)])[-1].is_moving
    assert videocore([group(left, right, left, right)])[-1].veto == vectors.DISAGREE


def test_a_rough_group_is_a_thing_however_its_vectors_lead():
    """Who walks towards the camera has vectors every way; light is smooth from block to block."""

    def group(*heights):
        ways = ((-6, 0), (6, 0), (-6, 0), (6, 0))
        return [
            (12, 10 + 2 * i + k, 6, 1, height, *way)
            for i, way in enumerate(ways)
            for k, height in enumerate(heights)
        ]

    assert videocore([group(4000, 6000)])[-1].veto == vectors.DISAGREE
    score = videocore([group(3500, 9000)])[-1]
    assert score.is_moving
    assert score.flow is None


def test_a_group_of_half_the_size_need_not_agree_as_well():
    def group(*ways):
        return [(12, 10 + 2 * i, 3, 2, 5000, *way) for i, way in enumerate(ways)]

    left, right = (-6, 0), (6, 0)
    assert videocore([group(right, (4, 4))])[-1].is_moving
    assert videocore([group(left, right)])[-1].veto == vectors.DISAGREE


def test_exposure_that_pumps_hides_no_visitor_for_long():
    visitor = [(10, 10, 6, 4, 6000, 8, 0)]
    rise = pools([], noise=1300)
    assert in_turn((5, pools([])), (0.1, rise))[0].veto == rules.WHOLE_SCENE
    after = in_turn((5, pools([])), (0.1, rise), (0.3, pools(visitor)))
    assert all(score.is_moving for score in after)


def test_exposure_that_follows_a_car_does_not_hide_the_car():
    """A clean picture: where hardly a block differed a dip of exposure has vectors everywhere."""
    car = (14, 10, 8, 12, 20000, 8, 0)
    any_way = [(row, 0, 1, 40, 330, 2 - 4 * (row % 2), 2 - row // 2 % 2 * 4) for row in range(30)]
    dip = pools([*any_way, car], noise=330)
    scores = in_turn((5, pools([], noise=30)), (0.5, dip))
    assert all(score.is_moving and score.cluster == 96 for score in scores)
    dip = pools(any_way, noise=330)
    assert not any(one.is_moving for one in in_turn((5, pools([], noise=30)), (0.5, dip)))


def test_a_knock_is_not_a_visitor_though_an_edge_stands_out():
    """The vectors of the whole picture agree then; to and fro from field to field."""
    edge = (10, 10, 8, 6, 6000)

    def knock(x, y):
        return pools([(0, 0, 30, 40, 900, x, y), (*edge, x, y)], noise=900)

    quiet = (5, pools([], noise=300))
    scores = in_turn(
        quiet, *((0.1, knock(6 * way, 2 * way)) for way in (1, -1, 1)), (0.3, knock(6, 2))
    )
    assert not any(score.is_moving for score in scores)


@pytest.mark.parametrize("sensitivity", [5, 7, 9, 10])
def test_the_dim_fringe_that_a_higher_sensitivity_adds_makes_nothing_light(sensitivity):
    """Somebody rough, and around him what only a higher sensitivity sees, which is smooth."""
    fringe = (8, 8, 14, 14, 1350, 4, 0)
    ways = [(-6, 0), (6, 0)] * 4
    body = [(12, 11 + i, 6, 1, (3500, 9000)[i % 2], *way) for i, way in enumerate(ways)]
    detector = Detector(sensitivity)
    for i in range(50):
        detector.judge(pools([])(i / 10))
    score = detector.judge(pools([fringe, *body])(5.0))
    assert score.is_moving
    assert score.flow is None


def test_the_flow_of_a_group_is_what_its_vectors_say_together():
    """In pictures: blocks of 16 pixels, 40 across and 30 down."""
    score = videocore([[(12, 10, 6, 4, 5000, 6, 0), (12, 14, 6, 4, 5000, 0, 6)]])[-1]
    assert score.flow.across == pytest.approx(3 / 640)
    assert abs(score.flow.down) == pytest.approx(3 / 480)
    assert score.flow.agreement == pytest.approx(0.5**0.5)
    assert score.flow.blocks == score.cluster


def test_vectors_in_a_picture_that_differs_everywhere_are_not_a_thing_by_themselves():
    """The infrared filter switches: more SAD in each block for a second, and vectors in many."""
    sheen = [(0, 4, 5, 9, 1000, 8, 0)]
    switch = pools(sheen, noise=1000)
    scores = in_turn((5, pools([])), (0.3, pools([], noise=1000)), (1.2, switch))
    assert scores[-1].veto == vectors.NO_OUTLINE
    assert not any(score.is_moving for score in scores)
    visitor = pools([*sheen, (10, 20, 8, 6, 6000, 8, 0)], noise=1000)
    scores = in_turn((5, pools([])), (0.3, pools([], noise=1000)), (1.2, visitor))
    assert scores[-1].is_moving


def test_a_group_with_the_least_outline_is_smooth_unless_it_is_small():
    def seen(wide):
        edge = [(0, 10, 2, wide, 600, 8, 0), (0, 10, 1, 2, 2000, 8, 0)]
        return in_turn((5, pools([])), (1, pools(edge)))[-1]

    assert seen(4).is_moving
    assert seen(4).is_smooth
    assert seen(2).is_moving
    assert not seen(2).is_smooth


def test_what_only_a_higher_sensitivity_refuses_as_light_says_nothing_against_motion():
    """Or it would hide what a lower one finds."""
    swirl = [(12, 10 + i, 6, 1, 1500, 6 - 12 * (i % 2), 0) for i in range(8)]
    glare = [(row, col, high, wide, 5000, x, y) for row, col, high, wide, _, x, y in swirl]

    def light(patches, sensitivity):
        detector = Detector(sensitivity)
        scores = [detector.judge(pools([])(i / 10)) for i in range(50)]
        scores += [detector.judge(pools(patches)(5 + i / 10)) for i in range(3)]
        assert scores[-1].veto == vectors.DISAGREE
        return scores[-1].light

    assert light(glare, 5) == light(glare, 9) == vectors.LIGHT[vectors.DISAGREE]
    assert light(swirl, 9) == 0


def test_a_group_of_which_hardly_a_block_matches_badly_is_faint():
    def group(badly):
        body = (10, 10, 5, 5, 1300, 8, 0)
        return pools([body, (10, 10, badly // 5, 5, 6000, 8, 0)])

    faint, solid = (in_turn((5, pools([])), (1, group(badly)))[-1] for badly in (10, 15))
    assert faint.is_moving
    assert faint.is_faint
    assert solid.is_moving
    assert not solid.is_faint
