"""The only door to time. Everything that waits or stamps gets a `Clock` handed in.

Durations, splits and retention order use `Clock.monotonic` alone; `Clock.wall` is a label.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

from dashcamd.types import Seconds


class Clock(Protocol):
    """Time as the house sees it.

    MUST: `monotonic` never goes back and counts suspended time alike for every caller.
    MUST: `wait` returns as soon as `wake` is set or `timeout_s` has passed.
    MAY: be simulated; `wall` may step at any moment in either direction.
    """

    def monotonic(self) -> Seconds:
        """Boot-monotonic seconds."""

    def wall(self) -> float:
        """Unix seconds, as good as the machine knows them."""

    def wait(self, wake: threading.Event, timeout_s: Seconds) -> bool:
        """Wait for `wake`; True when it was set, False after `timeout_s`."""


class SystemClock:
    """The machine's clocks. Safe from any thread."""

    def monotonic(self) -> Seconds:
        """Boot-monotonic seconds: ``CLOCK_MONOTONIC``, the clock camera stamps are mapped to."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix seconds of the system clock."""
        return time.time()

    def wait(self, wake: threading.Event, timeout_s: Seconds) -> bool:
        """Block the calling thread on `wake` for at most `timeout_s`."""
        return wake.wait(timeout_s)


class SimClock:
    """A clock that moves only when told: tests and ``--speed max`` live on it.

    Starts at `monotonic_s` and `wall_s`; `advance_to` moves both. Not locked: the lockstep runner
    is the only thread there.
    """

    def __init__(self, monotonic_s: Seconds = 1000.0, wall_s: float = 1_700_000_000.0) -> None:
        self._now = monotonic_s
        self._wall_minus_monotonic = wall_s - monotonic_s

    def monotonic(self) -> Seconds:
        """Simulated boot-monotonic seconds."""
        return self._now

    def wall(self) -> float:
        """Simulated Unix seconds."""
        return self._now + self._wall_minus_monotonic

    def wait(self, wake: threading.Event, timeout_s: Seconds) -> bool:
        """Never block: pass `timeout_s` of simulated time unless `wake` is set already."""
        if wake.is_set():
            return True
        self._now += max(0.0, timeout_s)
        return False

    def advance_to(self, ts: Seconds) -> None:
        """Move forward to `ts`; a stamp in the past leaves the clock where it is."""
        self._now = max(self._now, ts)
