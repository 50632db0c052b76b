"""Stamps of a source become boot-monotonic seconds that rise strictly, whatever the source does.

Files wrap, loop, lack stamps or jump; cameras on the network count on clocks of their own. Pure
arithmetic, one thread each.
"""

from __future__ import annotations

from typing import Optional

from dashcamd.types import Seconds

LEAST_STEP_S = 0.001
"""A repeated or slightly earlier stamp is moved so far behind its predecessor."""

BACK_LIMIT_S = 1.0
"""A stamp further back than this is a new count (a wrap, a loop), not jitter."""

FORWARD_LIMIT_S = 60.0
"""A longer pause inside a file is a break in its count, not a pause somebody wants to sit through.
"""

LIVE_LIMIT_S = 2.0
"""A live source whose stamps are so far from their arrival has restarted its count."""

DRIFT_GAIN = 0.002
"""How much of the distance to the arrival is followed with each live frame: 100 ppm of drift at
25 fps stay within 2 ms, network jitter of 50 ms moves the stamps by 0.1 ms."""


class FileStamps:
    """``start_ts + (pts - first pts)``, continued across breaks by one frame's duration."""

    def __init__(self, start_ts: Seconds, interval_s: Seconds) -> None:
        self._interval_s = interval_s
        self._next_ts = start_ts
        self._last_ts: Optional[Seconds] = None
        self._offset: Optional[Seconds] = None

    def restart(self) -> None:
        """The count begins anew (the file is played again)."""
        self._offset = None

    def stamp(self, pts_s: Optional[Seconds]) -> Seconds:
        """The stamp of a frame whose own is `pts_s`; None when it has none."""
        ts = self._mapped(pts_s)
        self._last_ts, self._next_ts = ts, ts + self._interval_s
        return ts

    def _mapped(self, pts_s: Optional[Seconds]) -> Seconds:
        if pts_s is None:
            return self._next_ts
        if self._offset is None or self._last_ts is None:
            self._offset = self._next_ts - pts_s
            return self._next_ts
        step = pts_s + self._offset - self._last_ts
        if not -BACK_LIMIT_S <= step <= FORWARD_LIMIT_S:
            self._offset = self._next_ts - pts_s
            return self._next_ts
        return max(pts_s + self._offset, self._last_ts + LEAST_STEP_S)


class LiveStamps:
    """A source's own stamps, which are even, tied to the monotonic clock, which is ours.

    The distance between the two follows the arrivals slowly, so jitter of the network does not
    show and drift does not add up. A stamp never lies in the future.
    """

    def __init__(self, start_ts: Seconds) -> None:
        self._last_ts = start_ts - LEAST_STEP_S
        self._offset: Optional[Seconds] = None

    def stamp(self, pts_s: Optional[Seconds], arrival_ts: Seconds) -> Seconds:
        """The stamp of a frame that arrived at `arrival_ts` and is marked `pts_s`."""
        ts = arrival_ts if pts_s is None else self._mapped(pts_s, arrival_ts)
        self._last_ts = max(ts, self._last_ts + LEAST_STEP_S)
        return self._last_ts

    def _mapped(self, pts_s: Seconds, arrival_ts: Seconds) -> Seconds:
        if self._offset is None:
            self._offset = arrival_ts - pts_s
        late = arrival_ts - (pts_s + self._offset)
        if late < 0 or late > LIVE_LIMIT_S:
            self._offset += late
        else:
            self._offset += late * DRIFT_GAIN
        return pts_s + self._offset
