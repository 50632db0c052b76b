"""The whole house on threads and real time at 1080p30, 10 Mbit/s: latency, CPU, memory.

Run: ``python -m benchmarks.house``; as root it also freezes a loop-mounted ext4 for ten seconds
(``fsfreeze``). The stream is made beforehand, so camera and encoder cost nothing here; PyAV and
the web are not loaded. Every table names its baseline, measured in the same run:

naive        ``write`` and ``fsync`` in the camera's callback, as many scripts do
source       the same frames into nothing: what this benchmark's own camera costs
interpreter  Python with numpy, psutil and pyudev imported and nothing else
plain        one ``open().write()`` and ``fsync`` of the same bytes on the same medium
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import numpy as np

from benchmarks.clip import Clip, ClipCamera
from benchmarks.writer import FPS, GOP, make_frames
from dashcamd import world
from dashcamd.app import build
from dashcamd.config import CameraConfig, Config, RecordingConfig, StorageConfig
from dashcamd.services.messages import Triggered
from dashcamd.services.runner import Threads
from dashcamd.types import MOTION_DTYPE, CameraInfo, Frame, MotionField, Seconds, Sinks

RING_MIB = 32
STALL_S = 10.0
ROWS, COLS = 30, 40

BARE = (
    "import numpy, psutil, pyudev; "
    "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024 / 1e6)"
)
"""What a program with our dependencies weighs before it does anything."""


def make_clip(seconds: int) -> Clip:
    units = [(frame.key, bytes(frame.data)) for frame in make_frames(seconds * FPS)]
    return Clip(1920, 1080, float(FPS), GOP / FPS, units)


def fields() -> Callable[[int, Seconds], MotionField]:
    """Fields of a quiet scene at 640x480, as a Pi's lores stream gives them."""
    noise = np.random.default_rng(1).poisson(300, (16, ROWS, COLS)).astype("u2")

    def field(number: int, ts: Seconds) -> MotionField:
        blocks = np.zeros((ROWS, COLS + 1), MOTION_DTYPE)
        blocks["sad"][:, :-1] = noise[number % len(noise)]
        return MotionField(ts, blocks, 1.0, "lores")

    return field


class Camera(ClipCamera):
    """Makes every frame's bytes anew, as hardware does, and times the sink."""

    def __init__(self, clip: Clip) -> None:
        super().__init__(clip, fields(), repeats=True)
        self.waits: List[float] = []

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Begin; every frame goes to the sink through a stop watch."""

        def take(frame: Frame) -> None:
            fresh = Frame(frame.ts, frame.key, bytes(bytearray(frame.data)))
            begin = time.perf_counter()
            sinks.frame(fresh)
            self.waits.append(time.perf_counter() - begin)

        return super().start(Sinks(take, sinks.field, sinks.jpeg), start_ts)


@contextmanager
def live_house(folder: Path, camera: Camera, mode: str) -> Iterator[object]:
    """The house, recording in `folder`, until the block ends."""
    config = Config(
        camera=CameraConfig(source="synthetic", framerate=FPS, keyframe_s=1.0),
        recording=RecordingConfig(mode=mode, ring_mib=RING_MIB, manual_s=1.0),
        storage=StorageConfig(target=str(folder), reserve_mib=1),
    )
    here = replace(world.real(config), make_camera=lambda settings: camera)
    house = build(config, here)
    house.volumes.open(time.monotonic())
    house.camera.open()
    threads = Threads(house.services, here.clock, house.board)
    threads.start()
    try:
        yield house
    finally:
        threads.close()


def naive_run(folder: Path, clip: Clip, seconds: float) -> List[float]:
    """The same frames at the same pace through write and fsync in the callback."""
    waits = []
    begin = time.monotonic()
    with (folder / "naive.h264").open("wb", buffering=0) as file:
        for number in range(int(seconds * FPS)):
            time.sleep(max(0.0, begin + number / FPS - time.monotonic()))
            start = time.perf_counter()
            file.write(clip.units[number % len(clip.units)][1])
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - start)
    return waits


def house_run(folder: Path, clip: Clip, seconds: float) -> List[float]:
    camera = Camera(clip)
    with live_house(folder, camera, "continuous"):
        time.sleep(seconds)
    return camera.waits


def latency(folder: Path, stick: Optional[object], clip: Clip) -> None:
    where = "ext4 on a loop device" if stick else "the temporary folder"
    print("Camera callback, 1080p30 at 10 Mbit/s on %s, ms" % where)
    print("%-34s %8s %8s %8s %8s %9s" % ("", "p50", "p99", "p99.9", "max", "frames"))
    for name, run in (("naive", naive_run), ("dashcamd", house_run)):
        row(name + ", idle disk", run(folder, clip, 8.0))
        if stick is not None:
            thaw = threading.Timer(2.0, freeze_for, (stick, STALL_S))
            thaw.start()
            row("%s, frozen for %.0f s" % (name, STALL_S), run(folder, clip, STALL_S + 5.0))
            thaw.join()
    print()


def freeze_for(stick: object, seconds: float) -> None:
    stick.freeze()  # type: ignore[attr-defined]
    time.sleep(seconds)
    stick.thaw()  # type: ignore[attr-defined]


def row(name: str, waits: List[float]) -> None:
    values = tuple(np.percentile(np.array(waits) * 1e3, (50, 99, 99.9, 100)))
    print("%-34s %8.3f %8.3f %8.3f %8.3f %9d" % (name, *values, len(waits)))


def trigger_to_durable(places: Dict[str, Path], clip: Clip, rounds: int = 9) -> None:
    print("Trigger to durable: 5 s of pre-roll at 10 Mbit/s, ms (bar: 1000)")
    print("%-34s %8s %8s %16s" % ("", "median", "worst", "median / plain"))
    for name, folder in places.items():
        waits, plain = [], []
        for _ in range(rounds):
            waits.append(one_trigger(folder, clip))
            plain.append(plain_write(folder, b"".join(data for _, data in clip.units[: 5 * FPS])))
            shutil.rmtree(folder / "DASHCAM")
        middle = float(np.median(waits))
        values = (middle * 1e3, max(waits) * 1e3, middle / float(np.median(plain)))
        print("%-34s %8.0f %8.0f %16.1f" % (name, *values))
    print()


def one_trigger(folder: Path, clip: Clip) -> float:
    """Seconds from a trigger to the moment when all frames up to it are on the medium."""
    camera = Camera(clip)
    with live_house(folder, camera, "motion") as house:
        time.sleep(6.2)
        at = time.monotonic()
        house.control._record.put(Triggered(at, "benchmark"))  # type: ignore[attr-defined]
        while (durable_ts(house) or 0.0) < at - 1.5 / FPS:
            time.sleep(0.001)
        return time.monotonic() - at


def durable_ts(house: object) -> Optional[Seconds]:
    ts: Optional[Seconds] = house.board.snapshot()["recording"]["durable_ts"]  # type: ignore
    return ts


def plain_write(folder: Path, data: bytes) -> float:
    begin = time.perf_counter()
    with (folder / "plain.bin").open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())
    return time.perf_counter() - begin


def cpu(folder: Path, clip: Clip, seconds: float = 10.0) -> None:
    print("CPU, % of one core at 1080p30, 10 Mbit/s (bar: the camera's own work dominates)")
    source = cpu_of(seconds, lambda: source_run(clip, seconds))
    print("%-34s %8.2f" % ("source alone", source))
    for mode, name in (("motion", "armed, nothing moves"), ("continuous", "recording")):
        with live_house(folder, Camera(clip), mode):
            time.sleep(1.0)
            spent = cpu_of(seconds, lambda: time.sleep(seconds))
        print("%-34s %8.2f %16.1f / source" % (name, spent, spent / source))
        shutil.rmtree(folder / "DASHCAM")
    print()


def cpu_of(seconds: float, act: Callable[[], None]) -> float:
    before = time.process_time()
    act()
    return (time.process_time() - before) / seconds * 100


def source_run(clip: Clip, seconds: float) -> None:
    camera = Camera(clip)
    begin = time.monotonic()
    camera.start(Sinks(lambda frame: None, lambda field: None, lambda jpeg: None), begin)
    while time.monotonic() < begin + seconds:
        time.sleep(max(0.0, (camera.next_ts() or 0.0) - time.monotonic()))
        camera.pump()
    camera.stop()


def memory() -> None:
    print("Peak RSS of the core daemon (no PyAV, no web), MB (bar: 60 plus the ring)")
    peak, ring, own = child("-m", "benchmarks.house", "house")
    (bare,) = child("-c", BARE)
    print("%-34s %8.1f" % ("interpreter", bare))
    print("%-34s %8.1f" % ("dashcamd, all of it", peak))
    print("%-34s %8.1f" % ("  its ring, full", ring))
    print("%-34s %8.1f" % ("  this benchmark's clip", own))
    rest = peak - ring - own
    print("%-34s %8.1f %10.2f x interpreter" % ("  the rest", rest, rest / bare))
    print()


def child(*words: str) -> List[float]:
    """The numbers that another Python prints."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def peak_mb() -> float:
    """``VmHWM``; ru_maxrss would begin with that of the process which started this one."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def house_child(seconds: float = 32.0) -> None:
    """Record until the ring is full and wrapped; print peak, ring and clip in MB."""
    clip = make_clip(2)
    folder = tempfile.TemporaryDirectory(dir=memory_folder())
    with folder as name, live_house(Path(name), Camera(clip), "continuous") as house:
        time.sleep(seconds)
        held = house.camera._ring.stats.bytes / 1e6  # type: ignore[attr-defined]
    assert "av" not in sys.modules
    assert "tornado" not in sys.modules
    print(peak_mb(), held, sum(len(data) for _, data in clip.units) / 1e6)


def memory_folder() -> Optional[str]:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def real_stick(folder: Path) -> Iterator[Optional[object]]:
    """A loop-mounted ext4 file system, None where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("fsfreeze") is None:
        print("not root, or no fsfreeze: no real stick is frozen\n")
        yield None
        return
    from tests.real import kernel

    stick = kernel.ext4(folder, 512)
    try:
        yield stick
    finally:
        stick.close()


def main() -> None:
    clip = make_clip(6)
    with tempfile.TemporaryDirectory() as name, real_stick(Path(name)) as stick:
        disk = stick.where if stick is not None else Path(name)  # type: ignore[attr-defined]
        latency(disk, stick, clip)
        places = {"ext4 on a loop device" if stick else "temporary folder": disk}
        if memory_folder():
            places["tmpfs"] = Path(tempfile.mkdtemp(dir=memory_folder()))
        shutil.rmtree(disk / "DASHCAM", ignore_errors=True)
        trigger_to_durable(places, clip)
        cpu(disk, clip)
        for folder in places.values():
            shutil.rmtree(folder, ignore_errors=True)
    memory()


if __name__ == "__main__":
    if sys.argv[1:] == ["house"]:
        house_child()
    else:
        main()
