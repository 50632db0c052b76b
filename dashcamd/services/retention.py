"""Retention on the keep thread: what is too old goes, and what makes room when room is needed.

The rules are pure, in `dashcamd.core.retention`; what is on the volume is remembered by
`dashcamd.storage.ledger`. Before an event is deleted it is read anew, so one that somebody has just
locked stays.
"""

from __future__ import annotations

import logging
from itertools import chain
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from dashcamd.config import StorageConfig
from dashcamd.core import retention, timeline
from dashcamd.core.naming import EventName
from dashcamd.core.retention import CONTINUOUS, LOCKED, MOTION, Kept, OpenParts
from dashcamd.core.timeline import Timeline
from dashcamd.errors import OperationError, StorageError
from dashcamd.storage import catalog, foreign, pieces
from dashcamd.storage.deletion import delete_event, delete_part
from dashcamd.storage.foreign import Foreign
from dashcamd.storage.ledger import Known, Ledger
from dashcamd.storage.volume import Volume
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

MIB = 1 << 20
DAY_S = 86400.0

FOREIGN_S = 60.0
"""How often foreign files are looked for while they leave no room."""

FILES_AT_ONCE = 32
"""After so many files no further event is deleted in one go: at 50 ms each, which a slow stick on a
Pi Zero may need, that is 2 s and one event's more. The rest goes in the next steps."""

LOOKS_AT_ONCE = 64
"""Events of a class that are read for the first time in one go: of thousands of locked ones each
has to be, before it is known that it makes no room."""

Attempt = Callable[[Callable[[], None]], None]
"""Does something; a `StorageError` becomes a fault on the board."""


class Retention:
    """Deletes what may go from one volume. Used by the keep thread alone."""

    def __init__(
        self,
        config: StorageConfig,
        clock: Timeline,
        volume: Volume,
        ledger: Ledger,
        is_open: Callable[[EventName], bool],
    ) -> None:
        self.follow(config)
        self._clock = clock
        self._volume = volume
        self._ledger = ledger
        self._is_open = is_open
        self._short_bytes = 0
        self._used_bytes = self._total_bytes = self._reserve_bytes = 0
        self._foreign: Optional[Foreign] = None
        self._beside_bytes = 0
        self._next_foreign: Seconds = float("-inf")
        self._left = 0
        self._is_making_room = False
        self.is_busy = False
        """Whether the last look stopped before all was deleted that is to go."""
        self.deleted = 0
        """Events deleted since the volume came into use."""
        self.facts: Json = {}
        """For the board, as of the last `take_stock`."""

    def follow(self, config: StorageConfig) -> None:
        """Go on by other rules."""
        self._config = config
        self._keep_s = {
            CONTINUOUS: config.continuous_keep_days * DAY_S,
            MOTION: config.keep_days * DAY_S,
        }

    def delete(self, folder: str) -> None:
        """Delete one event because somebody asks. Raises `OperationError`, `StorageError`."""
        event = catalog.find(self._volume.disk, folder)
        if event is None:
            raise OperationError("there is no event %s on the stick" % folder)
        if self._is_open(event.name):
            raise OperationError("this event is being recorded; it can be deleted afterwards")
        if event.is_locked:
            raise OperationError("this event is locked; unlock it first")
        self._delete(event.name, "asked for")

    def delete_old(self, now: Seconds, attempt: Attempt) -> None:
        """Delete a bounded piece of what is surely too old, once all events are known."""
        self._left, self.is_busy = FILES_AT_ONCE, False
        for kind in retention.SACRIFICE if self._ledger.is_complete else ():
            kept = self._kept(kind, now)
            for name in retention.too_old(kept, self._keep_s[kind]):
                if name is None or self._left <= 0:
                    self.is_busy = True
                    return
                self._attempt(name, "too old", attempt)

    def make_room(
        self, open_parts: Callable[[], OpenParts], now: Seconds, attempt: Attempt
    ) -> Tuple[str, ...]:
        """Delete until the high water mark is free, a bounded piece of it at a time.

        Returns the parts of the open event that went. Raises `StorageError`.
        """
        self._left = FILES_AT_ONCE
        space = self._volume.space
        marks = retention.marks(
            self._config.reserve_mib * MIB, self._config.high_water_percent, space.total
        )
        if space.free < marks.low:
            attempt(self._delete_pieces)
            space = self._volume.space
        self._total_bytes, self._used_bytes = space.total, space.total - space.free
        self._reserve_bytes = marks.low
        is_short = space.free < marks.low
        sacrifice = chain.from_iterable(self._kept(kind, None) for kind in retention.SACRIFICE)
        parts = open_parts() if is_short else ()
        begun = self._is_making_room
        chosen = retention.plan(sacrifice, parts, space.free, marks, FILES_AT_ONCE, begun)
        events = list(chosen.events)
        while events and self._left > 0:
            self._attempt(events.pop(0), "to make room", attempt)
        gone: List[str] = []
        for path in chosen.parts if not events else ():
            attempt(lambda path=path: gone.append(self._delete_part(path)))  # type: ignore[misc]
        self._is_making_room = chosen.is_partial or bool(events)
        self.is_busy |= self._is_making_room
        self._short_bytes = chosen.short_bytes
        self._look_for_foreign(now)
        self.take_stock()
        return tuple(gone)

    def _delete_pieces(self) -> None:
        for path in pieces.found(self._volume.disk)[: self._left]:
            self._left -= 1
            delete_part(self._volume.disk, path)
            log.info("deleted %s: a check made it of what a power cut left without a name", path)

    def _delete_part(self, path: str) -> str:
        delete_part(self._volume.disk, path)
        return path

    def _kept(self, kind: str, now: Optional[Seconds]) -> Iterator[Optional[Kept]]:
        """Events of one class, oldest first, each looked at only when it is asked for.

        None is the last where too many had to be looked at for one go.
        """
        for known in self._ledger.of_class(kind, LOOKS_AT_ONCE):
            if known is None:
                yield None
            elif not self._is_open(known.name):
                age_s = None if now is None else self._age_s(known, now)
                yield Kept(known.name, known.removable_bytes, known.is_locked, age_s)

    def _age_s(self, known: Known, now: Seconds) -> Optional[Seconds]:
        """Seconds since the event's end: by the monotonic clock of this boot, else by labels."""
        if known.boot_id == self._volume.boot_id:
            return now - known.end
        present = self._clock.moment(now)
        if present is None or known.moment is None:
            return None
        since_start_s = timeline.age_s(known.moment, present)
        return None if since_start_s is None else since_start_s - (known.end - known.start)

    def _attempt(self, name: EventName, why: str, attempt: Attempt) -> None:
        self._left -= 1
        attempt(lambda: self._make_way(name, why))

    def _make_way(self, name: EventName, why: str) -> None:
        try:
            event = catalog.load(self._volume.disk, name)
            if not event.removable:
                self._ledger.look_again(name)
                return
            self._left -= len(event.removable)
            self._delete(name, why)
        except StorageError as error:
            # The next one is tried in its place, until the round comes by here again.
            self._ledger.give_up(name, str(error))
            raise

    def _delete(self, name: EventName, why: str) -> None:
        event = catalog.load(self._volume.disk, name)
        delete_event(self._volume.disk, event)
        if event.is_locked:
            self._ledger.look_again(name)
        else:
            self._ledger.remove(name)
        self.deleted += 1
        log.info("deleted %s: %s", name.folder, why)

    def _look_for_foreign(self, now: Seconds) -> None:
        if not self._short_bytes:
            self._foreign = None
        elif self._foreign is None or now >= self._next_foreign:
            self._next_foreign = now + FOREIGN_S
            self._foreign = foreign.look(self._volume.disk)
            self._beside_bytes = foreign.beside_bytes(self._volume.disk)

    def take_stock(self) -> None:
        """Make `facts` anew: how much of each class there is, as far as it was looked at."""
        classes: Dict[str, Json] = {}
        for kind in (MOTION, CONTINUOUS, LOCKED):
            classes[kind] = {"events": 0, "bytes": 0}
        for known in self._ledger.known:
            classes[known.kind]["events"] += 1
            classes[known.kind]["bytes"] += known.bytes
        locked_bytes = classes[LOCKED]["bytes"]
        ours = sum(kept["bytes"] for kept in classes.values())
        faults = [self._no_room(ours, locked_bytes), self._too_many_locked(locked_bytes)]
        faults.append(self._unreadable())
        self.facts = {
            "classes": classes,
            "is_complete": self._ledger.is_complete,
            "short_bytes": self._short_bytes,
            "reserve_bytes": self._reserve_bytes,
            "unreadable": len(self._ledger.unreadable),
            "fault": "; ".join(fault for fault in faults if fault) or None,
        }

    def _no_room(self, ours: int, locked_bytes: int) -> Optional[str]:
        if not self._short_bytes or self._foreign is None:
            return None
        others = self._foreign.bytes
        if self._ledger.is_complete:
            others = max(others, self._used_bytes - ours - self._beside_bytes)
        return (
            "locked events (%d MiB) and foreign files (%d MiB%s) leave no room: %d MiB are "
            "missing; unlock events or delete files"
            % (
                locked_bytes // MIB,
                others // MIB,
                ", the largest: " + self._foreign.text if self._foreign.text else "",
                self._short_bytes // MIB + 1,
            )
        )

    def _too_many_locked(self, locked_bytes: int) -> Optional[str]:
        quota = self._total_bytes * self._config.locked_percent / 100
        if locked_bytes <= quota or not self._total_bytes:
            return None
        return (
            "locked events take %.0f %% of the stick and locked_percent is %g; they are never "
            "deleted: copy some and unlock them, the oldest is %s"
            % (100 * locked_bytes / self._total_bytes, self._config.locked_percent, self._oldest())
        )

    def _oldest(self) -> str:
        locked = {known.name for known in self._ledger.known if known.is_locked}
        return next((name.folder for name in self._ledger.names if name in locked), "")

    def _unreadable(self) -> Optional[str]:
        for path, why in self._ledger.unreadable.items():
            return (
                "%d folders of events cannot be read or deleted and are left alone, the first is "
                "%s (%s); copy what is needed and check the stick on a computer"
                % (len(self._ledger.unreadable), path, why)
            )
        return None
