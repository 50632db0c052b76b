"""The stick's front: its settings are heard, its page and report are kept. Part of the keep thread.

A stick that comes into use is dealt with a piece at a time, so that recording comes first::

    read dashcamd.toml ─▶ settings thread ─▶ report
    page's own files ─▶ for each chunk, newest first: load its events, write it if it differs

Afterwards each event that changed costs one chunk. What a power cut leaves undone is put right when
the stick is plugged in the next time.
"""

from __future__ import annotations

import errno
import logging
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from dashcamd.config import Config
from dashcamd.config_layers import Table
from dashcamd.config_read import STRANGERS_BYTES, parse_strangers_toml
from dashcamd.control import status
from dashcamd.control.report import Report
from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.core.timeline import Timeline
from dashcamd.errors import ConfigError, StorageError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import SettingsMessage, StickSpoke
from dashcamd.storage import catalog, stick_page
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, replace_file
from dashcamd.storage.volume import Volume, local
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

FIRST_S = 3.0
"""The page and the report wait so long after a plug-in: the pre-roll is written first."""

PAUSE_S = 0.05
BATCH = 4
"""Events looked at in one step: 5000 take about a minute, and the stick stays free for video."""

FLUSH_S = 5.0
"""A chunk is written at most so often, however fast its events change."""

REPORT_S = 60.0
REPORT_BYTES = 64 * 1024
EVENTS_TOLD = 10
CACHED_CHUNKS = 3

DONE = object()

SETTINGS = "%s/%s" % (naming.ROOT, naming.SETTINGS)
REPORT = "%s/%s" % (naming.ROOT, naming.REPORT)

Lines = Dict[int, str]
Told = Tuple[str, Tuple[str, ...]]


class Front:
    """Keeps the settings, page and report of the volume in use. One thread (keep).

    Every method may raise `StorageError`; what was to be done is then done later, at the next
    plug-in at the latest.
    `password` gives the page's until somebody signed in with it, `addresses` the machine's own IP
    addresses.
    """

    def __init__(
        self,
        settings: Mailbox[SettingsMessage],
        in_force: Latest[Config],
        timeline: Timeline,
        board: Board,
        password: Callable[[], Optional[str]],
        addresses: Callable[[], Tuple[str, ...]],
    ) -> None:
        self._settings = settings
        self._in_force = in_force
        self._timeline = timeline
        self._board = board
        self._password = password
        self._addresses = addresses
        self._told: Latest[Told] = Latest()
        self._volume: Optional[Volume] = None
        self._work: Optional[Iterator[None]] = None
        self._begin_at: Optional[Seconds] = None
        self._is_due = False
        self._cache: Dict[int, Lines] = {}
        self._chunks: Set[int] = set()
        self._changed: Dict[int, EventName] = {}
        self._flush_at: Seconds = 0.0
        self._has_settings = False
        self._report_at: Seconds = 0.0
        self._reported: object = None

    @property
    def is_busy(self) -> bool:
        """Whether a piece of work waits for the next step."""
        return self._work is not None and self._is_due

    def follow(self, volume: Optional[Volume]) -> None:
        """`volume` came into use, or none is."""
        self._volume, self._work = volume, None
        self._cache, self._chunks, self._changed = {}, set(), {}
        self._reported, self._begin_at, self._is_due = None, None, False
        if volume is not None:
            self._work = self._survey(volume)

    def changed(self, name: EventName) -> None:
        """An event was written, locked or deleted."""
        number = naming.event_number(name.folder)
        if number is not None:
            self._changed[number] = name

    def step(self, now: Seconds) -> None:
        """Hear a new stick's settings, then do one piece of what is due."""
        volume = self._volume
        if volume is None:
            return
        if self._begin_at is None:
            self._begin_at = self._report_at = now + FIRST_S
            self._hear_settings(volume)
        self._is_due = now >= self._begin_at
        if self._is_due:
            self._go_on(volume, now)

    def _go_on(self, volume: Volume, now: Seconds) -> None:
        if now >= self._report_at:
            self._report_at = now + REPORT_S
            self._report(volume, now)
        if self._changed and now >= self._flush_at:
            self._flush_at = now + FLUSH_S
            self._flush(volume)
        work, self._work = self._work, None
        if work is not None and next(work, DONE) is not DONE:
            self._work = work

    def close(self) -> None:
        """List what changed last."""
        volume = self._volume
        try:
            if volume is not None and self._changed:
                self._flush(volume)
        finally:
            self.follow(None)

    def _hear_settings(self, volume: Volume) -> None:
        """Let the stick say its piece; one whose file is refused as a whole says nothing."""
        refused: Tuple[str, ...] = ()
        table: Table = {}
        try:
            table = self._settings_on(volume.disk)
        except ConfigError as error:
            log.warning("the stick's settings are refused: %s", error)
            refused = ("refused: %s" % error,)
        self._settings.put(
            StickSpoke(
                table,
                lambda verdicts: self._told.put(
                    (volume.id, (*refused, *(verdict.text for verdict in verdicts)))
                ),
            )
        )

    def _settings_on(self, disk: Disk) -> Table:
        """What the stick sets. Raises `ConfigError` if that cannot be understood."""
        raw = catalog.read_small(disk, SETTINGS, STRANGERS_BYTES + 1)
        try:
            self._has_settings = raw is not None or _exists(disk, SETTINGS)
        except StorageError as error:
            raise ConfigError(str(error)) from None
        if raw is not None:
            return parse_strangers_toml(raw, "dashcamd.toml")
        if self._has_settings:
            raise ConfigError("dashcamd.toml cannot be read, or is far too large")
        return {}

    def _report(self, volume: Volume, now: Seconds) -> None:
        """Write the report if it would say something else than the last one."""
        _, config = self._in_force.peek()
        _, told = self._told.peek()
        if config is None or told is None or told[0] != volume.id:
            self._report_at = now + PAUSE_S
            return
        document = status.document(self._board.snapshot(), now)
        password = self._password()
        proof = document["volume"].get("proof", {}).get("write_bytes_per_s")
        page = self._page(document["web"])
        says = (told, document["faults"], document["camera"].get("name"), password, proof, page)
        if says == self._reported:
            return
        moment = self._timeline.moment(now)
        newest = sorted(catalog.names(volume.disk), reverse=True)[:EVENTS_TOLD]
        report = Report(
            document,
            config,
            moment,
            local(moment),
            told[1] if self._has_settings else None,
            tuple("%s/%s" % name for _, name in newest),
            page,
            password,
        )
        replace_file(volume.disk, REPORT, report.to_bytes())
        self._reported = says

    def _page(self, web: Json) -> Tuple[str, ...]:
        """Where the page is: by name, and by each address where it is at all of them."""
        form = web.get("address_form")
        by_address = [form % address for address in self._addresses()] if form else []
        return (web["address"], *by_address) if web.get("address") else ()

    def _flush(self, volume: Volume) -> None:
        """List what changed; what cannot be written stays to be listed in the next flush."""
        volume.disk.make_dirs(stick_page.DATA)
        for chunk in {stick_page.chunk_of(number) for number in self._changed}:
            changed = {
                n: name for n, name in self._changed.items() if stick_page.chunk_of(n) == chunk
            }
            lines = self._lines(volume.disk, chunk)
            for number, name in changed.items():
                _update(volume.disk, lines, number, name)
            self._write(volume.disk, chunk, lines)
            for number in changed:
                del self._changed[number]

    def _lines(self, disk: Disk, chunk: int) -> Lines:
        """The lines of a chunk: remembered, or made of its events."""
        lines = self._cache.get(chunk)
        if lines is None:
            lines = {}
            for number, name in catalog.names(disk):
                if stick_page.chunk_of(number) == chunk:
                    _update(disk, lines, number, name)
            self._remember(chunk, lines)
        return lines

    def _remember(self, chunk: int, lines: Lines) -> None:
        self._cache[chunk] = lines
        while len(self._cache) > CACHED_CHUNKS:
            del self._cache[min(self._cache)]

    def _write(self, disk: Disk, chunk: int, lines: Lines) -> None:
        path = stick_page.chunk_path(chunk)
        if lines:
            _put(disk, path, stick_page.chunk_bytes(chunk, lines))
        elif _exists(disk, path):
            disk.unlink(path)
        chunks = self._chunks | {chunk} if lines else self._chunks - {chunk}
        if chunks != self._chunks:
            _put(disk, stick_page.LIST, stick_page.list_bytes(chunks))
            self._chunks = chunks

    def _survey(self, volume: Volume) -> Iterator[None]:
        """Put the whole page right, a piece at a time."""
        disk = volume.disk
        disk.make_dirs(stick_page.DATA)
        for path, file in stick_page.STATIC.items():
            _put(disk, path, stick_page.static_file(file))
            yield
        by_chunk: Dict[int, List[Tuple[int, EventName]]] = {}
        for number, name in catalog.names(disk):
            by_chunk.setdefault(stick_page.chunk_of(number), []).append((number, name))
        newest_first = sorted(by_chunk, reverse=True)[: stick_page.MOST_CHUNKS]
        self._chunks |= set(newest_first)
        _put(disk, stick_page.LIST, stick_page.list_bytes(self._chunks))
        for chunk in newest_first:
            lines: Lines = {}
            for place, (number, name) in enumerate(by_chunk[chunk], 1):
                _update(disk, lines, number, name)
                if place % BATCH == 0:
                    yield
            # What changed meanwhile is still to be flushed, on top of these.
            if chunk not in self._cache:
                self._remember(chunk, lines)
                self._write(disk, chunk, lines)
            yield
        self._sweep(disk)

    def _sweep(self, disk: Disk) -> None:
        """Remove chunks of events that are gone."""
        for entry in disk.entries(stick_page.DATA):
            chunk = stick_page.chunk_in(entry.name)
            if entry.is_file and chunk is not None and chunk not in self._chunks:
                disk.unlink("%s/%s" % (stick_page.DATA, entry.name))


def _update(disk: Disk, lines: Lines, number: int, name: EventName) -> None:
    """Make the line of one event anew, or drop it if the event is gone.

    One that cannot be read is listed by its name alone, as damaged.
    """
    try:
        event = catalog.load(disk, name)
    except StorageError as error:
        if error.errno == errno.ENOENT:
            lines.pop(number, None)
        else:
            lines[number] = stick_page.line(StoredEvent(name, number, (), None), local)
        return
    if event.files:
        lines[number] = stick_page.line(event, local)
    else:
        lines.pop(number, None)


def _put(disk: Disk, path: str, data: bytes) -> None:
    """Write a file unless it is so already: a stick wears by writing."""
    if catalog.read_small(disk, path, len(data)) != data:
        replace_file(disk, path, data)


def _exists(disk: Disk, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return any(entry.name == name for entry in disk.entries(folder))
