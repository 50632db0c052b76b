"""One stick in use: where the next event goes, and what makes room for it."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Dict, Optional, Tuple

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.core.proof import Proof
from dashcamd.core.pulse import Past
from dashcamd.core.timeline import Moment
from dashcamd.errors import StorageError
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, Space, is_full, replace_file
from dashcamd.types import Seconds

MARKER = naming.ROOT + "/volume.json"
MARKER_BYTES = 4096

COUNTERS = ("boot", "boot_id", "last_event")
"""Keys of the marker that go with the events, not with the stick."""

NUMBER_LIMIT = 10**11
"""A name has room for twelve digits. A stranger's folder that has counted so far is not gone on
from, so that the next number can always be named."""


class Volume:
    """A disk with a ``DASHCAM`` folder, an identity, a boot counter and an event counter.

    Opening it writes the marker; that is also the test that it can be written. The
    record thread makes events and parts, the keep thread deletes and writes sidecars, locks are
    set from any thread.
    """

    def __init__(self, disk: Disk, where: str, boot_id: str, file_system: str = "") -> None:
        """Take `disk`, mounted at `where`, into use. Raises `StorageError` if it cannot be.

        `file_system` is the UUID of the one it lies on: a marker that names another was copied.
        """
        self.disk = disk
        self.where = where
        self.boot_id = boot_id
        self._file_system = file_system
        disk.make_dirs(naming.ROOT)
        known = _own(_read_marker(disk), file_system)
        self.id = str(known.get("id") or uuid.uuid4().hex)
        before = _counter(known.get("boot"))
        self.boot = before if known.get("boot_id") == boot_id and before else before + 1
        numbers = (number for number, _ in catalog.names(disk))
        on_disk = max((number for number in numbers if number < NUMBER_LIMIT), default=0)
        self.past = Past.from_json(known.get("health"))
        """What the stick is remembered by; the record thread replaces it, `remember` keeps it."""
        self.proof = Proof.from_json(known.get("proof"))
        """What reading it back has shown; the keep thread replaces it."""
        self._last_event = max(on_disk, _counter(known.get("last_event")))
        self.found_to = self._last_event
        """Number of the newest event that was there when the volume was taken into use."""
        self._remembered = self.past, self.proof
        try:
            self._write_marker()
        except StorageError as error:
            # A full volume has to be in use for old events to be deleted from it.
            if not is_full(error):
                raise

    @property
    def free_bytes(self) -> int:
        """What is free now; 0 where the volume does not say."""
        try:
            return self.space.free
        except StorageError:
            return 0

    @property
    def space(self) -> Space:
        """Room on the volume now. Raises `StorageError`."""
        return self.disk.space()

    def new_event(
        self, reason: str, moment: Optional[Moment], start: Seconds
    ) -> Tuple[int, EventName]:
        """Make the folder of the next event, which begins at stamp `start`; its number and name.

        Raises `StorageError`.
        """
        self._last_event += 1
        name = naming.event_name(self._last_event, reason, local(moment), self.boot, start)
        self.disk.make_dirs(name.path)
        return self._last_event, name

    def has_event(self, name: EventName) -> bool:
        """Whether the folder of an event is there and can be read."""
        try:
            self.disk.entries(name.path)
        except StorageError:
            return False
        return True

    @property
    def has_news(self) -> bool:
        """Whether the marker does not say yet what the stick is to be remembered by."""
        return (self.past, self.proof) != self._remembered

    @property
    def has_grave_news(self) -> bool:
        """Whether the marker lacks what is worth a write though something is recorded.

        That is a stall, the first trial, and a piece that did not come back.
        """
        past, proof = self._remembered
        is_tried = self.proof.write_bytes_per_s > 0
        return (self.past.stalls, self.proof.lies, is_tried) != (
            past.stalls,
            proof.lies,
            proof.write_bytes_per_s > 0,
        )

    def remember(self) -> None:
        """Put counters and health into the marker. Raises `StorageError`; record thread only."""
        self._write_marker()

    def close(self) -> None:
        """Note the counters if the disk still takes them, and let go of it."""
        try:
            self._write_marker()
        finally:
            self.disk.close()

    def _write_marker(self) -> None:
        marker: Dict[str, object] = {
            "id": self.id,
            "boot": self.boot,
            "boot_id": self.boot_id,
            "last_event": self._last_event,
        }
        if self._file_system:
            marker["file_system"] = self._file_system
        past, proof = self.past, self.proof
        if past != Past():
            marker["health"] = past.to_json()
        if proof != Proof():
            marker["proof"] = proof.to_json()
        replace_file(self.disk, MARKER, (json.dumps(marker) + "\n").encode("ascii"))
        self._remembered = past, proof


def remembered(disk: Disk) -> Optional[Tuple[Past, Proof]]:
    """What a stick is remembered by, without writing to it; None if it was never in use here.

    Raises `StorageError`.
    """
    known = _read_marker(disk)
    if not known.get("id"):
        return None
    return Past.from_json(known.get("health")), Proof.from_json(known.get("proof"))


def local(moment: Optional[Moment]) -> Optional[datetime]:
    """The local time of a label, for names that people read; None if there is none for it.

    Where the C library counts seconds in 32 bits, its calendar ends in 2038.
    """
    try:
        return datetime.fromtimestamp(moment.wall) if moment else None
    except (ValueError, OverflowError, OSError):
        return None


def shown_day(event: StoredEvent) -> str:
    """The day an event is listed under: its label's, which may be better than its folder's."""
    shown = local(event.facts.moment if event.facts else None)
    return naming.day_name(shown, 0) if shown else event.name.day


def shown_start(event: StoredEvent) -> Optional[datetime]:
    """When an event began by this machine's clock, with its offset; its day is of the same."""
    moment = local(event.facts.moment if event.facts else None)
    return moment.astimezone() if moment else None


def _read_marker(disk: Disk) -> Dict[str, object]:
    data = catalog.read_small(disk, MARKER, MARKER_BYTES)
    try:
        known = json.loads(data.decode("utf-8")) if data else {}
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _own(known: Dict[str, object], file_system: str) -> Dict[str, object]:
    """What a marker says of this very stick.

    Of one that came with a copy of another stick's folder only the counters hold, for the events
    that came with it: neither is that stick's identity this one's, nor its health.
    """
    is_copied = file_system and known.get("file_system", file_system) != file_system
    return {key: known[key] for key in COUNTERS if key in known} if is_copied else known


def _counter(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0
