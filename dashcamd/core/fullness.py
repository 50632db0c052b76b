"""When a full volume is written to again. Pure.

Asked by the record thread, and by the volumes thread for sticks that are passed over. A full volume
is not a failed one: it stays in use, so that what is on it can be watched, deleted and made room
on. But nobody gains by a write that finds it full again every other second, for hours where films
and locked events leave no room: each try makes a file and wears the stick.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from dashcamd.types import Seconds

FIRST_S = 2.0
"""Room is made by then, where there is something to delete."""

MOST_S = 60.0
FORGET_S = 300.0
"""Tries come ever later up to the first of these; a volume that took video for so long begins
again."""

ROOM_BYTES = 1 << 20
"""So much more free than before is room that somebody made: no need to wait."""


class Full(NamedTuple):
    """A volume found full at boot-monotonic `at` with `free_bytes`, `tries` times lately."""

    at: Seconds
    free_bytes: int = 0
    tries: int = 1

    @property
    def retry_at(self) -> Seconds:
        """When it may be tried again though nobody made room."""
        return self.at + min(FIRST_S * 2.0 ** min(self.tries - 1, 10), MOST_S)

    def is_over(self, now: Seconds, free_bytes: int) -> bool:
        """Whether a write is worth a try."""
        return now >= self.retry_at or free_bytes >= self.free_bytes + ROOM_BYTES


def found_full(before: Optional[Full], now: Seconds, free_bytes: int = 0) -> Full:
    """A volume is full, and was so `before`, if it was."""
    is_again = before is not None and now - before.at < FORGET_S
    return Full(now, free_bytes, before.tries + 1 if before is not None and is_again else 1)
