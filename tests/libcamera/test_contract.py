"""The promises of every camera, kept by the real picamera2."""

from __future__ import annotations

import threading
from typing import Optional

import pytest

from dashcamd.cameras.picamera2 import PiCamera2Camera
from dashcamd.clock import SystemClock
from dashcamd.config import CameraConfig
from tests.cameras.contract import CameraContract, Delivered

PATIENCE_S = 20.0


@pytest.mark.usefixtures("stage")
class TestContract(CameraContract):
    frames_wanted = 40

    def make_camera(self) -> PiCamera2Camera:
        self.clock = SystemClock()
        config = CameraConfig(resolution="640x480", framerate=25.0, keyframe_s=0.4)
        return PiCamera2Camera(config, self.clock)

    def run(self, camera, count: int, delivered: Optional[Delivered] = None) -> Delivered:
        """The camera goes on delivering meanwhile: what is returned is a copy."""
        if delivered is None:
            self.coming, delivered = Delivered(), Delivered()
            self.started_ts = self.clock.monotonic()
            delivered.info = camera.start(self.coming.sinks(), self.started_ts)
        wanted = len(delivered.frames) + count
        until = self.clock.monotonic() + PATIENCE_S
        nothing = threading.Event()
        while len(self.coming.frames) < wanted:
            assert self.clock.monotonic() < until, "waited in vain"
            nothing.wait(0.02)
        delivered.everything[:] = list(self.coming.everything)
        return delivered

    def test_stamps_rise_strictly_from_the_start(self, delivered):
        stamps = [frame.ts for frame in delivered.frames]
        assert stamps[0] >= self.started_ts
        assert all(after > before for before, after in zip(stamps, stamps[1:]))
