from hypothesis import example, given
from hypothesis import strategies as st

from dashcamd.cameras.stamps import EARLIEST_US, OLDEST_US, offset_us

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
