"""The whole daemon on the emulated camera, as `dashcamd run` wires it, faster than life."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Tuple

import av

from dashcamd import app
from dashcamd.cameras.picamera import PiCameraCamera
from dashcamd.cameras.port import Camera
from dashcamd.cameras.scene import read_counter
from dashcamd.cli.files import verify_disk
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig, Config
from dashcamd.config_read import parse
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, PosixDisk
from dashcamd.storage.folder import FolderSource
from dashcamd.storage.volume import Volume
from dashcamd.types import Anchor, Json, Seconds
from dashcamd.world import World
from tests.legacy.videocore import ChipClock

FPS = 24
LONGEST_S = 4000.0
"""A test that fails leaves its daemon running no longer."""


class Part(NamedTuple):
    """One file of an event: the pictures in it by their burnt-in numbers, and their stamps."""

    name: str
    numbers: List[int]
    key_first: bool
    duration_s: Seconds


class DiskSource(FolderSource):
    """A folder whose disk is wrapped, to be slow or to fail."""

    def __init__(self, path: str, boot_id: str, wrap: Callable[[Disk], Disk]) -> None:
        super().__init__(path, boot_id)
        self._wrap = wrap

    def offer(self, now: Seconds) -> Volume:
        offered = super().offer(now)
        offered.disk = self._wrap(offered.disk)
        return offered


class Daemon:
    """The house wired as `dashcamd run` wires it, on a folder.

    `wrap` may put a slow disk in between, `camera` changes settings, `make` another camera for
    picamera; with a `SimClock` it runs in lockstep.
    """

    def __init__(
        self,
        folder: Path,
        wrap: Callable[[Disk], Disk] = lambda disk: disk,
        camera: Optional[dict] = None,
        make: Callable[[CameraConfig, Clock], Camera] = PiCameraCamera,
        clock: Optional[Clock] = None,
        **recording: object,
    ) -> None:
        self.folder = folder
        self.clock = clock or ChipClock()
        small = {"resolution": "320x240", "framerate": float(FPS), "bitrate": 1_000_000}
        small["source"] = "picamera"
        self.config: Config = parse(
            {
                "camera": dict(small, **(camera or {})),
                "recording": dict(
                    {"pre_roll_s": 3.0, "post_roll_s": 3.0, "gap_s": 8.0}, **recording
                ),
                "storage": {"target": str(folder)},
                "control": {"socket": str(folder / "control.sock")},
            },
            "the test",
        )
        anchor = Anchor(self.clock.monotonic(), self.clock.wall(), 1.0, "system")
        world = World(
            self.clock,
            "0" * 32,
            lambda settings: make(settings, self.clock),
            DiskSource(str(folder), "0" * 32, wrap),
            lambda: anchor,
        )
        self.house = app.build(self.config, world)
        self.exit_status: Optional[int] = None
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def run(self, duration_s: Seconds) -> int:
        """From start to end in this thread."""
        self.exit_status = app.run(self.house, duration_s)
        return self.exit_status

    def start(self) -> None:
        """The same on a thread until `finish`, for a test that interferes."""
        self._thread = threading.Thread(target=self.run, args=(LONGEST_S,), name="daemon")
        self._thread.start()

    def play(self, scene_s: Seconds) -> Optional[int]:
        """Run until the camera has delivered so much of the scene; the exit status.

        By the scene's seconds and not by the clock's: on a busy machine the emulator falls behind.
        """
        frames = scene_s * self.config.camera.framerate
        self.start()
        self.until(lambda status: status["counters"]["frames_captured"] >= frames, LONGEST_S)
        return self.finish()

    def until(self, is_true: Callable[[Json], bool], limit_s: Seconds = 60.0) -> Seconds:
        """Wait until the status satisfies `is_true`; how many of the chip's seconds it took."""
        began = self.clock.monotonic()
        while not is_true(self.house.status()):
            waited = self.clock.monotonic() - began
            assert waited < limit_s, self.house.status()
            self.clock.wait(self._stop, 0.2)
        return self.clock.monotonic() - began

    def finish(self) -> Optional[int]:
        """End it as the end of a file would, closing everything in order; its exit status."""
        self.house.camera.ended.set()
        if self._thread is not None:
            self._thread.join()
        return self.exit_status

    def verified(self) -> List[Json]:
        """The report of `dashcamd verify` on every file."""
        disk = PosixDisk(str(self.folder))
        try:
            return list(verify_disk(disk))
        finally:
            disk.close()

    def events(self) -> List[List[Part]]:
        """Every event on the volume, oldest first, as the parts in it."""
        disk = PosixDisk(str(self.folder))
        try:
            return [[self._part(path) for path in event.parts] for event in catalog.events(disk)]
        finally:
            disk.close()

    def motions(self) -> List[Tuple[Seconds, Seconds]]:
        """When each event's motion began and ended, in seconds of the scene."""
        disk = PosixDisk(str(self.folder))
        try:
            return [self._motion(event) for event in catalog.events(disk)]
        finally:
            disk.close()

    def _motion(self, event: StoredEvent) -> Tuple[Seconds, Seconds]:
        assert event.facts is not None
        began_ts = event.facts.start - self._part(event.parts[0]).numbers[0] / FPS
        return event.facts.first_motion - began_ts, event.facts.last_motion - began_ts

    def _part(self, path: str) -> Part:
        numbers, keys, times = [], [], []
        with av.open(str(self.folder / path)) as container:
            for frame in container.decode(video=0):
                numbers.append(read_counter(frame.to_ndarray(format="gray")))
                keys.append(bool(frame.key_frame))
                times.append(float(frame.time))
        return Part(path.rpartition("/")[2], numbers, keys[0], times[-1] - times[0] + 1 / FPS)


def joined(parts: List[Part]) -> List[int]:
    """All numbers of an event in order."""
    return [number for part in parts for number in part.numbers]


def is_gapless(numbers: List[int]) -> bool:
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
