"""Whether the vectors of a field say that the camera moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

KNOCK_AGREEING = 0.6
"""After a knock the vectors of the picture, laid end to end, lead so far of their length; where
exposure changes a clean picture most blocks have one, too, but any."""


def has_vectors(blocks: Array, part: float) -> bool:
    """Whether more than this part of the blocks has a vector."""
    return bool(np.count_nonzero(blocks["x"] | blocks["y"]) > part * blocks.size)


def is_knock(blocks: Array) -> bool:
    """Whether the vectors agree all over the picture."""
    x, y = blocks["x"].astype(np.float32), blocks["y"].astype(np.float32)
    whole = float(np.hypot(x, y).sum())
    return float(np.hypot(x.sum(), y.sum())) >= KNOCK_AGREEING * whole


def is_shifted(blocks: Array) -> bool:
    """Whether the whole picture was shifted: its four corners have one vector, and it is not 0."""
    x, y = blocks["x"], blocks["y"]
    if not (x[0, 0] or y[0, 0]):
        return False
    corners = {(int(x[row, col]), int(y[row, col])) for row in (0, -1) for col in (0, -1)}
    return len(corners) == 1
