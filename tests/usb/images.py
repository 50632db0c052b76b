"""Images of sticks, made without root rights: a file system in a file, behind an MBR or not."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Optional

MIB = 1 << 20
SECTOR = 512
FIRST_LBA = 2048
PARTITION_TYPES = {"vfat": 0x0C, "exfat": 0x07, "ext4": 0x83}


def make_file_system(path: Path, fs: str, size_mib: int, label: str) -> None:
    """A file of `size_mib` that holds an empty file system."""
    with path.open("wb") as stream:
        stream.truncate(size_mib * MIB)
    command = {
        "vfat": ["mkfs.vfat", "-F", "32", "-s", "1" if size_mib < 512 else "8", "-n", label],
        "exfat": ["mkfs.exfat", "-L", label],
        "ext4": ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0", "-L", label],
        "ext2": ["mke2fs", "-q", "-t", "ext2", "-L", label],
    }[fs]
    subprocess.run([*command, str(path)], check=True, stdout=subprocess.DEVNULL)


def stick(
    path: Path,
    fs: Optional[str],
    size_mib: int = 256,
    label: str = "STICK",
    is_divided: bool = True,
) -> Path:
    """An image with one file system; `fs` None leaves it unformatted, a table or not around it."""
    inner = path.with_suffix(".inner")
    if fs is None:
        inner.write_bytes(b"")
        os.truncate(inner, size_mib * MIB)
    else:
        make_file_system(inner, fs, size_mib, label)
    if not is_divided:
        inner.rename(path)
        return path
    with path.open("wb") as stream:
        stream.truncate((size_mib + 1) * MIB)
        stream.write(_table(PARTITION_TYPES.get(fs or "", 0x0C), size_mib))
    _copy_sparse(inner, path, FIRST_LBA * SECTOR)
    inner.unlink()
    return path


def _table(kind: int, size_mib: int) -> bytes:
    """An MBR with one partition (UEFI specification, 5.2.1)."""
    table = bytearray(SECTOR)
    table[440:444] = os.urandom(4)
    ends = b"\xfe\xff\xff"
    table[446:462] = struct.pack(
        "<B3sB3sII", 0, ends, kind, ends, FIRST_LBA, size_mib * MIB // SECTOR
    )
    table[510:512] = b"\x55\xaa"
    return bytes(table)


def _copy_sparse(source: Path, target: Path, offset: int) -> None:
    with source.open("rb") as reading, target.open("r+b") as writing:
        end = os.fstat(reading.fileno()).st_size
        position = 0
        while position < end:
            try:
                position = os.lseek(reading.fileno(), position, os.SEEK_DATA)
            except OSError:
                return
            hole = os.lseek(reading.fileno(), position, os.SEEK_HOLE)
            while position < hole:
                data = os.pread(reading.fileno(), min(MIB, hole - position), position)
                os.pwrite(writing.fileno(), data, offset + position)
                position += len(data)


def inner_of(path: Path, to: Path) -> Path:
    """The first partition of an image as a file of its own, for fsck and readers."""
    with path.open("rb") as stream:
        first, sectors = struct.unpack("<II", stream.read(SECTOR)[454:462])
        stream.seek(first * SECTOR)
        to.write_bytes(stream.read(sectors * SECTOR))
    return to
