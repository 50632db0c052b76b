"""A `PiCameraCamera` with sinks that remember, driven as the camera service drives it."""

from __future__ import annotations

import io
import threading
from typing import Callable, List, Optional

import av

from dashcamd.cameras.picamera import PiCameraCamera
from dashcamd.cameras.scene import read_counter
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import Frame, Jpeg, MotionField, Sinks
from tests.legacy.videocore import ChipClock

SMALL = {
    "resolution": "320x240",
    "framerate": 24.0,
    "bitrate": 1_000_000,
    "annotate_text": "",
}
PATIENCE_S = 100.0
"""Chip seconds after which a condition that has not come true fails the test."""


class Rig:
    """`camera` with its `clock`; `frames`, `fields` and `jpegs` in the order of `delivered`."""

    def __init__(self, **settings) -> None:
        self.clock = ChipClock()
        self.config = CameraConfig(**dict(SMALL, **settings))
        self.renew()
        self.delivered: List[object] = []
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        self._arrived = threading.Event()

    def renew(self) -> None:
        """A new back-end, as the camera service makes one each time."""
        self.camera = PiCameraCamera(self.config, self.clock)

    @property
    def frames(self) -> List[Frame]:
        return [item for item in self.delivered if isinstance(item, Frame)]

    @property
    def fields(self) -> List[MotionField]:
        return [item for item in self.delivered if isinstance(item, MotionField)]

    @property
    def jpegs(self) -> List[Jpeg]:
        return [item for item in self.delivered if isinstance(item, Jpeg)]

    def start(self):
        sinks = Sinks(frame=self._frame, field=self._deliver, jpeg=self._deliver)
        return self.camera.start(sinks, self.clock.monotonic())

    def until(self, is_true: Callable[[], bool]) -> None:
        """Run the camera, checked each chip second, until `is_true`. Raises what `check` raises."""
        began = self.clock.monotonic()
        checked = began
        while not is_true():
            now = self.clock.monotonic()
            assert now - began < PATIENCE_S, "nothing happened for %g s" % PATIENCE_S
            if now - checked >= 1:
                checked = now
                self.camera.check()
            self._arrived.clear()
            self.clock.wait(self._arrived, 0.5)

    def run(self, frames: int) -> None:
        """Until `frames` more frames have arrived."""
        wanted = len(self.frames) + frames
        self.until(lambda: len(self.frames) >= wanted)

    def fault(self) -> Optional[str]:
        """Run until `check` says what is wrong."""
        try:
            self.until(lambda: False)
        except CameraError as error:
            return str(error)
        return None

    def pictures(self) -> List[int]:
        """The frame counters burnt into all frames so far, decoded."""
        return counters(b"".join(frame.data for frame in self.frames))

    def _frame(self, frame: Frame) -> None:
        self.on_frame(frame)
        self._deliver(frame)

    def _deliver(self, item: object) -> None:
        self.delivered.append(item)
        self._arrived.set()


def counters(h264: bytes) -> List[int]:
    """The frame counters in an H.264 byte stream."""
    with av.open(io.BytesIO(h264), format="h264") as container:
        return [read_counter(f.to_ndarray(format="gray")) for f in container.decode(video=0)]
