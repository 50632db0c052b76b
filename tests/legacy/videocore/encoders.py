"""The video encoder component: H.264 with side information, or MJPEG."""

from __future__ import annotations

import queue
import threading
import time
from fractions import Fraction
from typing import Any, List, Optional, Tuple

import av
import numpy as np
from picamera import mmal

from tests.legacy.videocore import vectors
from tests.legacy.videocore.chip import CHIP
from tests.legacy.videocore.components import KINDS, Component
from tests.legacy.videocore.library import OK
from tests.legacy.videocore.picture import Picture
from tests.legacy.videocore.ports import Port

MICROSECOND = Fraction(1, 1_000_000)
DEPTH = 3
"""Pictures the encoder's input holds."""

PATIENCE_S = 0.5
"""Sooner than this no client is too slow: it shares a busy machine with the emulator."""
CONFIG = mmal.MMAL_BUFFER_HEADER_FLAG_CONFIG
KEYFRAME = mmal.MMAL_BUFFER_HEADER_FLAG_KEYFRAME
SIDE_INFO = mmal.MMAL_BUFFER_HEADER_FLAG_CODECSIDEINFO
UNKNOWN = mmal.MMAL_TIME_UNKNOWN


class VideoEncoder(Component):
    """``vc.ril.video_encode``: one thread encodes and calls back, as one of the GPU's would."""

    name = "vc.ril.video_encode"
    inputs = outputs = 1
    output_formats = (mmal.MMAL_ENCODING_H264, mmal.MMAL_ENCODING_MJPEG)

    def __init__(self) -> None:
        super().__init__()
        self._pictures: queue.Queue[Optional[Picture]] = queue.Queue(DEPTH)
        self._stopping = False
        self._codec: Any = None
        self._wants_keyframe = False
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    @property
    def out(self) -> Port:
        return self.outs[0]

    def parameter(self, port: Port, key: int) -> Any:
        return 60 if key == mmal.MMAL_PARAMETER_INTRAPERIOD else None

    def set_parameter(self, port: Port, key: int, value: Any) -> int:
        if key == mmal.MMAL_PARAMETER_VIDEO_REQUEST_I_FRAME:
            self._wants_keyframe = True
        return OK

    def port_enabled(self, port: Port) -> None:
        """A new recording: forget the pictures and the state of the one before."""
        if port.kind == "out":
            self._codec = None
            while not self._pictures.empty():
                self._pictures.get_nowait()

    def take_picture(self, picture: Picture) -> None:
        """Queue the picture; lose it only if the client holds all buffers.

        The GPU keeps pace with its sensor. This encoder may not, so the sensor waits for it, but
        a picture for which the *client* was too slow is lost as it would be there.
        """
        while self.out.is_enabled and not self._stopping:
            try:
                self._pictures.put_nowait(picture)
                return
            except queue.Full:
                held_since = self.out.waiting_since
                too_long_s = max(1.0 / self.out.rate, PATIENCE_S)
                if held_since is not None and time.monotonic() - held_since > too_long_s:
                    CHIP.pictures_dropped += 1
                    return
                time.sleep(0.0005)

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(10)

    def _work(self) -> None:
        while not self._stopping:
            try:
                picture = self._pictures.get(timeout=0.1)
            except queue.Empty:
                continue
            if picture is not None and self.out.is_enabled:
                self._encode(picture)

    def _encode(self, picture: Picture) -> None:
        is_h264 = self.out.format.encoding == mmal.MMAL_ENCODING_H264
        if is_h264 and CHIP.encoder_fault == "silent":
            return
        if is_h264 and CHIP.encoder_fault == "eos":
            self.out.end_stream()
            return
        picture = picture.resized(self.out.size)
        if self._codec is None:
            self._codec = H264(self.out) if is_h264 else Mjpeg(self.out)
        is_asked, self._wants_keyframe = self._wants_keyframe, False
        for data, flags, pts in self._codec.encode(picture, is_asked):
            if not self.out.deliver(data, flags, pts):
                return


Delivery = Tuple[bytes, int, int]
"""Bytes, flags of every chunk, time stamp of the first chunk."""


class H264:
    """x264 in the manner of the VideoCore: no B frames, headers apart, vectors behind."""

    def __init__(self, out: Port) -> None:
        self._set = out.parameters.get
        self._before: Optional[np.ndarray] = None
        self._has_sent_headers = False
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height = out.size
        codec.pix_fmt, codec.time_base = "yuv420p", MICROSECOND
        codec.framerate = Fraction(out.rate).limit_denominator(1000)
        quantiser = self._set(mmal.MMAL_PARAMETER_VIDEO_ENCODE_INITIAL_QUANT)
        period = self._set(mmal.MMAL_PARAMETER_INTRAPERIOD, 60) or "infinite"
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "threads": "1",
            "x264-params": "repeat-headers=1:annexb=1:scenecut=0:ref=1:bframes=0"
            ":keyint=%s:min-keyint=1" % period,
        }
        if quantiser or not out.format.bitrate:
            codec.options = dict(codec.options, qp=str(quantiser or 26))
        else:
            codec.bit_rate = out.format.bitrate
        self._codec = codec

    def encode(self, picture: Picture, is_keyframe_wanted: bool) -> List[Delivery]:
        frame = picture.as_frame()
        frame.time_base = MICROSECOND
        if is_keyframe_wanted:
            frame.pict_type = "I"
        (packet,) = self._codec.encode(frame)
        headers, slices = split_headers(bytes(packet))
        deliveries = []
        is_inline = self._set(mmal.MMAL_PARAMETER_VIDEO_ENCODE_INLINE_HEADER)
        if headers and (is_inline or not self._has_sent_headers):
            self._has_sent_headers = True
            deliveries.append((headers, CONFIG, UNKNOWN))
        deliveries.append((slices, KEYFRAME if packet.is_keyframe else 0, picture.pts_us))
        if self._set(mmal.MMAL_PARAMETER_VIDEO_ENCODE_INLINE_VECTORS):
            if self._before is not None and not packet.is_keyframe:
                field = vectors.search(picture.luma, self._before)
                deliveries.append((field.tobytes(), SIDE_INFO, UNKNOWN))
            self._before = picture.luma
        return deliveries


class Mjpeg:
    """A JPEG for every picture."""

    def __init__(self, out: Port) -> None:
        codec = av.CodecContext.create("mjpeg", "w")
        codec.width, codec.height = out.size
        codec.pix_fmt, codec.time_base = "yuvj420p", MICROSECOND
        codec.thread_count = 1
        self._codec = codec

    def encode(self, picture: Picture, is_keyframe_wanted: bool) -> List[Delivery]:
        frame = picture.as_frame().reformat(format="yuvj420p")
        frame.pts, frame.time_base = picture.pts_us, MICROSECOND
        return [(bytes(packet), 0, picture.pts_us) for packet in self._codec.encode(frame)]


def split_headers(access_unit: bytes) -> Tuple[bytes, bytes]:
    """SPS and PPS of an Annex B access unit, and its slices; everything else is left out."""
    headers, slices = b"", b""
    for unit in access_unit.split(b"\0\0\1")[1:]:
        kind, whole = unit[0] & 31, b"\0\0\0\1" + unit
        if kind in (7, 8):
            headers += whole.rstrip(b"\0")
        elif kind in (1, 5):
            slices += whole
    return headers, slices


KINDS[VideoEncoder.name] = VideoEncoder
