import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashcamd.core.clusters import groups


def mask(*rows):
    return np.array([[mark == "#" for mark in row] for row in rows])


def test_blocks_that_touch_at_a_corner_are_one_group():
    found = groups(mask("#...", ".#..", "...#"))
    assert (found.number, found.size) == (2, 2)
    assert found.place == pytest.approx((0, 0, 0.5, 2 / 3))


def test_a_snake_is_one_group():
    found = groups(mask("#########", "........#", "#########", "#........", "#########"))
    assert (found.number, found.size) == (1, 29)


def by_flooding(grid):
    left, sizes = {tuple(at) for at in np.argwhere(grid)}, []
    while left:
        queue, size = [left.pop()], 0
        while queue:
            row, col = queue.pop()
            size += 1
            near = {(row + i, col + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            queue += near
        sizes.append(size)
    return sizes


@settings(deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_groups_are_those_that_flooding_finds(grid):
    grid[0, 0] = True
    sizes = by_flooding(grid)
    found = groups(grid)
    assert (found.number, found.size) == (len(sizes), max(sizes))
