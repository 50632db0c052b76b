"""What else lies on a volume: named when it leaves no room, never changed.

Names are somebody else's: they are shown with everything but plain letters taken out, and cut.
"""

from __future__ import annotations

import heapq
from typing import List, NamedTuple, Tuple

from dashcamd.core import naming
from dashcamd.errors import StorageError
from dashcamd.storage import trace_log
from dashcamd.storage.disk import Disk, Entry

FOLDERS_LIMIT = 200
DEPTH_LIMIT = 6
NAMED = 3
"""A look ends after so many folders, goes so deep, and names so many files."""

NAME_CHARS = 60


class ForeignFile(NamedTuple):
    """A file that is not dashcamd's: its size, and its path made harmless for a line of text."""

    bytes: int
    path: str


class Foreign(NamedTuple):
    """The `largest` foreign files, and the `bytes` of all that were seen.

    `is_complete` is false where the look ended early: the volume holds more.
    """

    largest: Tuple[ForeignFile, ...]
    bytes: int
    is_complete: bool

    @property
    def text(self) -> str:
        """The largest ones for a fault: ``film.mkv (3400 MiB), backup/a.zip (20 MiB)``."""
        return ", ".join("%s (%d MiB)" % (file.path, file.bytes >> 20) for file in self.largest)


def look(disk: Disk) -> Foreign:
    """Look for foreign files, in `FOLDERS_LIMIT` folders at most. Folders that fail are left out.

    Not into the folders of events: what is foreign there is small, or was put there on purpose.
    """
    found: List[ForeignFile] = []
    total = 0
    waiting: List[Tuple[int, str]] = [(0, "")]
    for _ in range(FOLDERS_LIMIT):
        if not waiting:
            break
        depth, folder = waiting.pop(0)
        for entry in _entries(disk, folder):
            path = "%s/%s" % (folder, entry.name) if folder else entry.name
            if entry.is_dir and depth < DEPTH_LIMIT and not _is_ours(path):
                waiting.append((depth + 1, path))
            elif entry.is_file and not _is_ours(path):
                total += entry.size
                found = heapq.nlargest(NAMED, [*found, ForeignFile(entry.size, path)])
    shown = tuple(ForeignFile(file.bytes, harmless(file.path)) for file in found if file.bytes)
    return Foreign(shown, total, not waiting)


def beside_bytes(disk: Disk) -> int:
    """What dashcamd itself keeps beside the events: page, report, counters, and the traces.

    Folders that fail are left out.
    """
    inside = "%s/%s" % (naming.ROOT, naming.PAGE_DATA)
    ours = [entry for entry in _entries(disk, naming.ROOT) if _is_beside(entry.name)]
    total = sum(entry.size for entry in [*ours, *_entries(disk, inside)] if entry.is_file)
    try:
        return total + sum(file.bytes for file in trace_log.files(disk))
    except StorageError:
        return total


def harmless(text: str) -> str:
    """`text` for one line of a log or a page: printable, without quotes or markup, and short."""
    plain = "".join(letter if letter.isalnum() or letter in " ._-/()" else "?" for letter in text)
    return plain if len(plain) <= NAME_CHARS else "..." + plain[3 - NAME_CHARS :]


def _entries(disk: Disk, folder: str) -> List[Entry]:
    try:
        return disk.entries(folder)
    except StorageError:
        return []


def _is_ours(path: str) -> bool:
    """Whether `path` is the folder of a day, or a small file that dashcamd puts beside them."""
    root, _, below = path.partition("/")
    return root == naming.ROOT and (naming.is_day(below) or _is_beside(below))


def _is_beside(name: str) -> bool:
    """Whether it is one of those files, or the one that is to replace it."""
    return (name[:-4] if name.endswith(".tmp") else name) in naming.BESIDE
