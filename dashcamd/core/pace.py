"""How far apart the pictures of one camera are, and how many make about a tenth of a second."""

from __future__ import annotations

from typing import Optional

from dashcamd.types import Seconds

FIELD_S: Seconds = 0.11
"""A field spans as many pictures as come nearest to this: a slow walker needs about a tenth of a
second to move by a pixel. 1 of 12 a second, 2 of 15 or 20, 3 of 24 to 30; a little more than a
tenth, so that no common rate lies between two numbers."""

PACE_WEIGHT = 0.1
LONGEST_STEP = 1.5
LOST_S: Seconds = 0.5
"""The time between two pictures is averaged over about ten; a longer one (a keyframe of an encoder
has no field) counts as so many times the average, one beyond the last (a pause) not at all."""


class Pace:
    """Learns the distance of one camera's pictures from their stamps. One thread writes."""

    def __init__(self) -> None:
        self._last_ts: Optional[Seconds] = None
        self.step_s: Seconds = 0.0
        """The average time between two pictures; 0 before it is known."""

    def see(self, ts: Seconds) -> None:
        """Take the stamp of the next picture; one seen before, or just passed, changes nothing."""
        last_ts = self._last_ts
        if last_ts is None or not -LOST_S <= ts - last_ts <= LOST_S:
            self._last_ts = ts
            return
        passed = ts - last_ts
        if passed <= 0:
            return
        self._last_ts = ts
        if self.step_s <= 0:
            self.step_s = passed
        else:
            self.step_s += PACE_WEIGHT * (min(passed, LONGEST_STEP * self.step_s) - self.step_s)

    @property
    def pictures(self) -> int:
        """How many pictures a field spans; 1 before the pace is known."""
        return max(1, round(FIELD_S / self.step_s)) if self.step_s > 0 else 1


class Turns:
    """Says which pictures of one camera are compared: each with the one about `FIELD_S` before.

    To be asked once for every picture, in order: so the pace is learnt, and who is told that one is
    due takes it. One thread.
    """

    def __init__(self) -> None:
        self._pace = Pace()
        self._taken_ts: Optional[Seconds] = None

    def is_due(self, ts: Seconds) -> bool:
        """Whether the picture at `ts` is to be taken; lets the caller skip the others unseen."""
        self._pace.see(ts)
        least_s = (self._pace.pictures - 0.5) * self._pace.step_s
        if self._taken_ts is not None and 0 <= ts - self._taken_ts < least_s:
            return False
        self._taken_ts = ts
        return True
