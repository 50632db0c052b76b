"""How long picamera2's camera thread is held while the disk stalls.

``chrt -f 10 python3 -m tests.roots.debian13 -- python3 -m benchmarks.picamera2_callback 60``
(chrt keeps other programs of a busy machine from being measured instead)

The whole house runs in this process: 1280x720 at 25 fps, recording without a pause to a disk whose
``fdatasync`` takes 2 s every fifth time, previews for a cover. Measured is what the camera thread
spends in our picture callback and in our output: wall time, which includes waiting for the
interpreter lock and for a processor, and processor time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np

STALL_S = 2.0
STALL_EVERY = 5


def main(seconds: float) -> None:
    from tests.libcamera import virtual
    from tests.libcamera.stage import Stage

    folder = Path(tempfile.mkdtemp())
    sensor = virtual.install(Stage(folder / "stage", 25.0, "..ww"))
    spent = watch_callbacks()
    stalls = stall_disk()

    from dashcamd import app, world
    from dashcamd.config_read import load

    config = load(None)
    config = replace(
        config,
        camera=replace(config.camera, source="picamera2"),
        recording=replace(config.recording, mode="continuous"),
        storage=replace(config.storage, target=str(folder / "volume")),
        control=replace(config.control, socket=str(folder / "control.sock")),
    )
    (folder / "volume").mkdir()
    house = app.build(config, world.real(config))
    threading.Timer(5.0, lambda: house.camera.want_cover(True)).start()
    app.run(house, seconds)
    counters = house.status()["counters"]
    print("%d stalls of %g s; sensor skipped %d pictures" % (len(stalls), STALL_S, sensor.skipped))
    print("captured %(frames_captured)d, lost %(frames_lost)d" % counters)
    for name, samples in spent.items():
        report(name, np.array(samples) * 1000)
    every = [sum(pair) for pair in zip(spent["picture wall"], spent["output wall"])]
    report("both wall", np.array(every) * 1000)


def report(name: str, samples_ms: Any) -> None:
    cuts = np.percentile(samples_ms, (50, 99, 99.9))
    print(
        "%-14s n %5d  p50 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms"
        % (name, len(samples_ms), *cuts, samples_ms.max())
    )


def watch_callbacks() -> Dict[str, List[float]]:
    """Time every call of the two callbacks."""
    from dashcamd.cameras import picamera2

    spent: Dict[str, List[float]] = {}
    for name, method in (("picture", "_on_picture"), ("output", "_on_encoded")):
        walls = spent.setdefault(name + " wall", [])
        cpus = spent.setdefault(name + " cpu", [])
        setattr(picamera2._Session, method, timed(picamera2._Session, method, walls, cpus))
    return spent


def timed(owner: Any, method: str, walls: List[float], cpus: List[float]) -> Callable[..., None]:
    inner = getattr(owner, method)

    def call(*arguments: Any) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        inner(*arguments)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.thread_time() - cpu)

    return call


def stall_disk() -> List[float]:
    """Make every fifth ``fdatasync`` slow, as a worn stick is."""
    real, calls, stalls = os.fdatasync, [0], []

    def slow(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] % STALL_EVERY == 0:
            stalls.append(time.monotonic())
            time.sleep(STALL_S)
        real(descriptor)

    os.fdatasync = slow
    return stalls


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0)
