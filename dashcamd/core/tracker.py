"""The tracker turns scores into confirmed motion: k moving fields within a window of time.

::

    IDLE --moving--> SUSPECT --k-th moving within window_s--> MOVING
      ^                 |                                        |
      +--- window_s without a moving field ----------------------+

It does not decide events: pre-roll, post-roll and the gap belong to the recording core, which
hears `Motion(first, last)` and, from every step, up to which stamp nothing else will be said.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from enum import Enum
from typing import Any, Deque, Dict, Iterable, List, Optional

from dashcamd.types import Motion, Score, Seconds


class State(Enum):
    """Where the tracker stands."""

    IDLE = "idle"
    SUSPECT = "suspect"
    MOVING = "moving"


class Tracker:
    """Confirms motion when `k` fields within `window_s` move; forgets after `window_s` of rest.

    Time comes from the scores alone; a score from the past restarts the tracker. One thread.
    """

    def __init__(self, k: int = 3, window_s: Seconds = 0.7) -> None:
        self._k = max(1, k)
        self._window_s = window_s
        self._recent: Deque[Score] = deque()
        self._peak: Optional[Score] = None
        self._last: Seconds = 0.0
        self._now: Seconds = 0.0
        self.state = State.IDLE
        self._first: Seconds = 0.0

    def step(self, score: Score) -> Optional[Motion]:
        """Take the next score; the motion that it confirms or prolongs, or None."""
        if score.ts < self._now:
            self._reset()
        self._now = score.ts
        self._forget(score.ts)
        if not score.is_moving:
            return None
        self._take(score)
        return self._motion() if self.state is State.MOVING else None

    def _forget(self, ts: Seconds) -> None:
        while self._recent and ts - self._recent[0].ts > self._window_s:
            self._recent.popleft()
        if not self._recent:
            self._reset()

    def _take(self, score: Score) -> None:
        self._recent.append(score)
        self._last = score.ts
        if self.state is State.MOVING:
            if self._peak is None or score.blocks > self._peak.blocks:
                self._peak = score
        elif len(self._recent) >= self._k:
            self.state = State.MOVING
            self._first = self._recent[0].ts
            self._peak = max(self._recent, key=lambda one: one.blocks)
        else:
            self.state = State.SUSPECT

    def _motion(self) -> Motion:
        assert self._peak is not None
        peak = self._peak
        return Motion(
            self._first,
            self._last,
            peak_blocks=peak.blocks,
            why=peak.reason,
            place=peak.place,
        )

    def _reset(self) -> None:
        self._recent.clear()
        self.state = State.IDLE
        self._peak = None


def intervals(motions: Iterable[Motion], gap_s: Seconds) -> List[Motion]:
    """One `Motion` a stretch: those closer than `gap_s`, or of the same run, become one."""
    merged: List[Motion] = []
    for motion in motions:
        if merged and motion.first - merged[-1].last < gap_s:
            merged[-1] = _both(merged[-1], motion)
        else:
            merged.append(motion)
    return merged


def _both(a: Motion, b: Motion) -> Motion:
    peak = a if a.peak_blocks >= b.peak_blocks else b
    return replace(peak, first=min(a.first, b.first), last=max(a.last, b.last))


def as_json(motion: Motion, start: Seconds = 0.0) -> Dict[str, Any]:
    """The event of ``replay --json``: seconds from `start`, the stamp of the first frame."""
    return {
        "start_s": round(motion.first - start, 3),
        "end_s": round(motion.last - start, 3),
        "reason": motion.why or motion.reason,
        "peak_blocks": motion.peak_blocks,
    }
