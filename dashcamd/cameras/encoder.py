"""Pictures become H.264 as a Pi's encoder makes it.

No B frames, one reference, one slice a picture, one access unit out for each picture in, SPS and
PPS in front of every IDR. libx264 through PyAV; one thread each.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from dashcamd.cameras import pyav
from dashcamd.errors import CameraError
from dashcamd.types import Seconds

TICKS_PER_S = 90_000
"""Time base of everything encoded here: MPEG's, fine enough for any frame rate."""

CRF = 23
"""Quality wanted when the bit rate allows it: the bit rate is a ceiling, not a duty to fill."""


class Encoded(NamedTuple):
    """One access unit in Annex B."""

    key: bool
    data: bytes


class H264Encoder:
    """A stream of ``yuv420p`` pictures of one size in, one access unit each out.

    `quality` is the constant quantiser of the configuration, 0 for a variable one that never
    exceeds `bitrate`. A keyframe comes when `keyframe_s` have passed by the pictures' own stamps,
    so the distance holds for sources with a wandering frame rate too. Raises `CameraError` when
    this PyAV has no libx264.
    """

    def __init__(
        self, width: int, height: int, fps: float, keyframe_s: Seconds, bitrate: int, quality: int
    ) -> None:
        self._types = pyav.load().video.frame.PictureType
        self._keyframe_s = keyframe_s - 0.5 / fps
        self._last_key = float("-inf")
        self._context = open_x264(width, height, fps, _rate_options(bitrate, quality))

    def encode(self, picture: Any, ts: Seconds) -> Encoded:
        """Encode one picture; `ts` must rise. Raises `CameraError`."""
        picture.pts = round(ts * TICKS_PER_S)
        picture.time_base = Fraction(1, TICKS_PER_S)
        is_due = ts - self._last_key >= self._keyframe_s
        picture.pict_type = self._types.I if is_due else self._types.NONE
        if is_due:
            self._last_key = ts
        try:
            packets = self._context.encode(picture)
        except pyav.av_errors() as error:
            raise CameraError("libx264 cannot encode a picture: %s" % error) from None
        if len(packets) != 1:
            raise CameraError("libx264 held a picture back: this PyAV ignores zero latency")
        return Encoded(bool(packets[0].is_keyframe), bytes(packets[0]))


def _rate_options(bitrate: int, quality: int) -> str:
    if quality:
        return "qp=%d" % quality
    kilobits = max(1, bitrate // 1000)
    return "crf=%d:vbv-maxrate=%d:vbv-bufsize=%d" % (CRF, kilobits, kilobits)


def open_x264(width: int, height: int, fps: float, rate: str) -> Any:
    """A zero-latency encoder context; `rate` in x264's own parameters. Raises `CameraError`."""
    av = pyav.load()
    try:
        context = av.CodecContext.create("libx264", "w")
    except (ValueError, *pyav.av_errors()):
        raise CameraError(
            "this PyAV has no libx264 encoder, which software cameras need: "
            "use a camera or an H.264 file without B frames instead"
        ) from None
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, TICKS_PER_S)
    context.framerate = Fraction(fps).limit_denominator(1001)
    context.thread_count = 1
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x264-params": "repeat-headers=1:annexb=1:scenecut=0:bframes=0:ref=1:sliced-threads=0:"
        "slices=1:keyint=infinite:" + rate,
    }
    try:
        context.open()
    except pyav.av_errors() as error:
        raise CameraError(
            "libx264 refuses %dx%d at %g fps: %s" % (width, height, fps, error)
        ) from None
    return context
