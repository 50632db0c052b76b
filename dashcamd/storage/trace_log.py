"""Traces on the volume: beside the events of a day, one file for each hour of a boot.

::

    DASHCAM/2026-11-20/trace-000042-0003.bin     boot 42, its fourth hour

Crash order: create, chunk, fdatasync, fsync of the folder; then for each chunk: append, fdatasync.
A cut costs the chunk that was not synced; what it left torn is cut off before the next one is
appended. The oldest files go first, by boot and hour, so no wall clock takes part.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import Iterator, List, NamedTuple, Tuple

from dashcamd.core import naming
from dashcamd.core.trace import TraceChunk, chunks_of, whole_chunk
from dashcamd.errors import StorageError
from dashcamd.storage.deletion import delete_part
from dashcamd.storage.disk import Disk, DiskFile, parent_of
from dashcamd.types import Json

MAX_FILE_BYTES = 64 << 20
"""An hour is an eighth of it at most; what is larger is not ours."""


class TraceFile(NamedTuple):
    """One file: sorts by time."""

    boot: int
    hour: int
    path: str
    bytes: int


def files(disk: Disk) -> List[TraceFile]:
    """All traces on the volume, oldest first. Raises `StorageError`."""
    found = []
    for day in disk.entries(naming.ROOT):
        if day.is_dir and naming.is_day(day.name):
            folder = "%s/%s" % (naming.ROOT, day.name)
            for entry in disk.entries(folder):
                stamp = naming.parse_trace(entry.name)
                if entry.is_file and stamp is not None:
                    path = "%s/%s" % (folder, entry.name)
                    found.append(TraceFile(*stamp, path, entry.size))
    return sorted(found)


def append(disk: Disk, path: str, data: bytes) -> None:
    """Make one chunk durable at the end of the file at `path`.

    Raises `StorageError`; what was written of the chunk by then is cut off again.
    """
    try:
        file, is_new = disk.open(path, writable=True), False
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
        disk.make_dirs(parent_of(path))
        file, is_new = disk.create(path), True
    with _closing(file):
        end = 0 if is_new else _whole_bytes(file)
        if end < file.size:
            file.truncate(end)
        try:
            file.write([data])
            file.sync()
        except StorageError:
            _cut(file, end)
            raise
    if is_new:
        disk.sync_dir(parent_of(path))


def read(file: DiskFile) -> Iterator[Tuple[TraceChunk, Json]]:
    """The whole chunks of a file. Raises `StorageError`."""
    if file.size <= MAX_FILE_BYTES:
        yield from chunks_of(file.read(0, file.size))


def make_room(disk: Disk, most_bytes: int) -> int:
    """Delete the oldest traces until all take at most `most_bytes`; what they take then.

    Raises `StorageError`.
    """
    held = files(disk)
    total = sum(file.bytes for file in held)
    for file in held:
        if total <= most_bytes:
            break
        delete_part(disk, file.path)
        total -= file.bytes
        if not disk.entries(parent_of(file.path)):
            disk.rmdir(parent_of(file.path))
    return total


def _whole_bytes(file: DiskFile) -> int:
    data = file.read(0, min(file.size, MAX_FILE_BYTES))
    place = 0
    while True:
        size = whole_chunk(data, place)
        if not size:
            return place
        place += size


def _cut(file: DiskFile, end: int) -> None:
    try:
        file.truncate(end)
    except StorageError:
        return  # the next append, or the reader, stops at the torn chunk all the same


@contextmanager
def _closing(file: DiskFile) -> Iterator[None]:
    try:
        yield
    finally:
        file.close()
