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
