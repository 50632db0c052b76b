"""The control thread: answers the commands of `dashcamd status`, `trigger`, `lock` and friends."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from dashcamd.control import protocol, status
from dashcamd.control.protocol import TIMEOUT_S
from dashcamd.errors import DashcamError, OperationError, ProtocolError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import Armed, RecordMessage, Triggered
from dashcamd.storage.locking import set_lock
from dashcamd.storage.sidecar import TEXT_CHARS
from dashcamd.storage.volume import Volume
from dashcamd.types import Json, Seconds

log = logging.getLogger(__name__)

ACCEPT_S = 0.5

EJECTIONS_KEPT = 16
"""So many people who asked to eject are told how it went."""


Answer = Callable[[Optional[str]], None]
"""Told None when it is done, or why it is not."""


def _refuse_to_eject(answer: Answer) -> None:
    answer("there is nothing to eject")


class ControlService:
    """One request after the other; a client that stalls is dropped after a few seconds."""

    name = "control"

    def __init__(
        self,
        path: Path,
        board: Board,
        record: Mailbox[RecordMessage],
        volume: Latest[Optional[Volume]],
        now: Callable[[], Seconds],
        eject: Callable[[Answer], None] = _refuse_to_eject,
        lock_changed: Callable[[str], None] = lambda folder: None,
    ) -> None:
        self.wake = threading.Event()
        self._path = path
        self._board = board
        self._record = record
        self._volume = volume
        self._now = now
        self._ask_to_eject = eject
        self._ejections: Dict[int, Json] = {}
        self._lock_changed = lock_changed
        self._listener: Optional[socket.socket] = None
        self._acts: Dict[str, Callable[[Json], Any]] = {
            "status": self._status,
            "trigger": self._trigger,
            "arm": lambda request: self._arm(True),
            "disarm": lambda request: self._arm(False),
            "eject": self._eject,
            "ejected": self._ejected,
            "lock": lambda request: self._lock(request, True),
            "unlock": lambda request: self._lock(request, False),
        }

    def open(self) -> None:
        """Listen; without a socket the daemon records all the same."""
        try:
            self._listener = protocol.claim(self._path)
        except OperationError as error:
            log.warning("%s; commands cannot reach this daemon, recording is not affected", error)
            return
        if self._listener is None:
            log.warning(
                "another daemon answers at %s; commands reach that one, not this", self._path
            )
        else:
            self._listener.settimeout(ACCEPT_S)

    def step(self, now: Seconds) -> Seconds:
        """Answer one client, if one comes."""
        if self._listener is None:
            return 1.0
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return 0.0
        with connection:
            self._serve(connection)
        return 0.0

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._path.unlink(missing_ok=True)
            self._listener = None

    def _serve(self, connection: socket.socket) -> None:
        try:
            request = protocol.decode(protocol.read_line(connection, self._now))
            answer: Json = {"ok": True, "result": self._act(request)}
        except DashcamError as error:
            answer = {"ok": False, "error": str(error)}
        try:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(protocol.encode(answer))
        except OSError as error:
            log.debug("a client did not wait for its answer: %s", error)

    def _act(self, request: Json) -> Any:
        act = self._acts.get(str(request.get("do")))
        if act is None:
            raise ProtocolError(
                "unknown request %r; known are %s" % (request.get("do"), ", ".join(self._acts))
            )
        return act(request)

    def _status(self, request: Json) -> Json:
        return status.document(self._board.snapshot(), self._now())

    def _trigger(self, request: Json) -> Json:
        reason = str(request.get("reason") or "manual")[:TEXT_CHARS]
        self._record.put(Triggered(self._now(), reason))
        return {"triggered": reason}

    def _arm(self, is_armed: bool) -> Json:
        self._record.put(Armed(self._now(), is_armed))
        return {"armed": is_armed}

    def _eject(self, request: Json) -> Json:
        """Begin; ``ejected`` with the ticket tells how it went, for it takes a while.

        The answer comes on the volumes thread, as one assignment.
        """
        ticket = max(self._ejections, default=0) + 1
        self._ejections.pop(ticket - EJECTIONS_KEPT, None)
        outcome: Json = {"ticket": ticket, "done": False, "why": None}
        self._ejections[ticket] = outcome
        self._ask_to_eject(lambda why: outcome.update(done=True, why=why))
        return dict(outcome)

    def _ejected(self, request: Json) -> Json:
        ticket = request.get("ticket")
        outcome = self._ejections.get(ticket) if isinstance(ticket, int) else None
        return dict(outcome) if outcome else {"done": True, "why": "nobody asked to eject"}

    def _lock(self, request: Json, is_locked: bool) -> Json:
        _, volume = self._volume.peek()
        if volume is None:
            raise OperationError("no volume is in use, so there is no event to lock")
        event = set_lock(volume.disk, str(request.get("event")), is_locked)
        self._lock_changed(event)
        return {"event": event, "locked": is_locked}
