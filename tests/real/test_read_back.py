"""Reading back past the page cache of a real kernel: a medium that changed is seen to have."""

from __future__ import annotations

import time

import pytest

from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.read_back import BLOCK, STEP_BYTES, TRIAL, lies_in, spots, try_out
from tests.real import kernel

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

PART = "DASHCAM/a.mp4"


@pytest.fixture
def stick(tmp_path):
    mounted = kernel.ext4(tmp_path, 64)
    (mounted.where / "DASHCAM").mkdir()
    yield mounted
    mounted.close()


def corrupt(image, marks):
    """Let the medium forget the blocks that begin with one of `marks`."""
    data = image.read_bytes()
    with image.open("r+b") as file:
        for mark in marks:
            assert data.count(mark) == 1
            file.seek(data.index(mark))
            file.write(bytes(BLOCK))


def test_a_part_that_the_medium_forgot_is_found_out_though_memory_still_has_it(stick, tmp_path):
    disk = PosixDisk(str(stick.where))
    file = disk.create(PART)
    marks = [b"block %08d of a part" % number for number in range(64)]
    file.write([mark.ljust(BLOCK, b".") for mark in marks])
    file.sync_all()
    noted = spots(disk, PART)
    assert lies_in(disk, noted) == 0
    file.read(0, BLOCK * 64)
    corrupt(tmp_path / "stick.img", [marks[0], marks[-1]])
    assert file.read(0, len(marks[0])) == marks[0], "the page cache has it"
    assert lies_in(disk, noted) == 2
    file.close()
    disk.close()


def test_a_trial_on_a_real_file_system_says_its_speed_and_removes_its_file(stick, tmp_path):
    disk = PosixDisk(str(stick.where))
    *_, proof = try_out(disk, 16 * STEP_BYTES, time.monotonic)
    assert (proof.checked, proof.lies) == (16, 0)
    assert proof.write_bytes_per_s > 1e5
    assert proof.read_bytes_per_s > 1e5
    assert not (stick.where / TRIAL).exists()
    disk.close()


def test_a_trial_on_a_medium_that_forgets_is_found_out(stick, tmp_path):
    disk = PosixDisk(str(stick.where))
    trial = try_out(disk, 4 * STEP_BYTES, time.monotonic)
    for _ in range(4):
        next(trial)
    noise = (stick.where / TRIAL).read_bytes()
    corrupt(tmp_path / "stick.img", [noise[:64], noise[2 * STEP_BYTES :][:64]])
    *_, proof = trial
    assert (proof.checked, proof.lies) == (4, 2)
    disk.close()
