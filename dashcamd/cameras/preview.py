"""JPEGs for those who watch: made only while somebody does, and no faster than asked."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Callable

from dashcamd.cameras import pyav
from dashcamd.cameras.encoder import TICKS_PER_S
from dashcamd.types import Jpeg, Seconds

WIDTH_LIMIT = 1280
"""Wider pictures are made smaller: a phone shows no more."""

JPEG_QSCALE = 5
"""FFmpeg's scale from 2 (best) to 31."""

FF_QP2LAMBDA = 118
"""What FFmpeg multiplies that scale by inside (libavutil/avutil.h)."""


class Previews:
    """Decides by the pictures' stamps which of them become JPEGs, and makes these.

    At 0 fps nothing is encoded and `offer` costs a comparison. One thread.
    """

    def __init__(self, sink: Callable[[Jpeg], None]) -> None:
        self._sink = sink
        self._fps = 0.0
        self._next_ts = float("-inf")
        self._encoder = JpegEncoder(WIDTH_LIMIT)

    def want(self, fps: float) -> None:
        """Make about `fps` a second from the next picture on."""
        self._fps = max(0.0, fps)
        self._next_ts = float("-inf")

    def is_due(self, ts: Seconds) -> bool:
        """Whether the picture at `ts` would become a JPEG."""
        return self._fps > 0 and ts >= self._next_ts

    def offer(self, ts: Seconds, picture: Any) -> None:
        """Deliver `picture` (a PyAV frame of any format) as a JPEG if one is due.

        A picture that cannot be compressed is passed over: recording is what matters.
        """
        if not self.is_due(ts):
            return
        period = 1 / self._fps
        late = ts - self._next_ts
        self._next_ts = self._next_ts + period if late < period else ts + period
        try:
            jpeg = self._encoder.encode(picture)
        except pyav.av_errors():
            self._encoder = JpegEncoder(WIDTH_LIMIT)
            return
        self._sink(Jpeg(ts, jpeg))


class JpegEncoder:
    """Preview pictures, one at a time, made smaller when they are wider than `width_limit`."""

    def __init__(self, width_limit: int = 1280) -> None:
        self._width_limit = width_limit
        self._context: Any = None
        self._size = (0, 0)
        self._count = 0

    def encode(self, picture: Any) -> bytes:
        """One JPEG of a decoded or drawn picture of any format."""
        width, height = picture.width, picture.height
        if width > self._width_limit:
            width, height = self._width_limit, height * self._width_limit // width
        picture = picture.reformat(width & ~1, height & ~1, "yuvj420p")
        if self._size != (picture.width, picture.height):
            self._context = self._open(picture.width, picture.height)
            self._size = picture.width, picture.height
        self._count += 1
        picture.pts, picture.time_base = self._count, Fraction(1, TICKS_PER_S)
        picture.pict_type = pyav.load().video.frame.PictureType.NONE
        return b"".join(bytes(packet) for packet in self._context.encode(picture))

    def _open(self, width: int, height: int) -> Any:
        context = pyav.load().CodecContext.create("mjpeg", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
        context.time_base = Fraction(1, TICKS_PER_S)
        context.thread_count = 1
        context.options = {"global_quality": str(JPEG_QSCALE * FF_QP2LAMBDA), "flags": "+qscale"}
        return context
