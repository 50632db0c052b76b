"""What the recorder asks of its caller: for the disk, or to be told (`dashcamd.core.recording`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence, Union

from dashcamd.core.wants import Story
from dashcamd.types import Frame, Gap, Seconds


@dataclass(frozen=True)
class Event:
    """One stretch of video that belongs together on one volume.

    `serial` counts the events of this daemon; `story` says why and still grows; `continues` is
    the serial of the event this one goes on from without a seam (a full one, one with another
    reason, or on another volume). `reason` is why its first frame is wanted.
    """

    serial: int
    story: Story
    continues: Optional[int] = None
    reason: str = ""


class OpenPart(NamedTuple):
    """Begin file `index` of `event` with keyframe `first`.

    The first `overlap_frames` of it are durable in an earlier part as well: the stick was pulled
    between two keyframes, and a file has to begin at one.
    """

    event: Event
    part: int
    first: Frame
    overlap_frames: int


class Append(NamedTuple):
    """Write `frames`, then make them durable.

    `next_ts` is the stamp of the frame that follows; None if none has yet, or not for a while.
    """

    frames: Sequence[Frame]
    next_ts: Optional[Seconds]


class ClosePart(NamedTuple):
    """Finish the open file; `reason` is ``split``, ``event over``, ``gap`` or ``camera gap``."""

    reason: str


class CloseEvent(NamedTuple):
    """All parts of `event` are closed and nothing more will come."""

    event: Event


class Lose(NamedTuple):
    """Frames of `event` were wanted and are gone."""

    event: Event
    gap: Gap


Action = Union[OpenPart, Append, ClosePart, CloseEvent, Lose]
