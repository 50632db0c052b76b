"""What is ordinary for each block: a running mean and deviation that adapt slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dashcamd.types import Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

FIRST_S: Seconds = 1.0
FIRST_DEVIATION = np.float32(0.2)
"""What a block is believed to be before it was watched, and how much of its memory that fills."""

MAX_STEP_S = 1.0
"""A longer pause between two fields counts as this much: one field is one sample."""


class Noise:
    """The noise model of one measure (SAD, length of vector) over the grid `shape`.

    `limit` is the plane a block must exceed to stand out: the mean plus `deviations` mean
    deviations, at least `floor`. What exceeds it is clipped to it before it is learnt, so a
    passer-by hardly raises it and leaves that never rest do. `memory_s` is the time constant; in
    the beginning it is as long as what was seen. What stands out is learnt slower, by `patience`.
    """

    def __init__(
        self,
        shape: Any,
        floor: float,
        deviations: float,
        memory_s: Seconds,
        patience: float = 1.0,
    ) -> None:
        self._patience = np.float32(patience)
        self.shape = shape
        self._floor = np.float32(floor)
        self._deviations = np.float32(deviations)
        self._memory_s = memory_s
        self.mean = np.zeros(shape, np.float32)
        self._deviation = np.zeros(shape, np.float32)
        self._error = np.zeros(shape, np.float32)
        self.limit = np.full(shape, floor, np.float32)
        self._seen_s = 0.0
        self._ts: Optional[Seconds] = None

    def limit_at(self, place: Any, fraction: float, of_floor: float = 1.0) -> Array:
        """The limits at `place` when deviations count `fraction`, the floor that and `of_floor`."""
        above: Array = self._deviation[place] * (self._deviations * np.float32(fraction))
        above += self.mean[place]
        np.maximum(above, self._floor * np.float32(fraction * of_floor), out=above)
        return above

    def _begin(self, measure: Array) -> None:
        """Believe that each block is like the median one, as if that had been seen for a while.

        Somebody who is in the very first picture would be learnt as ordinary otherwise.
        """
        usual = np.float32(np.median(measure))
        self.mean[...] = usual
        self._deviation[...] = FIRST_DEVIATION * usual
        self._seen_s = min(FIRST_S, self._memory_s)

    def learn(self, measure: Array, ts: Seconds) -> None:
        """Take the float32 plane `measure` of the field at `ts` into the model."""
        if self._ts is None:
            self._begin(measure)
            step = 0.0
        else:
            step = min(max(ts - self._ts, 0.0), MAX_STEP_S)
        self._ts = ts
        self._seen_s = min(self._seen_s + step, self._memory_s)
        rate = np.float32(min(1.0, step / max(self._seen_s, 1e-3)))
        if self._patience < 1:
            hot = measure > self.limit
            if hot.any():
                rate = np.where(hot, rate * self._patience, rate)
        error = np.minimum(measure, self.limit, out=self._error)
        error -= self.mean
        self.mean += rate * error
        error *= 1 - rate
        np.abs(error, out=error)
        error -= self._deviation
        self._deviation += rate * error
        np.multiply(self._deviation, self._deviations, out=self.limit)
        self.limit += self.mean
        np.maximum(self.limit, self._floor, out=self.limit)
