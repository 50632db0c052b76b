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

OWN_PX = np.float32(0.75)
"""A block moves only if its own averaged vector is at least so long."""


class Drift:
    """Averages the vectors of one camera; `weight` of the newest field, 0..1."""

    def __init__(self, grid: Tuple[int, int], weight: float) -> None:
        rows, cols = grid
        self._weight = np.float32(weight)
        self._newest = np.empty((2, rows, cols), np.float32)
        self._padded = np.zeros((2, rows + 2, cols + 2), np.float32)
        self._mean = self._padded[:, 1:-1, 1:-1]

    def measure(self, blocks: Array, out: Array) -> None:
        """Write each block's measure after this field; 0 where it does not move itself."""
        newest = self._newest
        newest[0], newest[1] = blocks["x"], blocks["y"]
        newest -= self._mean
        newest *= self._weight
        self._mean += newest
        own = np.multiply(self._mean, self._mean, out=newest)
        is_moving = own[0] + own[1] >= OWN_PX * OWN_PX
        if not is_moving.any():
            out.fill(0)
            return
        padded = self._padded
        three = padded[:, :-2] + padded[:, 1:-1]
        three += padded[:, 2:]
        nine = three[:, :, :-2] + three[:, :, 1:-1]
        nine += three[:, :, 2:]
        nine *= nine
        np.add(nine[0], nine[1], out=out)
        out *= is_moving
        np.sqrt(out, out=out)
