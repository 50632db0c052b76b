"""Connected groups of set blocks, in numpy and without a loop over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashcamd.types import Box

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

MAX_ROUNDS = 24
"""Rounds of label spreading; pointer jumping needs about log2 of the longest path, 6 as a rule."""


class Groups(NamedTuple):
    """`sizes` of all groups, the largest one's index `biggest`, and `labels` of the grid.

    `labels` has the shape of the mask; 0 is unset, ``n`` belongs to ``sizes[n - 1]``.
    """

    sizes: Array
    biggest: int
    labels: Array


def groups(mask: Array) -> Groups:
    """Group the set blocks that touch, corners included. `mask` must have a set block."""
    rows, cols = mask.shape
    names = np.zeros((rows + 2, cols + 2), np.int32)
    inner = names[1:-1, 1:-1]
    inner[...] = np.arange(1, rows * cols + 1, dtype=np.int32).reshape(rows, cols)
    inner *= mask
    roots = np.zeros(rows * cols + 1, np.int32)
    for _ in range(MAX_ROUNDS):
        spread = np.maximum(names[:-2], names[2:])
        np.maximum(spread, names[1:-1], out=spread)
        wide = np.maximum(spread[:, :-2], spread[:, 2:])
        np.maximum(wide, spread[:, 1:-1], out=wide)
        wide *= mask
        roots[1:] = wide.ravel()
        jumped = roots[wide]
        if np.array_equal(jumped, inner):
            break
        inner[...] = jumped
    found, labels, sizes = np.unique(inner, return_inverse=True, return_counts=True)
    labels = labels.reshape(rows, cols)
    if found[0] == 0:
        sizes = sizes[1:]
    else:
        labels = labels + 1
    return Groups(sizes, int(np.argmax(sizes)), labels)


def box_of(mask: Array) -> Box:
    """The box around all set blocks, as fractions of the grid. `mask` must have a set block."""
    rows, cols = mask.shape
    high = np.flatnonzero(mask.any(1))
    wide = np.flatnonzero(mask.any(0))
    return (
        float(wide[0]) / cols,
        float(high[0]) / rows,
        float(wide[-1] + 1) / cols,
        float(high[-1] + 1) / rows,
    )
