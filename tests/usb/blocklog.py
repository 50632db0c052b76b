"""Every write and flush that a guest sent to its stick, as QEMU's blklogwrites filter kept them.

The format is that of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes):
a super block, then for each operation a sector that describes it and the data it wrote.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import BinaryIO, Iterator, List, NamedTuple, Optional, Sequence

MAGIC = 0x6A736677736872
FLUSH = 1
SECTOR = 512


class Operation(NamedTuple):
    """A write of `data` at byte `offset`, or a flush, which has none."""

    is_flush: bool
    offset: int
    data: bytes


def read(path: Path, end: Optional[int] = None) -> Iterator[Operation]:
    """The operations in order up to byte `end` of the log, or the end of the file.

    What the super block counts does not matter: QEMU writes that late.
    """
    with path.open("rb") as stream:
        magic, _version, _count, size = struct.unpack("<QQQI", stream.read(28))
        if magic != MAGIC:
            raise ValueError("%s: not a log of writes" % path)
        stream.seek(size)
        while end is None or stream.tell() < end:
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


SMALL_SECTORS = 16
"""A write of at most so many is metadata, cut into its sectors: each may be lost alone."""


def atoms(epoch: Epoch) -> List[Operation]:
    """The writes of an epoch as a medium may take or lose them: small ones sector by sector."""
    found: List[Operation] = []
    for write in epoch.writes:
        found += _sectors(write) if len(write.data) <= SMALL_SECTORS * SECTOR else [write]
    return found


def _sectors(write: Operation) -> List[Operation]:
    return [
        Operation(False, write.offset + start, write.data[start : start + SECTOR])
        for start in range(0, len(write.data), SECTOR)
    ]


def ways(epoch: Epoch) -> int:
    """How many cuts of this epoch there are without tearing its large writes."""
    return 1 << len(atoms(epoch))


def subsets(epoch: Epoch, count: int, chance: random.Random) -> Iterator[List[Operation]]:
    """At most `count` different ways for the power to go inside this epoch, at least two.

    All there are, if so many are asked for; else nothing, everything, then as many as fit of each
    atom alone and each alone missing, then random ones in which a large write may be torn.
    """
    parts = atoms(epoch)
    if ways(epoch) <= count:
        for mask in range(1 << len(parts)):
            yield [part for place, part in enumerate(parts) if mask >> place & 1]
        return
    yield []
    yield parts
    single = [[part] for part in parts] + [
        [*parts[:place], *parts[place + 1 :]] for place in range(len(parts))
    ]
    chosen = chance.sample(single, min(len(single), max(0, count - 2)))
    yield from chosen
    for _ in range(count - 2 - len(chosen)):
        kept = [part for part in parts if chance.random() < 0.5]
        yield [piece for part in kept for piece in _torn(part, chance)]


def _torn(write: Operation, chance: random.Random) -> List[Operation]:
    """What a medium that was at it may have of a write: all, the beginning, the end, or any."""
    sectors = _sectors(write)
    if len(sectors) < 2 or chance.random() < 0.5:
        return [write]
    at = chance.randrange(1, len(sectors))
    return chance.choice(
        [sectors[:at], sectors[at:], [one for one in sectors if chance.random() < 0.5]]
    )


def apply(image: BinaryIO, writes: Sequence[Operation], first_byte: int = 0) -> None:
    """Put writes onto an image that begins at `first_byte` of the disk."""
    for write in writes:
        if write.offset >= first_byte:
            image.seek(write.offset - first_byte)
            image.write(write.data)
