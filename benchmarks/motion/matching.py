"""What a VideoCore is documented to find: coarse vectors, and the SAD at the matched place."""

from __future__ import annotations

import numpy as np

from dashcamd.types import MOTION_DTYPE

REACH = 8
ZERO_BIAS = 96
CELL = 8
BYTES = np.uint64(0x00FF00FF00FF00FF)
LANES = np.uint64(0x0001000100010001)


def halved(luma):
    """`luma` binned two by two, uint8."""
    high, wide = luma.shape
    luma = luma[: high // 2 * 2, : wide // 2 * 2]
    rows = luma[0::2].astype(np.uint16) + luma[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2]) >> 2).astype(np.uint8)


def videocore_blocks(now, before):
    """Match at half size: the best of 81 even-pixel places for each macroblock."""
    high, wide = now.shape
    rows, cols = -(-high // CELL), -(-wide // CELL)
    spare = (0, rows * CELL - high), (0, cols * CELL - wide)
    now = np.pad(now, spare, mode="edge")
    reach = REACH // 2
    wider = np.pad(np.pad(before, spare, mode="edge"), reach, mode="edge")
    sads = np.empty((len(PLACES), rows, cols), np.int32)
    apart, less = np.empty_like(now), np.empty_like(now)
    for x in range(-reach, reach + 1):
        column = np.ascontiguousarray(wider[:, reach + x : reach + x + cols * CELL])
        for y in range(-reach, reach + 1):
            there = column[reach + y : reach + y + rows * CELL]
            np.maximum(now, there, out=apart)
            apart -= np.minimum(now, there, out=less)
            sads[_NUMBERS[y, x]] = _cell_sums(apart)
    sads *= 4
    sads[1:] += ZERO_BIAS
    best = sads.argmin(0)
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    blocks["y"][:, :-1], blocks["x"][:, :-1] = 2 * PLACES[best].transpose(2, 0, 1)
    sad = np.take_along_axis(sads, best[None], 0)[0] - ZERO_BIAS * (best > 0)
    blocks["sad"][:, :-1] = np.minimum(sad, 65535)
    return blocks


def _places():
    """The places of the search in half pixels, nearest first: on a tie the shorter vector wins."""
    reach = REACH // 2
    places = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    return np.array(sorted(places, key=lambda place: place[0] ** 2 + place[1] ** 2))


PLACES = _places()
_NUMBERS = {(y, x): n for n, (y, x) in enumerate(PLACES.tolist())}


def _cell_sums(apart):
    """Sum a uint8 plane over 8x8 cells: eight bytes of a row are one word, added in lanes."""
    words = apart.view(np.uint64)
    lanes = words & BYTES
    lanes += (words >> np.uint64(8)) & BYTES
    lanes = lanes.reshape(-1, CELL, lanes.shape[1])
    for half in (4, 2, 1):
        lanes = lanes[:, :half] + lanes[:, half:]
    return ((lanes[:, 0] * LANES) >> np.uint64(48)).astype(np.int32)
