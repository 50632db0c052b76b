"""The volumes thread: finds a place to record to, offers it, and finds another when it fails."""

from __future__ import annotations

import logging
import threading
from typing import Callable, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from dashcamd.core import fullness
from dashcamd.errors import StorageError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import (
    EjectAsked,
    VolumeFailed,
    VolumeLeaving,
    VolumeLeft,
    VolumeMessage,
)
from dashcamd.storage.disk import Space
from dashcamd.storage.volume import Volume
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 0.25
"""How often news of sticks is asked for: it is the wait between a plug-in and the recording."""

RETRY_S = 0.5
FOLDER_RETRY_S = 2.0
"""Without news a volume is looked for so often. Sticks that failed rest as their source says, a
folder, which there is only one of, for so long."""

FULL_S = fullness.MOST_S + 5.0
"""How long a volume counts as full after the record thread last said so: it says it again at every
try while something waits."""

POST_S = 1.0

LET_GO_S = 15.0
UNMOUNT_S = 15.0
"""How long ejecting waits for the record and keep threads to let go, and for the mount to go."""


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

    def has_another(self, now: Seconds) -> bool:
        """Whether there is another volume to offer than the one in use."""

    def distrust(self, volume: Volume, is_full: bool, now: Seconds) -> None:
        """The volume failed in use, or is full: offer others first."""

    def set_aside(self, volume: Volume) -> None:
        """Offer `volume` no more until it was plugged in anew."""

    def unmount(self, volume: Volume) -> None:
        """Have a volume that was set aside unmounted. MAY raise `StorageError`."""

    def is_safe(self, volume: Volume) -> bool:
        """Whether a volume that was set aside may be pulled out."""

    def describe(self) -> Json:
        """What the board shows besides the volume in use."""


class _Ejection(NamedTuple):
    """A stick on its way out: `deadline` is when waiting for the present step ends.

    All `answers` are told how it went, for more than one person may have asked; none are left for
    a stick that hangs, which is unmounted all the same should it come to its senses.
    """

    volume: Volume
    answers: Tuple[Callable[[Optional[str]], None], ...]
    deadline: Seconds
    is_closed: bool = False

    def answer(self, why: Optional[str]) -> None:
        for answer in self.answers:
            answer(why)


class VolumesService:
    """Keeps one volume in use, as long as there is one."""

    name = "volumes"

    def __init__(
        self,
        source: Source,
        slot: Latest[Optional[Volume]],
        failed: Mailbox[VolumeMessage],
        board: Board,
        readers: Sequence[threading.Event],
        say_leaving: Callable[[VolumeLeaving], None],
    ) -> None:
        self.wake: threading.Event = failed.wake
        self._source = source
        self._retry_s = FOLDER_RETRY_S if source.is_fixed else RETRY_S
        self._slot = slot
        self._failed = failed
        self._board = board
        self._readers = readers
        self._say_leaving = say_leaving
        self._volume: Optional[Volume] = None
        self._fault: Optional[str] = None
        self._found_full_at: Seconds = float("-inf")
        self._next_try: Seconds = float("-inf")
        self._next_post: Seconds = float("-inf")
        self._ejections: List[_Ejection] = []

    def open(self, now: Seconds) -> None:
        """Take a fixed volume into use now. Raises `StorageError`; used once, at the start."""
        self._source.look(now)
        self._use(self._source.offer(now))

    def step(self, now: Seconds) -> Seconds:
        """Let go of what failed, look for what is there."""
        has_news = self._look(now)
        for message in self._failed.drain():
            self._hear(message, now)
        going_on = (self._go_on_ejecting(leaving, now) for leaving in self._ejections)
        self._ejections = [leaving for leaving in going_on if leaving is not None]
        if self._volume is not None:
            why = self._source.trouble(self._volume)
            if why is not None:
                self._drop(why, now)
        if has_news and now - self._found_full_at < FULL_S:
            self._leave_full("another stick is used, for this one is full", now)
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

    def _hear(self, message: VolumeMessage, now: Seconds) -> None:
        if isinstance(message, EjectAsked):
            self._eject(message, now)
        elif isinstance(message, VolumeLeft):
            self._close_left(message.volume, now)
        elif message.volume is self._volume:
            if message.is_full:
                self._found_full_at = now
                self._leave_full(message.why, now)
            else:
                self._source.distrust(message.volume, is_full=False, now=now)
                self._drop(message.why, now)

    def _leave_full(self, why: str, now: Seconds) -> None:
        """Go to another volume if there is one.

        Else the full one stays in use: it is where room can be made, by us and by people.
        """
        volume = self._volume
        if volume is not None and self._source.has_another(now):
            self._source.distrust(volume, is_full=True, now=now)
            self._drop(why, now)

    def _eject(self, asked: EjectAsked, now: Seconds) -> None:
        volume = self._volume
        leaving = self._ejections[-1] if self._ejections else None
        if leaving is not None and (leaving.answers or volume is None):
            deadline = leaving.deadline if leaving.answers else now + LET_GO_S
            answers = (*leaving.answers, asked.answer)
            self._ejections[-1] = leaving._replace(answers=answers, deadline=deadline)
            return
        if volume is None or self._source.is_fixed:
            asked.answer("no stick is in use, so there is none to eject")
            return
        self._source.set_aside(volume)
        self._drop("the stick at %s was ejected" % volume.where, now)
        self._ejections.append(_Ejection(volume, (asked.answer,), now + LET_GO_S))

    def _go_on_ejecting(self, leaving: _Ejection, now: Seconds) -> Optional[_Ejection]:
        """Wait until nobody writes, then for the mount to go; None when it is over."""
        if leaving.is_closed:
            return self._await_unmount(leaving, now)
        if now < leaving.deadline:
            return leaving
        leaving.answer(
            "the stick at %s has not taken the last writes for %.0f s; what was recorded before "
            "is safe: pull it out, or ask again" % (leaving.volume.where, LET_GO_S)
        )
        return leaving._replace(answers=(), deadline=float("inf"))

    def _close_left(self, volume: Volume, now: Seconds) -> None:
        """Give the descriptors of a volume back, and have it unmounted if it is ejected.

        Everything on it was synced as it was written; unmounting clears its dirty flag. Only an
        ejected one is told the counters: another may be the same stick, in use again already.
        """
        leaving = next((one for one in self._ejections if one.volume is volume), None)
        if leaving is None:
            volume.disk.close()
            return
        self._ejections.remove(leaving)
        try:
            volume.close()
            self._source.unmount(volume)
        except StorageError as error:
            leaving.answer("ejecting failed: %s; what was recorded is safe all the same" % error)
        else:
            self._ejections.append(leaving._replace(is_closed=True, deadline=now + UNMOUNT_S))

    def _await_unmount(self, leaving: _Ejection, now: Seconds) -> Optional[_Ejection]:
        if self._source.is_safe(leaving.volume):
            log.info("the stick at %s may be pulled out", leaving.volume.where)
            leaving.answer(None)
        elif now >= leaving.deadline:
            leaving.answer(
                "everything is written, but %s is still mounted: unmount it where it was mounted"
                % leaving.volume.where
            )
        else:
            return leaving
        return None

    def _mind_read_only(self, volume: Volume, space: Space) -> None:
        """Have a stick tried anew that its kernel has made read-only, though nobody writes now."""
        if space.is_read_only:
            why = "the stick at %s turned read-only after errors: copy what matters, check it"
            self._failed.put(VolumeFailed(volume, why % volume.where, is_full=False))

    def _look(self, now: Seconds) -> bool:
        try:
            return self._source.look(now)
        except StorageError as error:
            self._complain(str(error))
            return False

    def _find(self, now: Seconds) -> None:
        self._next_try = now + self._retry_s
        try:
            self._use(self._source.offer(now))
        except StorageError as error:
            self._complain(str(error))

    def _use(self, volume: Volume) -> None:
        self._volume, self._fault = volume, None
        self._found_full_at = float("-inf")
        self._slot.put(volume)
        self._wake_readers()
        log.info("recording to %s", volume.where)
        self._post()

    def _drop(self, why: str, now: Seconds) -> None:
        # Not closed here: record and keep may be inside a call. They say when they have let go.
        volume, self._volume = self._volume, None
        self._slot.put(None)
        if volume is not None:
            self._say_leaving(VolumeLeaving(volume, lambda: self._failed.put(VolumeLeft(volume))))
        self._wake_readers()
        self._next_try = now + self._retry_s if self._source.is_fixed else now
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
                facts["proof"] = volume.proof.to_json()
                self._mind_read_only(volume, space)
        self._board.post("volume", facts)
