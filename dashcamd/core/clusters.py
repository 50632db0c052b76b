"""Connected groups of set blocks, by runs: the loop is over runs that touch, not over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple

import numpy as np

from dashcamd.types import Box

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time


FEW_RUNS = 24
"""Up to so many runs are grouped without arrays."""


class Groups(NamedTuple):
    """The groups of one mask: their `number`, and of the largest its `size` and `place`.

    `place` is a box in fractions of the grid.
    """

    number: int
    size: int
    place: Box


def groups(mask: Array) -> Groups:
    """Group the set blocks that touch, corners included. `mask` must have a set block."""
    rows, cols = mask.shape
    stride = cols + 2
    padded = np.zeros((rows, stride), bool)
    padded[:, 1:-1] = mask
    flat = padded.ravel()
    (turns,) = (flat[1:] != flat[:-1]).nonzero()
    if len(turns) <= 2 * FEW_RUNS:
        return _of_few(turns.tolist(), rows, cols)
    firsts, lasts = turns[0::2] + 1, turns[1::2]
    low = lasts.searchsorted(firsts + (stride - 1))
    high = firsts.searchsorted(lasts + (stride + 2))
    names = _united(low, high)
    sizes = np.bincount(names, lasts - firsts + 1)
    biggest = int(sizes.argmax())
    own = np.flatnonzero(names == biggest)
    firsts, lasts = firsts[own], lasts[own]
    place = (
        (int((firsts % stride).min()) - 1) / cols,
        int(firsts[0]) // stride / rows,
        int((lasts % stride).max()) / cols,
        (int(lasts[-1]) // stride + 1) / rows,
    )
    return Groups(int(np.count_nonzero(sizes)), int(sizes[biggest]), place)


def _of_few(turns: List[int], rows: int, cols: int) -> Groups:
    """The same for a few runs: an array of ten costs as much as one of a thousand."""
    stride = cols + 2
    befores, lasts = turns[0::2], turns[1::2]
    names = list(range(len(lasts)))
    low = 0
    for run, before in enumerate(befores):
        while lasts[low] < before - stride:
            low += 1
        other, end = low, lasts[run] - stride
        while befores[other] <= end and other < run:
            names[_last(names, other)] = run
            other += 1
    sizes: Dict[int, int] = {}
    # Names lead to later runs, so that from the last one on each is found in one step.
    for run in range(len(names) - 1, -1, -1):
        names[run] = name = names[names[run]]
        sizes[name] = sizes.get(name, 0) + lasts[run] - befores[run]
    size = max(sizes.values())
    biggest = min([name for name in sizes if sizes[name] == size])
    own = [run for run, name in enumerate(names) if name == biggest]
    place = (
        min([befores[run] % stride for run in own]) / cols,
        befores[own[0]] // stride / rows,
        max([lasts[run] % stride for run in own]) / cols,
        (lasts[own[-1]] // stride + 1) / rows,
    )
    return Groups(len(sizes), size, place)


def _united(low: Array, high: Array) -> Array:
    """For each run the last run of its group; run i touches those from `low[i]` to `high[i]`."""
    names = list(range(len(low)))
    touching = np.flatnonzero(high > low)
    for run, start, end in zip(touching.tolist(), low[touching].tolist(), high[touching].tolist()):
        for other in range(start, end):
            a, b = _last(names, run), _last(names, other)
            if a < b:
                names[a] = b
            else:
                names[b] = a
    jumped = np.array(names)
    while True:
        further = jumped[jumped]
        if (further == jumped).all():
            return jumped
        jumped = further


def _last(names: List[int], run: int) -> int:
    while names[run] != run:
        names[run] = run = names[names[run]]
    return run
