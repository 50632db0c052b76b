"""A camera that plays H.264 made beforehand, so that nothing but the house itself is at work.

`encode` needs the ``media`` extra; `ClipCamera` and a saved clip do not, which is how the memory
of the core daemon is measured. Every picture carries its frame number (`scene.draw_counter`).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Tuple

import numpy as np

from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, EndOfStream
from dashcamd.types import CameraInfo, Frame, MotionField, Seconds, Sinks

Fields = Callable[[int, Seconds], Optional[MotionField]]
"""The motion field that belongs to frame n with its stamp, or None."""


class Clip(NamedTuple):
    """Access units as (is a keyframe, Annex B bytes)."""

    width: int
    height: int
    fps: float
    gop_s: Seconds
    units: List[Tuple[bool, bytes]]

    def save(self, path: Path) -> None:
        """Keep for a process without PyAV."""
        path.write_bytes(pickle.dumps(tuple(self)))

    @classmethod
    def load(cls, path: Path) -> Clip:
        """What `save` kept."""
        return cls(*pickle.loads(path.read_bytes()))


def encode(
    count: int,
    *,
    width: int = 64,
    height: int = 64,
    fps: float = 10.0,
    gop_s: Seconds = 1.0,
    bitrate: int = 200_000,
    noise: int = 0,
) -> Clip:
    """Encode `count` grey pictures with their numbers; `noise` in grey levels fattens them."""
    from dashcamd.cameras import pyav
    from dashcamd.cameras.encoder import H264Encoder
    from dashcamd.cameras.scene import draw_counter

    encoder = H264Encoder(width, height, fps, gop_s, bitrate, 0)
    random = np.random.RandomState(1)
    sheet = random.randint(-noise, noise + 1, (height * 2, width * 2)).astype(np.int16)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    units = []
    for number in range(count):
        top, left = random.randint(0, height), random.randint(0, width)
        luma = (128 + sheet[top : top + height, left : left + width]).astype(np.uint8)
        draw_counter(luma, number)
        encoded = encoder.encode(pyav.picture_of((luma, chroma, chroma)), number / fps)
        units.append((encoded.key, encoded.data))
    return Clip(width, height, fps, gop_s, units)


class ClipCamera:
    """A `PumpedCamera` over a clip; with `repeats` it plays for ever, else it ends."""

    is_live = False

    def __init__(self, clip: Clip, fields: Optional[Fields] = None, repeats: bool = False) -> None:
        self._clip = clip
        self._fields = fields
        self._repeats = repeats
        self._number = 0
        self._start_ts: Seconds = 0.0
        self._sinks: Optional[Sinks] = None

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Begin with the first picture."""
        self._sinks, self._start_ts, self._number = sinks, start_ts, 0
        clip = self._clip
        return CameraInfo("clip", clip.width, clip.height, clip.fps, clip.gop_s, "lores", "a clip")

    def check(self) -> None:
        """Nothing can die here."""

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Refuse nothing, change nothing."""
        return ()

    def want_jpegs(self, fps: float) -> None:
        """It has none."""

    def next_ts(self) -> Optional[Seconds]:
        """Stamp of the next frame."""
        return self._start_ts + self._number / self._clip.fps

    def pump(self) -> Seconds:
        """Deliver one frame. Raises `EndOfStream` behind the last one."""
        if self._sinks is None:
            raise CameraError("the clip is not started")
        units = self._clip.units
        if self._number == len(units) and not self._repeats:
            raise EndOfStream("the clip is over")
        ts = self._start_ts + self._number / self._clip.fps
        key, data = units[self._number % len(units)]
        self._sinks.frame(Frame(ts, key, data))
        field = self._fields(self._number, ts) if self._fields else None
        if field is not None:
            self._sinks.field(field)
        self._number += 1
        return ts

    def stop(self) -> None:
        """Deliver nothing more."""
        self._sinks = None
