"""Reading back what was written, past the system's memory.

Two ways: a file of noise that is written, timed, read again and removed (`try_out`), and a few
blocks of each part that was closed (`Spots`). Both ask the kernel to forget the file first
(``POSIX_FADV_DONTNEED``), which it does for pages that are on the medium; one that keeps them all
the same makes the check worthless, never wrong.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from hashlib import sha256
from statistics import median
from typing import Callable, Generator, Iterator, List, NamedTuple, Tuple
from zlib import crc32

from dashcamd.core import naming
from dashcamd.core.proof import Proof
from dashcamd.errors import StorageError
from dashcamd.storage.disk import Disk, DiskFile
from dashcamd.types import Seconds

TRIAL = "%s/%s" % (naming.ROOT, naming.TRIAL)

STEP_BYTES = 256 * 1024
"""Half a second of video, each made durable by itself, as recording does."""

ENOUGH_S = 5.0
"""So much writing tells the speed of any stick; a slow one is not kept busy for longer."""

TICK_S = 1e-3
"""Less is no time that could be measured."""

BLOCK = 4096
RANDOM_BLOCKS = 4


def try_out(disk: Disk, size: int, now: Callable[[], Seconds]) -> Generator[Proof, None, None]:
    """Write, read back and remove up to `size` bytes, a step at a time; yields what is known.

    The last value is the result. Closed before its end it removes the file as well. Raises
    `StorageError`.
    """
    sweep(disk)
    file = disk.create(TRIAL)
    try:
        yield from _try_out(file, size, now)
    finally:
        file.close()
        with suppress(StorageError):
            disk.unlink(TRIAL)


def sweep(disk: Disk) -> None:
    """Remove what a power cut left of a trial. Raises `StorageError`."""
    if any(entry.name == naming.TRIAL for entry in disk.entries(naming.ROOT)):
        disk.unlink(TRIAL)


def _try_out(file: DiskFile, size: int, now: Callable[[], Seconds]) -> Iterator[Proof]:
    digests: List[bytes] = []
    steps_s: List[Seconds] = []
    proof = Proof()
    while len(digests) * STEP_BYTES < size and sum(steps_s) < ENOUGH_S:
        noise = os.urandom(STEP_BYTES)
        began = now()
        file.write([noise])
        file.sync()
        steps_s.append(now() - began)
        digests.append(sha256(noise).digest())
        yield proof
    # The usual step tells what a stick can do: one hiccup of seconds would say a tenth of it.
    rate = _rate(1, median(steps_s))
    file.forget()
    took_s = 0.0
    for place, digest in enumerate(digests, 1):
        began = now()
        found = file.read((place - 1) * STEP_BYTES, STEP_BYTES)
        took_s += now() - began
        is_lie = sha256(found).digest() != digest
        proof = Proof(rate, _rate(place, took_s), place, proof.lies + is_lie)
        yield proof


def _rate(steps: int, took_s: Seconds) -> float:
    return steps * STEP_BYTES / max(took_s, TICK_S)


class Spots(NamedTuple):
    """Blocks of a file as they were written: offset and CRC-32 of each."""

    path: str
    blocks: Tuple[Tuple[int, int], ...]


def spots(disk: Disk, path: str) -> Spots:
    """Head, tail and a few more blocks of a file that was just written. Raises `StorageError`."""
    file = disk.open(path)
    try:
        last = max(0, file.size - 1) // BLOCK
        places = {0, last, *(random.randint(0, last) for _ in range(RANDOM_BLOCKS))}
        return Spots(path, tuple((at * BLOCK, _crc(file, at * BLOCK)) for at in sorted(places)))
    finally:
        file.close()


def lies_in(disk: Disk, noted: Spots) -> int:
    """How many blocks of a file come back as something else. Raises `StorageError`."""
    file = disk.open(noted.path)
    try:
        file.forget()
        return sum(_crc(file, offset) != crc for offset, crc in noted.blocks)
    finally:
        file.close()


def _crc(file: DiskFile, offset: int) -> int:
    return crc32(file.read(offset, BLOCK))
