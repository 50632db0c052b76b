"""What the kernel counts of a stick, read from a folder that looks like ``/sys``."""

import os

import pytest

from dashcamd.storage.kernel_errors import ErrorCount


@pytest.fixture
def sys_folder(tmp_path):
    disk = tmp_path / "devices" / "sda"
    (disk / "sda1").mkdir(parents=True)
    (disk / "sda1" / "partition").write_text("1\n")
    (disk / "device").mkdir()
    (disk / "device" / "ioerr_cnt").write_text("0x2\n")
    (tmp_path / "dev" / "block").mkdir(parents=True)
    (tmp_path / "dev" / "block" / "8:1").symlink_to(disk / "sda1")
    (tmp_path / "dev" / "block" / "8:0").symlink_to(disk)
    return tmp_path


@pytest.mark.parametrize("minor", [0, 1])
def test_only_errors_since_the_plug_in_count(sys_folder, minor):
    count = ErrorCount(os.makedev(8, minor), sys_folder)
    assert count.read() == (0, 0)
    (sys_folder / "devices" / "sda" / "device" / "ioerr_cnt").write_text("0x1b\n")
    assert count.read() == (25, 0)


def test_every_error_that_ext4_noted_counts(sys_folder):
    (sys_folder / "fs" / "ext4" / "sda1").mkdir(parents=True)
    (sys_folder / "fs" / "ext4" / "sda1" / "errors_count").write_text("4\n")
    assert ErrorCount(os.makedev(8, 1), sys_folder).read() == (0, 4)


def test_a_device_that_is_gone_or_keeps_no_count_has_none(sys_folder):
    count = ErrorCount(os.makedev(8, 1), sys_folder)
    (sys_folder / "devices" / "sda" / "device" / "ioerr_cnt").write_text("?")
    assert count.read() == (0, 0)
    assert ErrorCount(os.makedev(259, 7), sys_folder).read() == (0, 0)


def test_the_file_system_of_this_test_can_be_asked(tmp_path):
    assert ErrorCount(tmp_path.stat().st_dev).read().io == 0
