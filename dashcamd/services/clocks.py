"""The clock's keeper: offers what is known of wall time to the timeline."""

from __future__ import annotations

import threading
from typing import Callable, Optional

from dashcamd.core.timeline import Timeline
from dashcamd.handover import Board
from dashcamd.types import Anchor, Seconds

PERIOD_S = 10.0


class ClockService:
    """Asks for an anchor now and then; the timeline keeps the best."""

    name = "clock"

    def __init__(
        self, anchor: Callable[[], Optional[Anchor]], timeline: Timeline, board: Board
    ) -> None:
        self.wake = threading.Event()
        self._anchor = anchor
        self._timeline = timeline
        self._board = board

    def step(self, now: Seconds) -> Seconds:
        """Offer what the machine knows."""
        found = self._anchor()
        if found is not None:
            self._timeline.offer(found)
        moment = self._timeline.moment(now)
        self._board.post(
            "clock",
            {
                "known": moment is not None,
                "now": moment.iso if moment else None,
                "uncertainty_s": round(moment.uncertainty_s, 3) if moment else None,
                "source": moment.source if moment else None,
                "monotonic_s": round(now, 3),
            },
        )
        return PERIOD_S

    def close(self) -> None:
        """Nothing is open here."""
