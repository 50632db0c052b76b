"""What is ordinary for each block: a running mean and deviation that adapt slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple

import numpy as np

from dashcamd.core.medians import middle
from dashcamd.types import Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

FIRST_S: Seconds = 1.0
FIRST_DEVIATION = np.float32(0.2)
"""What a block is believed to be before it was watched, and how much of its memory that fills."""

MAX_STEP_S = 1.0
"""A longer pause between two fields counts as this much: one field is one sample."""


PERIOD_S: Seconds = 0.09
"""Ten samples a second are enough: fields that come with every picture are learnt in turns."""


class Noise:
    """The noise model of measures (SAD, length of vector) over a grid: planes of (n, rows, cols).

    `limit` are the planes a block must exceed to stand out: the mean plus `deviations` mean
    deviations, at least the floor, one of `floors` and of `deviations` a plane. What exceeds it is
    clipped to it before it is learnt, so a
    passer-by hardly raises it and leaves that never rest do. `memory_s` is the time constant; in
    the beginning it is as long as what was seen. What stands out is learnt slower, by `patience`.
    """

    def __init__(
        self,
        grid: Tuple[int, int],
        floors: Sequence[float],
        deviations: Sequence[float],
        memory_s: Seconds,
        patience: float = 1.0,
        period_s: Seconds = PERIOD_S,
    ) -> None:
        shape = (len(floors), *grid)
        self.grid = grid
        self._patience = np.float32(patience)
        zeros = np.zeros(shape, np.float32)
        self._floor = zeros + np.array(floors, np.float32)[:, None, None]
        self._deviations = zeros + np.array(deviations, np.float32)[:, None, None]
        self._first_deviations = np.float32(deviations[0])
        self._memory_s = memory_s
        self._period_s = period_s
        self.mean = np.zeros(shape, np.float32)
        self._deviation = np.zeros(shape, np.float32)
        self._error = np.zeros(shape, np.float32)
        self._step = np.zeros(shape, np.float32)
        self._rates = np.zeros(shape, np.float32)
        self.limit = self._floor.copy()
        self._seen_s = 0.0
        self._ts: Optional[Seconds] = None

    def limit_at(self, place: Any, fraction: float, floor: float) -> Array:
        """Limits of the first plane at `place` when its deviations count `fraction`."""
        above = self.deviations_at(place, fraction)
        above += self.mean[0][place]
        np.maximum(above, np.float32(floor), out=above)
        return above

    def deviations_at(self, place: Any, fraction: float) -> Array:
        """Of the first plane at `place`: the `deviations` asked for, times `fraction`."""
        above: Array = self._deviation[0][place] * (self._first_deviations * np.float32(fraction))
        return above

    def _begin(self, measures: Array) -> None:
        """Believe that each block is like the median one, as if that had been seen for a while.

        Somebody who is in the very first picture would be learnt as ordinary otherwise.
        """
        usual = np.array([middle(one) for one in measures], np.float32)[:, None, None]
        self.mean[...] = usual
        self._deviation[...] = FIRST_DEVIATION * usual
        self._seen_s = min(FIRST_S, self._memory_s)

    def is_due(self, ts: Seconds) -> bool:
        """Whether the field at `ts` should be learnt."""
        return self._ts is None or not 0 <= ts - self._ts < self._period_s

    def learn(self, measures: Array, ts: Seconds, moved: float = 0.0) -> None:
        """Take the float32 planes of the field at `ts` into the model.

        `moved` says by how much the first measure has risen everywhere since the last field learnt,
        as noise does at dusk: all means move along, and that is no deviation of any block.
        """
        rate = self._rate(measures, ts)
        if moved:
            self.mean[0] += np.float32(moved)
        error = np.minimum(measures, self.limit, out=self._error)
        error -= self.mean
        step = np.multiply(error, rate, out=self._step)
        self.mean += step
        error -= step
        np.abs(error, out=error)
        error -= self._deviation
        error *= rate
        self._deviation += error
        np.multiply(self._deviation, self._deviations, out=self.limit)
        self.limit += self.mean
        np.maximum(self.limit, self._floor, out=self.limit)

    def _rate(self, measures: Array, ts: Seconds) -> Any:
        """How much the newest field counts, 0..1: one number, or one a block."""
        if self._ts is None:
            self._begin(measures)
            step_s = 0.0
        else:
            step_s = min(max(ts - self._ts, 0.0), MAX_STEP_S)
        self._ts = ts
        self._seen_s = min(self._seen_s + step_s, self._memory_s)
        rate = np.float32(min(1.0, step_s / max(self._seen_s, 1e-3)))
        if self._patience < 1:
            hot = measures > self.limit
            if np.count_nonzero(hot):
                self._rates.fill(rate)
                self._rates[hot] = rate * self._patience
                return self._rates
        return rate
