"""Which events make room: decided from numbers alone, looking at no more events than needed.

Order is the event number, which never goes back on a volume; no wall clock and no file time takes
part. Locked events and the open one are never chosen; if they alone fill the volume, the oldest
closed parts of the open event go, because recording on is worth more than its own beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from dashcamd.types import Seconds

HIGH_WATER = 1.25
"""Deleting goes on to this multiple of the reserve, so that it does not run all the time."""


@dataclass(frozen=True)
class Kept:
    """One closed event as retention sees it; `age_s` is None where no clock can tell."""

    number: int
    bytes: int
    is_locked: bool = False
    age_s: Optional[Seconds] = None


OpenParts = Tuple[Tuple[str, int], ...]
"""Closed parts of the open event with their bytes, oldest first."""


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


def plan(
    oldest_first: Iterable[Kept],
    open_parts: OpenParts,
    free: int,
    reserve: int,
    keep_s: Seconds,
) -> Plan:
    """Choose what to delete so that `reserve` bytes are free and nothing is older than `keep_s`.

    `oldest_first` may be lazy: it is read no further than to the first event that may stay.
    `keep_s` of 0 keeps events until their space is needed.
    """
    wanted = int(reserve * HIGH_WATER) if free < reserve else 0
    victims: List[int] = []
    for event in oldest_first:
        is_old = keep_s > 0 and event.age_s is not None and event.age_s > keep_s
        if event.is_locked:
            continue
        if is_old or free < wanted:
            victims.append(event.number)
            free += event.bytes
        elif keep_s == 0 or event.age_s is not None:
            break
    needed = min(wanted, reserve)
    parts: List[str] = []
    for name, size in open_parts[:-1]:
        if free < needed:
            parts.append(name)
            free += size
    return Plan(tuple(victims), tuple(parts), max(0, needed - free))
