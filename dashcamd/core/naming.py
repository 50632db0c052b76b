"""Names on the stick: sorted by time, unique without a clock, legal on every file system.

::

    DASHCAM/2026-11-20/193528_e000107_motion/193528_p00.mp4      the clock is known: local time
    DASHCAM/boot-000042/000311_e000108_motion/000311_p00.mp4     it is not: time since power-on

The event number never goes back on a volume, so it alone gives the order.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from dashcamd.types import Seconds

ROOT = "DASHCAM"
"""Nothing outside this folder is ever changed."""

SIDECAR = "event.json"
COVER = "cover.jpg"
PAGE = "index.html"
"""Opens the recordings on any computer; what it shows is in `PAGE_DATA` beside it."""

PAGE_DATA = "index"

SETTINGS = "dashcamd.toml"
"""Put there by the owner, read when the stick is plugged in, never written."""

REPORT = "dashcamd-report.txt"

TRIAL = "trial.bin"
"""Noise by which a new stick is tried out; there only while that lasts."""

BESIDE = ("volume.json", "clocks.json", PAGE, PAGE_DATA, SETTINGS, REPORT, TRIAL)
"""What dashcamd writes or reads beside the folders of days; it is not foreign."""

LOCK = "locked.txt"
"""Whoever puts a file of this name into an event's folder locks it, on any computer (`is_lock`)."""

_LOCKS = (LOCK, LOCK + ".tmp", "locked", "locked.txt.txt")

OPEN_SUFFIX = ".part.mp4"
CLOSED_SUFFIX = ".mp4"
DAMAGED_SUFFIX = ".damaged"

_EVENT = re.compile(r"^(\d{6})_e(\d{6,12})_([a-z]{1,16})$", re.ASCII)
_DAY = re.compile(r"^(\d{4}-\d{2}-\d{2}|boot-\d{6,12})$", re.ASCII)
_PART = re.compile(r"^(\d{6})_p(\d{2,6})(\.part\.mp4|\.mp4|\.damaged)$", re.ASCII)
_TRACE = re.compile(r"^trace-(\d{6,12})-(\d{4,8})\.bin$", re.ASCII)
_LOST = re.compile(r"^(\d{6})~\d{1,4}\.mp4$", re.ASCII | re.IGNORECASE)
_LOCKED_PARTS = re.compile(r"^Locked parts:((?: p\d{2,6})+) \.$", re.ASCII | re.MULTILINE)
_REASON = re.compile(r"[^a-z]")


_BOOT = "boot-"


def in_order(days: Sequence[str]) -> List[str]:
    """Each of `days` once, dates first, the newest first; `days` are those of events so ordered.

    Only the boot that the newest event belongs to goes before all dates: it is today.
    """

    def rank(day: str) -> Tuple[bool, bool, str]:
        is_dated = not day.startswith(_BOOT)
        return not is_dated and day == days[0], is_dated, day

    return sorted(set(days), key=rank, reverse=True)


class EventName(NamedTuple):
    """An event's folder: `day` above it, and its own `folder` name."""

    day: str
    folder: str

    @property
    def path(self) -> str:
        """Path from the root of the volume."""
        return "%s/%s/%s" % (ROOT, self.day, self.folder)


class PartName(NamedTuple):
    """What a part's file name says: its number in the event and how it ended."""

    number: int
    suffix: str


def event_name(
    number: int, reason: str, start: Optional[datetime], boot: int, uptime_s: Seconds
) -> EventName:
    """Name an event that begins at local time `start`, or `uptime_s` after power-on."""
    word = _REASON.sub("", reason.lower())[:16] or "event"
    stamp = _clock_face(uptime_s) if start is None else start.strftime("%H%M%S")
    return EventName(day_name(start, boot), "%s_e%06d_%s" % (stamp, number, word))


def part_name(number: int, start: Optional[datetime], uptime_s: Seconds) -> str:
    """Name an open part without its suffix."""
    stamp = _clock_face(uptime_s) if start is None else start.strftime("%H%M%S")
    return "%s_p%02d" % (stamp, number)


def _clock_face(uptime_s: Seconds) -> str:
    minutes, seconds = divmod(int(uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    return "%02d%02d%02d" % (min(hours, 99), minutes, seconds)


def is_day(name: str) -> bool:
    """Whether `name` is a folder of days or boots."""
    return bool(_DAY.match(name))


def event_number(folder: str) -> Optional[int]:
    """The number in an event's folder name, None if it is not one."""
    match = _EVENT.match(folder)
    return int(match.group(2)) if match else None


def event_reason(folder: str) -> str:
    """The reason in an event's folder name."""
    match = _EVENT.match(folder)
    return match.group(3) if match else ""


def parse_part(name: str) -> Optional[PartName]:
    """What the file `name` says of a part, None if it is not one."""
    match = _PART.match(name)
    return PartName(int(match.group(2)), match.group(3)) if match else None


def trace_name(boot: int, hour: int) -> str:
    """Name the trace of one hour since power-on."""
    return "trace-%06d-%04d.bin" % (boot, hour)


def parse_trace(name: str) -> Optional[Tuple[int, int]]:
    """Boot and hour of a trace's file name, None if it is not one."""
    match = _TRACE.match(name)
    return (int(match.group(1)), int(match.group(2))) if match else None


def day_name(start: Optional[datetime], boot: int) -> str:
    """The folder of the day of a local time, or of a boot without a clock."""
    return "boot-%06d" % boot if start is None else start.strftime("%Y-%m-%d")


def locked_parts(text: str) -> Optional[Tuple[int, ...]]:
    """The numbers of the parts that the text of a lock names; None when it names none.

    The line ends with a full stop, so that a torn one is not taken for a shorter list.
    """
    match = _LOCKED_PARTS.search(text.replace("\r\n", "\n"))
    return tuple(int(part[1:]) for part in match.group(1).split()) if match else None


def locked_parts_line(parts: Iterable[int]) -> str:
    """What `locked_parts` reads."""
    return "Locked parts: %s .\n" % " ".join("p%02d" % part for part in sorted(parts))


def lost_stamp(name: str) -> Optional[str]:
    """The first six digits of a part that a power cut left with its short name only.

    On FAT a long name may lie in two sectors; when the cut falls between them, the file is whole
    and is listed as ``193528~1.MP4``.
    """
    match = _LOST.match(name)
    return match.group(1) if match else None


def is_ours(name: str) -> bool:
    """Whether a file in an event's folder was written by dashcamd and goes with the event."""
    plain = name[:-4] if name.endswith(".tmp") else name
    if plain in (SIDECAR, COVER) or is_lock(name):
        return True
    return parse_part(plain) is not None or lost_stamp(plain) is not None


def is_lock(name: str) -> bool:
    """Whether a file of this name in an event's folder locks it.

    People's own count in capitals (a phone's keyboard, DOS names) and with an ending that their
    computer hides. The temporary one counts, for a cut in its rename may leave it alone.
    """
    return name.casefold() in _LOCKS
