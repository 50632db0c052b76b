"""Motion fields of pictures that are at hand as PyAV frames.

`DecodedFields` reads the vectors that came with a recorded stream: they are free once it is
decoded. `DrawnFields` is for pictures that have none: it encodes a small copy at one coarse
quantiser and reads the vectors of that. A coarse quantiser keeps sensor noise from being coded as
intra blocks, which carry no vector, and a small picture costs the same whatever is recorded.
Both deliver ``source = "ffmpeg"``. One thread each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dashcamd.cameras import pyav
from dashcamd.cameras.encoder import TICKS_PER_S, open_x264
from dashcamd.core.fields import block_sad, halved, vector_blocks
from dashcamd.types import MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

SOURCE = "ffmpeg"

ANALYSIS_RATE = "qp=34:no-deblock=1"
"""Between 30 and 38 a quiet scene shows 0-13 moving blocks instead of 10-137 at normal quality."""

ANALYSED_PX = 480
"""Widest picture that `DrawnFields` analyses; wider ones are halved."""


class DecodedFields:
    """Fields from decoded frames whose decoder was opened by `export_vectors`."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._before: Any = None

    def step(self, ts: Seconds, frame: Any) -> Optional[MotionField]:
        """The field of `frame`, or None when it is the first or has no vectors (an I picture)."""
        before, self._before = self._before, frame
        if before is None or (before.width, before.height) != (frame.width, frame.height):
            return None
        vectors = pyav.vectors_of(frame)
        if vectors is None:
            return None
        sad = block_sad(pyav.luma_of(before), pyav.luma_of(frame))
        return MotionField(ts, vector_blocks(vectors, sad), self._scale, SOURCE)


class DrawnFields:
    """Fields from pictures alone, through a side encode of the luma."""

    def __init__(self, width: int, height: int, fps: float) -> None:
        self._halvings = max(0, math.ceil(math.log2(width / ANALYSED_PX)))
        self._width, self._height = (side >> self._halvings & ~1 for side in (width, height))
        self._encoder = open_x264(self._width, self._height, fps, ANALYSIS_RATE)
        self._decoder = pyav.load().CodecContext.create("h264", "r")
        export_vectors(self._decoder)
        self._small = _grey_picture(self._width, self._height)
        self._before: Optional[Array] = None

    def step(self, ts: Seconds, luma: Array) -> Optional[MotionField]:
        """The field of a luma plane against the one before; None for the first."""
        for _ in range(self._halvings):
            luma = halved(luma)
        luma = luma[: self._height, : self._width]
        before, self._before = self._before, luma.copy()
        frame = self._coded(ts, luma)
        vectors = None if frame is None else pyav.vectors_of(frame)
        if vectors is None or before is None:
            return None
        blocks = vector_blocks(vectors, block_sad(before, luma))
        return MotionField(ts, blocks, float(1 << self._halvings), SOURCE)

    def _coded(self, ts: Seconds, luma: Array) -> Any:
        pyav.luma_of(self._small)[...] = luma
        self._small.pts = round(ts * TICKS_PER_S)
        frames = [
            frame
            for packet in self._encoder.encode(self._small)
            for frame in self._decoder.decode(packet)
        ]
        return frames[-1] if frames else None


def _grey_picture(width: int, height: int) -> Any:
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return pyav.picture_of(tuple(np.full(shape, 128, np.uint8) for shape in shapes))


def export_vectors(decoder: Any) -> None:
    """Make a decoder export vectors; only heeded before its first packet.

    One thread and low delay: each picture comes out with its own packet, the deblocking filter,
    which vectors do not need, is left out (18 to 45 % of the time).
    """
    decoder.thread_count = 1
    decoder.options = {"flags2": "+export_mvs", "flags": "+low_delay", "skip_loop_filter": "all"}
