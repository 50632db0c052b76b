"""Every write and flush that a guest sent to its stick, as QEMU's blklogwrites filter kept them.

The format is that of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes):
a super block, then for each operation a sector that describes it and the data it wrote.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import BinaryIO, Iterator, List, NamedTuple, Sequence

MAGIC = 0x6A736677736872
FLUSH = 1
SECTOR = 512


class Operation(NamedTuple):
    """A write of `data` at byte `offset`, or a flush, which has none."""

    is_flush: bool
    offset: int
    data: bytes


def read(path: Path) -> Iterator[Operation]:
    """The operations in order; the end of the file is the end, whatever the super block counts."""
    with path.open("rb") as stream:
        magic, _version, _count, size = struct.unpack("<QQQI", stream.read(28))
        if magic != MAGIC:
            raise ValueError("%s: not a log of writes" % path)
        stream.seek(size)
        while True:
            head = stream.read(size)
            if len(head) < size:
                return
            sector, sectors, flags, _ = struct.unpack("<QQQQ", head[:32])
            if not sectors and not flags:
                return
            data = stream.read(sectors * size) if sectors else b""
            if data:
                yield Operation(False, sector * size, data)
            if flags & FLUSH:
                yield Operation(True, 0, b"")


class Cut(NamedTuple):
    """A power cut: `survivors` are the writes since the last flush that reached the medium."""

    flushes: int
    survivors: List[Operation]


class Epoch(NamedTuple):
    """Between two flushes: the writes that a cut may drop in any subset."""

    number: int
    writes: List[Operation]


def epochs(operations: Sequence[Operation]) -> List[Epoch]:
    """The session cut at its flushes; the last one is what no flush followed."""
    made: List[Epoch] = [Epoch(0, [])]
    for operation in operations:
        if operation.is_flush:
            made.append(Epoch(len(made), []))
        else:
            made[-1].writes.append(operation)
    return made


def subsets(epoch: Epoch, count: int, chance: random.Random) -> Iterator[List[Operation]]:
    """`count` different ways for the power to go inside this epoch.

    Nothing, everything, each write alone or alone missing, then random subsets in which a large
    write may be torn between its sectors.
    """
    writes = epoch.writes
    ways: List[List[Operation]] = [[], list(writes)]
    ways += [[write] for write in writes] + [
        [*writes[:place], *writes[place + 1 :]] for place in range(len(writes))
    ]
    while len(ways) < count:
        ways.append([_torn(write, chance) for write in writes if chance.random() < 0.5])
    yield from ways[:2]
    yield from chance.sample(ways[2:], max(0, min(count, len(ways)) - 2))


def _torn(write: Operation, chance: random.Random) -> Operation:
    sectors = len(write.data) // SECTOR
    if sectors < 2 or chance.random() < 0.5:
        return write
    return write._replace(data=write.data[: chance.randrange(1, sectors) * SECTOR])


def apply(image: BinaryIO, writes: Sequence[Operation], first_byte: int = 0) -> None:
    """Put writes onto an image that begins at `first_byte` of the disk."""
    for write in writes:
        if write.offset >= first_byte:
            image.seek(write.offset - first_byte)
            image.write(write.data)
