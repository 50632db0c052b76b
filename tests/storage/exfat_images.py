"""Small exFAT images made byte by byte, so that an entry set lies where a test wants it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import List

SECTOR = 512
CLUSTER = 4096
PER_SECTOR = SECTOR // 32
HEAP, TABLE, ROOT, SUB, VIDEO = 64 * SECTOR, 32 * SECTOR, 5, 6, 10
CLUSTERS = 100


def checksum(data: bytes) -> int:
    """Of an entry set, from the specification's own loop (6.3.3)."""
    value = 0
    for place, byte in enumerate(data):
        if place in (2, 3):
            continue
        value = ((0x8000 if value & 1 else 0) + (value >> 1) + byte) & 0xFFFF
    return value


def name_hash(name: str) -> int:
    """Of a name (7.6.4)."""
    value = 0
    for byte in name.upper().encode("utf-16-le"):
        value = ((0x8000 if value & 1 else 0) + (value >> 1) + byte) & 0xFFFF
    return value


def entry_set(name: str, cluster: int, size: int, *, is_folder: bool = False) -> bytes:
    """A valid entry set; its clusters lie in a row."""
    count = -(-len(name) // 15)
    data = bytearray(32 * (2 + count))
    struct.pack_into("<BBHH", data, 0, 0x85, 1 + count, 0, 0x10 if is_folder else 0x20)
    struct.pack_into("<III", data, 8, 0x5A8F6000, 0x5A8F6000, 0x5A8F6000)
    struct.pack_into("<BBBBH", data, 32, 0xC0, 3, 0, len(name), name_hash(name))
    struct.pack_into("<QIIQ", data, 40, size, 0, cluster, size)
    letters = name.encode("utf-16-le").ljust(30 * count, b"\0")
    for place in range(count):
        start = 64 + 32 * place
        data[start] = 0xC1
        data[start + 2 : start + 32] = letters[30 * place : 30 * place + 30]
    struct.pack_into("<H", data, 2, checksum(bytes(data)))
    return bytes(data)


def torn(old: bytes, new: bytes, entries_before: int) -> bytes:
    """What a cut leaves when only the first or only the second sector of a set was written."""
    return new[: 32 * entries_before] + old[32 * entries_before :]


def unused(count: int) -> bytes:
    """Entries of deleted files."""
    return (bytes([0x05]) + bytes(31)) * count


def image(root: bytes, folder: bytes = b"") -> bytearray:
    """A volume whose root folder holds the entries `root`, and cluster `SUB` those of `folder`."""
    data = bytearray(HEAP + CLUSTERS * CLUSTER)
    data[3:11] = b"EXFAT   "
    struct.pack_into("<5I", data, 80, TABLE // SECTOR, 8, HEAP // SECTOR, CLUSTERS, ROOT)
    data[108:110] = bytes([9, 3])
    struct.pack_into("<I", data, TABLE + 4 * ROOT, 0xFFFFFFFF)
    for cluster, entries in ((ROOT, root), (SUB, folder)):
        start = HEAP + (cluster - 2) * CLUSTER
        data[start : start + len(entries)] = entries
    return data


def place_in(path: Path, sets: List[bytes], first_slot: int) -> int:
    """Put entry sets into the root folder of a real image, the first at a slot; its offset.

    What lies before it is filled up with deleted entries.
    """
    data = bytearray(path.read_bytes())
    heap, _, root = struct.unpack_from("<3I", data, 88)
    sector, per_cluster = 1 << data[108], 1 << data[109]
    start = heap * sector + (root - 2) * sector * per_cluster
    used = next(slot for slot in range(256) if data[start + 32 * slot] == 0)
    for slot in range(used, first_slot):
        data[start + 32 * slot] = 0x05
    at = start + 32 * first_slot
    data[at : at + sum(map(len, sets))] = b"".join(sets)
    data[106] |= 2
    path.write_bytes(data)
    return at
