"""The clock's keeper: offers what is known of wall time to the timeline."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Optional

from dashcamd.core.timeline import Timeline
from dashcamd.handover import Board, Mailbox
from dashcamd.types import Anchor, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 10.0

OFFERS = 8
"""Bound of the mailbox for anchors from elsewhere, such as a phone."""


class ClockService:
    """Asks for an anchor now and then; the timeline keeps the best."""

    name = "clock"

    def __init__(
        self,
        anchor: Callable[[], Optional[Anchor]],
        timeline: Timeline,
        board: Board,
        offered: Optional[Mailbox[Anchor]] = None,
    ) -> None:
        self._offered: Mailbox[Anchor] = offered or Mailbox(OFFERS)
        self.wake: threading.Event = self._offered.wake
        self._anchor = anchor
        self._timeline = timeline
        self._board = board

    def step(self, now: Seconds) -> Seconds:
        """Offer what the machine knows."""
        found = self._anchor()
        if found is not None:
            self._timeline.offer(found)
        for anchor in self._offered.drain():
            if self._timeline.offer(anchor):
                log.info("the clock is set by %s, to %g s", anchor.source, anchor.uncertainty_s)
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
