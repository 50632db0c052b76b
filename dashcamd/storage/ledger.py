"""What is remembered of the events on one volume, so that they are not read again and again.

The tree is the catalog; the ledger is a memory of it that is built a few folders at a time and
looked over in rounds, because locks are files that any program may make or remove. Whoever acts on
it (deletes, rewrites) reads that one event anew first.

Measured in disk operations: a listing of the tree once in `RELIST_S`, and for each event looked at
one listing, one open and one read (``tests/storage/test_ledger.py`` counts them).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from dashcamd.core import naming, retention
from dashcamd.core.naming import EventName
from dashcamd.core.timeline import Moment
from dashcamd.errors import StorageError
from dashcamd.storage import catalog, recovery
from dashcamd.storage.catalog import StoredEvent, Trouble
from dashcamd.storage.disk import Disk
from dashcamd.types import Seconds

NO_LIMIT = retention.NO_LIMIT

RELIST_S = 600.0
"""How often the tree is listed anew, for folders that another program took away or brought."""


@dataclass(frozen=True)
class Known:
    """What was true of an event when it was last looked at.

    `removable_bytes` may make room, all unless parts are locked; `is_locked` when there are none.
    `is_interrupted` is `recovery.is_interrupted`; `boot_id`, `start`, `end` and `moment` are its
    sidecar's, empty and None without one.
    """

    name: EventName
    bytes: int
    removable_bytes: int
    is_locked: bool
    is_interrupted: bool
    boot_id: str = ""
    start: Seconds = 0.0
    end: Seconds = 0.0
    moment: Optional[Moment] = None

    @property
    def kind(self) -> str:
        """Its class; see `dashcamd.core.retention`."""
        return retention.class_of(naming.event_reason(self.name.folder), self.is_locked)


class Ledger:
    """The events of one volume, oldest first. One thread; nothing is read before it is needed."""

    def __init__(
        self, disk: Disk, changed: Callable[[EventName], None] = lambda name: None
    ) -> None:
        """Remember what is on `disk`; `changed` hears of events that come, go or change."""
        self._disk = disk
        self._changed = changed
        self._names: Dict[EventName, int] = {}
        self._known: Dict[EventName, Optional[Known]] = {}
        """None for one that has no files of ours."""
        self._unreadable: Dict[str, str] = {}
        self._round: List[EventName] = []
        self._next_listing: Seconds = float("-inf")
        self.is_complete = False
        """Whether every event was looked at once."""

    def list_again(self, now: Seconds) -> None:
        """Take note of folders that came and went, if that is due. Raises `StorageError`."""
        if now < self._next_listing:
            return
        troubles: List[Trouble] = []
        listed = {name: number for number, name in catalog.names(self._disk, troubles)}
        self._names = dict(sorted(listed.items(), key=lambda item: (item[1], item[0])))
        self._known = {name: known for name, known in self._known.items() if name in listed}
        self._unreadable = dict(troubles)
        self._next_listing = now + RELIST_S

    def add(self, name: EventName) -> None:
        """An event was made: the newest."""
        self._names[name] = naming.event_number(name.folder) or 0
        self._changed(name)

    def remove(self, name: EventName) -> None:
        """An event was deleted."""
        self._names.pop(name, None)
        self._known.pop(name, None)
        self._unreadable.pop(name.path, None)
        self._changed(name)

    def forget(self, name: EventName) -> None:
        """Look at an event anew when it is asked for."""
        self._known.pop(name, None)
        self._changed(name)

    def give_up(self, name: EventName, why: str) -> None:
        """An event could not be deleted: leave it alone until the next round."""
        self._known.pop(name, None)
        self._unreadable[name.path] = why

    def is_gone(self, name: EventName) -> bool:
        """Whether an event's folder was looked for and is not there."""
        is_listed = self._next_listing > float("-inf")
        day = "%s/%s" % (naming.ROOT, name.day)
        return is_listed and name not in self._names and day not in self._unreadable

    def __contains__(self, name: EventName) -> bool:
        """Whether the event is there, as far as is known."""
        return name in self._names

    @property
    def names(self) -> Tuple[EventName, ...]:
        """All events, oldest first."""
        return tuple(self._names)

    @property
    def known(self) -> List[Known]:
        """What was looked at so far, in no particular order."""
        return [known for known in self._known.values() if known is not None]

    @property
    def unreadable(self) -> Dict[str, str]:
        """Paths of folders that could not be read, and why; they are left alone."""
        return dict(self._unreadable)

    def of_class(self, kind: str, most: int = NO_LIMIT) -> Iterator[Optional[Known]]:
        """Events of one class, oldest first; looks at each at most once in its life here.

        Where more than `most` would have to be looked at, None is the last: ask again.
        """
        for name in self.names:
            # The folder's name says enough to pass over most others without a look.
            if retention.class_of(naming.event_reason(name.folder), False) != kind:
                continue
            if not self._was_looked_at(name):
                if not most:
                    yield None
                    return
                most -= 1
            known = self.look(name)
            if known is not None and known.kind == kind:
                yield known

    def look(self, name: EventName) -> Optional[Known]:
        """What is known of an event; None if it is gone, empty or cannot be read."""
        if not self._was_looked_at(name):
            self.look_again(name)
        return self._known.get(name)

    def _was_looked_at(self, name: EventName) -> bool:
        return name in self._known or name.path in self._unreadable

    def look_over(self, limit: int) -> List[Known]:
        """Look at the next `limit` events of the round, newest first; what they are.

        The newest are what a cut left open, and what a new anchor dates.
        """
        if not self._round:
            self._round = list(self.names)
        looked = [self._round.pop() for _ in range(min(limit, len(self._round)))]
        is_first = not self.is_complete
        self.is_complete = self.is_complete or not self._round
        for name in looked:
            # What making room has looked at before the first round came by is not read twice.
            if name in self._names and not (is_first and name in self._known):
                self.look_again(name)
        found = (self._known.get(name) for name in looked)
        return [known for known in found if known is not None]

    def look_again(self, name: EventName) -> None:
        """Look at an event that changed."""
        before = self._known.pop(name, None)
        self._unreadable.pop(name.path, None)
        try:
            event = catalog.load(self._disk, name)
        except StorageError as error:
            if error.errno == errno.ENOENT:
                self.remove(name)
            else:
                self._unreadable[name.path] = str(error)
            return
        self._known[name] = known_of(event) if event.files else None
        if before is not None and before != self._known.get(name):
            self._changed(name)


def known_of(event: StoredEvent) -> Known:
    """What is worth remembering of an event."""
    facts = event.facts
    removable_bytes = sum(size for _, size in event.removable)
    is_locked = event.is_locked and not event.removable
    is_interrupted = recovery.is_interrupted(event)
    if facts is None:
        return Known(event.name, event.bytes, removable_bytes, is_locked, is_interrupted)
    return Known(
        event.name,
        event.bytes,
        removable_bytes,
        is_locked,
        is_interrupted,
        facts.boot_id,
        facts.start,
        facts.end,
        facts.moment,
    )
