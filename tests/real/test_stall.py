"""A stick that does not answer for ten seconds: the ring holds, or the gap is said.

Once on simulated time with `SlowDisk`, once on a real ext4 file system frozen by the kernel
(``fsfreeze``), with the house on threads in this process so that every call of the camera's
sink can be watched.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import List

import pytest

from benchmarks.clip import ClipCamera, encode
from dashcamd import world
from dashcamd.app import build
from dashcamd.clock import SystemClock
from dashcamd.services.runner import Threads
from dashcamd.testing import SlowDisk
from dashcamd.types import Sinks
from tests.real import kernel
from tests.real.daemon import PATIENCE_S, is_verified
from tests.real.house import START_S, Simulation, config_of
from tests.real.playback import files, is_run, stored

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

STALL_S = 10.0
FPS = 25.0


@pytest.fixture(scope="module")
def clip():
    """A clip of 4 Mbit/s: 4 MiB of ring hold 8 s of it."""
    made = encode(1000, width=240, height=176, fps=FPS, bitrate=8_000_000, noise=80)
    size = sum(len(data) for _, data in made.units)
    assert 450_000 < size / len(made.units) * FPS < 1_100_000
    return made


def simulate(clip, tmp_path, ring_mib: int, stalls, ring_max_mib: int = 0) -> Simulation:
    rules = {"mode": "continuous", "ring_mib": ring_mib, "ring_max_mib": ring_max_mib}
    config = config_of(clip, tmp_path, segment_s=15.0, **rules)
    absolute = [(START_S + start, length) for start, length in stalls]
    house = Simulation(config, clip, wrap=lambda clock, disk: SlowDisk(disk, clock, absolute))
    house.run_to()
    house.close()
    return house


def test_a_ring_that_holds_the_stall_loses_nothing(clip, tmp_path):
    house = simulate(clip, tmp_path, 32, [(8.2, STALL_S), (24.0, STALL_S)])
    (event,) = stored(tmp_path)
    written = [number for part in files(tmp_path, event) for number in part]
    assert written == list(range(len(clip.units)))
    assert house.status["counters"]["frames_lost"] == 0
    assert event.facts.gaps == ()
    assert is_verified(tmp_path)


def test_a_ring_that_may_grow_loses_nothing_in_the_second_stall(clip, tmp_path):
    house = simulate(clip, tmp_path, 4, [(8.2, STALL_S), (24.0, STALL_S)], ring_max_mib=64)
    (event,) = stored(tmp_path)
    counters = house.status["counters"]
    assert counters["gaps"] == len(event.facts.gaps) <= 1, "in one loop nobody sees the first"
    assert 4 < house.status["memory"]["ring_mib"] <= 64
    assert not [fault for fault in house.status["faults"] if "stalled" in fault]
    assert is_verified(tmp_path)


def test_a_longer_stall_is_a_gap_that_is_counted_logged_once_and_shown(clip, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        house = simulate(clip, tmp_path, 4, [(8.2, STALL_S), (24.0, STALL_S)])
    (event,) = stored(tmp_path)
    parts = files(tmp_path, event)
    written = [number for part in parts for number in part]
    assert all(is_run(part) for part in parts), "a gap inside a file"
    assert written == sorted(set(written))
    missing = len(clip.units) - len(written)
    assert missing > 0
    counters = house.status["counters"]
    assert counters["frames_lost"] == missing == sum(gap.frames for gap in event.facts.gaps)
    assert counters["gaps"] == len(event.facts.gaps) == 2
    assert all(part[0] % round(FPS) == 0 for part in parts), "it goes on at a keyframe"
    assert written[-1] == len(clip.units) - 1, "it goes on after the stall"
    lost = [record for record in caplog.records if "are lost" in record.getMessage()]
    assert len(lost) == 1, "once a minute is enough"
    assert is_verified(tmp_path)


class Watched(ClipCamera):
    """Notes how long each call of the house's frame sink keeps the camera waiting."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.waits: List[float] = []

    def start(self, sinks, start_ts):
        def take(frame):
            begin = time.perf_counter()
            sinks.frame(frame)
            self.waits.append(time.perf_counter() - begin)

        return super().start(Sinks(take, sinks.field, sinks.jpeg), start_ts)


class LiveHouse:
    """The house on threads and the system's clock, in this process."""

    def __init__(self, config, camera: ClipCamera) -> None:
        self.camera = camera
        here = replace(world.real(config), make_camera=lambda settings: camera, clock=SystemClock())
        self.house = build(config, here)
        self.house.volumes.open(time.monotonic())
        self.house.camera.open()
        self._threads = Threads(self.house.services, here.clock, self.house.board)
        self._threads.start()

    def status(self):
        return self.house.status()

    def wait_for(self, condition, what: str):
        end = time.monotonic() + PATIENCE_S
        while not condition(self.status()):
            assert time.monotonic() < end, "never happened: %s; %s" % (what, self.status())
            time.sleep(0.05)

    def close(self) -> None:
        self._threads.close()
        assert self._threads.failure is None


@pytest.fixture
def stick(tmp_path):
    """A real ext4 file system on a loop device."""
    mounted = kernel.ext4(tmp_path, 128)
    yield mounted
    mounted.close()


def freeze_in_mid_recording(clip, stick, ring_mib: int, ring_max_mib: int = 0):
    """Record, freeze for `STALL_S`, record on; the house's last status and the camera's waits."""
    rules = {"mode": "continuous", "ring_mib": ring_mib, "ring_max_mib": ring_max_mib}
    config = config_of(clip, stick.where, segment_s=15.0, pre_roll_s=1.0, **rules)
    live = LiveHouse(config, Watched(clip, None, True))
    try:
        live.wait_for(lambda status: status["counters"]["frames_written"] > 2 * FPS, "a recording")
        stick.freeze()
        threading.Event().wait(STALL_S)
        during = live.status()
        stick.thaw()
        before = live.status()["counters"]["frames_captured"]
        live.wait_for(
            lambda status: (
                status["counters"]["frames_written"] + status["counters"]["frames_lost"]
                > before + FPS
            ),
            "recording after the stall",
        )
    finally:
        stick.thaw()
        live.close()
    return live, during


def test_a_frozen_file_system_never_reaches_the_camera(clip, stick):
    live, during = freeze_in_mid_recording(clip, stick, 32)
    assert not during["recording"], "it says so though nothing is durable"
    assert any("has not answered" in fault for fault in during["faults"])
    assert max(live.camera.waits) < STALL_S / 10
    (event,) = stored(stick.where)
    written = [number for part in files(stick.where, event) for number in part]
    captured = live.status()["counters"]["frames_captured"]
    assert [number % len(clip.units) for number in range(captured)] == written
    assert live.status()["counters"]["frames_lost"] == 0
    assert is_verified(stick.where)


def test_a_ring_that_may_grow_bridges_the_first_freeze(clip, stick):
    live, _ = freeze_in_mid_recording(clip, stick, 4, ring_max_mib=64)
    status = live.status()
    assert status["counters"]["frames_lost"] == 0
    assert status["memory"]["ring_mib"] > 4
    assert max(live.camera.waits) < STALL_S / 10
    assert is_verified(stick.where)


def test_a_freeze_longer_than_the_ring_is_a_gap_and_recording_goes_on(clip, stick):
    live, _ = freeze_in_mid_recording(clip, stick, 4)
    assert max(live.camera.waits) < STALL_S / 10
    counters = live.status()["counters"]
    (event,) = stored(stick.where)
    parts = files(stick.where, event)
    assert all(is_run(part) for part in parts)
    assert counters["gaps"] == len(event.facts.gaps) >= 1
    assert counters["frames_lost"] == sum(gap.frames for gap in event.facts.gaps) > 0
    written = sum(len(part) for part in parts)
    assert written + counters["frames_lost"] == counters["frames_captured"]
    assert is_verified(stick.where)
