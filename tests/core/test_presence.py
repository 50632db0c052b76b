import numpy as np
import pytest

from dashcamd.core.presence import LEAST_DEVIATION_SAD, Z_SCORE, Presence

ROWS, COLS = 30, 40
STEP = 0.1
USUAL = np.full((ROWS, COLS), 400, np.float32)


def flakes(rng, number=60, sad=2500):
    """A field of sensor noise and flakes of one block, each time elsewhere."""
    plane = rng.poisson(400, (ROWS, COLS)).astype(np.float32)
    plane.flat[rng.choice(ROWS * COLS, number, replace=False)] = sad
    return plane


def watched(seconds, place=None, since=15.0, sad=2500, presence=None, **kind):
    """What stays in each field after so long; `place(s)` is (row, col, high, wide) or None."""
    presence, rng, told = presence or Presence(), np.random.default_rng(2), []
    for i in range(round(seconds / STEP)):
        plane, later = flakes(rng, **kind), i * STEP - since
        at = place(later) if place and later >= 0 else None
        if at:
            row, col, high, wide = at
            plane[row : row + high, col : col + wide] = sad
        told.append(presence.see(100 + i * STEP, plane, USUAL))
    return told


def walker(later):
    """Three blocks, as a far walker fills them, who makes two blocks a second."""
    return 14, 5 + int(2 * later), 3, 1


def test_flakes_do_not_stay_however_large_or_many_they_are():
    for kind in ({"number": 20, "sad": 20000}, {"number": 300}):
        assert not any(stays.any() for stays in watched(40, **kind))


def test_a_walker_no_brighter_than_the_flakes_stays_within_a_second():
    told = watched(20, walker)
    assert not any(stays.any() for stays in told[:150])
    first = next(i for i, stays in enumerate(told) if stays.any())
    assert first * STEP - 15 <= 1.0
    assert np.mean([stays.any() for stays in told[first:]]) >= 0.9
    rows, cols = np.nonzero(told[-1])
    assert abs(rows.mean() - 15) <= 1
    assert 8 <= cols.mean() <= 16


def test_a_clump_that_is_large_and_soon_gone_does_not_stay():
    told = watched(20, lambda later: (12, 18, 2, 2) if later < 0.3 else None, sad=30000)
    assert not any(stays.any() for stays in told)


def test_who_has_left_is_gone_at_once():
    told = watched(21, lambda later: (12, 20, 3, 2) if later < 3 else None)
    assert told[179].any()
    assert np.count_nonzero([stays.any() for stays in told[181:]]) <= 2


def test_leaves_that_never_rest_become_ordinary_and_who_walks_there_is_seen():
    presence, rng, leaves = Presence(), np.random.default_rng(2), slice(10, 18)
    told = []
    for i in range(1300):
        plane = flakes(rng)
        if i >= 150:
            plane[leaves, leaves] = 1400
        if i >= 1270:
            plane[12:15, 12:14] = 3000
        told.append(presence.see(100 + i * STEP, plane, USUAL).any())
    assert told[165]
    assert not any(told[600:1270])
    assert any(told[1270:])


def test_a_gust_that_brings_more_flakes_everywhere_is_nobody():
    presence = Presence()
    told = watched(20, presence=presence, number=60)
    rng = np.random.default_rng(5)
    told += [presence.see(120 + i * STEP, flakes(rng, 400), USUAL) for i in range(50)]
    assert not any(stays.any() for stays in told)


def test_it_is_believed_once_it_was_learnt_and_begins_anew_after_a_hole():
    presence = Presence()
    watched(4, presence=presence)
    assert not presence.is_ready
    watched(3, presence=presence)
    assert not presence.is_ready, "stamps from the past"
    watched(6, presence=presence)
    assert presence.is_ready
    presence.see(500.0, USUAL, USUAL)
    assert not presence.is_ready


@pytest.mark.parametrize("part", [0.5, 1.5])
def test_what_differs_by_less_than_the_least_deviation_asks_is_nobody(part):
    """Without any flakes the deviation is that of the sensor, which is less than is believed."""
    sad = 400 + part * Z_SCORE * LEAST_DEVIATION_SAD
    told = watched(60, lambda _: (10, 10, 6, 6), since=50.0, number=0, sad=sad)
    assert any(stays.any() for stays in told) == (part > 1)


def test_who_comes_after_a_long_time_without_a_flake_or_noise_is_seen():
    presence = Presence()
    for i in range(8000):
        plane = USUAL.copy()
        if i < 600 and i // 10 % 3 == 0:
            plane[12:15, 10:12] = 3000
        if i < 600 and i // 7 % 2:
            plane[3, ::3] = 3000
        presence.see(i * STEP, plane, USUAL)
    told = []
    for i in range(8000, 8030):
        plane = USUAL.copy()
        plane[20:24, 20:22] = 3000
        told.append(presence.see(i * STEP, plane, USUAL).any())
    assert told[-1]
