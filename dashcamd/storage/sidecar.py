"""``event.json``: why an event was recorded, when, and what its parts hold.

Read from a stick it is data, not truth: every field is checked for type, unknown ones are left
alone, and a file that is too large or not JSON counts as absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Optional, Tuple

from dashcamd.core.timeline import Moment
from dashcamd.core.wants import Story
from dashcamd.types import Gap, Json, Seconds

VERSION = 1
MAX_BYTES = 1 << 20
"""As many parts as an event can have, each with a gap, are 0.4 MB of JSON; more is not ours."""

TEXT_CHARS = 200
"""Longest text in it; what is longer is cut."""

LAST_WALL = 253_000_000_000.0
"""No later moment has a date: calendars of programs end with the year 9999."""


@dataclass(frozen=True)
class PartFacts:
    """One file of an event; `start` is the stamp of its first frame, `status` ok or recovered."""

    file: str
    start: Seconds
    duration_s: Seconds
    frames: int
    bytes: int
    sha256: str = ""
    status: str = "ok"
    overlap_frames: int = 0


@dataclass(frozen=True)
class EventFacts:
    """All that is known of an event; immutable, replaced whole as it grows.

    `number` counts on the volume, `boot` the daemon's boots there; `start` is the stamp of the
    first frame and `moment` its label; `first_motion`, `last_motion` are stamps of the motion.
    """

    number: int
    reason: str
    boot: int
    boot_id: str
    start: Seconds
    moment: Optional[Moment]
    first_motion: Seconds
    last_motion: Seconds
    peak_blocks: int = 0
    motions: int = 1
    is_closed: bool = False
    continues: str = ""
    camera: str = ""
    parts: Tuple[PartFacts, ...] = ()
    gaps: Tuple[Gap, ...] = field(default_factory=tuple)

    @property
    def end(self) -> Seconds:
        """Stamp of the end of the last part."""
        return max((part.start + part.duration_s for part in self.parts), default=self.start)

    def with_part(self, part: PartFacts) -> EventFacts:
        """The same event with `part` added, or put in the place of the one with its file name."""
        others = tuple(known for known in self.parts if known.file != part.file)
        return replace(self, parts=tuple(sorted((*others, part), key=lambda known: known.file)))

    def with_story(self, story: Story) -> EventFacts:
        """The same facts with what `story` says by now."""
        return replace(
            self,
            last_motion=story.last_motion,
            peak_blocks=story.peak_blocks,
            motions=story.motions,
        )

    def without_part(self, file: str) -> EventFacts:
        """The same event without the part of that file name."""
        return replace(self, parts=tuple(part for part in self.parts if part.file != file))


def to_bytes(facts: EventFacts) -> bytes:
    """Write `facts` as JSON for people and programs; seconds with microseconds."""
    moment = facts.moment
    document = {
        "dashcamd": VERSION,
        "number": facts.number,
        "reason": facts.reason,
        "state": "closed" if facts.is_closed else "open",
        "boot": facts.boot,
        "boot_id": facts.boot_id,
        "start_monotonic_s": round(facts.start, 6),
        "start": moment.iso if moment else None,
        "start_unix_s": round(moment.wall, 3) if moment else None,
        "uncertainty_s": round(moment.uncertainty_s, 3) if moment else None,
        "clock": moment.source if moment else None,
        "motion": {
            "first_s": round(facts.first_motion - facts.start, 6),
            "last_s": round(facts.last_motion - facts.start, 6),
            "count": facts.motions,
            "peak_blocks": facts.peak_blocks,
        },
        "continues": facts.continues,
        "camera": facts.camera,
        "parts": [_part_json(part, facts.start) for part in facts.parts],
        "gaps": [_gap_json(gap, facts.start) for gap in facts.gaps],
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def _part_json(part: PartFacts, start: Seconds) -> Json:
    return {
        "file": part.file,
        "start_s": round(part.start - start, 6),
        "duration_s": round(part.duration_s, 6),
        "frames": part.frames,
        "bytes": part.bytes,
        "sha256": part.sha256,
        "status": part.status,
        "overlap_frames": part.overlap_frames,
    }


def _gap_json(gap: Gap, start: Seconds) -> Json:
    return {
        "start_s": round(gap.start - start, 6),
        "end_s": round(gap.end - start, 6),
        "frames": gap.frames,
        "cause": gap.cause,
    }


def from_bytes(data: bytes) -> Optional[EventFacts]:
    """Read what `to_bytes` wrote; None when it is not that."""
    try:
        document = json.loads(data.decode("utf-8"))
        return _event(document) if isinstance(document, dict) else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _event(document: Mapping[str, Any]) -> EventFacts:
    start = _number(document["start_monotonic_s"])
    motion = document["motion"]
    wall, uncertainty = document.get("start_unix_s"), document.get("uncertainty_s")
    moment = None
    if wall is not None and uncertainty is not None:
        moment = Moment(start, _wall(wall), _number(uncertainty), _text(document["clock"]))
    return EventFacts(
        number=_count(document["number"]),
        reason=_text(document["reason"]),
        boot=_count(document["boot"]),
        boot_id=_text(document["boot_id"]),
        start=start,
        moment=moment,
        first_motion=start + _number(motion["first_s"]),
        last_motion=start + _number(motion["last_s"]),
        peak_blocks=_count(motion["peak_blocks"]),
        motions=_count(motion["count"]),
        is_closed=document["state"] == "closed",
        continues=_text(document["continues"]),
        camera=_text(document["camera"]),
        parts=tuple(_part(part, start) for part in document["parts"]),
        gaps=tuple(_gap(gap, start) for gap in document["gaps"]),
    )


def _part(document: Mapping[str, Any], start: Seconds) -> PartFacts:
    return PartFacts(
        file=_text(document["file"]),
        start=start + _number(document["start_s"]),
        duration_s=_number(document["duration_s"]),
        frames=_count(document["frames"]),
        bytes=_count(document["bytes"]),
        sha256=_text(document["sha256"]),
        status=_text(document["status"]),
        overlap_frames=_count(document["overlap_frames"]),
    )


def _gap(document: Mapping[str, Any], start: Seconds) -> Gap:
    return Gap(
        start + _number(document["start_s"]),
        start + _number(document["end_s"]),
        _count(document["frames"]),
        _text(document["cause"]),
    )


def _number(value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not abs(value) <= 1e12:  # a NaN is not above it either
        raise TypeError(value)
    return float(value)


def _wall(value: Any) -> float:
    if not 0 <= _number(value) <= LAST_WALL:
        raise TypeError(value)
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value[:TEXT_CHARS]
