"""Vectors that agree: the measure of motion when an encoder gives whole-pixel vectors.

A single vector means little: in noise and in flat places the encoder finds any. What moves has
vectors that agree with those of the moment before and of the blocks around. So each block's
vectors are added up over two tenths of a second *with their sign* (noise and a shaking pole cancel
out) and over the block and its eight neighbours; the length of that sum is the measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

OWN_PX = 3.75
"""A block moves only if the sum of its own vectors is at least so long."""

_LEAST_SQUARE = np.float32(OWN_PX * OWN_PX)

_SUM, _MOST = np.add.reduce, np.maximum.reduce


class Drift:
    """Adds up the vectors of one camera; `kept` (0..1) is left of a sum once it was measured.

    The planes lie flat in one piece, each row with the column of padding that fields have, with a
    row of zeros above and below: so each block has eight neighbours. Strided arithmetic costs two
    to four times as much.
    """

    def __init__(self, grid: Tuple[int, int], kept: float) -> None:
        rows, cols = grid
        stride = cols + 1
        self._kept = np.float32(kept)
        self._sum = np.zeros((2, (rows + 2) * stride + 2), np.float32)
        self._squares = np.empty_like(self._sum)
        self._squares_x, self._squares_y = self._squares
        fields = self._sum[:, stride + 1 : -stride - 1]
        self._inner = fields
        self._newest = np.zeros(fields.shape, np.float32)
        self._newest_x, self._newest_y = self._newest
        self.vectors: Array = self._newest.reshape(2, rows, stride)[:, :, :-1]
        """Those of the newest field: float32 of shape (2, rows, cols), x before y, in pixels."""
        self._padding = fields[:, cols::stride]
        places = np.zeros(self._sum.shape[1], np.intp)
        inner = places[stride + 1 : -stride - 1].reshape(rows, stride)
        inner[:, :-1] = np.arange(rows * cols).reshape(grid)
        self._place = places
        down, right = np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij")
        self._around = (down * stride + right).ravel()[:, None]

    def add(self, blocks: Array) -> None:
        """Take the vectors of a field; `blocks` come with their column of padding."""
        flat = blocks.reshape(-1)
        self._newest_x[...] = flat["x"]
        self._newest_y[...] = flat["y"]
        self._inner += self._newest

    def measure(self, out: Array) -> float:
        """Write each block's measure now; 0 where it does not move itself. What came fades.

        `out` is a contiguous float32 plane without padding. Answers the largest measure.
        """
        held = self._sum
        self._padding.fill(0)
        np.multiply(held, held, out=self._squares)
        own = np.add(self._squares_x, self._squares_y, out=self._squares_x)
        (moving,) = (own >= _LEAST_SQUARE).nonzero()
        out.fill(0)
        most = 0.0
        if len(moving):
            around = held.take(moving + self._around, 1, mode="clip")
            nine = _SUM(around, 1)
            nine *= nine
            length = np.add(nine[0], nine[1], out=nine[0])
            out.reshape(-1)[self._place[moving]] = np.sqrt(length, out=length)
            most = float(_MOST(length))
        held *= self._kept
        return most
