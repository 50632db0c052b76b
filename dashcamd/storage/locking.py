"""Locked events: a small file in the event's folder, so that any computer can lock and see it."""

from __future__ import annotations

from dashcamd.core import naming
from dashcamd.errors import OperationError
from dashcamd.storage import catalog
from dashcamd.storage.disk import Disk, replace_file

TEXT = b"This event is locked: dashcamd does not delete it. Delete this file to unlock it.\n"


def set_lock(disk: Disk, wanted: str, is_locked: bool) -> str:
    """Lock or unlock the event people call `wanted`; returns its folder's name.

    Raises `OperationError` if there is no such event, `StorageError` if it cannot be written.
    """
    event = catalog.find(disk, wanted)
    if event is None:
        raise OperationError("no event %r on this volume; `dashcamd events` lists them" % wanted)
    path = "%s/%s" % (event.name.path, naming.LOCK)
    if is_locked and not event.is_locked:
        replace_file(disk, path, TEXT)
    elif not is_locked and event.is_locked:
        disk.unlink(path)
        disk.sync_dir(event.name.path)
    return event.name.folder
