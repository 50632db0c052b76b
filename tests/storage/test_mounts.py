"""The mount table: recorded lines, and the real one of this process."""

import os

import pytest

from dashcamd.storage.mounts import MOUNTINFO, MountWatch, mounts, type_of

RECORDED = r"""
24 30 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
88 30 179:1 / /boot/firmware rw,relatime shared:44 - vfat /dev/mmcblk0p1 rw,errors=remount-ro
95 27 8:1 / /media/pi/MY\040STICK rw,nosuid,nodev,relatime shared:51 - vfat /dev/sda1 rw,uid=1000
96 27 8:17 / /run/dashcamd/volumes/A ro,nosuid shared:52 - exfat /dev/sdb1 rw,iocharset=utf8
97 27 8:33 / /run/dashcamd/volumes/B rw,nosuid - ext4 /dev/sdc1 ro,errors=remount-ro
98 27 8:34 /photos /home/pi/photos rw,relatime shared:53 - vfat /dev/sdc2 rw
99 96 8:49 / /run/dashcamd/volumes/A rw,nosuid - vfat /dev/sdd1 rw
not a line
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_text(RECORDED)
    return {mount.path: mount for mount in mounts(path)}


def test_names_device_and_path_with_blanks(table):
    assert table["/media/pi/MY STICK"].device == os.makedev(8, 1)
    assert table["/"].device == os.makedev(179, 2)


def test_read_only_is_seen_on_the_mount_and_on_the_file_system(table):
    assert table["/run/dashcamd/volumes/B"].is_read_only
    assert not table["/media/pi/MY STICK"].is_read_only


def test_only_the_topmost_mount_of_a_path_counts(table):
    assert table["/run/dashcamd/volumes/A"].device == os.makedev(8, 49)


def test_a_mounted_folder_keeps_its_root(table):
    assert table["/home/pi/photos"].root == "/photos"


def test_the_type_of_a_file_system_is_found_by_its_device(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_text(RECORDED)
    assert type_of(os.makedev(8, 1), path) == "vfat"
    assert type_of(os.makedev(8, 33), path) == "ext4"
    assert type_of(os.makedev(9, 9), path) == ""


def test_no_table_is_no_mounts(tmp_path):
    assert list(mounts(tmp_path / "missing")) == []


@pytest.mark.skipif(not MOUNTINFO.exists(), reason="no /proc/self/mountinfo: not Linux")
def test_the_real_table_has_a_root_and_can_be_watched():
    assert "/" in {mount.path for mount in mounts()}
    watch = MountWatch()
    watch.has_changed()
    assert watch.has_changed() in (True, False)
    watch.close()
