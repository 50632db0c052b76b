"""Reads the files of a FAT32, exFAT or ext4 image without mounting it.

FAT32 after Microsoft's specification of 2000, exFAT after revision 1.00 of its specification;
ext4 through e2fsprogs' debugfs. For images of tests: no protection against loops on purpose, a
chain longer than the disk raises.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple


class Found(NamedTuple):
    """A directory entry: where its data begins, how long it is, whether clusters are in a row."""

    name: str
    is_dir: bool
    cluster: int
    size: int
    is_contiguous: bool = False


class _Clusters:
    """What FAT32 and exFAT share: a table of next clusters and a heap of them."""

    def __init__(self, image: bytes, table: int, heap: int, cluster_bytes: int, count: int) -> None:
        self._image = image
        self._table = table
        self._heap = heap
        self.bytes = cluster_bytes
        self._count = count

    def chain(self, found: Found) -> Iterator[int]:
        cluster, left = found.cluster, self._count
        while 2 <= cluster < self._count + 2:
            yield cluster
            left -= 1
            if left < 0:
                raise ValueError("%s: its clusters form a loop" % found.name)
            if found.is_contiguous:
                cluster += 1
            else:
                entry = struct.unpack_from("<I", self._image, self._table + 4 * cluster)[0]
                cluster = entry & 0x0FFFFFFF

    def content(self, found: Found) -> bytes:
        wanted = -(-found.size // self.bytes) if found.size >= 0 else self._count
        parts = []
        for place, cluster in enumerate(self.chain(found)):
            if place >= wanted:
                break
            start = self._heap + (cluster - 2) * self.bytes
            parts.append(self._image[start : start + self.bytes])
        data = b"".join(parts)
        return data[: found.size] if found.size >= 0 else data


Listing = Callable[[bytes], Iterator[Found]]


def files(image: Path, fs: str) -> Dict[str, bytes]:
    """Path and content of every file."""
    if fs == "ext4":
        return _ext4(image)
    data = image.read_bytes()
    clusters, root, listing = _fat32(data) if fs == "vfat" else _exfat(data)
    return dict(_walk(clusters, root, listing, ""))


def _walk(
    clusters: _Clusters, folder: Found, listing: Listing, path: str
) -> Iterator[Tuple[str, bytes]]:
    for found in listing(clusters.content(folder)):
        inner = "%s/%s" % (path, found.name) if path else found.name
        if found.is_dir:
            yield from _walk(clusters, found, listing, inner)
        else:
            yield inner, clusters.content(found)


def _fat32(image: bytes) -> Tuple[_Clusters, Found, Listing]:
    sector_bytes, per_cluster, reserved, tables = struct.unpack_from("<HBHB", image, 11)
    sectors, table_sectors = struct.unpack_from("<II", image, 32)
    [root] = struct.unpack_from("<I", image, 44)
    heap = (reserved + tables * table_sectors) * sector_bytes
    count = (sectors * sector_bytes - heap) // (per_cluster * sector_bytes)
    clusters = _Clusters(image, reserved * sector_bytes, heap, per_cluster * sector_bytes, count)
    return clusters, Found("", True, root, -1), _fat32_entries


def _fat32_entries(folder: bytes) -> Iterator[Found]:
    long: List[bytes] = []
    for place in range(0, len(folder), 32):
        entry = folder[place : place + 32]
        if entry[0] == 0:
            return
        if entry[0] == 0xE5:
            long = []
        elif entry[11] == 0x0F:
            # Linux forgets a long name whose first slot is missing (fs/fat/dir.c).
            if entry[0] & 0x40 or long:
                long = [] if entry[0] & 0x40 else long
                long.insert(0, entry[1:11] + entry[14:26] + entry[28:32])
        else:
            name = _long_name(long) or _short_name(entry)
            long = []
            if entry[11] & 0x08 or name in (".", ".."):
                continue
            high, low = (
                struct.unpack_from("<H", entry, 20)[0],
                struct.unpack_from("<H", entry, 26)[0],
            )
            is_dir = bool(entry[11] & 0x10)
            size = -1 if is_dir else struct.unpack_from("<I", entry, 28)[0]
            yield Found(name, is_dir, high << 16 | low, size)


def _long_name(parts: List[bytes]) -> str:
    return b"".join(parts).decode("utf-16-le", "replace").split("\0")[0]


def _short_name(entry: bytes) -> str:
    """Eight and three characters; Linux marks what was lower case in byte 12."""
    stem, suffix = (entry[:8].decode("ascii", "replace"), entry[8:11].decode("ascii", "replace"))
    stem = stem.lower() if entry[12] & 0x08 else stem
    suffix = suffix.lower() if entry[12] & 0x10 else suffix
    return ".".join(part for part in (stem.rstrip(), suffix.rstrip()) if part)


def _exfat(image: bytes) -> Tuple[_Clusters, Found, Listing]:
    table, _, heap, count, root = struct.unpack_from("<5I", image, 80)
    sector_bytes, per_cluster = 1 << image[108], 1 << image[109]
    clusters = _Clusters(
        image, table * sector_bytes, heap * sector_bytes, sector_bytes * per_cluster, count
    )
    return clusters, Found("", True, root, -1), _exfat_entries


def _exfat_entries(folder: bytes) -> Iterator[Found]:
    place = 0
    while place + 32 <= len(folder) and folder[place]:
        if folder[place] != 0x85:
            place += 32
            continue
        more = folder[place + 1]
        is_dir = bool(struct.unpack_from("<H", folder, place + 4)[0] & 0x10)
        stream = folder[place + 32 : place + 64]
        names = [folder[place + 32 * n : place + 32 * n + 32] for n in range(2, more + 1)]
        name = b"".join(entry[2:] for entry in names).decode("utf-16-le", "replace")
        cluster, size = struct.unpack_from("<IQ", stream, 20)
        yield Found(name[: stream[3]], is_dir, cluster, size, bool(stream[1] & 2))
        place += 32 * (more + 1)


def _ext4(image: Path) -> Dict[str, bytes]:
    target = image.with_suffix(".tree")
    subprocess.run(["rm", "-rf", str(target)], check=True)
    target.mkdir()
    command = ["debugfs", "-R", "rdump /DASHCAM %s" % target, str(image)]
    subprocess.run(command, check=True, capture_output=True)
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in sorted(target.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
