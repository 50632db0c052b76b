import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashcamd.cameras.stamps import EARLIEST_US, OLDEST_US, Distance, offset_us

NOW_S = 50_000.0
LATENCY_US = st.integers(0, OLDEST_US)


@given(LATENCY_US)
def test_monotonic_stamps_stay_as_they_are(latency_us):
    assert offset_us(round(NOW_S * 1e6) - latency_us, NOW_S, suspended_s=0.0) == 0


@given(LATENCY_US, st.integers(60, 10**6))
def test_boottime_stamps_lose_the_time_that_the_machine_slept(latency_us, slept_s):
    monotonic_us = round(NOW_S * 1e6) - latency_us
    offset = offset_us(monotonic_us + slept_s * 1_000_000, NOW_S, float(slept_s))
    assert monotonic_us + slept_s * 1_000_000 + offset == monotonic_us


NOW_US = round(NOW_S * 1e6)


@given(
    st.one_of(
        st.integers(0, NOW_US - OLDEST_US - 1),
        st.integers(NOW_US - EARLIEST_US + 1, 2**62),
    )
)
@example(NOW_US - OLDEST_US - 1)
@example(NOW_US - EARLIEST_US + 1)
def test_a_clock_that_is_neither_is_anchored_at_now(sensor_us):
    assert sensor_us + offset_us(sensor_us, NOW_S, suspended_s=0.0) == round(NOW_S * 1e6)


@pytest.mark.parametrize("ppm", [25, -25, 600, -600])
def test_a_clock_that_drifts_stays_known(ppm):
    distance, day_s = Distance(3.0), 86400
    for second in range(day_s):
        distance.follow(3.0 + second * ppm * 1e-6)
    assert distance.seconds == pytest.approx(3.0 + day_s * ppm * 1e-6, abs=0.01)


def test_one_interrupted_reading_moves_no_stamp_by_more_than_a_millisecond():
    distance = Distance(3.0)
    distance.follow(4.0)
    assert distance.seconds == pytest.approx(3.001)
    distance.follow(-1.0)
    assert distance.seconds == pytest.approx(3.0)
