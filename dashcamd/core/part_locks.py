"""Which parts a bump locks: the one it lies in, the one before and the one after.

A drive is one event of an hour; to lock all of it for each pothole would fill the stick. So parts
are locked, and the rest of the event may still make room::

    parts   p00 | p01 | p02 | p03 | p04        bump told while p02 is written:
                  ^^^   ^^^   ^^^              p01 and p02 at once, p03 as soon as it is opened

Neighbours are looked for along a seamless chain only: across a split, and across an event that
continues another. A bump is told a moment after it happened, and may be told
before its part is opened: it waits for that.
"""

from __future__ import annotations

from typing import Generic, List, Optional, Tuple, TypeVar

from dashcamd.types import Seconds

E = TypeVar("E")
"""What names an event."""

REMEMBERED = 4
"""Parts looked back at: a bump is told within seconds, and parts are longer than two."""

LATE_S: Seconds = 10.0
"""A part that begins so long after a bump has nothing to do with it."""


class PartLocks(Generic[E]):
    """Follows the parts as they are opened. Pure; one thread."""

    def __init__(self) -> None:
        self._chain: List[Tuple[E, int, Seconds]] = []
        self._is_open = False
        self._bump: Optional[Seconds] = None
        self._waits = False

    def bumped(self, ts: Seconds) -> List[Tuple[E, int]]:
        """A bump at `ts` is told: the parts to lock now, as event and number."""
        self._bump, self._waits = ts, not self._is_open
        if self._waits:
            return []
        here = max((i for i, one in enumerate(self._chain) if one[2] <= ts), default=0)
        if here < len(self._chain) - 1:
            self._bump = None
        return [(event, part) for event, part, _ in self._chain[max(0, here - 1) : here + 2]]

    def opened(self, event: E, part: int, start: Seconds, is_seamless: bool) -> List[Tuple[E, int]]:
        """A part that begins at `start` is open: what to lock now.

        `is_seamless` when it goes on where the one before ended. Writing may lag behind the
        detector, so the bump may lie in this part or in a later one still.
        """
        chain = self._chain[1 - REMEMBERED :] if is_seamless else []
        self._chain = [*chain, (event, part, start)]
        self._is_open = True
        bump, waited = self._bump, self._waits
        self._bump, self._waits = None, False
        is_late = start > (bump or 0.0) + LATE_S
        if bump is None or (is_late and (waited or not is_seamless)):
            return []
        return self.bumped(bump) if waited or start <= bump else [(event, part)]

    def closed(self) -> None:
        """Nothing is written for now; a bump waits for what is opened next."""
        self._is_open = False
