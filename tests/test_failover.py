"""Several sticks and the whole house in lockstep: one in use, the others stand by."""

from __future__ import annotations

import errno
import shutil
import threading

import pytest

from dashcamd import app
from dashcamd.clock import SimClock
from dashcamd.services.messages import EjectAsked
from dashcamd.services.runner import Lockstep
from dashcamd.storage import catalog
from dashcamd.storage.disk import PosixDisk, storage_error
from dashcamd.storage.recovery import is_interrupted, recover_event
from dashcamd.storage.sticks import StickSource
from dashcamd.storage.volume import MARKER, Volume
from dashcamd.testing import MemoryDisk, PluggedDisk, ScriptCamera, SlowDisk
from dashcamd.types import Anchor
from tests.daemon import WALL, Daemon, settings
from tests.decoding import decoded_numbers  # noqa: F401
from tests.storage.machine import ScriptMachine

FPS = 10
END = 411
"""Frames before this are wanted: 31 s of motion end at 360, a rest may prolong them by a field, and
5 s follow."""


class Stick(PluggedDisk):
    """A folder that takes files, and no video from the moment that `machine` says it is ill."""

    def __init__(self, machine, inner, path):
        super().__init__(inner)
        self.machine, self.path, self.device = machine, path, inner.device

    def before(self, act, path, size=0):
        code = self.machine.ill.get(self.path)
        if code is not None and ((act == "write" and size) or act == "sync") and ".mp4" in path:
            raise storage_error(act, path, code)


class Machine(ScriptMachine):
    """Sticks that fall ill."""

    def __init__(self, folder):
        super().__init__(folder)
        self.ill = {}

    def disk(self, path):
        return Stick(self, super().disk(path), path)


class Car:
    """The house, its sticks and its clock."""

    def __init__(self, folder, seconds, motion, **recording):
        self.machine = Machine(folder)
        self.clock = SimClock(1000.0, WALL)
        by_frame = "".join(letter * FPS for letter in motion)
        camera = ScriptCamera(("k" + "p" * 9) * seconds, by_frame, fps=FPS)
        anchor = Anchor(1000.0, WALL, 1.0, "test")
        source = StickSource("boot", "usb", self.machine)
        world = app.World(self.clock, "boot", lambda _: camera, source, lambda: anchor)
        self.house = app.build(settings(**recording), world)
        self.lockstep = Lockstep(self.house.services, self.clock)

    def drive(self, seconds):
        until = self.clock.monotonic() + seconds
        self.lockstep.run(until, threading.Event())
        self.clock.advance_to(until)

    def eject(self):
        answers = []
        self.house.volumes._failed.put(EjectAsked(answers.append))
        return answers

    @property
    def where(self):
        return self.house.status()["volume"]["where"]

    def numbers(self, decode, *paths):
        """Of all sticks, part by part: the numbers drawn in the pictures."""
        found = []
        for path in paths:
            disk = PosixDisk(str(path))
            for event in catalog.events(disk):
                if is_interrupted(event):
                    list(recover_event(disk, event))
            for event in catalog.events(disk):
                found += [decode((path / part).read_bytes()) for part in event.parts]
            disk.close()
        return found


@pytest.fixture
def car(tmp_path):
    return Car(tmp_path, 60, "." * 10 + "#" * 30)


def seen(parts):
    return sorted({number for part in parts for number in part})


def test_the_event_goes_on_at_once_on_the_stick_that_stands_by(car, decoded_numbers):
    first, second = car.machine.plug("sda1", size_gb=64), car.machine.plug("sdb1", size_gb=32)
    car.drive(20)
    assert car.where == str(first)
    car.machine.pull("sda1")
    car.drive(1.5)
    assert car.where == str(second)
    car.drive(38)
    car.lockstep.close()
    parts = car.numbers(decoded_numbers, first, second)
    assert seen(parts) == list(range(90, END))
    assert car.house.status()["counters"]["frames_lost"] == 0
    disk = PosixDisk(str(second))
    assert [event.facts.continues for event in catalog.events(disk)] != [""]


@pytest.mark.parametrize("mode", ["motion", "continuous"])
def test_an_event_whose_folder_was_moved_to_a_computer_goes_on_in_another(
    tmp_path, mode, decoded_numbers
):
    car = Car(tmp_path, 60, "." * 10 + "#" * 30, mode=mode)
    path = car.machine.plug("sda1", uuid="A")
    car.drive(20)
    car.machine.pull("sda1")
    car.drive(3)
    (day,) = (path / "DASHCAM").glob("2*-*-*")
    computer = tmp_path / "computer" / "DASHCAM" / day.name
    shutil.move(str(day), str(computer))
    car.machine.plug("sda1", uuid="A")
    car.drive(40)
    car.lockstep.close()
    numbers = seen(car.numbers(decoded_numbers, tmp_path / "computer", path))
    assert set(range(90, END)) <= set(numbers)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    past = car.house.status()["volume"]["health"]["ever"]
    assert past["errors"] == 0, "the stick is not to blame"
    moved, *others = (
        folder.name for folder in (*computer.iterdir(), *(path / "DASHCAM").glob("2*/*"))
    )
    continued = [event.facts.continues for event in catalog.events(PosixDisk(str(path)))]
    assert continued[0] == moved
    assert moved not in others


def test_a_copy_of_a_stick_takes_over_from_it(car, decoded_numbers):
    first, second = car.machine.plug("sda1", size_gb=64), car.machine.plug("sdb1", size_gb=32)
    car.drive(5)
    shutil.copytree(first / "DASHCAM", second / "DASHCAM")
    car.drive(15)
    assert car.where == str(first)
    car.machine.pull("sda1")
    car.drive(40)
    car.lockstep.close()
    assert seen(car.numbers(decoded_numbers, first, second)) == list(range(90, END))
    assert list(second.rglob("*.mp4"))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_stick_that_fails_hands_over_to_the_next_and_nothing_is_lost(car, code, decoded_numbers):
    first, second = car.machine.plug("sda1", size_gb=64), car.machine.plug("sdb1", size_gb=32)
    car.drive(20)
    car.machine.ill[str(first)] = code
    car.drive(3)
    assert car.where == str(second)
    car.drive(37)
    car.lockstep.close()
    assert seen(car.numbers(decoded_numbers, first, second)) == list(range(90, END))
    assert car.house.status()["counters"]["frames_lost"] == 0


@pytest.mark.parametrize("leave", ["eject", "pull"])
def test_a_full_stick_leaves_as_any_other_and_what_waits_goes_to_the_next(
    car, leave, decoded_numbers
):
    first = car.machine.plug("sda1", size_gb=64)
    car.drive(20)
    car.machine.ill[str(first)] = errno.ENOSPC
    car.drive(5)
    assert car.house.status()["state"] == "stick full"
    if leave == "eject":
        answers = car.eject()
        car.drive(2)
        assert car.machine.unmount_asked == ["sda1"]
        car.machine.unmounted("sda1")
        car.drive(1)
        assert answers == [None]
    car.machine.pull("sda1")
    car.drive(3)
    assert car.house.status()["state"] == "no stick"
    second = car.machine.plug("sdb1", size_gb=32)
    car.drive(31)
    car.lockstep.close()
    assert seen(car.numbers(decoded_numbers, first, second)) == list(range(90, END))
    assert car.house.status()["counters"]["frames_lost"] == 0


def test_a_stick_that_takes_no_video_does_not_collect_files(car, decoded_numbers):
    path = car.machine.plug("sda1")
    car.machine.ill[str(path)] = errno.EIO
    car.drive(55)
    assert len(list(path.rglob("*.mp4"))) <= 1
    del car.machine.ill[str(path)]
    car.drive(70)
    car.lockstep.close()
    assert seen(car.numbers(decoded_numbers, path)) == list(range(90, END))


@pytest.mark.timeout(120)
def test_a_hundred_pulls_lose_nothing_and_leave_no_descriptor(tmp_path, decoded_numbers):
    car = Car(tmp_path, 420, "." * 5 + "#" * 400)
    held = []
    for _ in range(100):
        path = car.machine.plug("sda1", uuid="A")
        car.drive(2.6)
        held.append(car.house.volumes._volume)
        car.machine.pull("sda1")
        car.drive(1.4)
    car.machine.plug("sda1", uuid="A")
    car.drive(25)
    car.lockstep.close()
    numbers = seen(car.numbers(decoded_numbers, path))
    assert numbers == list(range(40, numbers[-1] + 1))
    assert numbers[-1] >= 4040, "to the end of the script, or what moves is ordinary by then"
    assert car.house.status()["counters"]["frames_lost"] == 0
    assert all(volume.disk.inner._fd == -1 for volume in held if volume is not None)


def test_an_ejected_stick_is_let_go_while_the_event_goes_on_in_memory(car, decoded_numbers):
    path = car.machine.plug("sda1", uuid="A")
    car.drive(20)
    first, second = car.eject(), car.eject()
    car.drive(1.5)
    assert car.machine.unmount_asked == ["sda1"]
    assert list(path.rglob("*.part.mp4")) == [], "what was open is an ordinary file by then"
    car.machine.unmounted("sda1")
    car.drive(1)
    assert first == second == [None]
    car.drive(5)
    waiting = car.house.status()["waiting"]
    assert waiting["events"] == 1
    assert waiting["seconds"] > 5
    car.machine.pull("sda1")
    car.machine.plug("sda1", uuid="A")
    car.drive(33)
    car.lockstep.close()
    assert seen(car.numbers(decoded_numbers, path)) == list(range(90, END))


def test_a_slow_stick_is_said_before_a_frame_is_lost():
    camera = ScriptCamera(("k" + "p" * 9) * 200, "." * 100 + "#" * 1900, fps=FPS, pad_bytes=2000)
    daemon = Daemon(camera, is_plugged=False, config=settings(ring_mib=4, lifeboat_mib=4))
    daemon.socket.plug(SlowDisk(MemoryDisk(), daemon.clock, bytes_per_s=18_000))
    daemon.run(60)
    status = daemon.status
    assert status["volume"]["health"]["state"] == "slow"
    assert any("too slow" in fault for fault in status["faults"])
    assert status["counters"]["frames_lost"] == 0
    daemon.close()


@pytest.mark.parametrize("segment_s", [20.0, 120.0])
def test_a_stall_in_a_drive_is_remembered_though_the_power_is_cut(segment_s):
    disk = MemoryDisk()
    camera = ScriptCamera(("k" + "p" * 9) * 60, "." * 600, fps=FPS)
    config = settings(mode="continuous", segment_s=segment_s)
    daemon = Daemon(camera, is_plugged=False, config=config)
    daemon.socket.plug(SlowDisk(disk, daemon.clock, stalls=[(1010.0, 8.0)]))
    daemon.run(19.5)
    noted = disk.after_cut(len(disk.journal))
    assert 5 < Volume(noted, "/stick", "next boot").past.longest_stall_s < 10, "at once"
    daemon.run(25.5)
    cut = disk.after_cut(len(disk.journal))
    assert 5 < Volume(cut, "/stick", "next boot").past.longest_stall_s < 10
    noted = [op for op in disk.journal if op.act == "rename" and op.target == MARKER]
    assert len(noted) == 2, "at plug-in and after the stall"


def test_a_stall_is_remembered_on_the_stick_itself():
    disk = MemoryDisk()
    camera = ScriptCamera(("k" + "p" * 9) * 100, "." * 100 + "#" * 300, fps=FPS)
    daemon = Daemon(camera, is_plugged=False)
    daemon.socket.plug(SlowDisk(disk, daemon.clock, stalls=[(1020.0, 8.0)]))
    daemon.run(80)
    assert daemon.status["volume"]["health"]["ever"]["longest_stall_s"] > 5
    daemon.close()
    past = Volume(disk, "/stick", "another boot").past
    assert 5 < past.longest_stall_s < 10
    assert past.bytes_written > 10_000
