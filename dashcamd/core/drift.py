"""Vectors that agree: the measure of motion when an encoder gives whole-pixel vectors.

A single vector means little: in noise and in flat places the encoder finds any. What moves has
vectors that agree with those of the moment before and of the blocks around. So each block's
vectors are averaged over time *with their sign* (noise and a shaking pole cancel out) and summed
over the block and its eight neighbours; the length of that sum is the measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

OWN_PX = np.float32(1.5)
"""A block moves only if its own averaged vector is at least so long (a pool of fields)."""

_LEAST_SQUARE = OWN_PX * OWN_PX

_SUM = np.add.reduce


class Drift:
    """Averages the vectors of one camera; `weight` of the newest field, 0..1.

    The planes have a rim of zeros, so that each block has eight neighbours, and lie in one piece:
    strided arithmetic costs two to four times as much.
    """

    def __init__(self, grid: Tuple[int, int], weight: float) -> None:
        rows, cols = grid
        padded = rows + 2, cols + 2
        self._weight = np.float32(weight)
        self._newest = np.zeros((2, *padded), np.float32)
        self._inner = self._newest[:, 1:-1, 1:-1]
        self._mean = np.zeros((2, padded[0] * padded[1]), np.float32)
        self._mean_planes = self._mean.reshape(self._newest.shape)
        places = np.zeros(padded, np.intp)
        places[1:-1, 1:-1] = np.arange(rows * cols).reshape(grid)
        self._place = places.ravel()
        down, right = np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij")
        self._around = (down * padded[1] + right).ravel()[:, None]

    def measure(self, blocks: Array, out: Array) -> bool:
        """Write each block's measure after this field; 0 where it does not move itself.

        `out` is a contiguous float32 plane. Answers whether any block moves.
        """
        self._inner[0], self._inner[1] = blocks["x"], blocks["y"]
        mean, change = self._mean_planes, self._newest
        change -= mean
        change *= self._weight
        mean += change
        squares = np.multiply(mean, mean, out=change)
        own = np.add(squares[0], squares[1], out=squares[0])
        out.fill(0)
        (moving,) = (own >= _LEAST_SQUARE).ravel().nonzero()
        if not len(moving):
            return False
        around = self._mean.take(moving + self._around, 1, mode="clip")
        nine = _SUM(_SUM(around.reshape(2, 3, 3, -1), 1), 1)
        nine *= nine
        length = np.add(nine[0], nine[1], out=nine[0])
        out.reshape(-1)[self._place[moving]] = np.sqrt(length, out=length)
        return True
