"""The events that are being recorded, as the keep thread knows them: sidecar, cover, whereabouts.

An event stays here from its first part until its last sidecar is down. While its stick is out it
waits for the same stick. Used by the keep thread alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.core.retention import OpenParts
from dashcamd.handover import Latest
from dashcamd.services.messages import EventClosed, EventOpened, FramesLost
from dashcamd.services.retention import Attempt
from dashcamd.storage import catalog, sidecar
from dashcamd.storage.disk import replace_file
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import Jpeg

log = logging.getLogger(__name__)

_Key = Tuple[str, str]
"""Identity of a volume and path on it: two fresh sticks may have events of the same name."""


@dataclass
class OpenEvent:
    """The event that is being recorded: its facts so far and whether it has its cover.

    `is_here` while its volume can be written; it waits for the same stick otherwise.
    """

    volume: Volume
    name: EventName
    facts: EventFacts
    has_cover: bool = False
    is_here: bool = True


class OpenEvents:
    """All of them, and the two files that each of them has besides video.

    `attempt` does something of which a `StorageError` becomes a fault on the board; `dated` gives
    an event's facts the best time that is known; `saved` is told whose files changed, and `closed`
    who is open no more.
    """

    def __init__(
        self,
        previews: Latest[Jpeg],
        want_cover: Callable[[bool], None],
        attempt: Attempt,
        dated: Callable[[OpenEvent], EventFacts],
        saved: Callable[[EventName], None],
        closed: Callable[[EventName], None],
    ) -> None:
        self._previews = previews
        self._want_cover = want_cover
        self._attempt = attempt
        self._dated = dated
        self._saved = saved
        self._closed = closed
        self._open: Dict[_Key, OpenEvent] = {}

    def get(self, volume: Volume, name: EventName) -> Optional[OpenEvent]:
        """The event `name` on `volume` if it is open."""
        return self._open.get(_key(volume, name))

    def on(self, volume: Volume) -> Iterator[OpenEvent]:
        """Those on a volume, as of now; letting go of one meanwhile is fine."""
        return (event for event in list(self._open.values()) if event.volume is volume)

    def opened(self, message: EventOpened) -> None:
        """Take a new one on. Raises `StorageError` if its sidecar could not be written yet."""
        event = OpenEvent(message.volume, message.name, message.facts)
        self._open[_key(message.volume, message.name)] = event
        self._want_cover(True)
        self.save(event)

    def add_gap(self, message: FramesLost) -> None:
        """Note frames that are missing."""
        event = self.get(message.volume, message.name) if message.name is not None else None
        if event is not None:
            event.facts = replace(event.facts, gaps=(*event.facts.gaps, message.gap))

    def close(self, message: EventClosed) -> None:
        """Nothing more will come of it: its last sidecar is all that is left to do."""
        event = self.get(message.volume, message.name)
        if event is not None:
            event.facts = replace(event.facts.with_story(message.story), is_closed=True)
            self.take_covers()
            self.save_closed()

    def let_go(self, event: OpenEvent) -> None:
        """Forget one whose folder somebody took away."""
        log.info("the folder of %s is gone: it is let go", event.name.folder)
        del self._open[_key(event.volume, event.name)]

    def adopt(self, volume: Volume) -> None:
        """Go on with those that were open when the same volume failed or was pulled."""
        for event in self._open.values():
            if event.volume.id == volume.id:
                event.volume, event.is_here = volume, True

    def leave(self, volume: Volume) -> None:
        """Finish what can be finished, then leave what is on `volume` alone until it is back."""
        self.take_covers()
        self.save_closed()
        for event in self._open.values():
            event.is_here = event.is_here and event.volume is not volume

    def save(self, event: OpenEvent) -> None:
        """Write the sidecar. Raises `StorageError`."""
        event.facts = self._dated(event)
        path = "%s/%s" % (event.name.path, naming.SIDECAR)
        replace_file(event.volume.disk, path, sidecar.to_bytes(event.facts))
        self._saved(event.name)

    def save_closed(self) -> None:
        """Let go of closed events once their sidecars are down; a full stick is tried again.

        Each by itself: one on a stick that is gone holds up no other.
        """
        for event in list(self._open.values()):
            if event.facts.is_closed and event.is_here:
                self._attempt(partial(self._save_last, event))

    def date(self) -> None:
        """Write those sidecars anew whose time is known better by now."""
        for event in self._open.values():
            if event.is_here and self._dated(event) is not event.facts:
                self._attempt(partial(self.save, event))

    def take_covers(self) -> None:
        """Write the cover of each event that has none, once a picture of it has come."""
        here = [event for event in self._open.values() if event.is_here]
        for event in here:
            self._attempt(partial(self._take_cover, event))
        if all(event.has_cover for event in here):
            self._want_cover(False)

    def without(self, volume: Volume, path: str) -> None:
        """Take a deleted part out of its event's sidecar; a full volume has room for that now."""
        folder, _, file = path.rpartition("/")
        event = self._open[volume.id, folder]
        event.facts = event.facts.without_part(file)
        self._attempt(partial(self.save, event))

    def removable_parts(self, volume: Volume, must_stay: Callable[[EventName], bool]) -> OpenParts:
        """Parts of open events that may make room, the oldest first."""
        parts: List[Tuple[str, int]] = []

        def look(name: EventName) -> None:
            parts.extend(catalog.load(volume.disk, name).removable_parts)

        for event in self.on(volume):
            if not must_stay(event.name):
                # One that cannot be read keeps no other from making room.
                self._attempt(partial(look, event.name))
        return tuple(parts)

    def _save_last(self, event: OpenEvent) -> None:
        self.save(event)
        del self._open[_key(event.volume, event.name)]
        self._closed(event.name)

    def _take_cover(self, event: OpenEvent) -> None:
        _, picture = self._previews.peek()
        if event.has_cover or picture is None or picture.ts < event.facts.first_motion:
            return
        path = "%s/%s" % (event.name.path, naming.COVER)
        replace_file(event.volume.disk, path, picture.data)
        event.has_cover = True
        self._saved(event.name)


def _key(volume: Volume, name: EventName) -> _Key:
    return volume.id, name.path
