"""What services tell each other: one frozen class for each thing that can be said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional, Tuple, Union

from dashcamd.config_layers import Table, Verdict
from dashcamd.core.naming import EventName
from dashcamd.core.trace import TraceChunk
from dashcamd.core.wants import Story
from dashcamd.storage.sidecar import EventFacts, PartFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import CameraInfo, Gap, Motion, Seconds

MERGE_S = 1.0
"""Motion that pauses for less is one message; far below any gap, so no decision depends on it."""


@dataclass(frozen=True)
class Judged:
    """The detector has judged everything up to `ts`, and found `motion` or nothing."""

    ts: Seconds
    motion: Optional[Motion] = None


@dataclass(frozen=True)
class Triggered:
    """Somebody asked at `ts` to record now."""

    ts: Seconds
    reason: str


@dataclass(frozen=True)
class Bumped:
    """The camera was bumped at `ts`: the parts around it are to be locked."""

    ts: Seconds


@dataclass(frozen=True)
class Armed:
    """Listen to motion, or not, from `ts` on."""

    ts: Seconds
    is_armed: bool


@dataclass(frozen=True)
class CameraReady:
    """A camera delivers from now on."""

    info: CameraInfo


@dataclass(frozen=True)
class CameraLost:
    """No frame will come for a while."""

    why: str


@dataclass(frozen=True)
class VolumeLeaving:
    """Nothing new goes to `volume`; record passes this on to keep, which says `done` at last.

    Each of the two has then done all that it was told before, and touches the volume no more.
    """

    volume: Volume
    done: Callable[[], None]


RecordMessage = Union[Judged, Triggered, Bumped, Armed, CameraReady, CameraLost, VolumeLeaving]


def coalesce(queued: RecordMessage, new: RecordMessage) -> Optional[RecordMessage]:
    """Fold two judgements into one where that loses nothing."""
    if not isinstance(queued, Judged) or not isinstance(new, Judged):
        return None
    if queued.motion is None or new.motion is None:
        return Judged(new.ts, new.motion or queued.motion)
    is_apart = new.motion.first - queued.motion.last > MERGE_S
    if is_apart or new.motion.reason != queued.motion.reason:
        return None
    peak = max(queued.motion, new.motion, key=lambda motion: motion.peak_blocks)
    first = min(queued.motion.first, new.motion.first)
    both = replace(peak, first=first, last=max(queued.motion.last, new.motion.last))
    return Judged(new.ts, both)


def may_go(message: RecordMessage) -> bool:
    """Whether `message` may be dropped: a judgement has others beside it, a command has not."""
    return isinstance(message, Judged)


@dataclass(frozen=True)
class EventOpened:
    """The record thread made the folder of an event."""

    volume: Volume
    name: EventName
    facts: EventFacts


@dataclass(frozen=True)
class PartClosed:
    """A part of event `name` is an ordinary MP4 now."""

    volume: Volume
    name: EventName
    part: PartFacts
    story: Story


@dataclass(frozen=True)
class PartAbandoned:
    """A part could not be closed; recover it if the volume can still be written.

    `is_durable` is false for one of which nothing ever reached the medium: its frames still wait
    in the ring.
    """

    volume: Volume
    name: EventName
    path: str
    is_durable: bool = True


@dataclass(frozen=True)
class PartsLocked:
    """These `parts` of event `name`, by number, are to be kept for ever."""

    volume: Volume
    name: EventName
    parts: Tuple[int, ...]


@dataclass(frozen=True)
class Traced:
    """The detector has seen so much more: keep it if there is a volume."""

    chunk: TraceChunk


@dataclass(frozen=True)
class FramesLost:
    """Frames of event `name` were wanted and are gone."""

    volume: Volume
    name: Optional[EventName]
    gap: Gap


@dataclass(frozen=True)
class EventClosed:
    """Nothing more will come of event `name`."""

    volume: Volume
    name: EventName
    story: Story


@dataclass(frozen=True)
class RoomNeeded:
    """A write found the volume full."""


@dataclass(frozen=True)
class DeleteAsked:
    """Somebody wants the event in `folder` deleted; `answer` is told None, or why it is not."""

    folder: str
    answer: Callable[[Optional[str]], None]


@dataclass(frozen=True)
class LockChanged:
    """Somebody locked or unlocked the event in `folder`."""

    folder: str


KeepMessage = Union[
    EventOpened,
    PartClosed,
    PartAbandoned,
    PartsLocked,
    Traced,
    FramesLost,
    EventClosed,
    RoomNeeded,
    DeleteAsked,
    VolumeLeaving,
    LockChanged,
]


@dataclass(frozen=True)
class VolumeFailed:
    """The record thread could not write to `volume`."""

    volume: Volume
    why: str
    is_full: bool


@dataclass(frozen=True)
class EjectAsked:
    """Somebody wants to pull the stick out; `answer` is told None once it may go, or why not."""

    answer: Callable[[Optional[str]], None]


@dataclass(frozen=True)
class VolumeLeft:
    """Nobody touches `volume` any more: it can be closed."""

    volume: Volume


VolumeMessage = Union[VolumeFailed, EjectAsked, VolumeLeft]


Verdicts = Callable[[Tuple[Verdict, ...]], None]
"""Told once, on the settings thread, what became of each setting."""


@dataclass(frozen=True)
class ChangeAsked:
    """The page wants `changes`, section to key to value; None as a value is the file's."""

    changes: Table
    answer: Verdicts


@dataclass(frozen=True)
class StickSpoke:
    """The stick that came into use brought settings, or none."""

    table: Table
    answer: Verdicts


SettingsMessage = Union[ChangeAsked, StickSpoke]
