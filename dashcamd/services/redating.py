"""Re-dating on the keep thread: events get a better label as soon as somebody knows the time.

What changes is the label in the sidecar (moment, uncertainty, source); a folder keeps its name, see
docs/decisions/0004-labels-not-folders.md. What is known of the time is noted on every volume, also
when no event waits for it: a daemon that is started anew in the same boot is held to it, so that a
clock which jumped meanwhile deletes nothing. Crash order: the anchor to ``clocks.json`` first, then
sidecar after sidecar, each whole or not at all. Every step can be repeated, and a second time it
changes nothing; what a cut left undone is done at the next plug-in, in this boot or a later one.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Iterable, List, Optional

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.core.timeline import CONTESTED_S, MUCH_BETTER, Timeline, is_better, is_moment, label
from dashcamd.storage import catalog, clocks, sidecar
from dashcamd.storage.disk import replace_file
from dashcamd.storage.ledger import Known, Ledger
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import Anchor, Seconds

log = logging.getLogger(__name__)

NOTE_AGAIN_S = 10.0
"""A volume that does not take the anchor is asked again after so long."""


class Redating:
    """Dates the events of one volume. Used by the keep thread alone."""

    def __init__(self, clock: Timeline, volume: Volume, ledger: Ledger) -> None:
        self._clock = clock
        self._volume = volume
        self._ledger = ledger
        self._clocks = clocks.read(volume.disk)
        earlier = self._clocks.get(volume.boot_id)
        if earlier is not None:
            clock.remember(earlier)
        self._is_noted = True
        self._next_note: Seconds = float("-inf")
        self._waiting: List[EventName] = []
        self.redated = 0
        """Events that got a better label since the volume came into use."""

    @property
    def has_work(self) -> bool:
        """Whether `date_one` has something to do."""
        return self._is_noted and bool(self._waiting)

    def note_anchor(self, now: Seconds) -> None:
        """Take up this boot's anchor if it is much better than the one that was used so far.

        One that stays noted becomes as doubtful as what contradicted it in this boot makes it.
        Raises `StorageError` if the volume does not take it; events are dated once it has.
        """
        anchor, boot_id = self._clock.anchor, self._volume.boot_id
        noted = self._clocks.get(boot_id)
        news = None if anchor is None else _news(anchor, noted)
        if news is not None:
            self._clocks.pop(boot_id, None)
            self._clocks[boot_id] = news
            self._is_noted = False
            self.consider(self._ledger.known)
        if not self._is_noted and now >= self._next_note:
            self._next_note = now + NOTE_AGAIN_S
            clocks.write(self._volume.disk, self._clocks)
            self._is_noted = True
            self._next_note = float("-inf")

    def consider(self, looked: Iterable[Known]) -> None:
        """Take up those of the events that were looked at whose label can be much better."""
        waiting = set(self._waiting)
        for known in looked:
            anchor = self._clocks.get(known.boot_id)
            if anchor is not None and known.name not in waiting:
                new = label(known.start, anchor)
                if is_moment(new) and is_better(new, known.moment):
                    self._waiting.append(known.name)

    def date_one(self) -> None:
        """Date the next event that waits for it. Raises `StorageError`."""
        name = self._waiting.pop(0)
        if name not in self._ledger:
            return  # retention was faster
        event = catalog.load(self._volume.disk, name)
        if event.facts is None:
            return
        dated = self.dated(event.facts)
        if dated is not event.facts:
            path = "%s/%s" % (name.path, naming.SIDECAR)
            replace_file(self._volume.disk, path, sidecar.to_bytes(dated))
            self._ledger.look_again(name)
            self.redated += 1
            assert dated.moment is not None
            log.info("%s is dated %s by %s", name.folder, dated.moment.iso, dated.moment.source)

    def dated(self, facts: EventFacts) -> EventFacts:
        """The same event with the best label there is; the very same object if it has that."""
        anchor = self._clocks.get(facts.boot_id)
        if facts.boot_id == self._volume.boot_id:
            anchor = self._clock.anchor or anchor
        if anchor is None:
            return facts
        moment = label(facts.start, anchor)
        if is_moment(moment) and is_better(moment, facts.moment):
            return replace(facts, moment=moment)
        return facts


def _news(anchor: Anchor, noted: Optional[Anchor]) -> Optional[Anchor]:
    """What is to be noted of `anchor` instead of `noted`; None if that says enough."""
    if noted is None:
        return anchor
    now, then = label(anchor.ts, anchor), label(anchor.ts, noted)
    if now.is_confirmed is not then.is_confirmed:  # only who was confirmed contests a later clock
        return anchor if now.is_confirmed else None
    if is_better(now, then):
        return anchor
    # Were the note as sure as before, a program that is started anew would believe the next clock
    # that tells the same lie, with nobody left who remembers that it was contradicted.
    doubt_s = anchor.uncertainty_s
    if doubt_s > CONTESTED_S and noted.uncertainty_s < MUCH_BETTER * doubt_s:
        return replace(noted, uncertainty_s=doubt_s)
    return None
