"""The wired house in lockstep: real services and files, a clip as the camera, scripted motion."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from benchmarks.clip import Clip, ClipCamera, Fields
from dashcamd import app
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig, Config, RecordingConfig, StorageConfig
from dashcamd.services.runner import Lockstep
from dashcamd.storage.disk import Disk
from dashcamd.storage.folder import FolderSource
from dashcamd.storage.volume import Volume
from dashcamd.types import MOTION_DTYPE, Anchor, MotionField, Seconds
from dashcamd.world import World

START_S = 1000.0
ROWS, COLS = 15, 20


def config_of(clip: Clip, root: Path, **recording: object) -> Config:
    """Settings for `clip`; `recording` are keys of that section, ``storage=`` a whole section."""
    storage = recording.pop("storage", StorageConfig(target=str(root), reserve_mib=1))
    camera = CameraConfig(source="synthetic", framerate=clip.fps, keyframe_s=clip.gop_s)
    return Config(camera=camera, recording=RecordingConfig(**recording), storage=storage)


def moving(is_moving: Callable[[int], bool]) -> Fields:
    """Fields of a quiet scene through which something large walks in frames that `is_moving`."""
    random = np.random.default_rng(1)
    noise = random.poisson(300, (16, ROWS, COLS)).astype("u2")

    def field(number: int, ts: Seconds) -> MotionField:
        blocks = np.zeros((ROWS, COLS + 1), MOTION_DTYPE)
        blocks["sad"][:, :-1] = noise[number % len(noise)]
        if is_moving(number):
            left = number % (COLS - 4)
            patch = blocks[4:11, left : left + 4]
            patch["sad"], patch["x"], patch["y"] = 8000, 6, 0
        return MotionField(ts, blocks, 1.0, "lores")

    return field


class DiskSource(FolderSource):
    """A folder whose disk is wrapped, to make it slow or flaky."""

    def __init__(self, path: str, boot_id: str, wrap: Callable[[Disk], Disk]) -> None:
        super().__init__(path, boot_id)
        self._wrap = wrap

    def offer(self, now: float) -> Volume:
        volume = super().offer(now)
        volume.disk = self._wrap(volume.disk)
        return volume


class Simulation:
    """A house on simulated time. `run_to` moves it along; `close` ends it as a signal would."""

    def __init__(
        self,
        config: Config,
        clip: Clip,
        is_moving: Callable[[int], bool] = lambda number: False,
        *,
        repeats: bool = False,
        wrap: Optional[Callable[[SimClock, Disk], Disk]] = None,
    ) -> None:
        self.clock = SimClock(START_S, 1_790_000_000.0)
        boot_id = "sim-" + uuid.uuid4().hex
        source = FolderSource(config.storage.target, boot_id)
        if wrap is not None:
            source = DiskSource(config.storage.target, boot_id, lambda disk: wrap(self.clock, disk))
        begin = Anchor(START_S, self.clock.wall(), 1.0, "simulated")
        fields = moving(is_moving)
        world = World(
            self.clock,
            boot_id,
            lambda settings: ClipCamera(clip, fields, repeats),
            source,
            lambda: begin,
        )
        self.house = app.build(config, world)
        self.house.volumes.open(START_S)
        self.house.camera.open()
        self._runner = Lockstep(self.house.services, self.clock)

    @property
    def status(self):
        return self.house.status()

    def run_to(self, seconds: Optional[Seconds] = None) -> None:
        """Go on to `seconds` after the start, or to the end of the clip."""
        until = None if seconds is None else START_S + seconds
        self._runner.run(until, self.house.camera.ended)

    def tell(self, message: object) -> None:
        """Post a message to the record service, as a command would."""
        self.house.control._record.put(message)

    def close(self) -> None:
        self._runner.close()


def with_storage(config: Config, **storage: object) -> Config:
    return replace(config, storage=replace(config.storage, **storage))
