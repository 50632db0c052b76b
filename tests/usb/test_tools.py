"""The test bed's own readers and log, held to images made by the standard tools; no guest."""

from __future__ import annotations

import random
import shutil
import struct

import pytest

from tests.usb import blocklog, images, readers
from tests.usb.blocklog import Operation

TOOLS = {"vfat": "mkfs.vfat", "exfat": "mkfs.exfat", "ext4": "mke2fs"}


@pytest.mark.parametrize("fs", ["vfat", "exfat", "ext4"])
def test_a_fresh_file_system_has_no_files(fs, tmp_path):
    if not shutil.which(TOOLS[fs]):
        pytest.skip("%s is not installed" % TOOLS[fs])
    if fs == "ext4" and not shutil.which("debugfs"):
        pytest.skip("debugfs is not installed")
    image = images.stick(tmp_path / "stick.img", fs, 64)
    assert readers.files(images.inner_of(image, tmp_path / "inner.img"), fs) == {}


@pytest.mark.parametrize("size_mib", [64, 128, 160, 1024])
def test_a_vfat_stick_is_fat32_whatever_its_size(tmp_path, size_mib):
    """Fewer than 65525 clusters would be FAT16 by the specification, whatever mkfs was told."""
    if not shutil.which("mkfs.vfat"):
        pytest.skip("mkfs.vfat is not installed")
    path = tmp_path / "inner.img"
    images.make_file_system(path, "vfat", size_mib, "STICK")
    with path.open("rb") as stream:
        boot = stream.read(90)
    per_cluster, reserved, tables = struct.unpack_from("<BHB", boot, 13)
    sectors, table_sectors = struct.unpack_from("<II", boot, 32)
    assert (sectors - reserved - tables * table_sectors) // per_cluster >= 65525
    assert boot[82:87] == b"FAT32"


def logged(tmp_path, operations):
    """A log in the kernel's format."""
    data = bytearray(struct.pack("<QQQI", blocklog.MAGIC, 1, 0, 512).ljust(512, b"\0"))
    for operation in operations:
        flags = blocklog.FLUSH if operation.is_flush else 0
        sectors = len(operation.data) // 512
        head = struct.pack("<QQQQ", operation.offset // 512, sectors, flags, 0)
        data += head.ljust(512, b"\0") + operation.data
    path = tmp_path / "log"
    path.write_bytes(data)
    return path


def write(sector, sectors=1):
    return Operation(False, sector * 512, bytes([sector % 256]) * 512 * sectors)


FLUSH = Operation(True, 0, b"")


def test_a_log_is_read_back_and_cut_at_its_flushes(tmp_path):
    operations = [write(1), write(2, 3), FLUSH, write(9), FLUSH]
    read = list(blocklog.read(logged(tmp_path, operations)))
    assert read == operations
    assert [len(epoch.writes) for epoch in blocklog.epochs(read)] == [2, 1, 0]


def pieces(way):
    """Number of each sector and its content."""
    return {
        (kept.offset + start) // 512: kept.data[start : start + 512]
        for kept in way
        for start in range(0, len(kept.data), 512)
    }


def test_a_small_epoch_is_cut_in_every_way_sector_by_sector():
    epoch = blocklog.Epoch(0, [write(1), write(8, 2)])
    found = [sorted(pieces(way)) for way in blocklog.subsets(epoch, 100, random.Random(1))]
    assert sorted(found) == [[], [1], [1, 8], [1, 8, 9], [1, 9], [8], [8, 9], [9]]


def test_a_large_epoch_has_the_extremes_and_never_what_was_not_written():
    epoch = blocklog.Epoch(0, [write(100 * n, 40) for n in range(1, 6)] + [write(1), write(2)])
    ways = [pieces(way) for way in blocklog.subsets(epoch, 30, random.Random(1))]
    everything = pieces(epoch.writes)
    assert len(ways) == 30
    assert {} in ways
    assert everything in ways
    assert all(way.items() <= everything.items() for way in ways)
    assert any(len(way) % 40 > 2 for way in ways), "a large write is torn"


def test_later_writes_to_a_sector_win(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(bytes(2048))
    with image.open("r+b") as stream:
        blocklog.apply(stream, [write(2), Operation(False, 1024, b"x" * 512)], first_byte=512)
    assert image.read_bytes()[512:1024] == b"x" * 512
