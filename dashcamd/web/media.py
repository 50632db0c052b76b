"""Recordings over HTTP: single ranges, ``If-Range``, HEAD; in small steps the recorder allows."""

from __future__ import annotations

import asyncio
from typing import Optional

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from dashcamd.web import ranges
from dashcamd.web.doors import Door
from dashcamd.web.recordings import Recording

STEP_BYTES = 256 * 1024
PATIENCE_S = 30
"""A client that takes nothing for so long is dropped."""

YIELD_S = 0.2
YIELD_LIMIT = 15
"""While the recorder is far behind, a reader of the same stick waits, but not for ever."""


class Media(Door):
    """``/media/EVENT/FILE``; ``?upto=N`` for a part that grows, ``?download=1`` to keep it.

    A part is served with its index first; ``?raw=1`` is the file as it lies on the stick.
    """

    async def head(self, folder: str, name: str) -> None:
        """As `get`, without the content."""
        await self.get(folder, name)

    async def get(self, folder: str, name: str) -> None:
        """Send the file, or a range of it."""
        upto = self.number("upto", 1, 1 << 50)
        recordings = self.site.recordings
        is_raw = bool(self.get_query_argument("raw", ""))
        recording: Recording = await self.site.in_thread(
            lambda: recordings.open(folder, name, None if upto is None else int(upto), is_raw)
        )
        try:
            if recording.upto is not None and upto is None:
                self._freeze(folder, name, recording.upto)
            else:
                await self._serve(recording)
        finally:
            recording.close()

    def _freeze(self, folder: str, name: str, end: int) -> None:
        """Send the client to the file as it is now, so that all its ranges are of one file."""
        more = "&download=1" if self.get_query_argument("download", "") else ""
        self.redirect("/media/%s/%s?upto=%d%s" % (folder, name, end, more))

    async def _serve(self, recording: Recording) -> None:
        span = self._span(recording)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("ETag", recording.etag)
        self.set_header("Content-Type", _kind_of(recording.name))
        if recording.name.endswith(".mp4") and recording.upto is None:
            self.set_header("Cache-Control", "private, max-age=3600")
        if self.get_query_argument("download", ""):
            self.set_header("Content-Disposition", 'attachment; filename="%s"' % recording.name)
        self.set_header("Content-Length", str(span.end - span.start))
        if not span.is_whole:
            self.set_status(206)
            bounds = (span.start, span.end - 1, recording.size)
            self.set_header("Content-Range", "bytes %d-%d/%d" % bounds)
        if self.request.method != "HEAD":
            await self._send(recording, span)

    def _span(self, recording: Recording) -> ranges.Span:
        header: Optional[str] = self.request.headers.get("Range")
        if not ranges.is_still(self.request.headers.get("If-Range"), recording.etag):
            header = None
        span = ranges.span(header, recording.size)
        if span is None:
            self.of_error["Content-Range"] = "bytes */%d" % recording.size
            raise HTTPError(416, reason="That is beyond the end of the file")
        return span

    async def _send(self, recording: Recording, span: ranges.Span) -> None:
        place = span.start
        while place < span.end:
            await self._let_the_recorder_pass()
            size = min(STEP_BYTES, span.end - place)
            data = await self._read(recording, place, size)
            if not data or self.site.recordings.version != recording.version:
                self._hang_up()  # the stick was pulled in the middle
                return
            self.write(data)
            place += len(data)
            if not await self._is_taken(recording):
                self._hang_up()
                return

    async def _is_taken(self, recording: Recording) -> bool:
        """Wait until the client took it; False when it is gone or stalls, or the stick is."""
        flushed = asyncio.ensure_future(self.flush())
        for _ in range(PATIENCE_S):
            done, _ = await asyncio.wait({flushed}, timeout=1.0)
            if done:
                return not isinstance(flushed.exception(), StreamClosedError)
            if self.site.recordings.version != recording.version:
                break  # an open file would keep the stick from being ejected
        flushed.cancel()
        return False

    async def _read(self, recording: Recording, place: int, size: int) -> bytes:
        data: bytes = await self.site.in_thread(lambda: recording.read(place, size))
        return data

    async def _let_the_recorder_pass(self) -> None:
        for _ in range(YIELD_LIMIT):
            if not self.site.rooms.is_behind:
                return
            await asyncio.sleep(YIELD_S)

    def _hang_up(self) -> None:
        """Close in the middle: the client must not take what it has for the whole."""
        self.detach().close()

    def compute_etag(self) -> None:
        """Set by hand above; the content is not at hand for a hash."""


def _kind_of(name: str) -> str:
    return "image/jpeg" if name.endswith(".jpg") else "video/mp4"
