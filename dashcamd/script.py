"""A camera that plays a script: scenarios as strings, for tests and for whoever builds on dashcamd.

::

    ScriptCamera("kppp" * 40, motion="....####......")      k keyframe, p another frame, _ none
                                                            # something moves, . nothing does
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, EndOfStream
from dashcamd.handmade import SIDE_PX, stream
from dashcamd.types import MOTION_DTYPE, CameraInfo, Frame, Jpeg, MotionField, Seconds, Sinks

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

ROWS, COLS = 12, 16
HIGH, WIDE = 4, 4
SPAN = COLS - WIDE
COLUMNS_A_SECOND = 5.0
"""Pace of what moves: a stroll, for its three blocks; with few frames at most a column a frame."""

QUIET_SAD, MOVING_SAD = 200, 6000


class ScriptCamera:
    """A `PumpedCamera` whose frames are those of `stream`: they decode and show their place.

    One letter a frame time at `fps`. Each frame comes with a motion field of 12 by 16 blocks,
    in which a group of three by three wanders while the script says ``#``; what moves all the time
    becomes ordinary to the detector after a minute or two, as in life. Behind the last letter
    the source has ended, or broken with the text `end_error`; with `start_error` it never starts.
    `refuses` are settings it says it cannot honour. One thread.
    """

    is_live = False

    def __init__(
        self,
        frames: str,
        motion: str = "",
        *,
        fps: float = 10.0,
        pad_bytes: int = 0,
        start_error: str = "",
        end_error: str = "",
        refuses: Tuple[str, ...] = (),
    ) -> None:
        self.is_running = False
        self.jpeg_fps = 0.0
        self._frames = frames
        self._motion = motion
        self._fps = fps
        self._pad_bytes = pad_bytes
        self._start_error = start_error
        self._end_error = end_error
        self._refuses = refuses
        self._place = 0
        self._start_ts: Seconds = 0.0

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Begin at the first letter. Raises `CameraError` with `start_error`."""
        if self._start_error:
            raise CameraError(self._start_error)
        self._sinks, self._start_ts, self._place = sinks, start_ts, 0
        self.is_running = True
        gop = max(len(part) for part in ("k" + self._frames).split("k")) + 1
        return CameraInfo("script", SIDE_PX, SIDE_PX, self._fps, gop / self._fps, "lores")

    def check(self) -> None:
        """Nothing can die behind the back of a camera without threads."""

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Refuse what the script says."""
        return self._refuses

    def want_jpegs(self, fps: float) -> None:
        """Deliver a (tiny, undecodable) preview with each frame from now on, or none."""
        self.jpeg_fps = fps

    def next_ts(self) -> Optional[Seconds]:
        """Stamp of the next letter."""
        return self._start_ts + self._place / self._fps

    def pump(self) -> Seconds:
        """Deliver one letter. Raises `EndOfStream`, or `CameraError` with `end_error`."""
        if not self.is_running:
            raise CameraError("the script is not started")
        if self._place >= len(self._frames):
            raise CameraError(self._end_error) if self._end_error else EndOfStream("the end")
        ts = self._start_ts + self._place / self._fps
        letter, self._place = self._frames[self._place], self._place + 1
        if letter != "_":
            self._deliver(letter, ts, self._place - 1)
        return ts

    def stop(self) -> None:
        """Stop delivering."""
        self.is_running = False

    def _deliver(self, letter: str, ts: Seconds, place: int) -> None:
        (made,) = stream(letter, first_number=place, pad_bytes=self._pad_bytes)
        self._sinks.frame(Frame(ts, made.key, made.data))
        is_moving = self._motion[place : place + 1] == "#"
        self._sinks.field(MotionField(ts, _blocks(place, is_moving, self._fps), 1.0, "lores"))
        if self.jpeg_fps > 0:
            self._sinks.jpeg(Jpeg(ts, b"\xff\xd8%d\xff\xd9" % place))


def _blocks(place: int, is_moving: bool, fps: float) -> Array:
    blocks = np.zeros((ROWS, COLS + 1), MOTION_DTYPE)
    blocks["sad"][:, :COLS] = QUIET_SAD + np.arange(COLS) % 7
    if is_moving:
        # To and fro: what jumps across the picture is not one thing that moves.
        column = abs(min(place, int(place * COLUMNS_A_SECOND / fps)) % (2 * SPAN) - SPAN)
        blocks["sad"][ROWS // 3 : ROWS // 3 + HIGH, column : column + WIDE] = MOVING_SAD
    return blocks
