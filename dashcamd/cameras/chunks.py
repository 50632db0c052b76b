"""From an encoder's chunks to whole access units: the part of the picamera back-end that is pure.

The VideoCore hands out buffers of some 64 KiB. SPS and PPS come as a unit of their own before each
IDR picture; a picture larger than a buffer comes in several chunks, of which only the first has a
time stamp and only the last says that the picture is complete.
"""

from __future__ import annotations

from typing import Callable, List, Optional

from dashcamd.types import Frame, Seconds

HEADERS, KEY, PLAIN = "headers", "key", "plain"
"""What a chunk is part of: SPS and PPS, an IDR picture, any other picture."""

SMALLEST_STEP_S = 1e-6
"""Stamps rise at least so much: the resolution of the VideoCore's clock."""


class AccessUnits:
    """Joins chunks to `Frame`s: whole, in order, keyframes with their headers in front.

    `to_ts` turns the encoder's microseconds into boot-monotonic seconds, `period_s` stands in for
    a stamp that the encoder left out. Nothing comes out before the first keyframe. A picture in
    one chunk is handed on as it came, without a copy. Used on the camera's callback thread alone.
    """

    def __init__(self, to_ts: Callable[[Optional[int]], Seconds], period_s: Seconds) -> None:
        self._to_ts = to_ts
        self._period_s = period_s
        self._headers = b""
        self._chunks: List[bytes] = []
        self._kind = PLAIN
        self._pts_us: Optional[int] = None
        self._last_ts: Optional[Seconds] = None

    def add(self, data: bytes, kind: str, pts_us: Optional[int], is_last: bool) -> Optional[Frame]:
        """Take one chunk; returns the frame that it completes, if it does."""
        if self._chunks and kind != self._kind:
            self._chunks = []
        if not self._chunks:
            self._kind, self._pts_us = kind, pts_us
        self._chunks.append(data)
        return self._finish() if is_last else None

    def _finish(self) -> Optional[Frame]:
        whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        if self._kind == HEADERS:
            self._headers = whole
            return None
        is_key = self._kind == KEY
        if self._last_ts is None and not (is_key and self._headers):
            return None
        return Frame(self._stamp(), is_key, self._headers + whole if is_key else whole)

    def _stamp(self) -> Seconds:
        last = self._last_ts
        if self._pts_us is None and last is not None:
            ts = last + self._period_s
        else:
            ts = self._to_ts(self._pts_us)
        if last is not None:
            ts = max(ts, last + SMALLEST_STEP_S)
        self._last_ts = ts
        return ts
