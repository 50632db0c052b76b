from dashcamd.core.detector import WARM_UP, WHOLE_SCENE
from dashcamd.core.explain import NOT_CONFIRMED, lines, near_misses
from dashcamd.types import Motion, Score

CORNER = (0.8, 0.0, 1.0, 0.2)


def test_a_veto_is_a_near_miss_with_its_reason():
    scores = [Score(10 + i / 10, False, 400 + i, veto=WHOLE_SCENE) for i in range(5)]
    (miss,) = near_misses(scores, [])
    assert (miss.why, miss.fields, miss.peak_blocks) == (WHOLE_SCENE, 5, 404)
    assert (miss.start, miss.end) == (10.0, 10.4)


def test_fields_that_moved_but_were_not_confirmed_are_a_near_miss():
    (miss,) = near_misses([Score(3.0, True, 5, 5, CORNER)], [])
    assert miss.why == NOT_CONFIRMED


def test_what_is_inside_an_event_or_the_warm_up_or_quiet_is_none():
    scores = [Score(1.0, False, 50, veto=WARM_UP), Score(5.0, True, 9, 9), Score(8.0, False, 1)]
    assert near_misses(scores, [Motion(4.0, 6.0)]) == []


def test_misses_far_apart_are_told_apart():
    scores = [Score(1.0, True, 5, 5), Score(1.5, True, 5, 5), Score(9.0, True, 5, 5)]
    assert [(one.start, one.end) for one in near_misses(scores, [])] == [(1.0, 1.5), (9.0, 9.0)]


def test_lines_are_in_order_of_time_and_say_where():
    scores = [Score(103.0, True, 5, 5, CORNER)]
    told = lines(scores, [Motion(110.0, 112.0, why="40 blocks, largest group 30")], 100.0)
    assert "3.00 s" in told[0]
    assert told[0].endswith("top right)")
    assert "EVENT      40 blocks" in told[1]
