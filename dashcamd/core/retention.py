"""Which events make room: decided from numbers alone.

Order is the event number, which never goes back on a volume; no wall clock and no file time takes
part. Locked events and the open one are never chosen; if they alone fill the volume, the oldest
closed parts of the open event go, because recording on is worth more than its own beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from dashcamd.types import Seconds

HIGH_WATER = 1.25
"""Deleting goes on to this multiple of the reserve, so that it does not run all the time."""


@dataclass(frozen=True)
class Kept:
    """One event on the volume, as retention sees it.

    `parts` are the closed parts of the open event with their bytes, oldest first; `age_s` is None
    where no clock can tell.
    """

    number: int
    bytes: int
    is_locked: bool = False
    is_open: bool = False
    age_s: Optional[Seconds] = None
    parts: Tuple[Tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What to delete: `events` by number, `parts` of the open event by name.

    `short_bytes` is what will still be missing afterwards; more than 0 is a fault to report.
    """

    events: Tuple[int, ...] = ()
    parts: Tuple[str, ...] = ()
    short_bytes: int = 0


def reserve_bytes(configured: int, total: int) -> int:
    """The space to keep free on a volume of `total` bytes: at most a tenth of a small one."""
    return min(configured, total // 10)


def part_bytes(total: int) -> int:
    """Largest part on a volume of `total` bytes: several fit a small one; FAT32 ends at 4 GiB."""
    return max(1 << 20, min(4_000_000_000, total // 16))


def plan(events: Sequence[Kept], free: int, reserve: int, keep_s: Seconds) -> Plan:
    """Choose what to delete so that `reserve` bytes are free and nothing is older than `keep_s`.

    `keep_s` of 0 keeps events until their space is needed.
    """
    candidates = sorted(
        (event for event in events if not event.is_locked and not event.is_open),
        key=lambda event: event.number,
    )
    victims: List[int] = []
    wanted = int(reserve * HIGH_WATER) if free < reserve else 0
    for event in candidates:
        is_old = keep_s > 0 and event.age_s is not None and event.age_s > keep_s
        if is_old or free < wanted:
            victims.append(event.number)
            free += event.bytes
    parts: List[str] = []
    for event in events:
        for name, size in event.parts[:-1] if event.is_open and not event.is_locked else ():
            if free < min(wanted, reserve):
                parts.append(name)
                free += size
    return Plan(tuple(victims), tuple(parts), max(0, min(wanted, reserve) - free))
