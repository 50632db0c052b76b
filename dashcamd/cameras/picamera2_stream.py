"""What libcamera's camera thread leaves behind: frames, ages and faults. Appends, nothing else.

picamera2 runs pre_callback, encoder and output on one thread of its own, which dies without a
word when any of them raises; `stop` then waits for it for ever. So everything here that is called
from that thread returns at once and turns each exception into a fault that `FrameStream.check`
raises on the camera service's thread.
"""

from __future__ import annotations

import threading
from typing import Optional

from dashcamd.cameras.stamps import offset_us
from dashcamd.clock import Clock
from dashcamd.errors import CameraError, DeadCameraError
from dashcamd.types import Frame, Seconds, Sinks

STALL_S = 3.5
"""Silence longer than this is a stall; with a check each second it is known within 5 s."""

START_S = 8.0
"""A sensor, its tuning and an encoder may take this long to the first frame on a Pi Zero 2."""

DEAD = (
    "camera: %s. libcamera cannot be closed in this state: the process must end and be started "
    "again"
)

HEADER_REACH = 512
"""SPS and PPS stand within so many bytes of a keyframe's start, or it has none."""

SLICE_TYPES = (1, 5)
SPS, PPS = 7, 8


def headers_of(data: bytes) -> bytes:
    """The parameter sets in front of a keyframe's first slice, as Annex B; empty without an SPS.

    NAL unit types: H.264 table 7-1.
    """
    start = end = -1
    at = data.find(b"\0\0\1", 0, HEADER_REACH)
    while at >= 0 and at + 3 < len(data):
        kind = data[at + 3] & 31
        begins = at - 1 if at and not data[at - 1] else at
        if kind == SPS:
            start = begins
        elif start >= 0 and kind != PPS:
            end = begins
            break
        if kind in SLICE_TYPES:
            break
        at = data.find(b"\0\0\1", at + 3, HEADER_REACH)
    return data[start:end] if 0 <= start < end else b""


class FrameStream:
    """One camera session: from pictures and encoder output to whole frames in order.

    `picture_seen` and `encoded` are called on the camera's threads (the V4L2 encoder has one of
    its own) and never raise; `check` on the camera service's.
    """

    def __init__(self, sinks: Sinks, clock: Clock, suspended_s: Seconds, fps: float) -> None:
        self.sinks = sinks
        self.frames = 0
        self.faults = 0
        self._clock = clock
        self._suspended_s = suspended_s
        self._fps = fps
        self._started_s = clock.monotonic()
        self._offset_us: Optional[int] = None
        self._picture_s: Optional[Seconds] = None
        self._output_s: Optional[Seconds] = None
        self._camera_thread: Optional[threading.Thread] = None
        self._last_us = -1
        self._headers = b""
        self._fault: Optional[str] = None
        self._lock = threading.Lock()
        self._is_open = True

    def picture_seen(self, sensor_us: int) -> None:
        """A picture of the sensor arrived; the first one ties its clock to ours."""
        now_s = self._clock.monotonic()
        if self._offset_us is None:
            self._offset_us = offset_us(sensor_us, now_s, self._suspended_s)
            self._camera_thread = threading.current_thread()
        self._picture_s = now_s

    def ts(self, sensor_us: int) -> Seconds:
        """Boot-monotonic seconds of a sensor stamp."""
        return (sensor_us + (self._offset_us or 0)) / 1_000_000

    def encoded(self, data: bytes, is_key: bool, sensor_us: int) -> bool:
        """Hand on one access unit; False when no decoder could begin with it."""
        self._output_s = self._clock.monotonic()
        if is_key:
            data = self._with_headers(data)
        is_decodable = self._headers if is_key else self.frames
        if not is_decodable or not self._is_open:
            return False
        self._last_us = max(sensor_us, self._last_us + 1)
        self.sinks.frame(Frame(self.ts(self._last_us), is_key, data))
        self.frames += 1
        return True

    def fail(self, what: str, error: BaseException) -> None:
        """Remember the first fault for `check`. Never raises."""
        with self._lock:
            self.faults += 1
            if self._fault is None:
                self._fault = "%s failed: %s: %s" % (what, type(error).__name__, error)

    def close(self) -> None:
        """Deliver nothing from now on, whatever the library's threads still do."""
        self._is_open = False

    @property
    def has_failed(self) -> bool:
        """True after `fail`: the encoder is fed no more."""
        return self._fault is not None

    def check(self) -> None:
        """Raise what went wrong.

        `DeadCameraError` when the library's thread has ended or is silent, since `stop` and
        `close` would wait for it for ever; `CameraError` for a fault that the library survived.
        """
        fault = self._fault
        if self._has_lost_its_thread:
            raise DeadCameraError(DEAD % (fault or "the library's camera thread has ended"))
        if fault is not None:
            raise CameraError("camera: %s; it is opened again" % fault)
        self._check_age("no picture from the sensor", self._picture_s)
        self._check_age("no output of the encoder", self._output_s)

    @property
    def is_hopeless(self) -> bool:
        """True when the library must not be asked to stop."""
        ages = (self._picture_s, self._output_s)
        return self._has_lost_its_thread or any(self._is_overdue(last) for last in ages)

    @property
    def _has_lost_its_thread(self) -> bool:
        return self._camera_thread is not None and not self._camera_thread.is_alive()

    def _with_headers(self, data: bytes) -> bytes:
        headers = headers_of(data)
        if headers:
            self._headers = headers
            return data
        return self._headers + data

    def _age(self, last_s: Optional[Seconds]) -> Seconds:
        return self._clock.monotonic() - (self._started_s if last_s is None else last_s)

    def _is_overdue(self, last_s: Optional[Seconds]) -> bool:
        limit = START_S if last_s is None else max(STALL_S, 3 / self._fps)
        return self._age(last_s) > limit

    def _check_age(self, what: str, last_s: Optional[Seconds]) -> None:
        if self._is_overdue(last_s):
            silence = "%s for %.1f s; check the ribbon cable and the power supply"
            raise DeadCameraError(DEAD % (silence % (what, self._age(last_s))))
