"""One client of a stream: written to only when the last write has drained.

Tornado's ``write`` buffers without a bound; a client that stalls would grow the daemon for ever.
So each outlet is either free or busy, and its owner decides what to do with what came meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Callable, Iterable, Optional

from tornado.iostream import IOStream, StreamClosedError

from dashcamd.types import Seconds

STALL_S = 10.0
"""A client that takes nothing for so long is dropped."""


class Outlet:
    """A detached connection. `on_free` is called when a write has drained, `on_gone` once."""

    def __init__(
        self, stream: IOStream, session: str, now: Callable[[], Seconds], buffer_bytes: int
    ) -> None:
        self._stream = stream
        self._now = now
        self._busy_since: Optional[Seconds] = None
        self.session = session
        self.on_free: Callable[[], None] = _nothing
        self.on_gone: Callable[[], None] = _nothing
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        stream.set_nodelay(True)
        stream.set_close_callback(self._gone)

    @property
    def is_free(self) -> bool:
        """Whether the next `send` goes out at once."""
        return self._busy_since is None

    def is_stalled(self) -> bool:
        """Whether the last write has waited too long to drain."""
        return self._busy_since is not None and self._now() - self._busy_since > STALL_S

    def send(self, buffers: Iterable[bytes]) -> None:
        """Write while free; busy until it has drained."""
        try:
            drained = self._stream.write(b"".join(buffers))
        except StreamClosedError:
            return
        if drained.done():
            self._retrieve(drained)
            return
        self._busy_since = self._now()
        drained.add_done_callback(self._drained)

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def _drained(self, drained: asyncio.Future[None]) -> None:
        self._busy_since = None
        if self._retrieve(drained):
            self.on_free()

    def _retrieve(self, drained: asyncio.Future[None]) -> bool:
        return not drained.cancelled() and drained.exception() is None

    def _gone(self) -> None:
        on_gone, self.on_gone, self.on_free = self.on_gone, _nothing, _nothing
        on_gone()


def _nothing() -> None:
    return
