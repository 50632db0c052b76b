"""The file-like objects into which picamera 1.13 writes; imported only where it is installed.

picamera calls `write` on the encoder's callback thread, under a lock that stopping needs as well.
So each of these copies a reference, hands on and returns ``len(b)``. Whatever goes wrong becomes a
`CameraError`, which picamera keeps for `wait_recording`: it would swallow a bare KeyError.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import numpy as np
import picamera
from picamera.array import PiMotionAnalysis

from dashcamd.cameras.chunks import HEADERS, KEY, PLAIN, AccessUnits
from dashcamd.cameras.picamera_settings import PREVIEW_PORT, VIDEO_PORT
from dashcamd.cameras.stamps import Distance
from dashcamd.clock import Clock
from dashcamd.errors import CameraError
from dashcamd.types import Frame, Jpeg, MotionField, Seconds, Sinks

KINDS = {
    picamera.PiVideoFrameType.sps_header: HEADERS,
    picamera.PiVideoFrameType.key_frame: KEY,
}
PLAUSIBLE_AGE_S = (-0.5, 5.0)
"""How old the first picture may look; beyond, its stamps count from somewhere else."""


class CameraTime:
    """The camera's microseconds as boot-monotonic seconds.

    With ``clock_mode='raw'`` stamps are those of the chip's own timer; its distance to
    ``CLOCK_MONOTONIC``, which NTP slews and the timer not, is measured by the quickest of a few
    readings and followed. A firmware whose stamps turn out to count from elsewhere is anchored by
    the arrival of its first picture besides.
    """

    def __init__(self, camera: Any, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        self._distance = Distance(self._measured())
        self._anchor_s: Seconds = 0.0
        self._is_checked = False

    def follow(self) -> None:
        """Measure again; each second, on the thread that calls picamera."""
        self._distance.follow(self._measured())

    def to_ts(self, pts_us: Optional[int]) -> Seconds:
        """Boot-monotonic seconds of a time stamp; now, if the encoder gave none."""
        if pts_us is None:
            return self._clock.monotonic()
        ts = pts_us * 1e-6 + self._distance.seconds + self._anchor_s
        if not self._is_checked:
            self._is_checked = True
            now = self._clock.monotonic()
            low, high = PLAUSIBLE_AGE_S
            if not low < now - ts < high:
                self._anchor_s = now - ts
                return now
        return ts

    def _measured(self) -> Seconds:
        return min(self._reading(self._camera) for _ in range(5))[1]

    def _reading(self, camera: Any) -> Tuple[Seconds, Seconds]:
        before = self._clock.monotonic()
        chip = camera.timestamp * 1e-6
        after = self._clock.monotonic()
        return after - before, (before + after) / 2 - chip


class FrameRing(picamera.PiCameraCircularIO):  # type: ignore[misc]
    """picamera's ring in RAM, which hands on every access unit as soon as it is whole.

    The ring keeps the last seconds as picamera keeps them; its `copy_to` is not used, because it
    starts inside the window asked for, ends in half a frame and holds the encoder's lock while it
    writes. `last_ts` is the stamp of the newest frame, `arrived` when it came.
    """

    def __init__(
        self, camera: Any, size: int, units: AccessUnits, clock: Clock, sinks: Sinks
    ) -> None:
        super().__init__(camera, size=size, splitter_port=VIDEO_PORT)
        self._encoders = camera._encoders
        self._units = units
        self._clock = clock
        self._sinks = sinks
        self.arrived = clock.monotonic()
        self.last_ts: Optional[Seconds] = None

    def write(self, b: bytes) -> int:
        """Keep one chunk in the ring; hand on the frame that it completes."""
        try:
            super().write(b)
            # `camera.frame` would take away the sensor's error, which the control thread waits for.
            chunk = self._encoders[VIDEO_PORT].frame
            kind = KINDS.get(chunk.frame_type, PLAIN)
            frame = self._units.add(b, kind, chunk.timestamp, chunk.complete)
            if frame is not None:
                self._hand_on(frame)
        except KeyError as error:
            raise CameraError("a frame was not taken: no key %s" % error) from error
        return len(b)

    def _hand_on(self, frame: Frame) -> None:
        self.last_ts = frame.ts
        self.arrived = self._clock.monotonic()
        self._sinks.frame(frame)


class FieldOutput(PiMotionAnalysis):  # type: ignore[misc]
    """Hands on the motion vectors, stamped with the picture they follow.

    The array is a read-only view of the bytes just received and stays valid for ever. Vectors are
    never counted to find their picture: keyframes have none, and a firmware may leave some out.
    The upper `hidden_rows` are blanked, because the text that the firmware writes there changes.
    """

    def __init__(self, camera: Any, ring: FrameRing, sinks: Sinks) -> None:
        super().__init__(camera)
        self._encoders = camera._encoders
        self._ring = ring
        self._sinks = sinks
        self._chunks: List[bytes] = []
        self.hidden_rows = 0
        self.last_ts: Optional[Seconds] = None

    def write(self, b: bytes) -> int:
        """Join chunks: picamera takes each for a whole field and fails on the shape of a part."""
        try:
            self._chunks.append(b)
            if self._encoders[VIDEO_PORT].frame.complete:
                whole, self._chunks = b"".join(self._chunks), []
                super().write(whole)
        except KeyError as error:
            raise CameraError("a field was not taken: no key %s" % error) from error
        return len(b)

    def analyze(self, array: np.ndarray[Any, Any]) -> None:
        """Called by picamera once for each picture that has vectors."""
        ts = self._ring.last_ts
        if ts is None or ts == self.last_ts:
            return
        self.last_ts = ts
        if self.hidden_rows:
            array = array.copy()
            array[: self.hidden_rows] = 0
        self._sinks.field(MotionField(ts, array, 1.0, "videocore"))


class PreviewOutput:
    """Hands on JPEGs from a second splitter port, at most `fps` of them a second.

    picamera 1.13 has one frame rate for all ports, so the pictures between are dropped here; the
    GPU encodes them all the same, which is why the port is closed while nobody watches.
    """

    def __init__(self, camera: Any, time: CameraTime, sinks: Sinks) -> None:
        self._encoders = camera._encoders
        self._time = time
        self._sinks = sinks
        self._chunks: List[bytes] = []
        self._ts: Seconds = 0.0
        self._due: Seconds = 0.0
        self.fps = 0.0

    def write(self, b: bytes) -> int:
        """Keep one chunk; hand on the JPEG that it completes, if one is due."""
        try:
            chunk = self._encoders[PREVIEW_PORT].frame
            if not self._chunks:
                self._ts = self._time.to_ts(chunk.timestamp)
            self._chunks.append(b)
            if chunk.complete:
                self._finish()
        except KeyError as error:
            raise CameraError("a preview was not taken: no key %s" % error) from error
        return len(b)

    def _finish(self) -> None:
        data, self._chunks = b"".join(self._chunks), []
        if self.fps > 0 and self._ts >= self._due:
            self._due = max(self._due + 1 / self.fps, self._ts + 0.5 / self.fps)
            self._sinks.jpeg(Jpeg(self._ts, data))
