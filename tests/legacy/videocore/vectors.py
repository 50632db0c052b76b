"""Motion vectors as the VideoCore gives them: a coarse search on the raw pictures.

One vector a macroblock, in whole even pixels because the search runs on pictures of half the size,
and the SAD of the full-size block *at the vector found*. Long vectors must earn their bits, so a
noisy wall stays at zero.
"""

from __future__ import annotations

import numpy as np

DTYPE = np.dtype([("x", "i1"), ("y", "i1"), ("sad", "u2")])
REACH = 12
"""Reach of the search in pixels of the half-size picture: 24 px."""
QUIET_SAD = 512
"""2 a pixel: a block that changed less is not searched."""
PENALTY = 6
"""SAD of the half-size block that a vector must save for each step it is longer."""


def search(luma: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Vectors from `luma` back to `before`, uint8 pictures of one shape: rows x (cols + 1)."""
    now, then = _padded(luma), _padded(before)
    rows, cols = now.shape[0] // 16, now.shape[1] // 16
    field = np.zeros((rows, cols + 1), DTYPE)
    field["sad"][:, :cols] = _block_sums(_difference(now, then))
    row, col = np.nonzero(field["sad"][:, :cols] > QUIET_SAD)
    if len(row):
        half_now, half_then = _halved(now), _halved(then)
        y, x = _coarse(half_now, half_then, row, col)
        y, x = _refined(half_now, half_then, row, col, y, x)
        field["y"][row, col], field["x"][row, col] = y * 2, x * 2
        field["sad"][row, col] = _sad(now, then, row, col, y * 2, x * 2, 16)
    return field


def _padded(luma: np.ndarray) -> np.ndarray:
    height, width = luma.shape
    return np.pad(luma, ((0, -height % 16), (0, -width % 16)), "edge")


def _halved(luma: np.ndarray) -> np.ndarray:
    wide = luma.astype(np.uint16)
    added = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    return (added >> 2).astype(np.uint8)


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a, b) - np.minimum(a, b)


def _block_sums(difference: np.ndarray) -> np.ndarray:
    rows, cols = difference.shape[0] // 16, difference.shape[1] // 16
    lines = difference.reshape(rows, 16, cols * 16).sum(1, dtype=np.uint16)
    return lines.reshape(rows, cols, 16).sum(2, dtype=np.uint16)


def _coarse(now, then, row, col):
    """Full search of the 8x8 blocks at half size over +-REACH, on every other pixel both ways."""
    span = 2 * REACH + 1
    padded = np.pad(then, REACH, "edge").astype(np.int16)
    down, right = padded.strides
    shape = (now.shape[0] // 8, now.shape[1] // 8, span, span, 4, 4)
    steps = (8 * down, 8 * right, down, right, 2 * down, 2 * right)
    windows = np.lib.stride_tricks.as_strided(padded, shape, steps)[row, col]
    blocks = _blocks(now, 8)[row, col, ::2, ::2].astype(np.int16)
    cost = np.abs(windows - blocks[:, None, None]).sum((3, 4), dtype=np.int16) * 4
    reach = np.abs(np.arange(-REACH, REACH + 1))
    cost = cost + (reach[:, None] + reach[None, :]) * PENALTY
    best = cost.reshape(len(row), -1).argmin(1)
    return best // span - REACH, best % span - REACH


def _blocks(luma: np.ndarray, side: int) -> np.ndarray:
    rows, cols = luma.shape[0] // side, luma.shape[1] // side
    return luma.reshape(rows, side, cols, side).swapaxes(1, 2)


def _refined(now, then, row, col, y, x):
    """The best of the nine neighbours of each vector, at half size."""
    best = np.full(len(row), 1 << 30)
    best_y, best_x = y, x
    for dy in (0, -1, 1):
        for dx in (0, -1, 1):
            cost = _sad(now, then, row, col, y + dy, x + dx, 8)
            cost = cost + (np.abs(y + dy) + np.abs(x + dx)) * PENALTY
            better = cost < best
            best = np.where(better, cost, best)
            best_y = np.where(better, y + dy, best_y)
            best_x = np.where(better, x + dx, best_x)
    return best_y, best_x


def _sad(now, then, row, col, y, x, side):
    """SAD of each block with the picture before, `y` and `x` further; edges repeat."""
    inside = np.arange(side)
    at_y = np.clip((row * side + y)[:, None] + inside, 0, then.shape[0] - 1)
    at_x = np.clip((col * side + x)[:, None] + inside, 0, then.shape[1] - 1)
    old = then[at_y[:, :, None], at_x[:, None, :]]
    return _difference(_blocks(now, side)[row, col], old).sum((1, 2), dtype=np.int64).clip(0, 65535)
