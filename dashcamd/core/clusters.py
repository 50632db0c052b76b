"""Connected groups of set blocks, in numpy and without a loop over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Tuple

import numpy as np

from dashcamd.types import Box

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

MAX_ROUNDS = 24
"""Rounds of spreading; pointer jumping needs about log2 of the longest path, 4 as a rule."""


class Groups(NamedTuple):
    """The groups of one mask: their `number`, and of the largest its `size` and `place`.

    `place` is a box in fractions of the grid.
    """

    number: int
    size: int
    place: Box


def groups(mask: Array) -> Groups:
    """Group the set blocks that touch, corners included. `mask` must have a set block."""
    top, bottom = _ends(_lines(mask, 1))
    left, right = _ends(_lines(mask[top:bottom], 0))
    names = _spread(mask[top:bottom, left:right])
    sizes = np.bincount(names.ravel())
    sizes[0] = 0
    biggest = int(sizes.argmax())
    own: Array = names == biggest
    rows, cols = mask.shape
    high, wide = _ends(_lines(own, 1)), _ends(_lines(own, 0))
    place = (
        (left + wide[0]) / cols,
        (top + high[0]) / rows,
        (left + wide[1]) / cols,
        (top + high[1]) / rows,
    )
    return Groups(int(np.count_nonzero(sizes)), int(sizes[biggest]), place)


def _spread(mask: Array) -> Array:
    """Give the blocks of each group one name (a number above 0); 0 where nothing is set.

    Every set block starts with a number of its own. In each round it takes the highest number
    around it, then the number that the bearer of that number has by now.
    """
    rows, cols = mask.shape
    padded = np.zeros((rows + 2, cols + 2), np.int32)
    names = padded[1:-1, 1:-1]
    np.multiply(np.arange(1, rows * cols + 1, dtype=np.int32).reshape(rows, cols), mask, out=names)
    bearer = np.zeros(rows * cols + 1, np.int32)
    for _ in range(MAX_ROUNDS):
        tall = np.maximum(padded[:-2], padded[2:])
        np.maximum(tall, padded[1:-1], out=tall)
        wide = np.maximum(tall[:, :-2], tall[:, 2:])
        np.maximum(wide, tall[:, 1:-1], out=wide)
        wide *= mask
        bearer[1:] = wide.ravel()
        wide = bearer[wide]
        if (wide == names).all():
            break
        names[...] = wide
    return names


def _lines(mask: Array, axis: int) -> Array:
    """Which rows (axis 1) or columns (axis 0) have a set block."""
    lines: Array = np.asarray(mask.any(axis))
    return lines


def _ends(line: Array) -> Tuple[int, int]:
    """First set place and the one after the last of a boolean line."""
    return int(line.argmax()), len(line) - int(line[::-1].argmax())
