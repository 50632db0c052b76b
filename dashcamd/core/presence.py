"""What stays while flakes fall past: each block's recent SAD against what flakes put there.

A flake or a drop is at one place for a tenth or three of a second, and then another somewhere else:
averaged over a second or two and nine blocks, what they do is nearly the same everywhere and at all
times. Somebody who walks, however far away and however much smaller than the flakes, is in the same
few blocks in most of these tenths and adds up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dashcamd.core.vectors import median
from dashcamd.types import Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

MOST_SAD = 3000.0
"""What a block has beyond counts as this: a clump near the lens has ten times as much as a walker,
for a tenth of the time."""

RECENT_S: Seconds = 1.5
MEMORY_S: Seconds = 20.0
"""How long the average is that is compared, and how long the one it is compared with."""

Z_SCORE = 3.25
LEAST_DEVIATION_SAD = 90.0
MOST_Z_SCORE = 4.0
"""The recent average of nine blocks must be so many of its standard deviations above its long one;
a deviation counts as at least so much. What is further off than the last is learnt as that far
only: a visitor hardly raises what the next one is measured by. Drawn flakes come to 3.2 to 4.3 at
the most, nine of ten visitors beyond."""

READY_S: Seconds = 5.0
FIRST_DEVIATION_SAD = 300.0
"""How long it must have been learnt to be believed, and what a deviation is taken for before."""

PERIOD_S: Seconds = 0.95
"""How often it is learnt: averages over `RECENT_S` differ little from field to field."""

LIVE_PART = 0.5
"""What a neighbourhood has now must be at least so much of what it has had of late: where somebody
was, and where a slow flake fell from, there is none of it."""

LOST_S: Seconds = 2.0
LONGEST_STEP_S: Seconds = 1.0
"""After a hole longer than the first it begins anew; a shorter pause counts as the second."""


class Presence:
    """Learns how much SAD flakes put into each neighbourhood of a grid (rows, cols). One thread."""

    def __init__(self) -> None:
        self._ts: Optional[Seconds] = None
        self._learnt_ts: Seconds = 0.0
        self._seen_s: Seconds = 0.0
        nothing = np.zeros((0, 0), np.float32)
        self._recent = self._mean = self._variance = self._deviation = self._limit = nothing
        self.is_ready = False
        """Whether what flakes do has been learnt."""

    def see(self, ts: Seconds, sad: Array, usual: Array) -> Array:
        """Take the next field, stamped `ts`; the blocks around which something stays, bool.

        `sad` and `usual`, what it is in the long run, are float32 of shape (rows, cols).
        """
        now = _around(np.minimum(sad, MOST_SAD))
        if self._ts is None or not 0 <= ts - self._ts <= LOST_S:
            self._begin(ts, usual)
            step_s = 0.0
        else:
            step_s = min(ts - self._ts, LONGEST_STEP_S)
        self._ts = ts
        self._seen_s += step_s
        self.is_ready = self._seen_s >= READY_S
        now -= self._recent
        self._recent += np.float32(min(1.0, step_s / RECENT_S)) * now
        now += self._recent
        above = self._recent - self._mean
        everywhere = np.float32(max(0.0, median(above.ravel()[::3])))
        above -= everywhere
        stays: Array = above > self._limit
        if stays.any():
            stays &= now - self._mean >= np.float32(LIVE_PART) * above
        if ts - self._learnt_ts >= PERIOD_S:
            self._learn(min(ts - self._learnt_ts, LONGEST_STEP_S), above, everywhere)
            self._learnt_ts = ts
        return stays

    def _begin(self, ts: Seconds, usual: Array) -> None:
        self._learnt_ts = ts
        self._seen_s = 0.0
        self._mean = _around(np.minimum(usual, MOST_SAD))
        self._recent = self._mean.copy()
        self._variance = np.full_like(self._mean, FIRST_DEVIATION_SAD**2)
        self._deviation = np.sqrt(self._variance)
        self._limit = np.float32(Z_SCORE) * self._deviation

    def _learn(self, step_s: Seconds, above: Array, everywhere: Any) -> None:
        rate = np.float32(step_s / min(RECENT_S + self._seen_s, MEMORY_S))
        most = np.float32(MOST_Z_SCORE) * self._deviation
        error = np.minimum(above, most)
        np.maximum(error, -most, out=error)
        self._mean += rate * (error + everywhere)
        error *= error
        error -= self._variance
        self._variance += rate * _around(_around(error))
        # What spreads from a block to those around it can leave less than nothing there.
        least = max(float(self._variance.mean()), LEAST_DEVIATION_SAD**2)
        self._deviation = np.sqrt(np.maximum(self._variance, np.float32(least)))
        self._limit = np.float32(Z_SCORE) * self._deviation


def _around(plane: Array) -> Array:
    """The mean of each block and those that touch it; the edge is repeated."""
    rows, cols = plane.shape
    padded = np.empty((rows + 2, cols + 2), np.float32)
    padded[1:-1, 1:-1] = plane
    padded[0, 1:-1], padded[-1, 1:-1] = plane[0], plane[-1]
    padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
    down = padded[:-2] + padded[1:-1]
    down += padded[2:]
    sums: Array = down[:, :-2] + down[:, 1:-1]
    sums += down[:, 2:]
    sums *= np.float32(1 / 9)
    return sums
