"""The values that flow through the house: frozen, small, without behaviour beyond arithmetic.

Every ``ts`` is in *boot-monotonic seconds*: seconds on the clock that never steps, comparable
across all threads of one boot. Wall time appears only in names and labels, through an
`Anchor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

Seconds = float
"""A time or a duration in seconds; as ``ts`` it is boot-monotonic."""

MOTION_DTYPE = np.dtype([("x", "i1"), ("y", "i1"), ("sad", "u2")])
"""One macroblock's motion, as picamera's ``PiMotionAnalysis`` lays it out.

``x`` and ``y`` point back to the reference picture in pixels of the analysed picture; ``sad`` is
the sum of absolute differences over the 16x16 luma block.
"""

BLOCK_PX = 16
"""Side of a macroblock in pixels (H.264, 6.3)."""


class Frame:
    """One H.264 access unit in Annex B form; a keyframe carries its SPS and PPS.

    `ts` boot-monotonic seconds; `key` whether a file may begin here; `data` the bytes, made once
    by the camera and only referenced from then on.

    Written by hand instead of as a dataclass because it is made 30 times a second on a Pi Zero
    and a frozen dataclass costs four times as much; equality is by value all the same.
    """

    __slots__ = ("data", "key", "ts")

    def __init__(self, ts: Seconds, key: bool, data: bytes) -> None:
        self.ts = ts
        self.key = key
        self.data = data

    def __repr__(self) -> str:
        return "Frame(ts=%.6f, key=%r, %d bytes)" % (self.ts, self.key, len(self.data))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.ts, self.key, self.data) == (other.ts, other.key, other.data)

    def __hash__(self) -> int:
        return hash((self.ts, self.key, self.data))


@dataclass(frozen=True)
class MotionField:
    """The motion between two pictures, one cell a macroblock.

    `blocks` has dtype `MOTION_DTYPE` and shape ``(rows, cols + 1)`` with
    ``rows = ceil(height / 16)`` and ``cols = ceil(width / 16)`` of the analysed picture; the last
    column is padding, as in picamera, and never read. `scale` is recorded pixels per analysed
    pixel (1.0 when the recorded stream itself is analysed). `source` names how the numbers came
    about and chooses the detector's profile: ``"videocore"``, ``"lores"`` or ``"ffmpeg"``.
    """

    ts: Seconds
    blocks: np.ndarray[Any, Any]
    scale: float
    source: str


@dataclass(frozen=True)
class Jpeg:
    """One preview picture."""

    ts: Seconds
    data: bytes


Box = Tuple[float, float, float, float]
"""left, top, right, bottom as fractions 0..1 of the picture."""


class Flow(NamedTuple):
    """The mean vector of a group in an encoder's field, `across` and `down`, in pictures.

    `agreement` says how far all its vectors, laid end to end, lead: 1 where they are the same.
    `blocks` is the size of the group as sensitivity 5 sees it.
    """

    across: float
    down: float
    agreement: float
    blocks: int


@dataclass(frozen=True)
class Score:
    """What the detector says of one field, and why.

    `blocks` moving macroblocks after all rules, `cluster` the largest connected group of them,
    `place` that group's box, `veto` why motion was not believed (``None`` when nothing objected).
    `is_moving` is the verdict of this single field; the tracker asks for several, and for more
    of them `in_weather`, while it rains or snows. Of a group that `is_faint` hardly a block
    matches badly: it may be light, which an encoder's vectors follow; one that `is_smooth` has
    barely the outline that is asked for. `flow` is what the vectors say together of any but a
    small group that may be light. What was refused as `light` outweighs so many fields that speak
    for a thing.
    """

    ts: Seconds
    is_moving: bool
    blocks: int = 0
    cluster: int = 0
    place: Optional[Box] = None
    veto: Optional[str] = None
    in_weather: bool = False
    is_faint: bool = False
    light: int = 0
    flow: Optional[Flow] = None
    is_smooth: bool = False

    @property
    def reason(self) -> str:
        """One line for people: what was seen, or why it was not believed."""
        if self.veto:
            return self.veto
        return "%d blocks, largest group %d" % (self.blocks, self.cluster)


@dataclass(frozen=True)
class Motion:
    """Motion that was confirmed: `first` and `last` are the stamps of its first and newest field.

    `reason` is ``"motion"`` or what triggered by hand; `why` one line for people; `peak_blocks`
    the most moving macroblocks in one field and `place` the largest group's box there.
    """

    first: Seconds
    last: Seconds
    reason: str = "motion"
    peak_blocks: int = 0
    why: str = ""
    place: Optional[Box] = None


@dataclass(frozen=True)
class Gap:
    """Frames that were wanted and could not be kept: a value, never silence.

    `frames` how many, `start` / `end` the stamps of the last frame before and the first after it,
    `cause` a short noun such as ``"ring overrun"`` or ``"volume lost"``.
    """

    start: Seconds
    end: Seconds
    frames: int
    cause: str


@dataclass(frozen=True)
class Anchor:
    """A known pair of clocks: at boot-monotonic `ts` the wall clock said `wall` (Unix seconds).

    `uncertainty_s` is the likely error, `source` where it came from (``"system"``, ``"ntp"``,
    ``"rtc"``, ``"phone"``, ``"gps"``).
    """

    ts: Seconds
    wall: float
    uncertainty_s: float
    source: str


@dataclass(frozen=True)
class CameraInfo:
    """What a camera says of itself once it delivers.

    `width` and `height` of the recorded picture in pixels, `fps` nominal frames a second, `gop_s`
    longest distance between keyframes in seconds, `field_source` as in `MotionField.source`.
    """

    name: str
    width: int
    height: int
    fps: float
    gop_s: float
    field_source: str
    description: str = ""


@dataclass(frozen=True)
class Sinks:
    """Where a camera delivers. Each is called on the camera's own thread and returns at once.

    None of them raises, blocks, or touches a file.
    """

    frame: Callable[[Frame], None]
    field: Callable[[MotionField], None]
    jpeg: Callable[[Jpeg], None]


Json = Dict[str, Any]
"""A JSON object as the standard library reads and writes it."""
