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
    return blocks


def by_hand(fields, kept):
    """The same by loops: add up each block's vectors, add the nine around it."""
    fields = [blocks[:, :-1] for blocks in fields]
    rows, cols = fields[0].shape
    held = np.zeros((2, rows, cols))
    for number, blocks in enumerate(fields):
        for axis, name in enumerate("xy"):
            held[axis] = held[axis] * (kept if number else 1) + blocks[name]
    measure = np.zeros((rows, cols))
    for row in range(rows):
        for col in range(cols):
            if np.hypot(*held[:, row, col]) >= OWN_PX:
                near = held[:, max(0, row - 1) : row + 2, max(0, col - 1) : col + 2]
                measure[row, col] = np.hypot(*near.sum((1, 2)))
    return measure


def measured(drift, fields, out):
    """What is told after the last field; each is followed by a measure."""
    for blocks in fields:
        drift.add(blocks)
        told = drift.measure(out)
    return told


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize("grid", [(1, 1), (3, 4), (6, 9)])
def test_the_measure_is_the_sum_around_and_what_came_before_fades(grid, share):
    drift, out = Drift(grid, 0.2), np.full(grid, 7, np.float32)
    fields = [field(*grid, share) for _ in range(5)]
    told = measured(drift, fields, out)
    assert out == pytest.approx(by_hand(fields, 0.2), rel=1e-4, abs=1e-4)
    assert told == out.max()


def test_fields_between_two_measures_are_added():
    one, two, out = field(4, 5), field(4, 5), np.zeros((4, 5), np.float32)
    both = one.copy()
    for axis in "xy":
        both[axis] += two[axis]
    drift = Drift((4, 5), 0.2)
    drift.add(one)
    drift.add(two)
    assert drift.measure(out)
    assert out == pytest.approx(by_hand([both], 0.2), rel=1e-4)


def test_what_rests_again_is_zero_again():
    drift, out = Drift((4, 5), 0.5), np.zeros((4, 5), np.float32)
    assert measured(drift, [field(4, 5)], out)
    assert not measured(drift, [field(4, 5, 0.0)] * 10, out)
    assert not out.any()
