"""The whole daemon in lockstep: a scripted camera, sticks in memory, simulated time."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional

from dashcamd import app
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig, Config
from dashcamd.errors import StorageError
from dashcamd.services.runner import Lockstep
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk
from dashcamd.storage.mp4_reader import OK, inspect_source
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk, PluggedDisk, number_in
from dashcamd.types import Anchor

WALL = 1_800_000_000.0


class Socket:
    """A `Source` of one stick at a time, plugged and pulled by the test."""

    is_fixed = False

    def __init__(self, boot_id: str = "boot") -> None:
        self.plugged: Optional[PluggedDisk] = None
        self.volumes: List[Volume] = []
        self.boot_id = boot_id
        self._has_news = False
        self._rests_until = 0.0

    def plug(self, disk: Disk) -> None:
        self.plugged, self._has_news, self._rests_until = PluggedDisk(disk), True, 0.0

    def pull(self) -> None:
        assert self.plugged is not None
        self.plugged.pull()
        self.plugged, self._has_news = None, True

    def look(self, now: float) -> bool:
        has_news, self._has_news = self._has_news, False
        return has_news

    def offer(self, now: float) -> Volume:
        if self.plugged is None:
            raise StorageError("no stick is plugged in")
        if now < self._rests_until:
            raise StorageError("the stick failed a moment ago")
        self.volumes.append(Volume(self.plugged, "/stick", self.boot_id))
        return self.volumes[-1]

    def trouble(self, volume: Volume) -> Optional[str]:
        return None if volume.disk is self.plugged else "the stick was pulled out"

    def has_another(self, now: float) -> bool:
        return False

    def distrust(self, volume: Volume, is_full: bool, now: float) -> None:
        self._rests_until = now + 2.0

    def describe(self) -> Dict[str, object]:
        return {}


def settings(**recording: object) -> Config:
    """Short times, so that a scenario fits a line."""
    config = Config()
    short = {"pre_roll_s": 1.0, "post_roll_s": 1.0, "gap_s": 4.0, "segment_s": 120.0}
    return replace(
        config,
        motion=replace(config.motion, warm_up_s=0.5),
        recording=replace(config.recording, **{**short, **recording}),
        storage=replace(config.storage, reserve_mib=1, keep_days=0, trial_mib=0),
    )


class Daemon:
    """`app.build` over a world in memory. `camera` is a camera, or a callable that makes one."""

    def __init__(
        self,
        camera: object,
        disk: Optional[MemoryDisk] = None,
        *,
        config: Optional[Config] = None,
        boot_id: str = "boot",
        is_plugged: bool = True,
        settings_file: Optional[Path] = None,
    ) -> None:
        self.disk = MemoryDisk() if disk is None else disk
        self.clock = SimClock(1000.0, WALL)
        self.socket = Socket(boot_id)
        if is_plugged:
            self.socket.plug(self.disk)

        def make(settings: CameraConfig) -> object:
            return camera(settings) if callable(camera) else camera

        anchor = Anchor(1000.0, WALL, 1.0, "test")
        self.world = app.World(
            self.clock, boot_id, make, self.socket, lambda: anchor, settings_file
        )
        self.house = app.build(config or settings(), self.world)
        self._lockstep = Lockstep(self.house.services, self.clock)

    def run(self, seconds: Optional[float] = None) -> Daemon:
        """Go on for `seconds`, or to the end of the source."""
        until = None if seconds is None else self.clock.monotonic() + seconds
        self._lockstep.run(until, self.house.camera.ended if seconds is None else threading.Event())
        if until is not None:
            self.clock.advance_to(until)
        return self

    def close(self) -> Daemon:
        self._lockstep.close()
        return self

    @property
    def status(self) -> dict:
        return self.house.status()

    def events(self) -> List[StoredEvent]:
        return catalog.events(self.disk)


def sound_frames(disk: Disk, path: str) -> int:
    """Frames in a file that must be whole and without a gap."""
    file = disk.open(path)
    info = inspect_source(file)
    file.close()
    assert info.status == OK, "%s: %s" % (path, info.problem)
    assert not info.gaps, "%s has gaps: %s" % (path, info.gaps)
    return info.frames


__all__ = ["WALL", "Daemon", "Socket", "number_in", "settings", "sound_frames"]
