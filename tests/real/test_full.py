"""Full, read-only, vanished and dying media, made by the kernel: recording goes on for ever."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from contextlib import suppress

import pytest

from benchmarks.clip import encode
from dashcamd.config import StorageConfig
from dashcamd.core import naming
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.locking import set_lock
from dashcamd.testing import FlakyDisk
from tests.real import kernel
from tests.real.daemon import Daemon, is_verified
from tests.real.house import Simulation, config_of
from tests.real.playback import files, is_run, stored, written

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FPS = 5.0
MIB = 1 << 20


@pytest.fixture(scope="module")
def clip():
    """A minute of large pictures, played for ever: 0.1 MB a second fill a stick soon."""
    return encode(300, width=240, height=176, fps=FPS, noise=90, bitrate=8_000_000)


@pytest.fixture(params=["ext4", "tmpfs"])
def stick(request, tmp_path):
    """A real file system of 48 MiB."""
    made = kernel.ext4(tmp_path, 48) if request.param == "ext4" else kernel.tmpfs(tmp_path, 48)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forgotten_records(caplog):
    """Log records hold errors, errors hold frames, frames hold disks: let go of them."""
    yield
    caplog.get_records("call").clear()


@pytest.fixture
def ext4_stick(tmp_path):
    made = kernel.ext4(tmp_path, 48)
    yield made
    made.close()


def free_bytes(path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def recorder(clip, stick, *, reserve_mib=4, keep_days=0.0, **rules) -> Simulation:
    storage = StorageConfig(target=str(stick.where), reserve_mib=reserve_mib, keep_days=keep_days)
    defaults = {"segment_s": 60.0, "gap_s": 15.0, "ring_mib": 8}
    config = config_of(clip, stick.where, storage=storage, **{**defaults, **rules})
    return Simulation(config, clip, is_now_and_then, repeats=True)


def is_now_and_then(number: int) -> bool:
    """Somebody walks by for twenty seconds of every minute."""
    return number % 300 < 100


def fill_up(path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    assert free_bytes(path.parent) < 1 << 16


def foreign_files(root) -> dict:
    made = {}
    for name in ("holiday.mp4", "DASHCAM/notes.txt", "DASHCAM/2020-01-01/readme"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1000)
        made[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return made


def assert_untouched(foreign: dict) -> None:
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in foreign} == foreign


@pytest.mark.parametrize("mode", ["motion", "continuous"])
def test_recording_goes_on_for_ever(clip, stick, mode):
    """Two hours, several times what fits; the oldest go, the locked stay, the reserve is kept."""
    foreign = foreign_files(stick.where)
    house = recorder(clip, stick, mode=mode, event_max_s=30.0)
    house.run_to(200)
    first = stored(stick.where)[0]
    set_lock(PosixDisk(str(stick.where)), first.name.folder, True)
    kept = {path: (stick.where / path).read_bytes() for path in first.parts}
    reserve = 4 * MIB
    lowest = free_bytes(stick.where)
    for quarter in range(1, 9):
        house.run_to(quarter * 900.0)
        lowest = min(lowest, free_bytes(stick.where))
    house.close()
    counters = house.status["counters"]
    assert counters["bytes_written"] > 3 * 48 * MIB, "it never filled up"
    assert counters["frames_lost"] == 0
    assert lowest > reserve // 2
    assert house.status["keep"]["events_deleted"] > 3
    assert not house.status["faults"]
    events = stored(stick.where)
    assert events[0].number == first.number
    assert events[0].is_locked
    assert {path: (stick.where / path).read_bytes() for path in kept} == kept
    numbers = [event.number for event in events[1:]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "the oldest go first"
    assert is_run_of(clip, stick.where, events[-1])
    assert_untouched(foreign)
    assert is_verified(stick.where)


def is_run_of(clip, root, event) -> bool:
    """Whether the counters of an event, which begin anew with each round of the clip, follow."""
    numbers = [number for part in files(root, event) for number in part]
    pairs = zip(numbers, numbers[1:])
    return all(after == (before + 1) % len(clip.units) for before, after in pairs)


def test_one_event_that_never_ends_gives_up_its_own_beginning(clip, ext4_stick):
    stick = ext4_stick
    house = recorder(clip, stick, mode="continuous", event_max_s=86400.0)
    house.run_to(1800)
    house.close()
    (event,) = stored(stick.where)
    assert house.status["counters"]["frames_lost"] == 0
    assert house.status["counters"]["bytes_written"] > 2 * 48 * MIB
    assert is_run_of(clip, stick.where, event)
    assert is_verified(stick.where)


def test_foreign_files_that_leave_no_room_are_a_fault_that_names_the_shortage(clip, stick):
    filler = stick.where / "films.bin"
    with filler.open("wb") as file:
        file.write(bytes(free_bytes(stick.where) - 3 * MIB))
    house = recorder(clip, stick)
    house.run_to(600)
    faults = " ".join(house.status["faults"])
    assert "MiB are missing" in faults
    assert filler.exists()
    filler.unlink()
    house.run_to(900)
    assert not house.status["faults"], "it notices that there is room again"
    house.close()
    assert is_verified(stick.where)


def test_a_volume_that_fills_up_under_a_part_ends_it_cleanly_and_goes_on(clip, stick, caplog):
    """Somebody copies films onto the stick: what is older of ours makes room for what is new."""
    house = recorder(clip, stick, mode="continuous", reserve_mib=4)
    house.run_to(120)
    fill_up(stick.where / "films.bin")
    house.run_to(400)
    house.close()
    assert any("the volume is full" in record.getMessage() for record in caplog.records)
    counters = house.status["counters"]
    assert counters["frames_lost"] == 0
    assert counters["frames_written"] >= 400 * FPS, "all were durable once"
    (event,) = stored(stick.where)
    assert not event.open_parts
    numbers = [number for part in files(stick.where, event) for number in part]
    assert numbers[-1] == (400 * FPS - 1) % len(clip.units), "it records to this moment"
    assert is_verified(stick.where)


def test_a_stick_that_turns_read_only_and_back_loses_nothing(clip, ext4_stick):
    house = recorder(clip, ext4_stick, mode="continuous")
    house.run_to(70)
    ext4_stick.report_error()
    house.run_to(90)
    assert any("read-only" in fault for fault in house.status["faults"])
    ext4_stick.after_power_cut()
    house.run_to(200)
    house.close()
    assert house.status["counters"]["frames_lost"] == 0
    numbers = written(ext4_stick.where)
    assert set(numbers) == set(range(300)), "every picture of the clip is there"
    assert is_verified(ext4_stick.where)


def test_a_vanished_folder_is_noticed_while_a_part_is_open(clip, tmp_path):
    root = tmp_path / "stick"
    root.mkdir()
    house = Simulation(
        config_of(clip, root, mode="continuous", segment_s=60.0, ring_mib=8), clip, repeats=True
    )
    house.run_to(20)
    shutil.rmtree(root / naming.ROOT)
    house.run_to(30)
    house.close()
    numbers = written(root)
    assert numbers[-1] == 149
    assert len(numbers) > 9 * FPS, "what was recorded after the loss is on the volume"
    assert is_verified(root)


def test_a_lazily_unmounted_stick_comes_back_with_every_frame(clip, tmp_path, ext4_stick):
    """Nothing lands in the empty mount point, which belongs to the system's disk."""
    house = recorder(clip, ext4_stick, mode="continuous")
    house.run_to(40)
    ext4_stick.umount(lazily=True)
    house.run_to(50)
    assert list(ext4_stick.where.iterdir()) == []
    assert house.status["faults"]
    ext4_stick.mount()
    house.run_to(100)
    house.close()
    assert house.status["counters"]["frames_lost"] == 0
    assert set(written(ext4_stick.where)) == set(range(300))
    assert is_verified(ext4_stick.where)


@pytest.mark.parametrize("call", range(1, 60, 3))
def test_a_medium_that_fails_once_costs_no_frame(clip, tmp_path, call):
    """EIO at the n-th call on the disk, once, as a bad contact does it."""
    made = []

    def wrap(clock, disk):
        made.append(FlakyDisk(disk, call if not made else None, errno.EIO, once=True))
        return made[-1]

    config = config_of(clip, tmp_path, mode="continuous", segment_s=5.0, ring_mib=8)
    house = Simulation(config, clip, wrap=wrap)
    house.run_to()
    house.close()
    assert house.status["counters"]["frames_lost"] == 0
    parts = [numbers for event in stored(tmp_path) for numbers in files(tmp_path, event)]
    assert all(is_run(numbers) for numbers in parts)
    assert {number for numbers in parts for number in numbers} == set(range(300))
    assert not list(tmp_path.rglob("*" + naming.OPEN_SUFFIX))
    assert is_verified(tmp_path)


def test_a_daemon_on_a_dying_stick_keeps_running_and_uses_the_next_one(tmp_path):
    """The kernel answers EIO to everything (a shut-down ext4); then another stick is mounted."""
    stick = kernel.ext4(tmp_path, 64)
    settings = {
        "camera": {"resolution": "160x128", "framerate": 10, "source": "synthetic"},
        "recording": {"mode": "continuous", "segment_s": 4.0},
    }
    daemon = Daemon(tmp_path, settings).start()
    try:
        daemon.wait_for(lambda status: status["counters"]["frames_written"] > 20)
        stick.cut_power()
        daemon.wait_for(lambda status: status["faults"] and status["state"] == "no stick")
        stick.after_power_cut()
        before = daemon.status()["counters"]["frames_captured"]
        daemon.wait_for(lambda status: status["counters"]["frames_written"] > before)
        assert daemon.status()["counters"]["frames_lost"] == 0
        daemon.process.terminate()
        assert daemon.wait() == 0
    finally:
        daemon.kill()
        numbers = written(stick.where)
        stick.close()
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
