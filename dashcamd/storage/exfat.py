"""Makes the directory entries of an interrupted exFAT stick valid again, before ``fsck`` sees them.

An entry set (exFAT 7.4: file, stream, names, 32 bytes each) may lie in two sectors, and a power
cut may write one of them without the other. Its checksum is wrong then. Linux does not look at
it; ``fsck.exfat -p`` and ``-y`` delete the file (exfatprogs 1.2.0, Debian 12): a part that was
growing would be gone with all its durable frames because its size was just being written. But
either half is a valid state: the old size or the new one. So the checksum, and for plain names
their length and hash, are made to fit, and nothing else is changed. Then fsck may run: it is
needed for clusters that were taken and not marked.

Looks at the root folder and at all below ``DASHCAM``. What is on the stick is hostile: nothing is
followed twice, nothing is read beyond the device, and the caller bounds the time. Crash order: each
change is one write inside one sector, then fsync; all of it can be repeated.

Started as a script by ``systemd/dashcamd-mount``, so it uses the standard library alone.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import BinaryIO, Iterator, List, NamedTuple, Set

ROOT = "DASHCAM"
ENTRY_BYTES = 32
_FILE, _STREAM, _NAME, _END = 0x85, 0xC0, 0xC1, 0x00
_IS_FOLDER = 0x10
_NO_FAT_CHAIN = 0x02
_NAME_CHARS = 15
_FOLDER_LIMIT_BYTES = 32 << 20
"""The specification allows folders of 256 MiB; one of ours holds a few hundred names."""


class _Place(NamedTuple):
    """A folder: its first cluster, and its size where its clusters lie in a row, else 0."""

    cluster: int
    row_bytes: int = 0


class _Entry(NamedTuple):
    """32 bytes of a folder and where they lie on the device."""

    offset: int
    data: bytes


class NotExfat(ValueError):  # noqa: N818 - an answer, not a fault
    """The device does not begin like exFAT."""


def mend(device: BinaryIO) -> int:
    """Mend the entry sets on `device`, open for reading and writing; how many were wrong.

    Raises `NotExfat`, or `OSError` when the device fails.
    """
    volume = _Volume(device)
    mended = 0
    seen: Set[int] = set()
    waiting = [(volume.root, True)]
    while waiting:
        folder, is_root = waiting.pop()
        if folder.cluster in seen:
            continue
        seen.add(folder.cluster)
        for entries in _sets(volume.entries(folder)):
            fitting = _fitting([entry.data for entry in entries])
            for entry, data in zip(entries, fitting):
                if entry.data != data:
                    volume.write(entry.offset, data)
            mended += fitting != [entry.data for entry in entries]
            if fitting[0][4] & _IS_FOLDER and (not is_root or _name(fitting) == ROOT):
                waiting.append((_folder_of(fitting[1]), False))
    device.flush()
    os.fsync(device.fileno())
    return mended


class _Volume:
    """Where things lie (exFAT 3.1) and how clusters follow each other (4.1)."""

    def __init__(self, device: BinaryIO) -> None:
        self._device = device
        boot = self._read(0, 512)
        if len(boot) < 512 or boot[3:11] != b"EXFAT   ":
            raise NotExfat("it does not begin like exFAT")
        table, _, heap, self._count, root = struct.unpack_from("<5I", boot, 80)
        if not 9 <= boot[108] <= 12 or boot[108] + boot[109] > 25:
            raise NotExfat("its sectors or clusters have an impossible size")
        self._table, self._heap = table << boot[108], heap << boot[108]
        self._cluster_bytes = 1 << (boot[108] + boot[109])
        self.root = _Place(root)

    def _read(self, offset: int, size: int) -> bytes:
        self._device.seek(offset)
        return self._device.read(size)

    def write(self, offset: int, data: bytes) -> None:
        """Replace bytes of the device."""
        self._device.seek(offset)
        self._device.write(data)

    def entries(self, folder: _Place) -> Iterator[_Entry]:
        """All entries of a folder up to its end mark."""
        for cluster in self._clusters(folder):
            start = self._heap + (cluster - 2) * self._cluster_bytes
            data = self._read(start, self._cluster_bytes)
            for place in range(0, len(data) - ENTRY_BYTES + 1, ENTRY_BYTES):
                if data[place] == _END:
                    return
                yield _Entry(start + place, data[place : place + ENTRY_BYTES])

    def _clusters(self, folder: _Place) -> Iterator[int]:
        cluster, limit = folder.cluster, _FOLDER_LIMIT_BYTES
        if folder.row_bytes:
            limit = min(limit, folder.row_bytes)
        for _ in range(-(-limit // self._cluster_bytes)):
            if not 2 <= cluster < self._count + 2:
                return
            yield cluster
            if folder.row_bytes:
                cluster += 1
            else:
                following = self._read(self._table + 4 * cluster, 4)
                cluster = int.from_bytes(following, "little")


def _sets(entries: Iterator[_Entry]) -> Iterator[List[_Entry]]:
    """Entry sets that are whole in form: a file, its stream and as many names as it counts."""
    found = list(entries)
    place = 0
    while place < len(found):
        count = 1 + found[place].data[1]
        kinds = [entry.data[0] for entry in found[place : place + count]]
        is_whole = kinds[:3] == [_FILE, _STREAM, _NAME] and len(kinds) == count
        if is_whole and all(kind == _NAME for kind in kinds[3:]):
            yield found[place : place + count]
            place += count
        else:
            place += 1


def _fitting(entries: List[bytes]) -> List[bytes]:
    """The set with the checksum that it should have, and with the length and hash of its name."""
    file, stream, *names = entries
    name = _name(entries)
    needed = -(-len(name) // _NAME_CHARS)
    if name and name.isascii() and needed == len(names):
        head = struct.pack("<BH", len(name), _name_hash(name))
        stream = stream[:3] + head + stream[6:]
    checksum = _checksum(b"".join([file, stream, *names]))
    return [file[:2] + struct.pack("<H", checksum) + file[4:], stream, *names]


def _name(entries: List[bytes]) -> str:
    text = b"".join(entry[2:] for entry in entries[2:]).decode("utf-16-le", "replace")
    return text.partition("\0")[0]


def _folder_of(stream: bytes) -> _Place:
    cluster, size = struct.unpack_from("<IQ", stream, 20)
    return _Place(cluster, size if stream[1] & _NO_FAT_CHAIN else 0)


def _checksum(data: bytes) -> int:
    """Of an entry set, leaving out the field that holds it (exFAT 6.3.3)."""
    value = 0
    for place, byte in enumerate(data):
        if place not in (2, 3):
            value = (((value << 15) | (value >> 1)) + byte) & 0xFFFF
    return value


def _name_hash(name: str) -> int:
    """Of an ASCII name in capitals (exFAT 7.6.4)."""
    value = 0
    for byte in name.upper().encode("utf-16-le"):
        value = (((value << 15) | (value >> 1)) + byte) & 0xFFFF
    return value


def main(path: str) -> int:
    """Mend the device at `path`; 0 when fsck may follow, 1 when it had better not."""
    try:
        with open(path, "r+b") as device:
            mended = mend(device)
    except (OSError, ValueError) as error:
        sys.stdout.write("%s: its folders were not looked at: %s\n" % (path, error))
        return 1
    if mended:
        sys.stdout.write("%s: %d names were half written and are whole again\n" % (path, mended))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
