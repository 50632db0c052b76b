"""The median without numpy's own, whose first call imports its masked arrays for 25 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time


def middle(values: Array) -> float:
    """The median of an array of any shape, of an even number the mean of the middle two."""
    ordered = np.sort(values, axis=None)
    return (float(ordered[(ordered.size - 1) // 2]) + float(ordered[ordered.size // 2])) / 2
