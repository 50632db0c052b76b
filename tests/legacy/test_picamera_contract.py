"""The promises of every camera, kept by picamera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from tests.legacy.conftest import REASON, SPEED

pytest.importorskip("tests.legacy.videocore", reason=REASON)

from dashcamd.cameras.picamera import PiCameraCamera
from dashcamd.cameras.port import Camera
from dashcamd.config import CameraConfig
from dashcamd.types import Sinks
from tests.cameras.contract import START_TS, CameraContract, Delivered
from tests.legacy.rig import SMALL
from tests.legacy.videocore import CHIP, ChipClock, Street


@dataclass
class Gated(Delivered):
    """Takes nothing in beyond `wanted` frames, so that what a test looks at stands still."""

    wanted: int = 0

    def sinks(self) -> Sinks:
        return Sinks(self.take, self.take, self.take)

    def take(self, item: object) -> None:
        if len(self.frames) < self.wanted:
            self.everything.append(item)


@pytest.mark.usefixtures("chip")
class TestPiCamera(CameraContract):
    frames_wanted = 60
    clock = ChipClock()

    def make_camera(self) -> Camera:
        CHIP.skip(START_TS)
        CHIP.set_speed(SPEED)
        CHIP.scene = Street(moves=lambda n: True)
        return PiCameraCamera(CameraConfig(**SMALL), self.clock)

    def run(self, camera: Camera, count: int, delivered: Optional[Delivered] = None) -> Delivered:
        if delivered is None:
            delivered = Gated(wanted=count)
            delivered.info = camera.start(delivered.sinks(), self.clock.monotonic())
        else:
            assert isinstance(delivered, Gated)
            delivered.wanted = len(delivered.frames) + count
        for _ in range(1000):
            if len(delivered.frames) >= delivered.wanted:
                break
            CHIP.callback_done.clear()
            camera.check()
            CHIP.callback_done.wait(1)
        return delivered
