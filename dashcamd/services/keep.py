"""The keep thread: sidecars, covers, hashes, retention, recovery - everything that is not urgent.

It alone writes ``event.json`` and deletes. It never opens a part that is still being written, and
nothing it does can hold up the record thread.
"""

from __future__ import annotations

import errno
import logging
import threading
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Optional

from dashcamd.config import Config
from dashcamd.core import naming, retention
from dashcamd.core.naming import EventName
from dashcamd.core.retention import Kept
from dashcamd.core.timeline import Timeline
from dashcamd.core.wants import Story
from dashcamd.errors import OperationError, StorageError
from dashcamd.handover import Board, Follower, Latest, Mailbox
from dashcamd.services.messages import (
    DeleteAsked,
    EventClosed,
    EventOpened,
    FramesLost,
    KeepMessage,
    PartAbandoned,
    PartClosed,
    RoomNeeded,
)
from dashcamd.storage import catalog, recovery, sidecar
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.deletion import delete_event, delete_part
from dashcamd.storage.disk import replace_file
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import Jpeg, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 1.0
RETENTION_S = 10.0
"""How often room is made without being asked; the reserve holds many times as much video."""

MIB = 1 << 20
DAY_S = 86400.0

UNCONFIRMED = "system"
"""Source of an anchor that is only the system's clock; see `dashcamd.world.system_anchor`."""


class _Open:
    """The event that is being recorded: its facts so far and whether it has its cover."""

    def __init__(self, volume: Volume, name: EventName, facts: EventFacts) -> None:
        self.volume = volume
        self.name = name
        self.facts = facts
        self.has_cover = False


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
    ) -> None:
        self.wake: threading.Event = inbox.wake
        self._settings = Follower(settings)
        self._inbox = inbox
        self._slot = volume
        self._previews = previews
        self._want_cover = want_cover
        self._timeline = timeline
        self._board = board
        self._slot_version = 0
        self._volume: Optional[Volume] = None
        self._open: Dict[str, _Open] = {}
        self._next_retention: Seconds = float("-inf")
        self._deleted = 0
        self._short_bytes = 0
        self._fault: Optional[str] = None
        self._has_failed = False
        self._to_recover: List[StoredEvent] = []
        self._abandoned: List[PartAbandoned] = []

    def step(self, now: Seconds) -> Seconds:
        """Take messages, then one piece of the work that can wait."""
        if self._settings.has_news():
            self._next_retention = float("-inf")
        # The slot is looked at first: what was opened on the volume before this one is in the
        # mailbox then, and is not taken for a leftover.
        version, volume = self._slot.peek()
        self._hear_all()
        if version != self._slot_version:
            self._slot_version = version
            self._follow(volume)
        self._try(self._take_covers)
        self._try(self._save_closed)
        if now >= self._next_retention:
            self._next_retention = now + RETENTION_S
            self._forgive()
            self._try(lambda: self._make_room(now))
        if self._to_recover:
            self._try(self._recover_one)
        self._post()
        return 0.0 if self._to_recover else PERIOD_S

    def close(self) -> None:
        """Take the last messages."""
        self._hear_all()
        self._try(self._take_covers)
        self._post()

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StorageError as error:
            if str(error) != self._fault:
                log.warning("housekeeping on the volume failed: %s; video is not affected", error)
            self._fault = str(error)
            self._has_failed = True

    def _forgive(self) -> None:
        """Drop the fault once a whole period has passed without a failure."""
        if not self._has_failed:
            self._fault = None
        self._has_failed = False

    def _follow(self, volume: Optional[Volume]) -> None:
        self._volume = volume
        self._to_recover = []
        if volume is not None:
            self._fault = None
            self._next_retention = float("-inf")
            self._adopt(volume)
            self._try(lambda: self._look_for_leftovers(volume))

    def _adopt(self, volume: Volume) -> None:
        """Go on with the events that were open when the same volume failed or was pulled."""
        for event in self._open.values():
            if event.volume.id == volume.id:
                event.volume = volume
        waiting, self._abandoned = self._abandoned, []
        for message in waiting:
            if message.volume.id == volume.id:
                self._hear_one(replace(message, volume=volume))
            else:
                self._abandoned.append(message)

    def _look_for_leftovers(self, volume: Volume) -> None:
        ours = {event.name for event in self._open.values() if event.volume is volume}
        self._to_recover = [
            event
            for event in catalog.events(volume.disk)
            if event.number <= volume.found_to
            and event.name not in ours
            and recovery.is_interrupted(event)
        ]

    def _recover_one(self) -> None:
        event = self._to_recover.pop(0)
        if self._volume is not None:
            for line in recovery.recover_event(self._volume.disk, event):
                log.warning("%s", line)

    def _hear_all(self) -> None:
        for message in self._inbox.drain():
            self._hear_one(message)

    def _hear_one(self, message: KeepMessage) -> None:
        self._try(lambda: self._hear(message))

    def _hear(self, message: KeepMessage) -> None:
        if isinstance(message, EventOpened):
            self._open[message.name.path] = _Open(message.volume, message.name, message.facts)
            self._want_cover(True)
            self._save(self._open[message.name.path])
        elif isinstance(message, PartClosed):
            self._add_part(message)
        elif isinstance(message, PartAbandoned):
            self._recover_abandoned(message)
        elif isinstance(message, FramesLost):
            self._add_gap(message)
        elif isinstance(message, EventClosed):
            self._close_event(message)
        elif isinstance(message, RoomNeeded):
            self._next_retention = float("-inf")
        elif isinstance(message, DeleteAsked):
            self._delete_asked(message)

    def _add_part(self, message: PartClosed) -> None:
        path = "%s/%s" % (message.name.path, message.part.file)
        digest = catalog.digest(message.volume.disk, path)
        event = self._open.get(message.name.path)
        if event is not None:
            event.facts = _told(event.facts, message.story)
            event.facts = event.facts.with_part(replace(message.part, sha256=digest))
            self._save(event)

    def _recover_abandoned(self, message: PartAbandoned) -> None:
        event = self._open.get(message.name.path)
        try:
            recovered = recovery.recover_part(message.volume.disk, message.path)
        except StorageError as error:
            if event is not None and error.errno != errno.ENOENT:
                self._abandoned.append(message)
            raise
        if recovered is None and not message.is_durable:
            delete_part(message.volume.disk, recovery.set_aside_path(message.path))
        if event is not None and recovered is not None:
            event.facts = event.facts.with_part(recovered)
            self._save(event)

    def _add_gap(self, message: FramesLost) -> None:
        event = self._open.get(message.name.path) if message.name else None
        if event is not None:
            event.facts = replace(event.facts, gaps=(*event.facts.gaps, message.gap))

    def _close_event(self, message: EventClosed) -> None:
        event = self._open.get(message.name.path)
        if event is not None:
            event.facts = replace(_told(event.facts, message.story), is_closed=True)
            self._try(self._take_covers)
            self._save_closed()

    def _save_closed(self) -> None:
        """Let go of closed events once their sidecars are down; a full stick is tried again."""
        for path, event in list(self._open.items()):
            if event.facts.is_closed:
                self._save(event)
                del self._open[path]
        if not self._open:
            self._want_cover(False)

    def _delete_asked(self, message: DeleteAsked) -> None:
        try:
            self._delete(message.folder)
        except (OperationError, StorageError) as error:
            message.answer(str(error))
        else:
            message.answer(None)

    def _delete(self, folder: str) -> None:
        volume = self._volume
        event = catalog.find(volume.disk, folder) if volume is not None else None
        if volume is None or event is None:
            raise OperationError("there is no event %s on the stick" % folder)
        if event.name.path in self._open:
            raise OperationError("this event is being recorded; it can be deleted afterwards")
        if event.is_locked:
            raise OperationError("this event is locked; unlock it first")
        delete_event(volume.disk, event)
        self._deleted += 1
        log.info("deleted %s: asked for", event.name.folder)

    def _save(self, event: _Open) -> None:
        path = "%s/%s" % (event.name.path, naming.SIDECAR)
        replace_file(event.volume.disk, path, sidecar.to_bytes(event.facts))

    def _take_covers(self) -> None:
        for event in self._open.values():
            self._take_cover(event)
        if self._open and all(event.has_cover for event in self._open.values()):
            self._want_cover(False)

    def _take_cover(self, event: _Open) -> None:
        _, picture = self._previews.peek()
        if event.has_cover or picture is None or picture.ts < event.facts.first_motion:
            return
        path = "%s/%s" % (event.name.path, naming.COVER)
        replace_file(event.volume.disk, path, picture.data)
        event.has_cover = True

    def _make_room(self, now: Seconds) -> None:
        volume = self._volume
        if volume is None:
            return
        space = volume.space
        reserve = retention.reserve_bytes(
            self._settings.value.storage.reserve_mib * MIB, space.total
        )
        stored: Dict[int, StoredEvent] = {}
        chosen = retention.plan(
            self._closed_events(volume, stored, now),
            self._open_parts(volume) if space.free < reserve else (),
            space.free,
            reserve,
            self._settings.value.storage.keep_days * DAY_S,
        )
        for number in chosen.events:
            # One event that cannot be deleted must not keep the others.
            self._try(lambda name=stored[number].name: self._make_way(volume, name))  # type: ignore[misc]
        for path in chosen.parts:
            delete_part(volume.disk, path)
            self._forget(path)
        self._short_bytes = chosen.short_bytes

    def _make_way(self, volume: Volume, name: EventName) -> None:
        event = catalog.load(volume.disk, name)
        if event.is_locked:
            return
        delete_event(volume.disk, event)
        self._deleted += 1
        log.info("deleted %s to make room", name.folder)

    def _forget(self, path: str) -> None:
        """Take a deleted part out of its event's sidecar; a full volume has room for that now."""
        folder, _, file = path.rpartition("/")
        event = self._open[folder]
        event.facts = event.facts.without_part(file)
        self._save(event)

    def _closed_events(
        self, volume: Volume, stored: Dict[int, StoredEvent], now: Seconds
    ) -> Iterator[Kept]:
        """Events oldest first, each read from the volume only when it is asked for."""
        for number, name in sorted(catalog.names(volume.disk)):
            if name.path not in self._open:
                event = stored[number] = catalog.load(volume.disk, name)
                if not event.files:
                    continue
                age_s = self._age_s(event.facts, volume, now)
                yield Kept(number, event.bytes, event.is_locked, age_s)

    def _open_parts(self, volume: Volume) -> retention.OpenParts:
        parts = []
        for event in self._open.values():
            if event.volume is volume:
                stored = catalog.load(volume.disk, event.name)
                sizes = dict(stored.files)
                if not stored.is_locked:
                    parts += [(path, sizes[path.rpartition("/")[2]]) for path in stored.parts]
        return tuple(parts)

    def _age_s(self, facts: Optional[EventFacts], volume: Volume, now: Seconds) -> Optional[float]:
        """Seconds since the event's end: by the monotonic clock of this boot, else by labels.

        A system clock that nobody confirmed may be weeks behind (a Pi boots with the time at which
        it was last switched off); nothing is deleted on its word.
        """
        if facts is None:
            return None
        if facts.boot_id == volume.boot_id:
            return now - facts.end
        present = self._timeline.moment(now)
        if present is None or facts.moment is None:
            return None
        if UNCONFIRMED in (present.source, facts.moment.source):
            return None
        doubt_s = present.uncertainty_s + facts.moment.uncertainty_s
        return present.wall - facts.moment.wall - doubt_s

    def _post(self) -> None:
        self._board.post(
            "keep",
            {
                "events_deleted": self._deleted,
                "short_bytes": self._short_bytes,
                "leftovers": len(self._to_recover),
                "fault": self._fault or _short(self._short_bytes),
            },
        )


def _short(missing: int) -> Optional[str]:
    if not missing:
        return None
    return (
        "locked events and foreign files leave no room: %d MiB are missing; unlock events or "
        "delete files" % (missing // MIB + 1)
    )


def _told(facts: EventFacts, story: Story) -> EventFacts:
    return replace(
        facts,
        last_motion=story.last_motion,
        peak_blocks=story.peak_blocks,
        motions=story.motions,
    )
