"""Every source of pictures or vectors becomes the same motion field, so one detector serves all.

Three sources, one layout (`MOTION_DTYPE`, ``(rows, cols + 1)``, whole pixels):

* `vector_blocks`: an H.264 decoder's exported vectors (FFmpeg's ``MOTION_VECTORS``);
* `matched_blocks`: two luma pictures alone, for cameras that give no vectors (``"lores"``);
* the VideoCore's own buffers, which have the layout already.

In the first two ``sad`` is the difference of the block against the *same place* in the picture
before, not at the matched vector: it is what a gate relative to the frame's noise needs. Blocks
that the right or bottom edge cuts count the pixels that exist.

Pure numpy, no state, any thread. ``benchmarks/fields.py`` prints what each costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dashcamd.types import BLOCK_PX, MOTION_DTYPE

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

SEARCH_PX = 8
"""How far `matched_blocks` looks in each direction, in pixels of the analysed picture."""

GATE_LEAST = 400
"""Mean difference of 1.6 grey levels: below it a block is still, whatever the others do."""

GATE_RATIO = 1.5
"""A block is worth a search when it differs so many times more than the quiet quarter."""

GATE_MOST = 4000
"""Mean difference of 16 grey levels, more than any sensor's noise: always worth a search."""

_HALF = BLOCK_PX // 2
_REACH = SEARCH_PX // 2
_STEPS = 2 * _REACH + 1
_BORDER = SEARCH_PX + 2
_AT_ONCE = 64
"""Blocks searched together; more of them leave the processor's cache (`benchmarks/fields.py`)."""
_COST_PER_PX = 4
"""Cost in grey levels of each pixel of displacement: a flat block must not look as if it moved."""
_GAIN = 0.125
"""A vector must explain at least this part of the block's difference."""


def grid(width: int, height: int) -> Tuple[int, int]:
    """Rows and columns of macroblocks that cover a picture."""
    return -(-height // BLOCK_PX), -(-width // BLOCK_PX)


def still_blocks(width: int, height: int) -> Array:
    """A field without motion: all zero, of the right shape."""
    rows, cols = grid(width, height)
    return np.zeros((rows, cols + 1), MOTION_DTYPE)


def block_sad(previous: Array, current: Array) -> Array:
    """Sum of absolute luma differences of each macroblock: uint16, ``(rows, cols)``.

    Both pictures are uint8 of one shape and may be strided views. uint8 throughout, then sums in
    two steps that cannot overflow uint16 (16 * 255, 16 * 4080): five times faster than int16.
    """
    height, width = current.shape
    difference = np.maximum(previous, current)
    difference -= np.minimum(previous, current)
    rows, cols = grid(width, height)
    if (height, width) != (rows * BLOCK_PX, cols * BLOCK_PX):
        difference = _padded(difference, rows, cols)
    lines = difference.reshape(rows, BLOCK_PX, cols * BLOCK_PX).sum(axis=1, dtype=np.uint16)
    sums: Array = lines.reshape(rows, cols, BLOCK_PX).sum(axis=2, dtype=np.uint16)
    return sums


def vector_blocks(vectors: Array, sad: Array) -> Array:
    """The field of one picture from FFmpeg's exported vectors and its `block_sad`.

    `vectors` has FFmpeg's fields ``w h dst_x dst_y motion_x motion_y motion_scale source``: the
    destination is the *centre* of a partition, the motion points back to the reference in units
    of 1 / ``motion_scale`` pixel. The partitions of a macroblock are averaged by area, rounded to
    pixels and clipped to a signed byte. Intra blocks have no vector: they stay at zero and can
    never count as motion, however large their ``sad`` is. Vectors to a future picture (B frames)
    and outside the picture are ignored.
    """
    rows, cols = sad.shape
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    blocks["sad"][:, :cols] = sad
    x, y = vectors["dst_x"] >> 4, vectors["dst_y"] >> 4
    usable = (x >= 0) & (x < cols) & (y >= 0) & (y < rows) & (vectors["source"] < 0)
    if not usable.all():
        vectors, x, y = vectors[usable], x[usable], y[usable]
    place = y * np.intp(cols + 1) + x
    area = vectors["w"].astype(np.float32) * vectors["h"]
    weight = area / np.maximum(vectors["motion_scale"], 1)
    total = np.maximum(np.bincount(place, area, blocks.size), 1.0)
    for axis, motion in (("x", "motion_x"), ("y", "motion_y")):
        mean = np.bincount(place, weight * vectors[motion], blocks.size) / total
        blocks[axis] = np.clip(np.rint(mean), -128, 127).reshape(blocks.shape)
    return blocks


def matched_blocks(previous: Array, current: Array) -> Array:
    """The field between two luma pictures, by block matching where something changed.

    `block_sad` first; only blocks whose difference opens `gate` are searched, whole pixels within
    `SEARCH_PX`: every second pixel at half resolution, then the eight neighbours at full. A still
    picture therefore costs little more than its differences.
    """
    sad = block_sad(previous, current)
    rows, cols = sad.shape
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    blocks["sad"][:, :cols] = sad
    row, col = np.nonzero(gate(sad))
    if len(row):
        blocks["x"][row, col], blocks["y"][row, col] = match(previous, current, row, col)
    return blocks


def halved(picture: Array) -> Array:
    """Half the width and height, each pixel the mean of four, in uint8 throughout.

    An odd last row or column is left out.
    """
    picture = picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1]
    lines = (picture[::2] >> 2) + (picture[1::2] >> 2)
    half: Array = lines[:, ::2] + lines[:, 1::2]
    return half


def gate(sad: Array) -> Array:
    """Which blocks are worth a search: bool, of the shape of `sad`.

    Relative to the *quiet quarter* of the picture, so that sensor noise, which is everywhere,
    keeps it shut, and a car that drives, where the sky stays quiet, opens it.
    """
    quiet = float(np.partition(sad, sad.size // 4, axis=None)[sad.size // 4])
    opened: Array = sad > min(max(GATE_LEAST, GATE_RATIO * quiet), GATE_MOST)
    return opened


def match(previous: Array, current: Array, row: Array, col: Array) -> Tuple[Array, Array]:
    """Vectors (x and y in whole pixels, towards `previous`) of the macroblocks at `row`, `col`.

    Blocks that no place in reach explains clearly better than their own stay at zero.
    """
    before, now = _bordered(previous), _bordered(current)
    small_before, small_now = halved(before), halved(now)
    found = []
    for first in range(0, len(row), _AT_ONCE):
        down, right = row[first : first + _AT_ONCE], col[first : first + _AT_ONCE]
        x, y = _coarse(small_before, small_now, down * _HALF, right * _HALF)
        found.append(_refined(before, now, down * BLOCK_PX, right * BLOCK_PX, x, y))
    xs, ys = zip(*found) if found else ((row,), (col,))
    return np.concatenate(xs), np.concatenate(ys)


def _coarse(before: Array, now: Array, top: Array, left: Array) -> Tuple[Array, Array]:
    """Best displacement in steps of two pixels, searched at half resolution."""
    border = _BORDER // 2
    tiles = _tiles(now, top + border, left + border, _HALF, _HALF)
    origin = border - _REACH
    cost = _costs(before, tiles, top + origin, left + origin, _STEPS) + _COARSE_PENALTY
    down, right = np.divmod(cost.reshape(_STEPS * _STEPS, -1).argmin(axis=0), _STEPS)
    return 2 * (right - _REACH), 2 * (down - _REACH)


def _refined(
    before: Array, now: Array, top: Array, left: Array, x: Array, y: Array
) -> Tuple[Array, Array]:
    """Best of the coarse vector and its eight neighbours, unless standing still is as good."""
    top, left = top + _BORDER, left + _BORDER
    tiles = _tiles(now, top, left, BLOCK_PX, BLOCK_PX)
    still = _costs(before, tiles, top, left, 1)[0, 0]
    cost = _costs(before, tiles, top + y - 1, left + x - 1, 3).reshape(9, -1)
    best = cost.argmin(axis=0)
    down, right = np.divmod(best, 3)
    x, y = x + right - 1, y + down - 1
    gain = still - _GAIN * still - _COST_PER_PX * (np.abs(x) + np.abs(y))
    moved = cost[best, np.arange(len(best))] < gain
    return np.clip(x, -SEARCH_PX, SEARCH_PX) * moved, np.clip(y, -SEARCH_PX, SEARCH_PX) * moved


def _costs(before: Array, tiles: Array, top: Array, left: Array, steps: int) -> Array:
    """Difference of each tile against `before` at ``steps * steps`` places from `top`, `left` on.

    uint16, ``(steps down, steps right, tiles)``. The rectangles of each step to the right lie rows
    outermost, so that a step down is one contiguous view of all of them at once.
    """
    side, count, _ = tiles.shape
    reach = side + steps - 1
    around = _tiles(before, top, left, reach, reach)
    down, across, along = around.strides
    tall = np.ascontiguousarray(
        as_strided(around, (steps, reach, count, side), (along, down, across, along))
    )
    right, down, _, along = tall.strides
    slid = as_strided(tall, (steps, steps, tiles.size), (down, right, along))
    flat = tiles.reshape(-1)
    difference = np.maximum(slid, flat)
    difference -= np.minimum(slid, flat)
    lines = difference.reshape(steps, steps, side, count * side).sum(axis=2, dtype=np.uint16)
    costs: Array = np.einsum("abnk->abn", lines.reshape(steps, steps, count, side))
    return costs


def _tiles(picture: Array, top: Array, left: Array, tall: int, wide: int) -> Array:
    """Copies of the rectangles at `top`, `left`: ``(tall, number, wide)``."""
    down, along = picture.strides
    height, width = picture.shape
    windows = as_strided(
        picture, (height - tall + 1, width - wide + 1, tall, wide), (down, along, down, along)
    )
    return np.ascontiguousarray(windows[top, left].transpose(1, 0, 2))


def _bordered(picture: Array) -> Array:
    """`picture` in whole macroblocks with its edge repeated `_BORDER` pixels outwards."""
    height, width = picture.shape
    rows, cols = grid(width, height)
    wide = np.empty((rows * BLOCK_PX + 2 * _BORDER, cols * BLOCK_PX + 2 * _BORDER), np.uint8)
    bottom, end = _BORDER + height, _BORDER + width
    wide[_BORDER:bottom, _BORDER:end] = picture
    wide[_BORDER:bottom, :_BORDER] = picture[:, :1]
    wide[_BORDER:bottom, end:] = picture[:, -1:]
    wide[:_BORDER] = wide[_BORDER]
    wide[bottom:] = wide[bottom - 1]
    return wide


def _padded(picture: Array, rows: int, cols: int) -> Array:
    height, width = picture.shape
    whole = np.zeros((rows * BLOCK_PX, cols * BLOCK_PX), picture.dtype)
    whole[:height, :width] = picture
    return whole


def _coarse_penalty() -> Array:
    steps = np.abs(np.arange(_STEPS) - _REACH)
    cost: Array = (steps[:, None] + steps[None, :]) * (2 * _COST_PER_PX // 4)
    return cost.astype(np.uint16)[:, :, None]


_COARSE_PENALTY = _coarse_penalty()
