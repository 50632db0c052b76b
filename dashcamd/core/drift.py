"""Vectors that agree: the measure of motion when an encoder gives whole-pixel vectors.

A single vector means little: in noise and in flat places the encoder finds any. What moves has
vectors that agree with those of the moment before and of the blocks around. So each block's
vectors are averaged over time *with their sign* (noise and a shaking pole cancel out) and summed
over the block and its eight neighbours; the length of that sum is the measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

OWN_PX = np.float32(0.75)
"""A block moves only if its own averaged vector is at least so long."""


class Drift:
    """Averages the vectors of one camera; `weight` of the newest field, 0..1."""

    def __init__(self, shape: Any, weight: float) -> None:
        rows, cols = shape
        self._weight = np.float32(weight)
        self._padded = np.zeros((rows + 2, cols + 2), np.complex64)
        self._mean = self._padded[1:-1, 1:-1]

    def take(self, blocks: Array) -> Array:
        """The measure of each block after this field, float32; 0 where it does not move itself."""
        newest = np.empty(blocks.shape, np.complex64)
        newest.real, newest.imag = blocks["x"], blocks["y"]
        newest -= self._mean
        newest *= self._weight
        self._mean += newest
        padded = self._padded
        three = padded[:-2] + padded[1:-1]
        three += padded[2:]
        nine = three[:, :-2] + three[:, 1:-1]
        nine += three[:, 2:]
        own: Array = np.abs(self._mean) >= OWN_PX
        measure: Array = np.abs(nine)
        measure *= own
        return measure
