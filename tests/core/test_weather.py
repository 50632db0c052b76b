import pytest

from dashcamd.core.weather import ELSEWHERE_BLOCKS, Weather

STEP = 0.1


def after(*stretches):
    """What falls after stretches of (seconds, blocks besides the largest group)."""
    weather, ts = Weather(), 100.0
    for seconds, elsewhere in stretches:
        for _ in range(round(seconds / STEP)):
            ts += STEP
            weather.see(ts, elsewhere)
    return weather.is_falling


def test_it_snows_when_much_differs_away_from_the_largest_group_for_seconds():
    assert not after((2, 20))
    assert after((5, 20))
    assert not after((60, ELSEWHERE_BLOCKS - 1))


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_second_car_in_the_street_is_no_weather(minutes):
    assert not after(*[(10, 0), (4, 20)] * (3 * minutes))


def test_it_stops_within_ten_seconds_however_long_it_snowed():
    assert after((600, 20), (4, 0))
    assert not after((600, 20), (10, 0))


def test_a_gap_or_a_stamp_from_the_past_is_no_weather():
    weather = Weather()
    for ts in (1000.0, 5000.0, 20.0):
        weather.see(ts, 20)
    assert not weather.is_falling
