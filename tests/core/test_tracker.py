from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.detector import NO_PICTURE
from dashcamd.core.tracker import State, Tracker, as_json, intervals
from dashcamd.core.vectors import DISAGREE, LIGHT, NO_OUTLINE
from dashcamd.types import Flow, Motion, Score

STEP = 0.1


def track(script, cluster=20, **rules):
    """`script` is one character a field: '#' moves, '.' does not, ' ' never arrived."""
    tracker = Tracker(**rules)
    told = []
    for i, mark in enumerate(script):
        if mark != " ":
            told.append(tracker.step(Score(i * STEP, mark == "#", 10 + i, cluster)))
    return tracker, [motion for motion in told if motion is not None]


def test_one_moving_field_is_not_motion():
    tracker, told = track("....#....", k=3, window_s=0.5)
    assert told == []
    assert tracker.state is State.SUSPECT


def test_confirmation_does_not_cost_the_start():
    _, told = track("..#.##...", k=3, window_s=0.5)
    assert (told[0].first, told[0].last) == (pytest.approx(0.2), pytest.approx(0.5))


def test_a_small_thing_must_move_for_longer_than_a_large_one():
    """An insect near the lens is gone after a third of a second; a far walker is not."""
    insect, walker = "..####......", "..########.."
    assert track(insect, cluster=4)[1] == []
    assert track(walker, cluster=4)[1][0].first == pytest.approx(0.2)
    assert track(insect, cluster=30)[1][0].first == pytest.approx(0.2)


def test_motion_is_being_told_from_its_confirmation_until_the_window_has_passed():
    scripts = ("..##", "..##.#", "..##.#....", "..##.#......")
    assert [track(one, window_s=0.5)[0].is_telling for one in scripts] == [False, True, True, False]


def at(ts, left, top):
    return Score(ts, True, 20, 20, (left, top, left + 0.1, top + 0.1))


def test_a_walker_moves_on_from_where_he_was():
    tracker = Tracker(k=3)
    told = [tracker.step(at(i * STEP, 0.02 * i, 0.5)) for i in range(5)]
    assert told[-1].first == 0.0


def test_raindrops_each_time_somewhere_else_are_not_motion():
    tracker = Tracker(k=3)
    places = [(0.0, 0.0), (0.8, 0.1), (0.4, 0.8), (0.0, 0.6), (0.8, 0.8), (0.4, 0.3)]
    told = [tracker.step(at(i * STEP, *place)) for i, place in enumerate(places)]
    assert told == [None] * 6


def test_two_insects_in_turn_are_not_one_walker():
    tracker = Tracker(k=4)
    here = [tracker.step(at(i * STEP, 0.1, 0.5)) for i in range(2)]
    there = [tracker.step(at(0.6 + i * STEP, 0.5, 0.5)) for i in range(3)]
    assert here + there == [None] * 5


def flight(step, cluster, fields=12, side=0.07):
    """Told of a thing of a square box that gets on by `step` of the picture a tenth of a second."""
    tracker = Tracker()
    told = []
    for i in range(fields):
        left = 0.02 + abs((i * step) % 1.6 - 0.8)
        score = Score(i * STEP, True, cluster, cluster, (left, 0.5, left + side, 0.5 + side))
        told.append(tracker.step(score))
    return [motion for motion in told if motion is not None]


def test_an_insect_that_darts_is_not_motion_however_large_it_looks():
    assert flight(step=0.05, cluster=6) == []
    assert flight(step=0.05, cluster=20) == []


def test_a_thing_that_is_quick_for_its_size_must_stay_for_a_second():
    assert flight(step=0.025, cluster=20, fields=10) == []
    assert flight(step=0.025, cluster=20, fields=11)[0].first == 0.0


def test_a_car_that_passes_close_by_is_told_at_once():
    assert flight(step=0.05, cluster=40, fields=3)[0].first == 0.0


def test_a_box_that_trembles_from_field_to_field_is_not_taken_for_quick():
    """30 fields a second, as an encoder gives them; a block to and fro each time."""
    tracker = Tracker()
    for i in range(30):
        left = 0.3 + 0.002 * i + 0.04 * (i % 2)
        motion = tracker.step(Score(i / 30, True, 20, 20, (left, 0.4, left + 0.08, 0.6)))
        if motion is not None:
            break
    assert i / 30 < 0.3


def test_a_walker_is_not_quick_for_his_size():
    assert flight(step=0.01, cluster=20, fields=3)[0].first == 0.0


def told_of(scores):
    tracker = Tracker()
    told = [tracker.step(score) for score in scores]
    return [motion for motion in told if motion is not None]


def walking(fields, clusters, **marks):
    """Somebody who gets on by a hundredth of the picture a field; of clusters in turn."""
    return [
        Score(i * STEP, True, 20, clusters[i % len(clusters)], (x, 0.5, x + 0.1, 0.7), **marks)
        for i, x in ((i, 0.1 + 0.01 * i) for i in range(fields))
    ]


def test_what_is_faint_must_move_for_as_long_as_what_is_small():
    assert told_of(walking(4, [40]))[0].first == 0.0
    assert told_of(walking(4, [40], is_faint=True)) == []
    assert told_of(walking(8, [40], is_faint=True))[0].first == 0.0


def test_one_large_field_makes_a_thing_no_larger():
    """A glint is large at its brightest, and faint before and after."""

    def flash(*clusters):
        return [replace(one, is_faint=one.cluster < 12) for one in walking(4, clusters)]

    assert told_of(flash(14, 6, 6, 6)) == []
    assert told_of(flash(14, 6, 14, 6))[0].first == 0.0
    assert told_of(walking(4, [14, 6, 6, 6]))[0].first == 0.0


def at_one_place(fields, **marks):
    return [Score(i * STEP, True, 6, 6, (0.5, 0.5, 0.6, 0.6), **marks) for i in range(fields)]


def test_a_faint_thing_that_does_not_get_on_must_last_for_a_second():
    assert told_of(at_one_place(10, is_faint=True)) == []
    assert told_of(at_one_place(11, is_faint=True))[0].first == 0.0
    assert told_of(walking(7, [6], is_faint=True))[0].first == 0.0
    flickers = [one for i, one in enumerate(at_one_place(30, is_faint=True)) if i % 5]
    assert told_of(in_order(flickers, standing(range(0, 30, 5)))) == []


def test_who_stands_far_away_and_waves_is_motion():
    waving = [one for i, one in enumerate(at_one_place(30)) if i % 3]
    assert told_of(in_order(waving, standing(range(0, 30, 3))))


def standing(fields):
    return [Score(i * STEP, False) for i in fields]


def refused(fields, left, veto):
    box = left, 0.5, left + 0.1, 0.7
    return [Score(i * STEP, False, 20, 20, box, veto, light=LIGHT[veto]) for i in fields]


def in_order(*scores):
    return sorted((one for some in scores for one in some), key=lambda score: score.ts)


def test_light_that_is_refused_at_its_place_in_between_is_not_motion():
    """Headlights that sweep are told by vectors that disagree in most fields, not in all."""
    sweep = [one for i, one in enumerate(walking(8, [40])) if i in (2, 5, 6)]
    assert told_of(sweep)[0].first == pytest.approx(0.2)
    assert told_of(in_order(sweep, refused([3, 4], 0.13, DISAGREE))) == []
    assert told_of(in_order(sweep, refused([3, 4], 0.8, DISAGREE)))[0].first == pytest.approx(0.2)


def test_a_visitor_who_is_refused_for_his_outline_now_and_then_is_motion():
    visitor = [one for i, one in enumerate(walking(8, [40])) if i in (2, 5, 6)]
    assert told_of(in_order(visitor, refused([3, 4], 0.13, NO_OUTLINE)))[0].first > 0
    assert told_of(in_order(visitor, refused([0, 1, 3, 4], 0.13, NO_OUTLINE))) == []


def test_who_carries_a_torch_is_motion_within_a_second_or_so():
    bearer = [one for i, one in enumerate(walking(30, [40])) if i % 2]
    told = told_of(in_order(bearer, refused(range(0, 30, 2), 0.2, DISAGREE)))
    assert told[0].last < 1.3


def swept(fields, flow, step=0.03, **marks):
    """A large group that gets on by `step` of the picture a field; its vectors say `flow`."""
    return [
        Score(i * STEP, True, 60, 60, (x, 0.5, x + 0.3, 0.8), flow=flow, **marks)
        for i, x in ((i, step * i) for i in range(fields))
    ]


def test_a_large_group_whose_vectors_hardly_agree_must_move_for_as_long_as_what_is_small():
    assert told_of(swept(4, Flow(-0.03, 0.0, 0.9, 60)))[0].first == 0.0
    assert told_of(swept(5, Flow(-0.03, 0.0, 0.7, 60))) == []
    assert told_of(swept(6, Flow(-0.03, 0.0, 0.7, 60)))[0].first == 0.0


def test_light_that_its_vectors_do_not_carry_is_refused_however_long_it_sweeps():
    """Headlights that blind the camera: half of the fields are refused, none of it is a thing."""

    def seen(flow):
        sweep = [one for i, one in enumerate(swept(24, flow)) if i % 2]
        refusals = [
            replace(one, is_moving=False, veto=DISAGREE, light=LIGHT[DISAGREE])
            for i, one in enumerate(swept(24, None))
            if not i % 2
        ]
        return told_of(in_order(sweep, refusals))

    assert seen(Flow(-0.008, 0.0, 0.62, 60)) == []
    assert seen(Flow(-0.012, 0.0, 0.62, 60))[0].first > 0
    assert seen(Flow(-0.008, 0.0, 0.8, 60))[0].first > 0


def test_what_is_smooth_in_most_of_its_fields_is_an_edge_of_a_cloud():
    def seen(is_smooth):
        fields = [one for i, one in enumerate(walking(30, [12], is_faint=True)) if i % 5]
        marked = [replace(one, is_smooth=is_smooth(i)) for i, one in enumerate(fields)]
        return told_of(in_order(marked, standing(range(0, 30, 5))))

    assert seen(lambda i: i % 3) == []
    assert seen(lambda i: i % 2)[0].first == pytest.approx(0.1)


def test_a_glint_that_an_encoder_takes_for_motion_must_last_for_a_second():
    marks = {"flow": Flow(0.005, 0.0, 0.8, 60)}
    glint = [replace(one, cluster=18, **marks) for one in at_one_place(12)]
    assert told_of(glint[:10]) == []
    assert told_of(glint)[0].first == 0.0
    near = [replace(one, cluster=40) for one in glint]
    assert told_of(near[:3])[0].first == 0.0


def test_who_gestures_at_one_place_and_is_rough_in_most_fields_is_motion():
    flow = Flow(0.005, 0.0, 0.8, 20)
    fields = [replace(one, cluster=20) for one in at_one_place(20)]
    gestures = [replace(one, flow=flow if i % 3 == 0 else None) for i, one in enumerate(fields)]
    with_rests = [one for i, one in enumerate(gestures) if i % 3 < 2]
    assert told_of(in_order(with_rests, standing(range(2, 20, 3))))


def test_who_comes_a_second_after_glare_at_that_place_is_motion():
    def seen(**marks):
        glare = refused(range(7), 0.2, DISAGREE)
        walker = [one for one in walking(20, [20], **marks) if one.ts >= 1.15]
        return told_of(in_order(glare, walker))

    assert seen()[0].last < 1.45
    assert seen(is_faint=True)[0].last > 1.45


def test_a_far_walker_is_motion_even_if_he_is_smooth_all_the_way():
    smooth = [replace(one, cluster=7, is_smooth=True) for one in walking(30, [7], is_faint=True)]
    assert told_of(smooth[:10]) == []
    assert told_of(smooth)[0].first == 0.0
    stays = [replace(one, is_smooth=True) for one in at_one_place(30, is_faint=True)]
    assert told_of(stays) == []


def snowed(ways, cluster, side=0.1, in_weather=True):
    """Told of a box of `side` that gets on by one of the `ways` (x, y) each tenth of a second."""
    tracker, told = Tracker(), []
    left = top = 0.1
    for i, (x, y) in enumerate(ways):
        box = (left, top, left + side, top + side)
        score = Score(i * STEP, True, 60, cluster, box, in_weather=in_weather)
        told.append(tracker.step(score))
        left, top = left + x, top + y
    return [motion for motion in told if motion is not None]


def test_while_it_snows_a_visitor_must_stay_for_a_second_and_is_dated_back():
    assert snowed([(0.01, 0)] * 10, cluster=20) == []
    assert snowed([(0.01, 0)] * 11, cluster=20)[0].first == 0.0
    assert snowed([(0.01, 0)] * 3, cluster=20, in_weather=False)[0].first == 0.0


def test_while_it_snows_what_falls_is_no_visitor_unless_it_is_near():
    clump = [(0, 0.02)] * 20
    assert snowed(clump, cluster=20) == []
    assert snowed(clump, cluster=40)[0].first == 0.0
    assert snowed(clump, cluster=20, in_weather=False)[0].first == 0.0
    towards_the_camera = [(0, 0.005)] * 20
    assert snowed(towards_the_camera, cluster=9)[0].first == 0.0


def test_while_it_snows_what_sinks_slowly_is_a_flake():
    flake = [(0, 0.01)] * 20
    assert snowed(flake, cluster=9) == []
    assert snowed(flake, cluster=9, in_weather=False)[0].first == 0.0


def test_while_it_snows_a_small_thing_that_is_quick_for_its_size_is_no_visitor():
    aside = [(0.03, 0)] * 20
    assert snowed(aside, cluster=9) == []
    assert snowed(aside, cluster=20)[0].first == 0.0


def test_what_is_quick_and_falls_is_the_first_flake_of_all():
    flake = [(0, 0.03)] * 20
    assert snowed(flake, cluster=20, in_weather=False) == []
    assert snowed([(0.03, 0)] * 20, cluster=20, in_weather=False)[0].first == 0.0


def test_flakes_do_not_prolong_what_a_visitor_began():
    visitor, flakes = [(0.01, 0)] * 12, [(0, 0.05)] * 8
    last = snowed(visitor + flakes, cluster=20)[-1].last
    assert last == pytest.approx(1.2, abs=0.35)
    assert snowed(visitor + [(0.01, 0)] * 8, cluster=20)[-1].last == pytest.approx(1.9)


def test_repeated_pictures_of_a_slow_source_do_not_break_a_run():
    tracker = Tracker(k=3, window_s=1.2)
    told = []
    for i in range(12):
        is_new = i % 4 == 0
        score = Score(i * STEP, is_new, 20, 20, veto=None if is_new else NO_PICTURE)
        told.append(tracker.step(score))
    assert told[8].first == 0.0


def test_a_run_ends_after_a_window_of_rest():
    tracker, told = track("..###" + "." * 7, k=3, window_s=0.5)
    assert tracker.state is State.IDLE
    assert told[-1].last == pytest.approx(0.4)


def test_a_rest_shorter_than_the_window_does_not_end_it():
    _, told = track("###....#", k=3, window_s=0.5)
    assert (told[-1].first, told[-1].last) == (0.0, pytest.approx(0.7))


def test_fields_that_never_arrived_do_not_matter():
    _, told = track("# # #", k=3, window_s=0.5)
    assert len(told) == 1


def test_the_reason_is_that_of_the_peak():
    _, told = track("###", k=3)
    assert told[0].peak_blocks == 12
    assert told[0].why.startswith("12 blocks")


def test_a_stamp_from_the_past_starts_afresh():
    tracker = Tracker(k=2)
    tracker.step(Score(100.0, True, 5))
    assert tracker.step(Score(1.0, True, 5)) is None


def test_stretches_closer_than_the_gap_become_one():
    told = [
        Motion(1, 2, why="a", peak_blocks=5),
        Motion(1, 3, why="a", peak_blocks=6),
        Motion(4.5, 6, why="b", peak_blocks=9),
        Motion(9, 9.5, why="c", peak_blocks=3),
    ]
    assert intervals(told, gap_s=2) == [
        Motion(1, 6, why="b", peak_blocks=9),
        Motion(9, 9.5, why="c", peak_blocks=3),
    ]


def test_json_counts_from_the_first_frame():
    assert as_json(Motion(1001.25, 1003.5, why="why", peak_blocks=7), 1000.0) == {
        "start_s": 1.25,
        "end_s": 3.5,
        "reason": "why",
        "peak_blocks": 7,
    }


@given(st.text("#. ", max_size=60), st.integers(1, 5), st.sampled_from([0.2, 0.5, 1.0]))
def test_confirmed_motion_is_made_of_moving_fields(script, k, window_s):
    _, told = track(script, k=k, window_s=window_s)
    stamps = [i * STEP for i, mark in enumerate(script) if mark == "#"]
    for motion in told:
        assert motion.first in stamps
        assert motion.last in stamps
        inside = [ts for ts in stamps if motion.first <= ts <= motion.last]
        assert len(inside) >= k
        assert all(b - a <= window_s + 1e-9 for a, b in zip(inside, inside[1:]))
    assert [motion.last for motion in told] == sorted(motion.last for motion in told)
