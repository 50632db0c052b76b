import pytest

from dashcamd.core.weather import MANY_GROUPS, Weather

STEP = 0.1


def after(*stretches):
    """Whether it falls after stretches of (seconds, groups in each field)."""
    weather, ts = Weather(), 100.0
    for seconds, number in stretches:
        for _ in range(round(seconds / STEP)):
            ts += STEP
            weather.see(ts, number)
    return weather.is_falling


def test_it_snows_when_many_groups_stand_out_for_seconds():
    assert not after((1, 20))
    assert after((5, 20))
    assert after((60, MANY_GROUPS))
    assert not after((60, MANY_GROUPS - 1))


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_crowd_that_passes_now_and_then_is_no_weather(minutes):
    assert not after(*[(10, 1), (3, 20)] * (3 * minutes))


def test_it_stops_within_ten_seconds_however_long_it_snowed():
    assert after((600, 20), (5, 0))
    assert not after((600, 20), (10, 0))


def test_a_gap_or_a_stamp_from_the_past_is_no_weather():
    weather = Weather()
    for i in range(600):
        weather.see(100 + i * STEP, 0)
    for ts in (9000.0, 8000.0, 20.0):
        weather.see(ts, 20)
        assert not weather.is_falling
