"""Locked events: a small file in the event's folder, so that any computer can lock and see it.

The file of a bump names the parts that it locks; any other content, and none, locks the whole
event. So a file that a power cut tore keeps too much, never too little.
"""

from __future__ import annotations

from typing import Iterable

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.errors import OperationError
from dashcamd.storage import catalog
from dashcamd.storage.disk import Disk, replace_file

TEXT = b"This event is locked: dashcamd does not delete it. Delete this file to unlock it.\n"


PARTS_TEXT = (
    b"The camera was bumped: dashcamd does not delete the parts named below. Delete this file to "
    b"unlock them.\n"
)


def set_lock(disk: Disk, wanted: str, is_locked: bool) -> str:
    """Lock or unlock the event people call `wanted`; returns its folder's name.

    Raises `OperationError` if there is no such event, `StorageError` if it cannot be written.
    """
    event = catalog.find(disk, wanted)
    if event is None:
        raise OperationError("no event %r on this volume; `dashcamd events` lists them" % wanted)
    if is_locked and (not event.is_locked or event.locked_parts is not None):
        replace_file(disk, "%s/%s" % (event.name.path, naming.LOCK), TEXT)
    elif not is_locked and event.is_locked:
        for name, _ in event.files:
            if name in catalog.LOCKS:
                disk.unlink("%s/%s" % (event.name.path, name))
        disk.sync_dir(event.name.path)
    return event.name.folder


def lock_parts(disk: Disk, name: EventName, parts: Iterable[int]) -> None:
    """Lock `parts` of an event, by number, beside those that are. Raises `StorageError`."""
    event = catalog.load(disk, name)
    if event.is_locked and event.locked_parts is None:
        return
    line = naming.locked_parts_line({*parts, *(event.locked_parts or ())})
    path = "%s/%s" % (name.path, naming.LOCK)
    if event.is_locked and naming.LOCK not in dict(event.files):
        # It is the only lock there is, and replacing a file begins by removing its temporary one.
        disk.rename(path + ".tmp", path)
    replace_file(disk, path, PARTS_TEXT + line.encode("ascii"))
