"""Deleting what dashcamd wrote, and nothing else.

A large file is truncated before it is unlinked, so that a reader which still has it open does not
keep its space. Crash order: parts, cover and lock first, the sidecar last, then the folders if
they are empty; a cut in between leaves an event with fewer parts, which the next run deletes.
"""

from __future__ import annotations

from dashcamd.core import naming
from dashcamd.errors import StorageError
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk


def delete_event(disk: Disk, event: StoredEvent) -> None:
    """Delete an event's own files and its folder if nothing foreign is in it.

    Raises `StorageError`.
    """
    folder = event.name.path
    for name, _ in sorted(event.files, key=lambda file: file[0] == naming.SIDECAR):
        delete_part(disk, "%s/%s" % (folder, name))
    for path in (folder, folder.rpartition("/")[0]):
        if not disk.entries(path):
            disk.rmdir(path)


def delete_part(disk: Disk, path: str) -> None:
    """Delete one file. Raises `StorageError`."""
    try:
        file = disk.open(path, writable=True)
    except StorageError:
        disk.unlink(path)
        return
    try:
        file.truncate(0)
    finally:
        file.close()
    disk.unlink(path)
