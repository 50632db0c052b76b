"""A link of so many bits a second between a client and a server, on loopback.

Every connection to the proxy shares the link downwards; upwards nothing is slowed. Little is
buffered on the way (a few kilobytes, as on a radio link that is any good), so the sender feels the
link at once.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import List, Optional

CHUNK_BYTES = 4096
BUFFER_BYTES = 8192
"""In the kernel on each side of the proxy (Linux doubles it)."""


class SlowLink:
    """Forwards ``127.0.0.1:port`` to `target_port`; `bits_per_s` may be changed at any time."""

    def __init__(self, target_port: int, bits_per_s: float) -> None:
        self.bits_per_s = bits_per_s
        self.port = 0
        self.requests: List[bytes] = []
        """First lines of what was asked, in order; clear it at will."""
        self._target_port = target_port
        self._free_at = 0.0
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> SlowLink:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._target_port))
        far_reader, far_writer = await asyncio.open_connection(sock=raw, limit=CHUNK_BYTES)
        down = asyncio.ensure_future(self._shaped(far_reader, writer))
        try:
            while data := await reader.read(CHUNK_BYTES):
                self._note(data)
                far_writer.write(data)
        except OSError:
            pass
        finally:
            down.cancel()
            far_writer.close()

    def _note(self, data: bytes) -> None:
        line = data.partition(b"\r\n")[0]
        if line.endswith(b" HTTP/1.1"):
            self.requests.append(line)

    async def _shaped(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES
        )
        writer.transport.set_write_buffer_limits(high=0)
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(CHUNK_BYTES):
                now = loop.time()
                self._free_at = max(self._free_at, now) + len(data) * 8 / self.bits_per_s
                await asyncio.sleep(self._free_at - now)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
