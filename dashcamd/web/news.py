"""State as server-sent events: one document when something changed, at most twice a second."""

from __future__ import annotations

import asyncio
import json
from typing import Callable, List, Optional

from dashcamd.types import Json
from dashcamd.web.outlet import Outlet

PERIOD_S = 0.5
KEEP_ALIVE_S = 5.0
"""Also the longest a page believes in a daemon that is gone."""

SEND_BUFFER = 32 * 1024
PER_SESSION = 3


class News:
    """Everybody who follows the state; `document` compiles it for one session."""

    def __init__(self, document: Callable[[str], Json]) -> None:
        self._document = document
        self._readers: List[Outlet] = []
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_changed = False
        self._silent_s = 0.0

    @property
    def is_watched(self) -> bool:
        """Whether news of the board is wanted."""
        return bool(self._readers)

    def add(self, outlet: Outlet) -> None:
        """Tell `outlet` the state now and whenever it changes."""
        same = [reader for reader in self._readers if reader.session == outlet.session]
        for reader in same[: max(0, len(same) - PER_SESSION + 1)]:
            reader.close()
        outlet.on_gone = lambda: self._readers.remove(outlet)
        self._readers.append(outlet)
        self._tell(outlet)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._beat)

    def tick(self) -> None:
        """Something on the board changed."""
        self._is_changed = True

    def close(self) -> None:
        """Hang up on everybody."""
        for reader in list(self._readers):
            reader.close()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._timer = None
        self._silent_s += PERIOD_S
        for reader in list(self._readers):
            if reader.is_stalled():
                reader.close()
        if self._is_changed or self._silent_s >= KEEP_ALIVE_S:
            self._is_changed, self._silent_s = False, 0.0
            for reader in self._readers:
                self._tell(reader)
        if self._readers:
            self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._beat)

    def _tell(self, reader: Outlet) -> None:
        if reader.is_free:
            text = json.dumps(self._document(reader.session), separators=(",", ":"))
            reader.send(b"event: state\ndata: %s\n\n" % text.encode("utf-8"))
