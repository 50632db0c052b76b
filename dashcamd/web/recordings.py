"""What is on the stick, for the page: events by their folder's name, parts by their file's name.

Names from a request are only ever looked up among names that a listing of the volume gave; no
path of a request reaches the file system. Every function here waits for the stick, so it runs on
the web's file threads. Raises `StorageError`, and `OperationError` for what is not there.
"""

from __future__ import annotations

import errno
from datetime import datetime
from typing import Dict, List, NamedTuple, Optional, Tuple

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.errors import OperationError, StorageError
from dashcamd.handover import Latest
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, DiskFile
from dashcamd.storage.locking import set_lock
from dashcamd.storage.mp4_layout import Layout, faststart, frozen
from dashcamd.storage.volume import Volume, shown_day, shown_start
from dashcamd.types import Json

LIST_LIMIT = 200

MARKS_FIRST = 200
MARKS_AGAIN = 20
"""Events whose mark is read for one listing: of those not seen before, and anew of the others. A
label changes when a better clock comes; until an event is read its folder says day and time."""


LAYOUTS_KEPT = 4
"""Of parts: a page plays one and loads the next, and two phones may."""

LayoutKey = Tuple[int, str, Optional[int], bool]
"""Version of the volume, path, where the file ends, whether it was growing."""


class MissingError(OperationError):
    """There is no such event or file, or no volume at all (404)."""


class Mark(NamedTuple):
    """Where an event lies: its day, and the seconds of that day, if it has a date."""

    day: str
    at_s: Optional[float]
    duration_s: float
    is_locked: bool

    def as_json(self, name: EventName) -> Json:
        """The mark of the event `name` for the page."""
        return {
            "id": name.folder,
            "number": naming.event_number(name.folder),
            "at_s": self.at_s,
            "duration_s": self.duration_s,
            "locked": self.is_locked,
        }


class Recording(NamedTuple):
    """An open file of an event and what it is served as: by `layout`, or as it lies. Close it."""

    file: DiskFile
    name: str
    layout: Optional[Layout]
    version: int

    @property
    def size(self) -> int:
        """Bytes that are served."""
        return self.file.size if self.layout is None else self.layout.size

    @property
    def upto(self) -> Optional[int]:
        """Where a part that grows was frozen; None for a file that is finished."""
        return None if self.layout is None else self.layout.upto

    @property
    def etag(self) -> str:
        """Other bytes have another: raw, with the index first, frozen."""
        stem = self.name.partition(".")[0]
        if self.upto is not None:
            return '"%s-g%d"' % (stem, self.upto)
        return '"%s-%s%d"' % (stem, "" if self.layout is None else "f", self.size)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset` of what is served."""
        if self.layout is not None:
            return self.layout.read(self.file, offset, size)
        return self.file.read(offset, size)

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class Recordings:
    """Events on the volume in use. Any thread; remembers where folders are, and their marks."""

    def __init__(self, slot: Latest[Optional[Volume]]) -> None:
        self._slot = slot
        self._known: Dict[str, EventName] = {}
        self._marks: Tuple[Optional[Volume], Dict[EventName, Mark]] = (None, {})
        self._layouts: Tuple[Tuple[LayoutKey, Optional[Layout]], ...] = ()

    @property
    def version(self) -> int:
        """Changes whenever another volume, or none, is in use."""
        return self._slot.peek()[0]

    def events(self, limit: int, before: Optional[int], day: str, has_marks: bool = False) -> Json:
        """The newest events first: at most `limit`, of numbers below `before`, of one `day`.

        With ``marks`` of all events of that day, or of the newest, if they are asked for.
        """
        volume = self._volume()
        names = sorted(catalog.names(volume.disk), reverse=True)
        self._known = {name.folder: name for _, name in names}
        marks = self._look_at_marks(volume, [name for _, name in names])
        chosen = [
            name
            for number, name in names
            if (before is None or number < before) and (not day or marks[name].day == day)
        ]
        page = chosen[: max(1, min(limit, LIST_LIMIT))]
        listed = {name: _listed(volume.disk, name) for name in page}
        found = {name: event for name, event in listed.items() if event}
        fresh = {name: _mark(event) for name, event in found.items()}
        self._note(volume, fresh)
        marks.update(fresh)
        days = naming.in_order([mark.day for mark in marks.values()])
        answer = {
            "events": list(found.values()),
            "next": naming.event_number(page[-1].folder) if len(chosen) > len(page) else None,
            "total": len(names),
            "days": days,
        }
        if has_marks:
            shown = day or (days[0] if days else "")
            answer["marks"] = [
                mark.as_json(name) for name, mark in marks.items() if mark.day == shown
            ]
        return answer

    def _look_at_marks(
        self, volume: Volume, newest_first: List[EventName]
    ) -> Dict[EventName, Mark]:
        """The mark of each event, as far as it was read; the longest not read comes next."""
        of_volume, before = self._marks
        present = set(newest_first)
        known = {name: mark for name, mark in before.items() if name in present}
        if of_volume is not volume:
            known = {}
        unseen = [name for name in newest_first if name not in known]
        for name in [*unseen[:MARKS_FIRST], *list(known)[:MARKS_AGAIN]]:
            known.pop(name, None)
            known[name] = _mark(_listed(volume.disk, name) or _by_name(name))
        self._marks = (volume, known)
        return {name: known.get(name) or _mark(_by_name(name)) for name in newest_first}

    def _note(self, volume: Volume, fresh: Dict[EventName, Mark]) -> None:
        of_volume, known = self._marks
        if of_volume is volume:
            self._marks = (volume, {**known, **fresh})

    def event(self, folder: str) -> Json:
        """One event; ``play`` of a part that grows is its address frozen as it is now."""
        found = describe(catalog.load(self._volume().disk, self._name(folder)))
        for part in found["parts"]:
            if part["open"]:
                part["play"] = self._frozen_url(folder, part)
        return found

    def _frozen_url(self, folder: str, part: Json) -> Optional[str]:
        try:
            recording = self.open(folder, part["file"], None)
        except (OperationError, StorageError):
            return None
        recording.close()
        return "%s?upto=%d" % (part["url"], recording.upto or 0)

    def lock(self, folder: str, is_locked: bool) -> Json:
        """Lock an event, or unlock it."""
        volume, name = self._volume(), self._name(folder)
        set_lock(volume.disk, name.folder, is_locked)
        found = self.event(folder)
        self._note(volume, {name: _mark(found)})
        return found

    def open(
        self, folder: str, file_name: str, upto: Optional[int], is_raw: bool = False
    ) -> Recording:
        """A file of an event for reading; `upto` is where one that grew was frozen.

        A finished part is `is_raw` as it lies on the stick: that is what its SHA-256 is of.
        """
        volume, version, name = self._volume(), self.version, self._name(folder)
        part = naming.parse_part(file_name)
        if part is None and file_name != naming.COVER:
            raise MissingError("no file %s in event %s" % (file_name[:40], name.folder))
        event = catalog.load(volume.disk, name)
        names = {found for found, _ in event.files}
        was_open = part is not None and (upto is not None or file_name in event.unfinished)
        actual = file_name
        if part is not None and file_name not in names and file_name.endswith(naming.OPEN_SUFFIX):
            # It was being written when its name was told; a person who watches it asks later.
            actual = file_name[: -len(naming.OPEN_SUFFIX)] + naming.CLOSED_SUFFIX
        if actual not in names:
            raise MissingError("no file %s in event %s" % (file_name, name.folder))
        path = "%s/%s" % (name.path, actual)
        file = volume.disk.open(path)
        if part is None or (is_raw and not was_open):
            return Recording(file, actual, None, version)
        try:
            layout = self._layout(file, (version, path, upto if was_open else file.size, was_open))
        except StorageError:
            file.close()
            raise
        if was_open and layout is None:
            file.close()
            raise MissingError("%s has no whole picture yet" % actual)
        return Recording(file, actual, layout, version)

    def _layout(self, file: DiskFile, key: LayoutKey) -> Optional[Layout]:
        """How a part is served; players ask for it range by range, so the last ones are kept."""
        for known, layout in self._layouts:
            if known == key:
                return layout
        version, path, upto, was_open = key
        layout = frozen(file, upto) if was_open else faststart(file)
        if was_open:
            if layout is None:
                return None  # it may have a whole picture a moment later
            key = (version, path, layout.upto, was_open)
        self._layouts = ((key, layout), *self._layouts[: LAYOUTS_KEPT - 1])
        return layout

    def _volume(self) -> Volume:
        _, volume = self._slot.peek()
        if volume is None:
            raise MissingError("no stick is in use, so there are no recordings to show")
        return volume

    def _name(self, folder: str) -> EventName:
        if naming.event_number(folder) is None:
            raise MissingError("that is not the name of an event")
        if folder not in self._known:
            found = catalog.names(self._volume().disk)
            self._known = {name.folder: name for _, name in found}
        if folder not in self._known:
            raise MissingError("no event %s on this stick" % folder)
        return self._known[folder]


def _listed(disk: Disk, name: EventName) -> Optional[Json]:
    """One event of a list: by its name only where it cannot be read; None if it is gone by now."""
    try:
        return describe(catalog.load(disk, name))
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return None
        return {**_by_name(name), "problem": str(error)}


def _by_name(name: EventName) -> Json:
    """What an event's name alone tells."""
    number = naming.event_number(name.folder)
    assert number is not None
    return describe(StoredEvent(name, number, (), None))


def _mark(event: Json) -> Mark:
    return Mark(event["day"], event["at_s"], event["duration_s"], event["locked"])


def describe(event: StoredEvent) -> Json:
    """One event for the page; ``problem`` says why it cannot be read, where it cannot."""
    facts = event.facts
    moment, start = facts.moment if facts else None, shown_start(event)
    is_open = bool(event.open_parts) or bool(facts and not facts.is_closed)
    return {
        "id": event.name.folder,
        "number": event.number,
        "day": shown_day(event),
        "reason": facts.reason if facts else naming.event_reason(event.name.folder),
        "start": moment.iso if moment else None,
        "start_unix_s": round(moment.wall, 3) if moment else None,
        "start_local": start.isoformat(timespec="seconds") if start else None,
        "utc_offset_s": _offset_s(start),
        "at_s": _at_s(event.name, start),
        "uncertainty_s": round(moment.uncertainty_s, 1) if moment else None,
        "duration_s": round(sum(part.duration_s for part in facts.parts), 3) if facts else 0.0,
        "bytes": event.bytes,
        "locked": event.is_locked,
        "open": is_open,
        "cover": _url(event, naming.COVER) if _has(event, naming.COVER) else None,
        "gaps": sum(gap.frames for gap in facts.gaps) if facts else 0,
        "parts": _parts(event),
        "problem": None,
    }


def _offset_s(start: Optional[datetime]) -> Optional[int]:
    offset = start.utcoffset() if start else None
    return None if offset is None else round(offset.total_seconds())


def _at_s(name: EventName, start: Optional[datetime]) -> Optional[float]:
    """Seconds of its day at which an event begins, as the camera's clock shows it; None undated."""
    if start is None:
        try:
            start = datetime.strptime(name.day + name.folder[:6], "%Y-%m-%d%H%M%S")
        except ValueError:
            return None
    return start.hour * 3600.0 + start.minute * 60 + start.second


def _parts(event: StoredEvent) -> List[Json]:
    facts = {part.file: part for part in event.facts.parts} if event.facts else {}
    found = []
    for path in (*event.parts, *event.open_parts):
        file = path.rpartition("/")[2]
        known = facts.get(file)
        found.append(
            {
                "file": file,
                "url": _url(event, file),
                "play": _url(event, file),
                "bytes": dict(event.files)[file],
                "duration_s": round(known.duration_s, 3) if known else None,
                "status": known.status if known else None,
                "open": file in event.unfinished,
            }
        )
    return found


def _has(event: StoredEvent, file: str) -> bool:
    return any(name == file for name, _ in event.files)


def _url(event: StoredEvent, file: str) -> str:
    return "/media/%s/%s" % (event.name.folder, file)
