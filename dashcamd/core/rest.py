"""Which fields need not be judged: what has moved for long moves on.

Somebody who walks through the picture costs most and tells least: that he still moves. So while
motion is told, and something has moved in every field for a moment, at places that touch, fields
are left out; the longer it has moved the more. The first field in which nothing moves, or something
elsewhere, ends that at once. While no motion is told every field is looked at, as everything is
that needs proof. Decided by stamps alone: fields that a trace lacks make no difference unless one
of them would have ended a rest.
"""

from __future__ import annotations

from typing import Optional

from dashcamd.types import Box, Score, Seconds

STEADY_S: Seconds = 0.5
LONG_STEADY_S: Seconds = 1.0
"""What has moved in every field for so long is looked at every 0.2 s; where an encoder gives the
fields, from the second on, every 0.4 s. Decoded pictures have that no more often: what stands at
one place for long, and what rain is, is learnt from them."""

SHORT_REST_S: Seconds = 0.15
LONG_REST_S: Seconds = 0.33
"""A rest ends with the first field so long after the one judged last: the second of ten a second,
the fourth of ten or twelve."""


class Rest:
    """Follows the scores of one camera; `is_long` rests are only for an encoder. One thread."""

    def __init__(self, is_long: bool) -> None:
        self._is_long = is_long
        self._since: Optional[Seconds] = None
        self._judged_ts: Seconds = 0.0
        self._place: Optional[Box] = None
        self.until: Seconds = 0.0
        """The stamp of the next field that is to be judged is not before this."""

    def holds(self, ts: Seconds) -> bool:
        """Whether the field at `ts` need not be judged."""
        return self._judged_ts < ts < self.until

    def see(self, score: Score, is_allowed: bool) -> None:
        """Take the score of a field that was judged; where it `is_allowed` a rest may follow."""
        ts, place = score.ts, score.place
        is_same = self._since is not None and self._since <= ts and _touch(self._place, place)
        self._place, self._judged_ts = place, ts
        if not score.is_moving:
            self._since = None
        elif not is_same:
            self._since = ts
        self.until = ts + self._rest_s(ts) if is_allowed else ts

    def _rest_s(self, ts: Seconds) -> Seconds:
        lasted = 0.0 if self._since is None else ts - self._since
        if lasted < STEADY_S - 1e-6:
            return 0.0
        return LONG_REST_S if self._is_long and lasted >= LONG_STEADY_S else SHORT_REST_S


def _touch(one: Optional[Box], other: Optional[Box]) -> bool:
    """Whether two boxes overlap or touch."""
    if one is None or other is None:
        return False
    return max(one[0], other[0]) <= min(one[2], other[2]) and max(one[1], other[1]) <= min(
        one[3], other[3]
    )
