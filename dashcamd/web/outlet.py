"""One client of a stream: written to only when the last write has drained.

Tornado's ``write`` buffers without a bound; a client that stalls would grow the daemon for ever.
So each outlet is either free or busy, and its owner decides what to do with what came meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Callable, Optional

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from dashcamd.types import Seconds

STALL_S = 10.0
"""A client that takes nothing for so long is dropped."""

UNSENT_BYTES = 4096
"""A socket with more than this still to send takes nothing new (Linux, ``tcp(7)``).

So an outlet is free only when the link has nearly taken the last picture, not when the kernel
has, and the next one is chosen as late as can be: on 3 Mbit/s the picture is 0.1 s younger
(``python -m benchmarks.phone_age --link 3``).
"""


class Outlet:
    """A detached connection. `on_free` is called when a write has drained, `on_gone` once."""

    def __init__(
        self,
        stream: IOStream,
        session: str,
        now: Callable[[], Seconds],
        buffer_bytes: int,
        is_welcome: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stream = stream
        self._now = now
        self._is_welcome = is_welcome
        self._busy_since: Optional[Seconds] = None
        self._is_slow = False
        self._is_wrapped = isinstance(stream, SSLIOStream)
        self.session = session
        self.on_free: Callable[[], None] = _nothing
        self.on_gone: Callable[[], None] = _nothing
        if stream.closed():  # gone before it began: its owner hears that as of any other
            asyncio.get_running_loop().call_soon(self._gone)
            return
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        stream.set_nodelay(True)
        stream.set_close_callback(self._gone)

    @property
    def is_free(self) -> bool:
        """Whether the next `send` goes out at once."""
        return self._busy_since is None

    def must_go(self) -> bool:
        """Whether the last write has waited too long to drain, or whoever it is was signed out."""
        is_stalled = self._busy_since is not None and self._now() - self._busy_since > STALL_S
        return is_stalled or not self._is_welcome()

    def send(self, data: bytes, tail: int = 0) -> None:
        """Write while free; busy until it has drained.

        On a slow link the last `tail` bytes are a piece of their own, which the kernel takes only
        when little of the rest is left to send.
        """
        view = memoryview(data)
        pieces = (view[:-tail], view[-tail:]) if tail and self._is_slow else (view,)
        drained: Optional[asyncio.Future[None]] = None
        try:
            for piece in pieces:
                taken = self._taken(piece) if drained is None else 0
                if taken < len(piece):
                    drained = self._stream.write(piece[taken:])
        except StreamClosedError:
            return
        self._is_slow = drained is not None
        if drained is not None:
            self._busy_since = self._now()
            drained.add_done_callback(self._drained)

    def _taken(self, piece: memoryview) -> int:
        """How much the kernel takes at once: what mostly happens, without a turn of the loop."""
        if self._is_wrapped or self._stream.closed():
            return 0
        try:
            taken: int = self._stream.socket.send(piece)
        except OSError:
            return 0  # full, or broken, which the stream finds out by itself
        return taken

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def _drained(self, drained: asyncio.Future[None]) -> None:
        self._busy_since = None
        if not drained.cancelled() and drained.exception() is None:
            self.on_free()

    def _gone(self) -> None:
        on_gone, self.on_gone, self.on_free = self.on_gone, _nothing, _nothing
        on_gone()


def _nothing() -> None:
    return
