import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.ego import EgoMotion, State
from dashcamd.types import MotionField
from tests.core.fields import field, still, walk
from tests.core.test_detector import any_field


def follow(fields):
    ego = EgoMotion()
    return [ego.step(one) for one in fields]


def drive(start, seconds, source="lores"):
    """The sides rush past, in each field other ones; the sky stays."""
    rng = np.random.default_rng(int(start))
    made = [field(start + i / 10, source=source) for i in range(int(seconds * 10))]
    for one in made:
        one.blocks["sad"][8:, :-1] = rng.integers(1500, 4500, (22, 40))
    return made


def shaken(start, shifts, source="lores"):
    """Fields of a picture that was shifted as a whole, as `LumaField` tells it."""
    made = []
    for i, y in enumerate(shifts):
        one = field(start + i / 10, source=source)
        one.blocks["y"] = y
        made.append(one)
    return made


def states(told):
    return [one.state for one in told]


def test_a_parked_car_with_passers_by_stands_still():
    told = follow(still(0, 5) + walk(5, 5) + still(10, 5))
    assert set(states(told)) == {State.STILL}


def test_a_drive_is_known_within_two_seconds_and_dated_back():
    told = follow(still(0, 5) + drive(5, 20) + still(25, 10))
    by_second = {one: told[int(one * 10)].state for one in (4, 7, 15, 24, 28)}
    assert by_second[4] is State.STILL
    assert by_second[7] is by_second[15] is by_second[24] is State.DRIVING
    assert by_second[28] is State.STILL
    assert told[100].since == pytest.approx(5.0, abs=1.0)


def test_one_lorry_next_to_us_does_not_drive_us():
    lorry = [field(5 + i / 10, patches=[(0, 0, 30, 12, 5000)]) for i in range(60)]
    assert set(states(follow(still(0, 5) + lorry))) == {State.STILL}


def test_noise_everywhere_is_not_a_drive():
    assert set(states(follow(still(0, 20, noise=2500)))) == {State.STILL}


@pytest.mark.parametrize("source", ["lores", "videocore"])
def test_noise_beside_plain_black_is_not_a_drive(source):
    fields = still(0, 20, noise=1400, source=source)
    for one in fields:
        one.blocks["sad"][:6] = 0
    assert set(states(follow(fields))) == {State.STILL}


def test_heavy_rain_all_over_the_picture_is_not_a_drive():
    rng = np.random.default_rng(5)
    rain = []
    for i in range(100):
        one = field(5 + i / 10)
        one.blocks["sad"][:, :-1][rng.random((30, 40)) < 0.45] = 4000
        rain.append(one)
    assert set(states(follow(still(0, 5) + rain))) == {State.STILL}


def test_a_picture_that_flickers_is_not_a_drive():
    flicker = [
        field(5 + i / 25, patches=[(0 if i % 2 else 15, 0, 15, 40, 4000)]) for i in range(250)
    ]
    assert set(states(follow(still(0, 5) + flicker))) == {State.STILL}


def test_a_pole_in_the_wind_is_shaken_and_not_bumped():
    told = follow(still(0, 5) + shaken(5, [3, -3] * 30) + still(11, 5))
    assert told[80].state is State.SHAKEN
    assert told[-1].state is State.STILL
    assert all(one.bump is None for one in told)


def test_a_bump_is_told_once_when_it_has_settled():
    told = follow(still(0, 5) + shaken(5, [4, -4, 3, -2, 1, 0]) + still(5.6, 5))
    assert [one.bump for one in told if one.bump is not None] == [pytest.approx(5.0)]


def test_a_slammed_door_is_not_a_bump():
    for size in (1, 2):
        told = follow(still(0, 5) + shaken(5, [size, -size, 1, 0]) + still(5.4, 5))
        assert all(one.bump is None for one in told)


@pytest.mark.parametrize(("size", "is_bump"), [(4, False), (10, True)])
def test_a_slammed_door_is_none_where_vectors_rounded_to_even_pixels_are_added(size, is_bump):
    jolt = shaken(5, [2, size, 2, 0], source="videocore")
    told = follow(still(0, 5, source="videocore") + jolt + still(5.4, 5, source="videocore"))
    assert any(one.bump is not None for one in told) == is_bump


def test_a_hole_in_the_fields_starts_afresh():
    told = follow(drive(0, 10) + drive(100, 0.5))
    assert (told[-10].state, told[-1].state) == (State.DRIVING, State.STILL)


def test_vectors_that_agree_are_a_shift_and_vectors_that_expand_are_not():
    together = field(1, source="videocore")
    together.blocks["x"] = 4
    apart = field(1, source="videocore")
    apart.blocks["x"] = np.arange(-20, 21)
    assert follow([together])[0].shift_px == pytest.approx(4)
    assert follow([apart])[0].shift_px == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(any_field, st.floats(-10, 1e6)), max_size=8))
def test_no_field_makes_it_raise(script):
    for one in follow([MotionField(ts, blocks, 1.0, "lores") for blocks, ts in script]):
        assert 0 <= one.active <= 1
