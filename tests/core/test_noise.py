import numpy as np
import pytest

from dashcamd.core.noise import Noise

SHAPE = (6, 8)


def watch(noise, planes, start=0.0):
    for i, plane in enumerate(planes):
        noise.learn(plane[None].astype(np.float32), start + i / 10)
    return noise


def ordinary(level, count, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(level, level / 10, SHAPE) for _ in range(count)]


def model(patience=1.0):
    return Noise(SHAPE, [1600], [6], memory_s=20, patience=patience)


def test_quiet_blocks_keep_the_floor_as_their_limit():
    assert watch(model(), ordinary(300, 100)).limit == pytest.approx(1600)


def test_noise_above_the_floor_raises_the_limit_above_the_noise():
    noise = watch(model(), ordinary(3000, 200))
    assert noise.limit.min() > max(plane.max() for plane in ordinary(3000, 50, seed=2))


def test_who_is_in_the_first_picture_still_stands_out():
    visitor = np.full(SHAPE, 300.0)
    visitor[2:4, 3:5] = 6000
    noise = watch(model(), [visitor] * 5)
    assert (visitor > noise.limit[0]).sum() == 4


def test_a_block_that_never_rests_becomes_ordinary_later_with_patience():
    restless = [np.full(SHAPE, 300.0) for _ in range(600)]
    for plane in restless:
        plane[0, 0] = 5000

    def seconds_until_ordinary(noise):
        for i, plane in enumerate(restless):
            noise.learn(plane[None].astype(np.float32), i / 10)
            if noise.limit[0, 0, 0] >= 5000:
                return i / 10
        return None

    assert seconds_until_ordinary(model()) < seconds_until_ordinary(model(patience=0.5)) < 60


def test_a_passer_by_hardly_raises_the_limit():
    noise = watch(model(), ordinary(300, 300))
    passing = np.full(SHAPE, 8000.0)
    watch(noise, [passing] * 5, start=30.0)
    watch(noise, ordinary(300, 100), start=30.5)
    assert noise.limit.max() < 2500


def test_noise_that_grows_everywhere_is_no_deviation():
    """At dusk: a mean that is behind would pass for deviation."""

    def limit(follows):
        noise = watch(model(), ordinary(800, 300))
        for i in range(400):
            rise = 4.0 if follows else 0.0
            plane = ordinary(800 + 4 * i, 1, seed=i)[0]
            noise.learn(plane[None].astype(np.float32), 30 + i / 10, rise)
        return np.median(noise.limit)

    assert 3000 < limit(follows=True) < 0.8 * limit(follows=False)


def test_a_block_that_does_not_rise_with_the_others_finds_its_own_mean_again():
    noise = watch(model(), ordinary(400, 300))
    noise.learn(ordinary(400, 1)[0][None].astype(np.float32), 30.0, 600.0)
    assert watch(noise, ordinary(400, 1000), start=30.1).mean == pytest.approx(400, abs=40)
