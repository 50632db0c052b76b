"""The health thread: posts how the machine fares every few seconds."""

from __future__ import annotations

import threading
from typing import Callable

from dashcamd.handover import Board
from dashcamd.types import Json, Seconds

PERIOD_S = 5.0


class HealthService:
    """Reads the machine and posts it."""

    name = "health"

    def __init__(self, read: Callable[[], Json], board: Board) -> None:
        self.wake = threading.Event()
        self._read = read
        self._board = board

    def step(self, now: Seconds) -> Seconds:
        """Post one reading."""
        self._board.post("health", self._read())
        return PERIOD_S

    def close(self) -> None:
        """Nothing is open here."""
