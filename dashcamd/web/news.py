"""Server-sent events: one document when something changed, a few times a second at most."""

from __future__ import annotations

import asyncio
import json
from typing import Callable, List, Optional

from dashcamd.types import Json, Seconds
from dashcamd.web.outlet import Outlet

PERIOD_S = 0.5
MOTION_PERIOD_S = 0.2
"""Somebody who tunes the detector wants to see it at once; a box on a picture needs no more."""

KEEP_ALIVE_S = 5.0
"""Also the longest a page believes in a daemon that is gone."""

SEND_BUFFER = 32 * 1024
PER_SESSION = 3


class News:
    """Everybody who follows one thing, whose `document` is made for a session.

    That it changed is told by `tick`, or by another `version`, which is asked every `period_s`,
    while somebody follows and never else.
    """

    def __init__(
        self,
        name: str,
        document: Callable[[str], Json],
        period_s: Seconds = PERIOD_S,
        version: Callable[[], object] = lambda: None,
    ) -> None:
        self._name = name
        self._document = document
        self._period_s = period_s
        self._version = version
        self._told: object = None
        self._readers: List[Outlet] = []
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_changed = False
        self._silent_s = 0.0

    @property
    def is_watched(self) -> bool:
        """Whether news are wanted."""
        return bool(self._readers)

    def add(self, outlet: Outlet) -> None:
        """Tell `outlet` how it is now and whenever it changes."""
        same = [reader for reader in self._readers if reader.session == outlet.session]
        for reader in same[: max(0, len(same) - PER_SESSION + 1)]:
            reader.close()
        outlet.on_gone = lambda: self._readers.remove(outlet)
        self._readers.append(outlet)
        self._tell(outlet)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._period_s, self._beat)

    def tick(self) -> None:
        """Something changed."""
        self._is_changed = True

    def close(self) -> None:
        """Hang up on everybody."""
        for reader in list(self._readers):
            reader.close()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._timer = None
        self._silent_s += self._period_s
        for reader in list(self._readers):
            if reader.must_go():
                reader.close()
        version = self._version()
        if self._is_changed or version != self._told or self._silent_s >= KEEP_ALIVE_S:
            self._is_changed, self._silent_s, self._told = False, 0.0, version
            for reader in self._readers:
                self._tell(reader)
        if self._readers:
            self._timer = asyncio.get_running_loop().call_later(self._period_s, self._beat)

    def _tell(self, reader: Outlet) -> None:
        if reader.is_free:
            text = json.dumps(self._document(reader.session), separators=(",", ":"))
            reader.send(("event: %s\ndata: %s\n\n" % (self._name, text)).encode("utf-8"))
