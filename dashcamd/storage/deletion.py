"""Deleting what dashcamd wrote, and nothing else, in steps that hold up nobody.

A file is cut from its end in steps of `STEP_BYTES`: a file system frees space under a lock that the
record thread needs, too, and a reader that still has the file open does not keep it. Its last
cluster goes after its name, and only when both are known on the medium: on FAT a name that is left
over after a cut would lead into a newer part, and fsck takes the cluster from one of the two; more
than one cluster without a name, on the other hand, and ``fsck.vfat -a`` makes a file of them
(`dashcamd.storage.pieces`). Crash order: parts, cover and lock first, the sidecar last, then the
folders if they are empty; a cut in between leaves an event with fewer parts, or with a shorter one,
which the next run deletes.
"""

from __future__ import annotations

from dataclasses import replace

from dashcamd.core import naming
from dashcamd.errors import StorageError
from dashcamd.storage import sidecar
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, DiskFile, parent_of, replace_file

STEP_BYTES = 64 << 20
"""Most bytes given back in one call: 2048 clusters of 32 KiB on a usual FAT32 stick.

``benchmarks/deletion.py`` on ext4 over a disk: the longest call for 1 GiB takes 11 ms instead of
72; a ``fdatasync`` beside it is no shorter. Not measured on vfat, where it matters."""


def delete_event(disk: Disk, event: StoredEvent) -> None:
    """Delete an event's own files and its folder if nothing foreign is in it.

    Where some parts are locked, the others alone go. Raises `StorageError`.
    """
    folder = event.name.path
    for name, _ in sorted(event.removable, key=lambda file: file[0] == naming.SIDECAR):
        delete_part(disk, "%s/%s" % (folder, name))
    if event.is_locked:
        _tell_what_is_left(disk, event)
        return
    for path in (folder, folder.rpartition("/")[0]):
        if not disk.entries(path):
            disk.rmdir(path)


def _tell_what_is_left(disk: Disk, event: StoredEvent) -> None:
    gone = {name for name, _ in event.removable}
    if event.facts is not None:
        left = tuple(part for part in event.facts.parts if part.file not in gone)
        facts = replace(event.facts, parts=left)
        replace_file(disk, "%s/%s" % (event.name.path, naming.SIDECAR), sidecar.to_bytes(facts))


def delete_part(disk: Disk, path: str) -> None:
    """Delete one file. Raises `StorageError`."""
    try:
        file = disk.open(path, writable=True)
    except StorageError:
        disk.unlink(path)
        return
    try:
        _shorten(file)
        disk.unlink(path)
        disk.sync_dir(parent_of(path))
    finally:
        file.close()


def _shorten(file: DiskFile) -> None:
    for size in range(file.size - STEP_BYTES, 1, -STEP_BYTES):
        file.truncate(size)
    if file.size > 1:
        file.truncate(1)
    file.sync_all()
