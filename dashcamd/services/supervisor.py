"""The main thread's duty: watch the others, tell systemd and people how they fare."""

from __future__ import annotations

import logging
from typing import AbstractSet, Callable, Mapping, Optional

from dashcamd.handover import Board
from dashcamd.health import progress
from dashcamd.health.systemd import Systemd
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

FEED_S = 1.0
"""A fifth of the unit's WatchdogSec."""


class Supervisor:
    """Feeds systemd's watchdog while there is progress or healthy idleness; the main thread's."""

    def __init__(
        self,
        overdue: Callable[[Seconds], Mapping[str, Seconds]],
        status: Callable[[], Json],
        board: Board,
        systemd: Systemd,
        in_kernel: Callable[[], AbstractSet[str]] = frozenset,
    ) -> None:
        self._overdue = overdue
        self._in_kernel = in_kernel
        self._status = status
        self._board = board
        self._systemd = systemd
        self._next_feed: Seconds = float("-inf")
        self._stuck: Optional[str] = None

    def look(self, now: Seconds) -> None:
        """Judge the threads; call it about twice a second."""
        overdue = self._overdue(now)
        stall = progress.stall(overdue)
        self._board.post("stall", {"fault": stall})
        board = self._board.snapshot()
        stuck = progress.stuck(
            overdue,
            board.get("recording", {}),
            now,
            self._in_kernel() if stall else frozenset(),
            board.get("memory", {}).get("bridged_s") or 0.0,
        )
        if stuck and stuck != self._stuck and self._stuck is None:
            log.critical("%s; the watchdog is no longer fed, systemd starts anew", stuck)
        self._stuck = stuck
        if now >= self._next_feed:
            self._next_feed = now + FEED_S
            self._tell(stuck)

    def _tell(self, stuck: Optional[str]) -> None:
        if stuck:
            self._systemd.ailing(stuck)
            return
        status = self._status()
        self._systemd.alive("; ".join([status["state"], *status["faults"]]))
