"""Sums over small squares of a picture: binning, one number a cell, the mean of a neighbourhood.

Large planes are written into buffers that are kept: arrays of more than 128 kB that come and go
with every picture cost more in page faults than in arithmetic.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

CELL = 8
"""Side of a cell in binned pixels."""

_CELL_ROW = np.dtype("V%d" % (2 * CELL))
"""One row of a cell, copied as a whole."""

_LANES, _LAST_LANE = np.uint64(0x0001000100010001), np.uint64(48)


STRIP_BYTES = 128 * 1024
"""What is added up two by two stays in the processor's cache in strips of about so much."""

FITTING_SIZE = 16
"""The sum of so many times so many pixels still fits into 16 bits."""


class Binning:
    """Bins luma planes `size` by `size` to `high` rows of `wide` quarter grey levels, uint16."""

    def __init__(self, size: int, high: int, wide: int) -> None:
        self._size, self._high, self._wide = size, high, wide
        self._kind = np.uint16 if size <= FITTING_SIZE else np.uint32
        self._rows = np.empty((high, wide * size), np.uint16)
        self._strip = max(1, -(-high // max(1, round(self._rows.nbytes / STRIP_BYTES))))

    def write(self, luma: Array, out: Array) -> None:
        """Bin `luma`, uint8 with free strides, into the first rows and columns of `out`."""
        size, rows = self._size, self._rows
        luma = luma[: self._high * size, : self._wide * size]
        binned = out[: self._high, : self._wide]
        if size == 1:
            np.multiply(luma, 4, out=binned, dtype=np.uint16)
            return
        pairs = _in_pairs(luma) if size == 2 else None
        if pairs is not None:
            self._add_pairs(pairs, binned)
            return
        np.add(luma[0::size], luma[1::size], out=rows, dtype=np.uint16)
        for k in range(2, size):
            rows += luma[k::size]
        if size == 2:
            np.add(rows[:, 0::2], rows[:, 1::2], out=binned)
            return
        total = np.add(rows[:, 0::size], rows[:, 1::size], dtype=self._kind)
        for k in range(2, size):
            total += rows[:, k::size]
        np.multiply(total, np.float32(4.0 / (size * size)), out=binned, casting="unsafe")

    def _add_pairs(self, pairs: Array, binned: Array) -> None:
        """Two by two, without a cast and without strides.

        A word of two pixels is low + 256 high, so without 255 times its high byte it is their sum.
        """
        lines = 2 * self._strip
        for first in range(0, len(pairs), lines):
            strip = pairs[first : first + lines]
            sums = self._rows.reshape(pairs.shape)[: len(strip)]
            np.right_shift(strip, 8, out=sums)
            np.multiply(sums, 255, out=sums)
            np.subtract(strip, sums, out=sums)
            np.add(sums[0::2], sums[1::2], out=binned[first // 2 : (first + lines) // 2])


def _in_pairs(luma: Array) -> Optional[Array]:
    """`luma`, uint8 of an even width, as words of two pixels; None where it cannot be seen so.

    numpy before 1.23 only lets whole arrays be seen as another type, not parts of a wider one.
    """
    try:
        return luma.view(np.uint16)
    except ValueError:
        return None


def cell_sums(plane: Array) -> Array:
    """Sum of each cell of a contiguous uint16 plane of whole cells, int32; each below 65536.

    Four columns are one word: no sum of a cell, nor of a part of it, leaves its lane.
    """
    high, wide = plane.shape
    words = plane.view(np.uint64).reshape(high // CELL, CELL, wide // 4)
    rows = np.add.reduce(words, 1)
    cells = rows[:, 0::2] + rows[:, 1::2]
    cells *= _LANES
    cells >>= _LAST_LANE
    sums: Array = cells.astype(np.int32)
    return sums


def row_places(high: int, wide: int) -> Array:
    """Where the rows of each cell lie in a plane, counted in rows of a cell: (cells, CELL)."""
    across = wide // CELL
    first = np.arange(high // CELL)[:, None] * (CELL * across) + np.arange(across)[None, :]
    places: Array = first.reshape(-1, 1) + np.arange(CELL)[None, :] * across
    return places


def cells_at(plane: Array, places: Array) -> Array:
    """The cells of a contiguous uint16 plane whose rows lie at `places`: (n, CELL * CELL)."""
    rows: Array = plane.reshape(-1).view(_CELL_ROW).take(places)
    return rows.view(np.uint16).reshape(len(places), CELL * CELL)


def mean_around(plane: Array, reach: int) -> Array:
    """Mean of each cell and those up to `reach` away; there is nothing outside the picture."""
    mean: Array = _sum_around(plane, reach) / _number_around(plane.shape, reach)
    return mean


@functools.lru_cache(maxsize=4)
def _number_around(shape: Tuple[int, int], reach: int) -> Array:
    return _sum_around(np.ones(shape, np.float32), reach)


def _sum_around(plane: Array, reach: int) -> Array:
    for axis in (0, 1):
        total, size = plane.copy(), plane.shape[axis]
        for k in range(1, min(reach, size - 1) + 1):
            near, far = [slice(None)] * 2, [slice(None)] * 2
            near[axis], far[axis] = slice(0, size - k), slice(k, size)
            total[tuple(near)] += plane[tuple(far)]
            total[tuple(far)] += plane[tuple(near)]
        plane = total
    return plane
