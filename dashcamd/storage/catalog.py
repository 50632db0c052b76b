"""What is on a volume: events and their files, read tolerantly, never followed outside.

The tree itself is the catalog; there is no database that could disagree with it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import (
    Container,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.errors import StorageError
from dashcamd.storage import sidecar
from dashcamd.storage.disk import Disk, Entry
from dashcamd.storage.in_pieces import InPieces
from dashcamd.storage.mp4_reader import sha256_in_pieces
from dashcamd.storage.mp4_recovery import is_unfinished
from dashcamd.storage.sidecar import EventFacts

LOCK_BYTES = 64 * 1024
"""Names of ten thousand parts; a larger file is no list of them, and locks the whole event."""


@dataclass(frozen=True)
class StoredEvent:
    """One event's folder as it lies on the volume.

    `files` are the names and sizes of what dashcamd wrote there, `unfinished` the names of parts
    that were never closed; `facts` is its sidecar, None when that is missing or broken.
    `locked_parts` are the numbers that its lock names; None when it locks the whole event, or there
    is none.
    """

    name: EventName
    number: int
    files: Tuple[Tuple[str, int], ...]
    facts: Optional[EventFacts]
    unfinished: FrozenSet[str] = frozenset()
    locked_parts: Optional[Tuple[int, ...]] = None

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        return sum(size for _, size in self.files)

    @property
    def is_locked(self) -> bool:
        """Whether it, or some of its parts, must not be deleted."""
        return any(naming.is_lock(name) for name, _ in self.files)

    @property
    def removable(self) -> Tuple[Tuple[str, int], ...]:
        """Names and sizes of the files that may make room: of locked parts' event, the others."""
        if not self.is_locked:
            return self.files
        if self.locked_parts is None:
            return ()
        parts = ((file, naming.parse_part(file[0])) for file in self.files)
        return tuple(file for file, part in parts if part and part.number not in self.locked_parts)

    @property
    def parts(self) -> List[str]:
        """Paths of its closed parts in order."""
        return [path for path in self._videos() if path.rpartition("/")[2] not in self.unfinished]

    @property
    def removable_parts(self) -> List[Tuple[str, int]]:
        """Paths and sizes of its closed parts that may make room, in order."""
        sizes = dict(self.removable)
        named = [(path, path.rpartition("/")[2]) for path in self.parts]
        return [(path, sizes[name]) for path, name in named if name in sizes]

    @property
    def open_parts(self) -> List[str]:
        """Paths of parts that were never closed, in order."""
        return [path for path in self._videos() if path.rpartition("/")[2] in self.unfinished]

    @property
    def damaged_parts(self) -> List[str]:
        """Paths of what recovery set aside because no whole frame was in it."""
        return ["%s/%s" % (self.name.path, name) for name, _ in self.files if _is_set_aside(name)]

    @property
    def lost_names(self) -> List[str]:
        """Names of parts that have only their short name left."""
        return sorted(name for name, _ in self.files if naming.lost_stamp(name) is not None)

    def _videos(self) -> List[str]:
        found = []
        for name, _ in self.files:
            part = naming.parse_part(name)
            if part is not None and part.suffix != naming.DAMAGED_SUFFIX:
                found.append((part.number, "%s/%s" % (self.name.path, name)))
        return [path for _, path in sorted(found)]


def _is_set_aside(name: str) -> bool:
    part = naming.parse_part(name)
    return part is not None and part.suffix == naming.DAMAGED_SUFFIX


class Trouble(NamedTuple):
    """A folder below ``DASHCAM`` that cannot be read: its path, and why."""

    path: str
    why: str


class Survey(NamedTuple):
    """All `events` on a volume, oldest first, and the `troubles` that hid others."""

    events: List[StoredEvent]
    troubles: List[Trouble]


def names(disk: Disk, troubles: Optional[List[Trouble]] = None) -> Iterator[Tuple[int, EventName]]:
    """Number and name of every event's folder, in no particular order. Raises `StorageError`.

    A folder of a day that cannot be read hides its events and is added to `troubles`.
    """
    for day in disk.entries(naming.ROOT):
        if not day.is_dir or not naming.is_day(day.name):
            continue
        path = "%s/%s" % (naming.ROOT, day.name)
        for folder in _readable(disk, path, [] if troubles is None else troubles):
            number = naming.event_number(folder.name)
            if folder.is_dir and number is not None:
                yield number, EventName(day.name, folder.name)


def _readable(disk: Disk, path: str, troubles: List[Trouble]) -> List[Entry]:
    try:
        return disk.entries(path)
    except StorageError as error:
        if error.errno != errno.ENOENT:
            troubles.append(Trouble(path, str(error)))
        return []


def survey(disk: Disk) -> Survey:
    """Everything on the volume that can be read, and what cannot. Raises `StorageError`.

    Left out are folders that hold nothing of ours any more, only what somebody else put there,
    and those that the running daemon deletes meanwhile.
    """
    found: List[StoredEvent] = []
    troubles: List[Trouble] = []
    for _, name in sorted(names(disk, troubles)):
        try:
            event = load(disk, name)
        except StorageError as error:
            if error.errno != errno.ENOENT:
                troubles.append(Trouble(name.path, str(error)))
            continue
        if event.files:
            found.append(event)
    return Survey(found, troubles)


def events(disk: Disk) -> List[StoredEvent]:
    """All events that can be read, oldest first: `survey` for who cannot act on its troubles.

    Raises `StorageError`.
    """
    return survey(disk).events


def load(disk: Disk, name: EventName) -> StoredEvent:
    """One event's folder. Raises `StorageError`."""
    ours = tuple(
        (entry.name, entry.size)
        for entry in disk.entries(name.path)
        if entry.is_file and naming.is_ours(entry.name)
    )
    number = naming.event_number(name.folder)
    assert number is not None
    facts = _facts(disk, name, dict(ours))
    locks = [file for file, _ in ours if naming.is_lock(file)]
    event = StoredEvent(name, number, ours, facts, locked_parts=locked_parts(disk, name, locks))
    known = {part.file for part in facts.parts} if facts else set()
    unfinished = {path.rpartition("/")[2] for path in event.parts if is_open(disk, path, known)}
    return replace(event, unfinished=frozenset(unfinished))


def is_open(disk: Disk, path: str, closed: Container[str] = ()) -> bool:
    """Whether the part at `path` was never closed.

    Its name says so; where a part has its final name from the start (`Disk.renames_are_whole`),
    the file says so itself, unless its sidecar lists it among the `closed` ones. A file that cannot
    be read is not called open: nothing could be finished in it.
    """
    if path.endswith(naming.OPEN_SUFFIX):
        return True
    if path.rpartition("/")[2] in closed:
        return False
    try:
        file = disk.open(path)
    except StorageError:
        return False
    try:
        return is_unfinished(file)
    except StorageError:
        return False
    finally:
        file.close()


def find(disk: Disk, wanted: str) -> Optional[StoredEvent]:
    """The event people call `wanted`: its folder's name, its path, or its number (``e000107``)."""
    plain = wanted.strip("/").rpartition("/")[2]
    digits = plain.lstrip("e").lstrip("0")
    for found, name in names(disk):
        if digits == str(found) or name.folder == plain:
            return load(disk, name)
    return None


def read_small(disk: Disk, path: str, limit: int) -> Optional[bytes]:
    """A small file's content; None when it is missing, unreadable or larger than `limit`."""
    try:
        file = disk.open(path)
    except StorageError:
        return None
    try:
        return file.read(0, limit) if file.size <= limit else None
    except StorageError:
        return None
    finally:
        file.close()


def digest_in_pieces(disk: Disk, path: str) -> InPieces[str]:
    """SHA-256 of a file in hexadecimal. Raises `StorageError`."""
    file = disk.open(path)
    try:
        return (yield from sha256_in_pieces(file))
    finally:
        file.close()


def _facts(disk: Disk, name: EventName, files: Dict[str, int]) -> Optional[EventFacts]:
    """The sidecar, or the one that was to replace it.

    A rename on FAT and exFAT is not one write: a cut may take the old name and leave the new file
    under its temporary one (found by cutting recorded sessions of a real kernel).
    """
    for file in (naming.SIDECAR, naming.SIDECAR + ".tmp"):
        if file in files:
            data = read_small(disk, "%s/%s" % (name.path, file), sidecar.MAX_BYTES)
            facts = sidecar.from_bytes(data) if data is not None else None
            if facts is not None:
                return facts
    return None


def locked_parts(disk: Disk, name: EventName, locks: Iterable[str]) -> Optional[Tuple[int, ...]]:
    """The parts that `locks`, files of an event, name; None if one is torn or a person's own.

    There are two where a cut fell before a rename: each may name parts of its own.
    """
    numbers: Set[int] = set()
    for lock in locks:
        text = read_small(disk, "%s/%s" % (name.path, lock), LOCK_BYTES)
        found = naming.locked_parts(text.decode("ascii", "replace")) if text else None
        if found is None:
            return None
        numbers |= set(found)
    return tuple(sorted(numbers)) or None
