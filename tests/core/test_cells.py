import numpy as np
import pytest

from dashcamd.core.cells import CELL, Binning, cell_sums, cells_at, mean_around, row_places

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 26])
def test_binning_gives_the_mean_in_quarter_grey_levels(size):
    luma = RNG.integers(0, 256, (8 * size + 1, 16 * size + 3)).astype(np.uint8)
    out = np.zeros((16, 16), np.uint16)
    Binning(size, 8, 16).write(luma, out)
    whole = luma[: 8 * size, : 16 * size].reshape(8, size, 16, size).mean((1, 3)) * 4
    assert np.abs(out[:8] - whole).max() <= 1
    assert not out[8:].any()


@pytest.mark.parametrize("wider", [0, 1, 8])
def test_how_a_picture_lies_in_memory_does_not_matter(wider):
    luma = RNG.integers(0, 256, (16, 32 + wider)).astype(np.uint8)[:, :32]
    out, apart = np.zeros((8, 16), np.uint16), np.zeros((8, 16), np.uint16)
    Binning(2, 8, 16).write(luma, out)
    Binning(2, 8, 16).write(np.repeat(luma, 2, 1)[:, ::2], apart)
    assert (out == luma.reshape(8, 2, 16, 2).sum((1, 3))).all()
    assert (apart == out).all()


def test_a_picture_of_several_strips_is_binned_whole():
    luma = RNG.integers(0, 256, (2 * 301, 2 * 320)).astype(np.uint8)
    out = np.zeros((304, 320), np.uint16)
    Binning(2, 301, 320).write(luma, out)
    assert (out[:301] == luma.reshape(301, 2, 320, 2).sum((1, 3))).all()
    assert not out[301:].any()


@pytest.mark.parametrize("size", [2, 3, 16, 17])
def test_the_brightest_picture_does_not_overflow_when_it_is_binned(size):
    out = np.zeros((8, 16), np.uint16)
    Binning(size, 8, 16).write(np.full((8 * size, 16 * size), 255, np.uint8), out)
    assert (out == 4 * 255).all()


def test_cells_are_taken_from_where_they_lie():
    plane = RNG.integers(0, 1021, (3 * CELL, 5 * CELL)).astype(np.uint16)
    places = row_places(*plane.shape)
    assert len(places) == 15
    (cell,) = cells_at(plane, places[[7]])
    assert (cell.reshape(CELL, CELL) == plane[CELL : 2 * CELL, 2 * CELL : 3 * CELL]).all()


def test_the_brightest_picture_does_not_overflow_a_cell():
    plane = np.full((2 * CELL, 3 * CELL), 4 * 255, np.uint16)
    assert (cell_sums(plane) == 64 * 4 * 255).all()


def test_each_cell_is_summed_apart():
    plane = RNG.integers(0, 1021, (3 * CELL, 5 * CELL)).astype(np.uint16)
    assert (cell_sums(plane) == plane.reshape(3, CELL, 5, CELL).sum((1, 3))).all()


@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (6, 7)])
def test_a_mean_knows_nothing_outside_the_picture(shape, reach):
    plane = RNG.random(shape).astype(np.float32)
    mean = mean_around(plane, reach)
    for row in range(shape[0]):
        for col in range(shape[1]):
            near = plane[max(0, row - reach) : row + reach + 1, max(0, col - reach) :][
                :, : min(col, reach) + reach + 1
            ]
            assert mean[row, col] == pytest.approx(near.mean(), rel=1e-5)
