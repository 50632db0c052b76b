"""Stamps rise whatever a file or a network camera counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.stamps import FileStamps, LiveStamps

SECONDS = st.one_of(
    st.none(), st.floats(-1e6, 1e6, allow_nan=False), st.floats(-0.2, 0.2, allow_nan=False)
)


def stamps_of(*pts: object) -> list:
    made = FileStamps(100.0, 0.1)
    return [round(made.stamp(one), 6) for one in pts]  # type: ignore[arg-type]


def test_the_first_stamp_is_the_start_and_distances_stay() -> None:
    assert stamps_of(7.0, 7.04, 7.5, 12.0) == [100.0, 100.04, 100.5, 105.0]


def test_without_stamps_frames_come_at_the_nominal_rate() -> None:
    assert stamps_of(None, None, None) == [100.0, 100.1, 100.2]


def test_a_repeated_or_slightly_earlier_stamp_is_moved_and_the_next_is_not() -> None:
    assert stamps_of(0.0, 1.0, 1.0, 0.9, 1.1) == [100.0, 101.0, 101.001, 101.002, 101.1]


def test_a_wrap_goes_on_with_one_frame_distance() -> None:
    assert stamps_of(26.0, 26.1, 0.0, 0.1) == [100.0, 100.1, 100.2, 100.3]


def test_a_jump_over_an_hour_is_a_break_and_not_a_pause() -> None:
    assert stamps_of(0.0, 30.0, 3630.0, 3630.1) == [100.0, 130.0, 130.1, 130.2]


def test_a_restart_goes_on_with_one_frame_distance() -> None:
    made = FileStamps(100.0, 0.1)
    made.stamp(0.0)
    made.stamp(0.1)
    made.restart()
    assert round(made.stamp(0.0), 6) == 100.2


@given(st.lists(SECONDS, min_size=2, max_size=60))
def test_file_stamps_always_rise(pts: list) -> None:
    made = FileStamps(100.0, 0.04)
    stamps = [made.stamp(one) for one in pts]
    assert all(after > before for before, after in zip(stamps, stamps[1:]))


@given(st.lists(st.tuples(SECONDS, st.floats(0, 5)), min_size=2, max_size=60))
def test_live_stamps_always_rise_and_stay_near_the_arrival(steps: list) -> None:
    made, now, last = LiveStamps(100.0), 100.0, 0.0
    for pts, waited in steps:
        now += waited
        stamp = made.stamp(pts, now)
        assert stamp > last
        assert now - 2.01 <= stamp <= max(now, last + 0.001) + 1e-6
        last = stamp


def test_jitter_of_the_network_does_not_show() -> None:
    made = LiveStamps(0.0)
    late = [0.0, 0.03, 0.05, 0.0, 0.04, 0.02] * 50
    stamps = [made.stamp(1000 + n / 25, n / 25 + late[n]) for n in range(300)]
    steps = [after - before for before, after in zip(stamps, stamps[1:])]
    assert max(abs(step - 0.04) for step in steps[10:]) < 0.001


def test_drift_of_the_senders_clock_does_not_add_up() -> None:
    made = LiveStamps(0.0)
    for frame in range(100_000):
        arrival = frame / 25
        stamp = made.stamp(arrival * 0.9999, arrival)
    assert abs(stamp - arrival) < 0.01


def test_a_restarted_count_is_tied_to_the_clock_anew() -> None:
    made = LiveStamps(0.0)
    made.stamp(500.0, 1.0)
    assert made.stamp(0.0, 6.0) == 6.0
