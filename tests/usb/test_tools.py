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


def test_subsets_hold_the_extremes_and_never_what_was_not_written():
    epoch = blocklog.Epoch(0, [write(n, 4) for n in range(5)])
    ways = list(blocklog.subsets(epoch, 30, random.Random(1)))
    assert len(ways) == 30
    assert [] in ways
    assert epoch.writes in ways
    for way in ways:
        for kept in way:
            [whole] = [write for write in epoch.writes if write.offset == kept.offset]
            assert whole.data.startswith(kept.data)
