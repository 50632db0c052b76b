import numpy as np
import pytest

from dashcamd.core.drift import OWN_PX, Drift
from dashcamd.types import MOTION_DTYPE

RNG = np.random.default_rng(8)


def field(rows, cols, share=1.0):
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    for axis in "xy":
        some = RNG.random((rows, cols + 1)) < share
        blocks[axis] = RNG.integers(-8, 9, blocks.shape) * some
    return blocks[:, :-1]


def by_hand(fields, weight):
    """The same by loops: average each block, add the nine around it."""
    rows, cols = fields[0].shape
    mean = np.zeros((2, rows, cols), np.float32)
    for blocks in fields:
        for axis, name in enumerate("xy"):
            mean[axis] += (blocks[name].astype(np.float32) - mean[axis]) * np.float32(weight)
    measure = np.zeros((rows, cols))
    for row in range(rows):
        for col in range(cols):
            if np.hypot(*mean[:, row, col]) >= OWN_PX:
                near = mean[:, max(0, row - 1) : row + 2, max(0, col - 1) : col + 2]
                measure[row, col] = np.hypot(*near.sum((1, 2)))
    return measure


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize("grid", [(1, 1), (3, 4), (6, 9)])
def test_the_measure_is_the_sum_of_the_averages_around(grid, share):
    drift, out = Drift(grid, 0.35), np.full(grid, 7, np.float32)
    fields = [field(*grid, share) for _ in range(5)]
    for blocks in fields:
        told = drift.measure(blocks, out)
    assert out == pytest.approx(by_hand(fields, 0.35), rel=1e-4, abs=1e-4)
    assert told == bool(out.any())


def test_what_rests_again_is_zero_again():
    drift, out = Drift((4, 5), 0.5), np.zeros((4, 5), np.float32)
    assert drift.measure(field(4, 5), out)
    for _ in range(10):
        told = drift.measure(field(4, 5, 0.0), out)
    assert not told
    assert not out.any()
