"""The recorder's decisions: which frames, in which files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.recording import HOLE_S, MAX_PARTS
from dashcamd.core.wants import Policy, Run, Story
from dashcamd.handover import Ring
from dashcamd.types import Motion
from tests.scenes import House, frames_of

pytestmark = pytest.mark.timeout(60)


def test_motion_that_returns_inside_the_gap_stays_in_one_file():
    house = House("kppp" * 40, motion="....##......##....", pre=4, post=4, gap=14)
    assert house.files == ["kpppkpppkpppkpppkp"]


def test_a_file_ends_exactly_after_the_post_roll():
    house = House("kppp" * 20, motion="........#", pre=4, post=6, gap=14)
    assert house.places == [list(range(4, 15))]


def test_pre_roll_starts_at_the_keyframe_at_or_before_it():
    house = House("kpp" * 20, motion="..........#", pre=3, post=1, gap=8, gop=3)
    assert house.places == [list(range(6, 12))]


def test_pre_roll_takes_what_there_is_just_after_the_start():
    house = House("kpp" * 20, motion=".#", pre=9, post=1, gap=14, gop=3)
    assert house.places == [[0, 1, 2]]


def test_motion_after_the_gap_is_an_event_of_its_own():
    house = House("kppp" * 20, motion="....#..................................#", gap=14)
    assert [part.event.serial for part in house.parts] == [1, 2]
    assert house.disk.closed_events == [1, 2]


def test_a_still_scene_records_nothing():
    assert House("kppp" * 100).files == []


def test_a_long_event_is_split_at_keyframes_without_a_hole():
    house = House("kppp" * 20, motion="#" * 60, segment=10)
    assert house.places == [
        list(range(0, 12)),
        *[list(range(s, s + 12)) for s in (12, 24, 36)],
        list(range(48, 60)),
        list(range(60, 64)),
    ]
    assert {part.end for part in house.parts} == {"split", "event over"}


def test_a_part_that_is_full_in_bytes_is_split_too():
    house = House("kppp" * 10, motion="#" * 40, volume=None, run=False)
    house.recording.volume_ready("small", part_bytes=6 * 7)
    house.run()
    assert house.files == ["kpppkppp"] * 5


def test_a_full_event_goes_on_as_the_next_one():
    house = House("kppp" * 20, motion="#" * 60, segment=8, event_max=24)
    serials = [part.event.serial for part in house.parts]
    assert serials == [1, 1, 1, 2, 2, 2, 3, 3]
    assert [p.event.continues for p in house.parts if p.index == 0] == [None, 1, 2]
    assert house.written == list(range(64))


def test_an_event_of_very_many_parts_goes_on_as_the_next_one():
    house = House("kp" * (MAX_PARTS + 2), continuous=True, segment=1, gop=2)
    serials = [part.event.serial for part in house.parts]
    assert serials == [1] * MAX_PARTS + [2, 2]
    assert house.written == list(range(2 * MAX_PARTS + 4))


def test_an_event_that_never_ends_waits_for_no_quiet_to_be_closed_at_stop():
    house = House("kppp" * 5, motion="." * 8 + "#" * 12)
    assert house.places == [list(range(4, 20))]
    assert house.disk.closed_events == [1]


def test_a_trigger_records_even_when_disarmed():
    def trigger(house, place):
        house.recording.wants.arm(False, place)
        house.recording.wants.trigger(place, "button")

    house = House("kppp" * 10, motion="#" * 40, hooks={12: trigger}, works=lambda p: p >= 12)
    assert house.parts[-1].event.story.reason == "button"
    assert house.places[-1][-1] == 12 + 2 + 4


def test_disarming_ends_the_event_there():
    house = House(
        "kppp" * 10,
        motion="." * 8 + "#" * 30,
        hooks={17: lambda house, place: house.recording.wants.arm(False, place)},
    )
    assert house.places == [list(range(4, 18))]


def moved(reason):
    """A hook: motion for `reason` at that frame."""
    return lambda house, place: house.recording.wants.motion(Motion(place, place, reason))


@pytest.mark.parametrize("works", [lambda place: True, lambda place: place > 40])
def test_a_drive_that_begins_during_motion_is_an_event_of_its_own_without_a_seam(works):
    hooks = {place: moved("driving") for place in range(10, 24)}
    house = House("kppp" * 12, motion="....######", hooks=hooks, works=works)
    assert [part.event.reason for part in house.parts] == ["motion", "driving"]
    assert [part.event.continues for part in house.parts] == [None, 1]
    assert house.places == [list(range(0, 12)), list(range(12, 28))]
    assert house.disk.closed_events == [1, 2]


def test_after_a_drive_a_walker_is_motion_again():
    hooks = {place: moved("driving") for place in range(4, 14)}
    house = House("kppp" * 12, motion="." * 16 + "##", hooks=hooks)
    assert [part.event.reason for part in house.parts] == ["driving", "motion"]
    assert house.written == list(range(0, 22))


def test_a_hand_and_continuous_mode_keep_their_reason_against_motion():
    house = House(
        "kppp" * 10,
        motion="." * 10 + "###",
        hooks={9: lambda house, place: house.recording.wants.trigger(place, "button")},
    )
    assert {part.event.reason for part in house.parts} == {"button"}
    hooks = {place: moved("driving") for place in range(4, 14)}
    house = House("kppp" * 10, continuous=True, hooks=hooks)
    assert {part.event.reason for part in house.parts} == {"continuous"}


def test_a_reason_that_changes_while_the_stick_is_out_is_cut_where_it_changed():
    hooks = {place: moved("driving") for place in range(14, 20)}
    hooks[6] = lambda house, place: house.pull()
    hooks[30] = lambda house, place: house.plug("stick")
    house = House("kppp" * 12, motion="....#####.....", hooks=hooks)
    assert sorted(set(house.written)) == list(range(0, 24))
    assert [part.event.reason for part in house.parts][-1] == "driving"
    assert house.parts[-1].frames[0].ts == 16


def test_continuous_mode_misses_nothing():
    house = House("kppp" * 30, continuous=True, segment=20, event_max=60)
    assert house.written == list(range(120))
    assert [part.event.serial for part in house.parts] == [1, 1, 1, 2, 2, 2]


def test_a_camera_that_was_away_begins_a_new_file():
    house = House("kppp____kpppkppp", motion="#" * 16)
    assert house.files == ["kppp", "kpppkppp"]
    assert house.parts[0].end == "camera gap"
    assert house.disk.gaps[0].cause == "camera"


def test_a_hole_inside_a_gop_costs_no_frame():
    house = House("kppp" + "kp___pp" + "kppp" * 2, motion="#" * 18)
    assert house.files == ["kpppkpppkpppkppp"]
    assert house.disk.gaps == []


def test_a_camera_of_a_frame_in_two_seconds_is_not_away_between_two_of_them():
    house = House("kppp" * 18, motion="#" * 72, fps=0.49, gop=8.2, gap=40, run=False)
    house.recording.camera(0.49, 8.2)
    house.run()
    assert house.places == [list(range(72))]
    assert house.disk.gaps == []


def test_a_lost_camera_closes_the_open_file_at_once():
    house = House(
        "kpppkp" + "_" * 20,
        motion="######",
        hooks={8: lambda house, place: house.recording.wants.camera_lost()},
    )
    assert house.files == ["kpppkp"]
    assert house.parts[0].end == "event over"


def test_an_event_waits_in_the_ring_for_a_volume():
    house = House(
        "kppp" * 10,
        motion="....#",
        volume=None,
        hooks={30: lambda house, place: house.plug("late")},
    )
    assert house.places == [list(range(0, 9))]
    assert house.parts[0].volume == "late"


def test_a_pulled_stick_continues_the_event_on_the_next_stick():
    house = House(
        "kppp" * 10,
        motion="." * 4 + "#" * 20,
        hooks={
            14: lambda house, place: house.pull(),
            19: lambda house, place: house.plug("second"),
        },
    )
    first, second = house.parts
    assert (first.volume, second.volume) == ("stick", "second")
    assert second.event.continues == first.event.serial
    assert sorted(set(house.places[0] + house.places[1])) == list(range(0, 28))
    assert len(set(house.places[0]) & set(house.places[1])) == second.overlap


def test_the_same_stick_again_continues_the_same_event():
    house = House(
        "kppp" * 10,
        motion="." * 4 + "#" * 20,
        hooks={
            14: lambda house, place: house.pull(),
            19: lambda house, place: house.plug("stick"),
        },
    )
    assert [part.event.serial for part in house.parts] == [1, 1]
    assert [part.index for part in house.parts] == [0, 1]


def test_beyond_the_ring_the_gap_is_counted_and_recording_goes_on_at_a_keyframe():
    house = House(
        "kpppp" * 10,
        motion="." * 5 + "#" * 40,
        ring_bytes=12 * 7,
        works=lambda place: not 8 < place < 30,
    )
    assert all(file[0] == "k" for file in house.files)
    written = set(house.written)
    lost = sum(gap.frames for gap in house.disk.gaps)
    assert lost == len(set(range(0, 49)) - written) > 0


def test_each_frame_is_appended_with_the_stamp_of_the_next():
    house = House("kppp" * 6, motion="....#", run=False)
    seen = []
    carry_out = house.disk.carry_out
    house.disk.carry_out = lambda action: (seen.append(action), carry_out(action))
    house.run()
    appends = [action for action in seen if hasattr(action, "next_ts")]
    for before, after in zip(appends, appends[1:]):
        assert before.next_ts in (None, after.frames[0].ts)


def test_the_last_frame_does_not_last_until_the_camera_is_back():
    hooks = {
        17: lambda house, place: house.pull(),
        18: lambda house, place: house.recording.wants.camera_lost(),
        60: lambda house, place: house.plug("stick"),
    }
    house = House("kppp" * 4 + "kp" + "_" * 40 + "kppp", motion="." * 8 + "#" * 10, hooks=hooks)
    (before, after) = house.parts
    assert house.places == [list(range(4, 16)), [16, 17]]
    assert (before.next_ts, after.next_ts) == (16, None)


GOPS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


def stream_of(gops):
    return "".join("k" + "p" * (length - 1) for length in gops)


@st.composite
def scenes(draw):
    gops = draw(GOPS)
    frames = stream_of(gops)
    motion = "".join(draw(st.sampled_from("...#")) for _ in frames)
    if draw(st.booleans()):
        motion = "".join(letter * 8 for letter in motion)[: len(frames)]
    return frames, motion, max(gops)


@settings(max_examples=300, deadline=None)
@given(
    scenes(),
    st.sampled_from([0, 3, 9]),
    st.sampled_from([0, 2, 6]),
    st.sampled_from([5, 20]),
    st.sampled_from([40, 1000]),
    st.sets(st.integers(0, 300), max_size=200),
)
def test_frames_in_are_frames_out(scene, pre, post, segment, event_max, stalled):
    """Invariant 1: every wanted frame in exactly one file, in order, whatever the wake-ups."""
    frames, motion, gop = scene
    house = House(
        frames,
        motion,
        pre=pre,
        post=post,
        gap=pre + post + gop + 1,
        gop=gop,
        segment=segment,
        event_max=event_max,
        works=lambda p: p not in stalled,
    )
    written = house.written
    assert written == sorted(set(written))
    wanted = {
        place
        for moved in house.moving
        for place in range(max(0, moved - pre), min(len(frames), moved + post + 1))
    }
    assert wanted <= set(written)
    assert house.disk.gaps == []
    for places, part in zip(house.places, house.parts):
        assert part.frames[0].key
        assert places == list(range(places[0], places[0] + len(places)))
        assert part.frames[-1].ts - part.frames[0].ts < segment + gop
        assert part.end in ("split", "event over")
    assert len(house.disk.closed_events) == len({part.event.serial for part in house.parts})


@settings(max_examples=200, deadline=None)
@given(scenes(), st.sets(st.integers(0, 300), max_size=250), st.sampled_from([5, 20]))
def test_when_the_recorder_wakes_up_changes_no_file(scene, stalled, segment):
    frames, motion, gop = scene
    options = {"pre": 3, "post": 2, "gap": 6 + gop, "gop": gop, "segment": segment}
    prompt = House(frames, motion, **options)
    lazy = House(frames, motion, works=lambda place: place not in stalled, **options)
    assert lazy.places == prompt.places


@settings(max_examples=300, deadline=None)
@given(scenes(), st.integers(20, 200), st.sets(st.integers(0, 300), max_size=250))
def test_what_the_ring_could_not_hold_is_counted(scene, held, stalled):
    frames, motion, gop = scene
    options = {"pre": 3, "post": 2, "gap": 6 + gop, "gop": gop, "segment": 20}
    house = House(frames, motion, ring_bytes=held * 7, works=lambda p: p not in stalled, **options)
    whole = House(frames, motion, **options)
    written = house.written
    assert written == sorted(set(written))
    assert all(part.frames[0].key for part in house.parts)
    if not any(stalled_near_start(whole, house)):
        lost = sum(gap.frames for gap in house.disk.gaps)
        assert len(set(whole.written) - set(written)) == lost


def stalled_near_start(whole, house):
    """Pre-roll that the ring had dropped before the motion was never promised."""
    starts = {
        part.event.story.first_motion: places[0]
        for part, places in zip(house.parts, house.places)
        if part.index == 0
    }
    for part, places in zip(whole.parts, whole.places):
        if part.index == 0:
            yield starts.get(part.event.story.first_motion) != places[0]


@settings(max_examples=300, deadline=None)
@given(
    scenes(),
    st.lists(st.tuples(st.integers(0, 250), st.sampled_from(["pull", "a", "b"])), max_size=12),
    st.sets(st.integers(1, 60), max_size=10),
)
def test_pulled_sticks_and_failed_writes_lose_nothing_the_ring_holds(scene, plugs, failures):
    frames, motion, gop = scene

    def hook(what):
        if what == "pull":
            return lambda house, place: house.pull()

        def change(house, place):
            house.pull()
            house.plug(what)

        return change

    hooks = {place: hook(what) for place, what in plugs}
    options = {"pre": 3, "post": 2, "gap": 6 + gop, "gop": gop, "segment": 20}
    house = House(frames, motion, hooks=hooks, fails=failures.__contains__, run=False, **options)
    house.run()
    house.plug("last")
    house.work()
    whole = House(frames, motion, **options)
    written = house.written
    assert set(written) == set(whole.written)
    overlap = sum(part.overlap for part in house.parts)
    assert len(written) - len(set(written)) == overlap
    for part, places in zip(house.parts, house.places):
        assert part.frames[0].key
        assert part.overlap < gop
        assert places == list(range(places[0], places[0] + len(places)))
    assert house.disk.gaps == []


@settings(max_examples=300, deadline=None)
@given(
    scenes(),
    st.integers(10, 80),
    st.lists(st.tuples(st.integers(0, 250), st.sampled_from(["pull", "a"])), max_size=12),
)
def test_frames_lost_while_no_stick_is_there_are_counted_once(scene, held, plugs):
    frames, motion, gop = scene

    def hook(what):
        def change(house, place):
            house.pull()
            house.plug(None if what == "pull" else what)

        return change

    options = {"pre": 3, "post": 2, "gap": 6 + gop, "gop": gop, "segment": 20}
    hooks = {place: hook(what) for place, what in plugs}
    house = House(frames, motion, ring_bytes=held * 7, hooks=hooks, run=False, **options)
    house.run()
    house.plug("last")
    house.work()
    whole = House(frames, motion, **options)
    if not any(stalled_near_start(whole, house)):
        lost = sum(gap.frames for gap in house.disk.gaps)
        assert len(set(whole.written) - set(house.written)) == lost


def test_an_event_that_the_ring_forgot_before_a_stick_came_is_a_gap_and_no_file():
    house = House(
        "kppp" * 30,
        motion="........#",
        volume=None,
        ring_bytes=40 * 7,
        hooks={100: lambda house, place: house.plug("late")},
    )
    assert house.files == []
    assert [gap.frames for gap in house.disk.gaps] == [9]


@settings(max_examples=200, deadline=None)
@given(scenes())
def test_a_gap_too_short_for_the_keyframes_is_stretched_so_that_no_frame_doubles(scene):
    frames, motion, gop = scene
    house = House(frames, motion, pre=5, post=2, gap=1, gop=gop)
    assert house.written == sorted(set(house.written))
    assert all(part.overlap == 0 for part in house.parts)


def test_an_hour_at_thirty_frames_a_second():
    minute = "#" * 600 + "." * 1200
    house = House(
        ("k" + "p" * 29) * 3600,
        motion=minute * 60,
        fps=30,
        gop=1,
        segment=120,
        pre=5,
        post=5,
        gap=15,
        works=lambda place: place % 15 == 0,
    )
    assert HOLE_S < 5
    assert len(house.parts) == 60
    assert all(len(part.frames) == 30 * (5 + 20 + 5) for part in house.parts[1:])


POLICIES = st.builds(
    Policy,
    pre_roll_s=st.integers(0, 6),
    post_roll_s=st.integers(0, 6),
    gap_s=st.integers(16, 30),
    segment_s=st.integers(4, 60),
    event_max_s=st.integers(10, 100),
    manual_s=st.just(2),
    is_continuous=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.text(".....#", min_size=60, max_size=100),
    st.dictionaries(st.integers(0, 99), POLICIES, max_size=6),
)
def test_policies_that_change_at_any_time_lose_and_double_no_frame(motion, policies):
    def change(policy):
        return lambda house, place: house.recording.change(policy)

    house = House(
        "kppp" * 25, motion, hooks={place: change(policy) for place, policy in policies.items()}
    )
    told = [part.overlap for part in house.parts]
    once = [place for places, n in zip(house.places, told) for place in places[n:]]
    assert once == sorted(set(once)), "told as overlap where a file begins inside a GOP"
    assert {place for place, letter in enumerate(motion) if letter == "#"} <= set(house.written)
    assert all(part.frames[0].key for part in house.parts)
    assert not house.disk.gaps


def test_continuous_mode_wants_everything_from_the_moment_it_is_switched_on():
    def change(is_continuous):
        return lambda house, place: house.recording.change(
            Policy(4, 4, 14, 1000, 10**5, 2, is_continuous)
        )

    during_event = House("kppp" * 20, "." * 20 + "#", hooks={22: change(True), 60: change(False)})
    assert during_event.written == list(range(16, 65))
    in_quiet = House("kppp" * 20, "", hooks={22: change(True), 60: change(False)})
    assert in_quiet.written == list(range(16, 65))


class BusyRing(Ring):
    """A ring to which the camera appends just as somebody has looked how far the wanted goes."""

    def __init__(self, to_come):
        super().__init__(1 << 20)
        self.to_come = to_come

    def cursor_after(self, ts):
        found = super().cursor_after(ts)
        if self.to_come:
            self.append(self.to_come.pop(0))
        return found


@pytest.mark.parametrize("horizon", [float("inf"), 7.0])
def test_a_frame_that_comes_while_the_end_is_looked_up_is_wanted_all_the_same(horizon):
    frames = [frame for frame in frames_of("kppp" * 10) if frame]
    step = frames[1].ts - frames[0].ts
    ring = BusyRing(frames[1:])
    ring.append(frames[0])
    run = Run(Story("motion", 0.0, 0.0), 0, frames[0].ts + horizon * step)
    for _ in frames[1:]:
        run.limit(ring)
    assert run.limit(ring) == min(horizon + 1, len(frames))
