"""Which events make room: decided from numbers alone, looking at no more events than needed.

Each event is kept in one of three classes with a rule of its own:

========== =============================== ==================== =================================
class      which events                    too old after        when room is needed
========== =============================== ==================== =================================
continuous recorded without a reason, and  continuous_keep_days goes first, the oldest first
           drives
motion     every other, also by hand       keep_days            goes when no continuous one is left
locked     those with ``locked.txt``       never                never; too many are a fault
========== =============================== ==================== =================================

A drive is hours of nothing in particular; what matters of it is locked by a bump, or by the button.
Where parts are locked and not the event, the other parts go as those of its class do; what is left
is locked.

Order is the event number, which never goes back on a volume; no wall clock and no file time takes
part. If locked events and foreign files alone fill the volume, the oldest closed parts of the open
event go, because recording on is worth more than its own beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional, Tuple

from dashcamd.core.naming import EventName
from dashcamd.core.wants import DRIVING
from dashcamd.types import Seconds

CONTINUOUS = "continuous"
MOTION = "motion"
LOCKED = "locked"

SACRIFICE = (CONTINUOUS, MOTION)
"""The classes that may be deleted, in the order in which they make room."""


@dataclass(frozen=True)
class Kept:
    """One closed event as retention sees it; `age_s` is None where no clock can tell."""

    name: EventName
    bytes: int
    is_locked: bool = False
    age_s: Optional[Seconds] = None


NO_LIMIT = 1 << 62
"""No volume has as many events."""

OpenParts = Tuple[Tuple[str, int], ...]
"""Closed parts of the open event with their bytes, oldest first."""


@dataclass(frozen=True)
class Marks:
    """Water marks in bytes: below `low` free ones room is made, up to `high`."""

    low: int
    high: int


@dataclass(frozen=True)
class Plan:
    """What to delete: `events`, and `parts` of the open event by name.

    `short_bytes` is what will still be missing afterwards; more than 0 is a fault to report. It is
    `is_partial` where more events may have to go: decide again when these have.
    """

    events: Tuple[EventName, ...] = ()
    parts: Tuple[str, ...] = ()
    short_bytes: int = 0
    is_partial: bool = False


def class_of(reason: str, is_locked: bool) -> str:
    """The class of an event that was recorded for `reason`, the word in its folder's name."""
    if is_locked:
        return LOCKED
    return CONTINUOUS if reason in (CONTINUOUS, DRIVING) else MOTION


def marks(reserve: int, high_percent: float, total: int) -> Marks:
    """Water marks of a volume of `total` bytes: on a small one a tenth of it is the reserve.

    `high_percent` is how far above the reserve room is made, so that it is not made all the time;
    both marks stay below half of the volume.
    """
    low = min(reserve, total // 10)
    return Marks(low, min(int(low * (1 + high_percent / 100)), max(low, total // 2)))


def part_bytes(total: int) -> int:
    """Largest part on a volume of `total` bytes: several fit a small one; FAT32 ends at 4 GiB."""
    return max(1 << 20, min(4_000_000_000, total // 16))


def too_old(
    oldest_first: Iterable[Optional[Kept]], keep_s: Seconds
) -> Iterator[Optional[EventName]]:
    """The events of one class that are surely older than `keep_s`; 0 keeps them for ever.

    Lazy, and `oldest_first` may be: it is read no further than to the first surely younger one.
    None is the last where the next one is not known yet: decide again when it is.
    """
    for event in oldest_first if keep_s > 0 else ():
        if event is None:
            yield None
            return
        if event.is_locked or event.age_s is None:
            continue
        if event.age_s <= keep_s:
            break
        yield event.name


def plan(
    sacrifice: Iterable[Optional[Kept]],
    open_parts: OpenParts,
    free: int,
    marks: Marks,
    most: int = NO_LIMIT,
    is_begun: bool = False,
) -> Plan:
    """Choose what to delete so that room is made once less than the low mark is free.

    `sacrifice` are the events in the order in which they go; it may be lazy and is read no
    further than needed, nor than to `most` events, nor than to a None: the next one is not known
    yet. Once that `is_begun` it goes on to the high mark.
    """
    if free >= (marks.high if is_begun else marks.low):
        return Plan()
    victims: List[EventName] = []
    for event in sacrifice:
        if event is None:
            return Plan(tuple(victims), is_partial=True)
        if not event.is_locked:
            if len(victims) == most:
                return Plan(tuple(victims), is_partial=True)
            victims.append(event.name)
            free += event.bytes
            if free >= marks.high:
                break
    parts: List[str] = []
    for name, size in open_parts[:-1]:
        if free < marks.low:
            parts.append(name)
            free += size
    return Plan(tuple(victims), tuple(parts), max(0, marks.low - free))
