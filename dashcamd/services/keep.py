"""The keep thread: sidecars, covers, hashes, retention, recovery - everything that is not urgent.

It alone writes ``event.json`` and deletes. It never opens a part that is still being written, and
nothing it does can hold up the record thread.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections import deque
from dataclasses import replace
from functools import partial
from typing import Callable, Deque, Generator, List, NamedTuple, Optional, Set, Union

from dashcamd.config import Config
from dashcamd.core import naming
from dashcamd.core.fullness import Full, found_full
from dashcamd.core.naming import EventName
from dashcamd.core.retention import OpenParts
from dashcamd.core.timeline import Timeline
from dashcamd.core.trace import TraceChunk
from dashcamd.errors import OperationError, StorageError
from dashcamd.handover import Board, Follower, Latest, Mailbox
from dashcamd.services.front import PAUSE_S, Front
from dashcamd.services.messages import (
    DeleteAsked,
    EventClosed,
    EventOpened,
    FramesLost,
    KeepMessage,
    LockChanged,
    PartAbandoned,
    PartClosed,
    PartsLocked,
    RoomNeeded,
    Traced,
    VolumeLeaving,
)
from dashcamd.services.open_events import OpenEvent, OpenEvents
from dashcamd.services.proof import Prover
from dashcamd.services.redating import Redating
from dashcamd.services.retention import Retention
from dashcamd.services.traces import Traces
from dashcamd.services.undone import Undone
from dashcamd.storage import catalog, recovery
from dashcamd.storage.deletion import delete_part
from dashcamd.storage.disk import is_full
from dashcamd.storage.ledger import Known, Ledger
from dashcamd.storage.locking import lock_parts
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import Jpeg, Json, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 1.0
RETENTION_S = 10.0
"""How often room is made without being asked; the reserve holds many times as much video."""

FIRST_LOOK = 64
LOOK_AGAIN = 32
"""Events looked at in one step until all of a new volume's are known, and in one period after."""

DATED_AT_ONCE = 8
"""Sidecars made anew in one step: each is a few synced writes."""

CLOSE_LIMIT_S = 10.0
"""So long the last messages are followed up when the daemon ends: a part of 120 s is hashed in 3 s
at 20 MB/s, and systemd waits 40 s for all services together."""

DONE = object()

Errand = Generator[object, None, None]


class _Desk(NamedTuple):
    """What is on the keep thread's desk for the volume in use."""

    volume: Volume
    ledger: Ledger
    room: Retention
    dates: Redating


class KeepService:
    """Looks after what is on the volume in use."""

    name = "keep"

    def __init__(
        self,
        settings: Latest[Config],
        inbox: Mailbox[KeepMessage],
        volume: Latest[Optional[Volume]],
        previews: Latest[Jpeg],
        want_cover: Callable[[bool], None],
        timeline: Timeline,
        board: Board,
        now: Callable[[], Seconds],
        front: Optional[Front] = None,
        prover: Optional[Prover] = None,
    ) -> None:
        self.wake: threading.Event = inbox.wake
        self._settings = Follower(settings)
        self._inbox = inbox
        self._slot = volume
        self._timeline = timeline
        self._board = board
        self._now = now
        self._traces = Traces(timeline)
        self._front = front
        self._prover = prover
        self._slot_version = 0
        self._open = OpenEvents(
            previews, want_cover, self._try, self._dated, self._changed, self._look_again
        )
        self._next_retention: Seconds = float("-inf")
        self._desk: Optional[_Desk] = None
        self._room_facts: Json = {}
        self._deleted = self._redated = 0
        self._fault: Optional[str] = None
        self._warned: Set[str] = set()
        self._has_failed = False
        self._full: Optional[Full] = None
        self._is_found_full = False
        self._to_recover: List[EventName] = []
        self._undone = Undone()
        self._next_undone: Seconds = float("-inf")
        self._unheard: Deque[KeepMessage] = deque()
        self._recovery: Optional[Errand] = None
        self._errand: Optional[Errand] = None
        """The rest of what takes more than a step. Nothing else is done before it has ended, for
        messages are told in the order of what they speak of."""

    def step(self, now: Seconds) -> Seconds:
        """Take messages, then one piece of the work that can wait."""
        if self._settings.has_news():
            self._follow_settings()
        # The slot is looked at first: what was opened on the volume before this one is in the
        # mailbox then, and is not taken for a leftover.
        version, volume = self._slot.peek()
        if not self._hear_some():
            return 0.0
        if version != self._slot_version:
            self._slot_version = version
            self._follow(volume)
        if self._desk is not None:
            self._list_again(self._desk, now)
            if not self._hear_some():
                return 0.0
        has_room = self._full is None or self._full.is_over(now, self._free_bytes)
        if has_room:
            self._open.take_covers()
            self._open.save_closed()
        if self._desk is not None:
            self._look_after(self._desk, now)
        is_busy = has_room and (self._go_on(self._front, now) or self._go_on(self._prover, now))
        self._mind_fullness(now)
        is_busy |= self._desk is not None and self._desk.room.is_busy
        self._post()
        if self._to_recover:
            self._errand = self._recovery = self._recover(self._to_recover.pop(0))
            return 0.0
        return PAUSE_S if is_busy else PERIOD_S

    def close(self) -> None:
        """Take the last messages, for `CLOSE_LIMIT_S`.

        A leftover waits for the next plug-in, which finds it again; so does what an event still
        lacks when the time is over.
        """
        if self._errand is self._recovery:
            self._drop_errand()
        end = self._now() + CLOSE_LIMIT_S
        while not self._hear_some(end):
            if self._now() >= end:
                log.warning("the volume is slow: what is not noted is found when it is next used")
                self._drop_errand()
                break
        self._open.take_covers()
        if self._front is not None:
            self._try(self._front.close)
        if self._prover is not None:
            self._prover.follow(None)
        self._post()
        self._clear_desk()

    def _drop_errand(self) -> None:
        errand, self._errand = self._errand, None
        if errand is not None:
            self._try(errand.close)

    def _go_on(self, errand: Union[Front, Prover, None], now: Seconds) -> bool:
        """The stick's page, or the trial of a new stick; whether there is more to do."""
        if errand is None:
            return False
        self._try(partial(errand.step, now))
        return errand.is_busy

    @property
    def _free_bytes(self) -> int:
        return self._desk.volume.free_bytes if self._desk is not None else 0

    def _mind_fullness(self, now: Seconds) -> None:
        """Small files, too, wait ever longer for a full volume: each try wears the stick."""
        if self._is_found_full:
            self._full = found_full(self._full, now, self._free_bytes)
        self._is_found_full = False

    def _look_again(self, name: EventName) -> None:
        if self._desk is not None:
            self._desk.ledger.look_again(name)

    def _changed(self, name: EventName) -> None:
        if self._front is not None:
            self._front.changed(name)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StorageError as error:
            self._fault = str(error)
            self._has_failed = True
            self._is_found_full |= is_full(error)
            if self._fault not in self._warned:
                log.warning("housekeeping on the volume failed: %s; video is not affected", error)
            self._warned.add(self._fault)

    def _forgive(self) -> None:
        """Drop the fault once a whole period has passed without a failure."""
        if not self._has_failed:
            self._fault = None
            self._warned.clear()
        self._has_failed = False

    def _follow_settings(self) -> None:
        self._next_retention = float("-inf")
        if self._desk is not None:
            self._desk.room.follow(self._settings.value.storage)

    def _follow(self, volume: Optional[Volume]) -> None:
        self._clear_desk()
        if self._front is not None:
            self._front.follow(volume)
        if self._prover is not None:
            self._prover.follow(volume)
        self._full = None
        if volume is not None:
            self._fault = None
            self._next_retention = self._next_undone = float("-inf")
            self._open.adopt(volume)
            ledger = Ledger(volume.disk, self._changed)
            rules = self._settings.value.storage
            room = Retention(rules, self._timeline, volume, ledger, self._must_stay)
            self._desk = _Desk(volume, ledger, room, Redating(self._timeline, volume, ledger))

    def _clear_desk(self) -> None:
        if self._desk is not None:
            self._deleted += self._desk.room.deleted
            self._redated += self._desk.dates.redated
            self._room_facts = self._desk.room.facts
        self._desk = None
        self._to_recover = []

    def _is_open(self, name: EventName) -> bool:
        return self._desk is not None and self._open.get(self._desk.volume, name) is not None

    def _list_again(self, desk: _Desk, now: Seconds) -> None:
        """See what is there; an event whose folder somebody took away has nothing left to save."""
        self._try(lambda: desk.ledger.list_again(now))
        for event in self._open.on(desk.volume):
            if desk.ledger.is_gone(event.name):
                self._open.let_go(event)
        if now >= self._next_undone:
            # What failed here before, when it was out or full: before an event is let go of.
            self._next_undone = now + RETENTION_S
            self._unheard.extend(self._undone.take(desk.volume, desk.ledger.is_gone))

    def _must_stay(self, name: EventName) -> bool:
        """Whether an event is open, or is to be locked as soon as its volume takes that."""
        desk = self._desk
        is_waiting = desk is not None and self._undone.is_to_be_locked(desk.volume, name)
        return is_waiting or self._is_open(name)

    def _look_after(self, desk: _Desk, now: Seconds) -> None:
        """Retention, re-dating and the look for leftovers: a bounded piece of each."""
        if not desk.ledger.is_complete:
            looked = desk.ledger.look_over(FIRST_LOOK)
            self._to_recover += [known.name for known in looked if self._is_leftover(desk, known)]
            desk.dates.consider(looked)
        if now >= self._next_retention:
            self._next_retention = now + RETENTION_S
            self._forgive()
            desk.dates.consider(desk.ledger.look_over(LOOK_AGAIN))
            self._make_room(desk, now)
        elif desk.room.is_busy:
            self._make_room(desk, now)
        self._try(lambda: desk.dates.note_anchor(now))
        self._open.date()
        for _ in range(DATED_AT_ONCE):
            if desk.dates.has_work:
                self._try(desk.dates.date_one)

    def _is_leftover(self, desk: _Desk, known: Known) -> bool:
        number = naming.event_number(known.name.folder) or 0
        is_before = number <= desk.volume.found_to and not self._is_open(known.name)
        return is_before and known.is_interrupted

    def _make_room(self, desk: _Desk, now: Seconds) -> None:
        room, volume = desk.room, desk.volume

        def open_parts() -> OpenParts:
            to_be_locked = partial(self._undone.is_to_be_locked, volume)
            return self._open.removable_parts(volume, to_be_locked)

        def make_room() -> None:
            for path in room.make_room(open_parts, now, self._try):
                self._open.without(volume, path)

        self._try(lambda: room.delete_old(now, self._try))
        self._try(make_room)

    def _dated(self, event: OpenEvent) -> EventFacts:
        is_here = self._desk is not None and event.volume is self._desk.volume
        return self._desk.dates.dated(event.facts) if self._desk and is_here else event.facts

    def _recover(self, name: EventName) -> Errand:
        """Finish a leftover."""
        if self._desk is not None:
            disk = self._desk.volume.disk
            for line in recovery.recover_event_in_pieces(disk, catalog.load(disk, name)):
                if line is not None:
                    log.warning("%s", line)
                yield line
            self._desk.ledger.look_again(name)

    def _hear_some(self, end: Seconds = float("inf")) -> bool:
        """Go on with what takes long, one piece, and take messages in order; whether all are.

        Nothing more is begun at `end`.
        """
        has_gone_on = False
        while self._now() < end:
            if self._errand is None:
                if not self._unheard:
                    self._unheard.extend(self._inbox.drain())
                if not self._unheard:
                    return True
                self._try(partial(self._hear, self._unheard.popleft()))
            elif has_gone_on:
                return False
            else:
                has_gone_on = True
                self._try(partial(self._go_on_with, self._errand))
        return False

    def _go_on_with(self, errand: Errand) -> None:
        self._errand = None
        if next(errand, DONE) is not DONE:
            self._errand = errand

    def _hear(self, message: KeepMessage) -> None:
        if isinstance(message, EventOpened):
            if self._desk is not None and message.volume is self._desk.volume:
                self._desk.ledger.add(message.name)
            self._open.opened(message)
        elif isinstance(message, PartClosed):
            self._errand = self._add_part(message)
        elif isinstance(message, PartAbandoned):
            self._errand = self._recover_abandoned(message)
        elif isinstance(message, PartsLocked):
            self._lock_parts(message)
        elif isinstance(message, Traced):
            self._keep_trace(message.chunk)
        elif isinstance(message, FramesLost):
            self._open.add_gap(message)
        elif isinstance(message, EventClosed):
            self._open.close(message)
        elif isinstance(message, RoomNeeded):
            self._next_retention = float("-inf")
        elif isinstance(message, DeleteAsked):
            self._delete_asked(message)
        elif isinstance(message, VolumeLeaving):
            self._let_go(message)
        elif isinstance(message, LockChanged):
            self._lock_changed(message.folder)

    def _keep_trace(self, chunk: TraceChunk) -> None:
        volume = self._desk.volume if self._desk is not None else None
        self._traces.take(volume, chunk, self._settings.value.storage.trace_mib)

    def _add_part(self, message: PartClosed) -> Errand:
        path = "%s/%s" % (message.name.path, message.part.file)
        digest = yield from catalog.digest_in_pieces(message.volume.disk, path)
        event = self._open.get(message.volume, message.name)
        if event is not None:
            event.facts = event.facts.with_story(message.story)
            event.facts = event.facts.with_part(replace(message.part, sha256=digest))
            self._open.save(event)
        if self._prover is not None:
            self._prover.closed(message.volume, path)

    def _recover_abandoned(self, message: PartAbandoned) -> Errand:
        event, disk = self._open.get(message.volume, message.name), message.volume.disk
        try:
            recovered = yield from recovery.recover_part_in_pieces(disk, message.path)
        except StorageError as error:
            if event is not None and error.errno != errno.ENOENT:
                self._undone.add(message)
            raise
        if recovered is None and not message.is_durable:
            delete_part(disk, recovery.set_aside_path(message.path))
        if event is not None and recovered is not None:
            event.facts = event.facts.with_part(recovered)
            self._open.save(event)

    def _lock_parts(self, message: PartsLocked) -> None:
        event = self._open.get(message.volume, message.name)
        if event is not None and not event.is_here:
            self._undone.add(message)
            return
        volume = event.volume if event is not None else message.volume
        try:
            lock_parts(volume.disk, message.name, message.parts)
        except StorageError:
            self._undone.add(message)
            raise

    def _let_go(self, leaving: VolumeLeaving) -> None:
        """Leave a volume alone for good; what is unfinished on it waits for the same stick."""
        self._open.leave(leaving.volume)
        if self._desk is not None and self._desk.volume is leaving.volume:
            if self._front is not None:
                self._try(self._front.close)
            self._clear_desk()
        if self._prover is not None:
            self._prover.leave(leaving.volume)
        leaving.done()

    def _delete_asked(self, message: DeleteAsked) -> None:
        try:
            self._delete(message.folder)
        except (OperationError, StorageError) as error:
            message.answer(str(error))
        else:
            message.answer(None)

    def _delete(self, folder: str) -> None:
        if self._desk is None:
            raise OperationError("there is no event %s on the stick" % folder)
        self._desk.room.delete(folder)

    def _lock_changed(self, folder: str) -> None:
        if self._desk is not None:
            for name in self._desk.ledger.names:
                if name.folder == folder:
                    self._desk.ledger.forget(name)

    def _post(self) -> None:
        desk = self._desk
        # A full stick that rests is not in use: what is wrong with it is shown all the same.
        facts = dict(desk.room.facts if desk else self._room_facts)
        facts.update(
            events_deleted=self._deleted + (desk.room.deleted if desk else 0),
            events_redated=self._redated + (desk.dates.redated if desk else 0),
            leftovers=len(self._to_recover),
            messages_dropped=self._inbox.dropped,
            fault="; ".join(fault for fault in (facts.get("fault"), self._fault) if fault) or None,
        )
        self._board.post("keep", facts)
