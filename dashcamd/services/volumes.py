"""The volumes thread: finds a place to record to, offers it, and finds another when it fails."""

from __future__ import annotations

import logging
import threading
from typing import Optional, Protocol, Sequence

from dashcamd.errors import StorageError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import VolumeFailed
from dashcamd.storage.volume import Volume
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 0.25
"""How often news of sticks is asked for: it is the wait between a plug-in and the recording."""

RETRY_S = 2.0
"""Without news a volume is looked for so often; a full one has been given room by then."""

POST_S = 1.0


class Source(Protocol):
    """Where volumes come from: a folder, or sticks as they are plugged in. It *offers*.

    MUST: raise `StorageError` with one line for people when there is nothing to offer.
    MUST: never wait in `look` and `trouble`. MUST: let a volume that failed rest for seconds
    before it is offered again. MAY: raise `StorageError` from `look`.
    """

    is_fixed: bool
    """True when there will never be another one: if it cannot be used at the start, say so."""

    def look(self, now: Seconds) -> bool:
        """Take note of what came and went; True when something did."""

    def offer(self, now: Seconds) -> Volume:
        """Open a volume for use."""

    def trouble(self, volume: Volume) -> Optional[str]:
        """Why the volume that was offered can no longer be used; None while it can."""

    def distrust(self, volume: Volume, is_full: bool, now: Seconds) -> None:
        """The volume failed in use: offer others first."""

    def describe(self) -> Json:
        """What the board shows besides the volume in use."""


class VolumesService:
    """Keeps one volume in use, as long as there is one."""

    name = "volumes"

    def __init__(
        self,
        source: Source,
        slot: Latest[Optional[Volume]],
        failed: Mailbox[VolumeFailed],
        board: Board,
        readers: Sequence[threading.Event],
    ) -> None:
        self.wake: threading.Event = failed.wake
        self._source = source
        self._slot = slot
        self._failed = failed
        self._board = board
        self._readers = readers
        self._volume: Optional[Volume] = None
        self._fault: Optional[str] = None
        self._next_try: Seconds = float("-inf")
        self._next_post: Seconds = float("-inf")

    def open(self, now: Seconds) -> None:
        """Take a volume into use now. Raises `StorageError`; used once, at the start."""
        self._source.look(now)
        self._use(self._source.offer(now))

    def step(self, now: Seconds) -> Seconds:
        """Let go of what failed, look for what is there."""
        has_news = self._look(now)
        for failure in self._failed.drain():
            if failure.volume is self._volume:
                self._source.distrust(failure.volume, failure.is_full, now)
                self._drop(failure.why, now)
        if self._volume is not None:
            why = self._source.trouble(self._volume)
            if why is not None:
                self._drop(why, now)
        if self._volume is None and (has_news or now >= self._next_try):
            self._find(now)
        if has_news or now >= self._next_post:
            self._next_post = now + POST_S
            self._post()
        return PERIOD_S

    def close(self) -> None:
        """Let go of the volume in use."""
        volume, self._volume = self._volume, None
        if volume is not None:
            try:
                volume.close()
            except StorageError as error:
                log.debug("the volume could not be told good-bye: %s", error)

    def _look(self, now: Seconds) -> bool:
        try:
            return self._source.look(now)
        except StorageError as error:
            self._complain(str(error))
            return False

    def _find(self, now: Seconds) -> None:
        self._next_try = now + RETRY_S
        try:
            self._use(self._source.offer(now))
        except StorageError as error:
            self._complain(str(error))

    def _use(self, volume: Volume) -> None:
        self._volume, self._fault = volume, None
        self._slot.put(volume)
        self._wake_readers()
        log.info("recording to %s", volume.where)
        self._post()

    def _drop(self, why: str, now: Seconds) -> None:
        # Not closed here: record and keep may be inside a call. The last one to let go closes it.
        self._slot.put(None)
        self._wake_readers()
        self._volume = None
        self._next_try = now + RETRY_S if self._source.is_fixed else now
        self._next_post = now
        self._complain(why)

    def _wake_readers(self) -> None:
        for wake in self._readers:
            wake.set()

    def _complain(self, why: str) -> None:
        if why != self._fault:
            log.error("no volume to record to: %s; events wait in memory", why)
        self._fault = why

    def _post(self) -> None:
        volume = self._volume
        facts: Json = {"where": volume.where if volume else None, "fault": self._fault}
        facts.update(self._source.describe())
        if volume is not None:
            try:
                space = volume.space
            except StorageError as error:
                facts["fault"] = str(error)
            else:
                facts.update(id=volume.id, total_bytes=space.total, free_bytes=space.free)
        self._board.post("volume", facts)
