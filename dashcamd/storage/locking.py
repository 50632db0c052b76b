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
            if naming.is_lock(name):
                disk.unlink("%s/%s" % (event.name.path, name))
        disk.sync_dir(event.name.path)
    return event.name.folder


def lock_parts(disk: Disk, name: EventName, parts: Iterable[int]) -> None:
    """Lock `parts` of an event, by number, beside those that are. Raises `StorageError`.

    What is half written of an earlier try is written anew; until then it locks the whole event.
    """
    event = catalog.load(disk, name)
    files, path = dict(event.files), "%s/%s" % (name.path, naming.LOCK)
    temporary = naming.LOCK + ".tmp"
    known = event.locked_parts
    if event.is_locked and known is None:
        if not _is_half_written(disk, path + ".tmp"):
            return
        whole = [file for file in files if naming.is_lock(file) and file != temporary]
        known = catalog.locked_parts(disk, name, whole)
        if known is None and whole:
            return
    elif temporary in files and naming.LOCK not in files:
        # It is the only lock there is, and replacing a file begins by removing its temporary one.
        disk.rename(path + ".tmp", path)
    line = naming.locked_parts_line({*parts, *(known or ())})
    replace_file(disk, path, PARTS_TEXT + line.encode("ascii"))


def _is_half_written(disk: Disk, path: str) -> bool:
    """Whether there is the beginning of a bump's lock that names no parts."""
    data = catalog.read_small(disk, path, catalog.LOCK_BYTES)
    is_ours = data is not None and PARTS_TEXT.startswith(data[: len(PARTS_TEXT)])
    return is_ours and naming.locked_parts((data or b"").decode("ascii", "replace")) is None
