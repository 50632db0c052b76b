"""A night of motion fields in a few megabytes, so that it can be replayed with other settings.

The camera's fields are kept ten a second while something happens and one a second while nothing
does, SAD in 128 steps. *Something happens* when any block differs more than the most sensitive
setting would ask for, so a replay may be more sensitive than the daemon was.

A *chunk* is about a minute of fields and stands by itself::

    "DCT1", bytes of meta, bytes of body, CRC-32 of both      little-endian
    meta    JSON: grid, source, scale, first stamp, fields, and what the writer knows of the clock
    body    zlib of, for each field: tenths of ms since the first stamp, flags, common vector,
            SAD plane, and both vector planes if the blocks differ in theirs

A file is chunks one after the other; it ends where a chunk is torn.

Cost: a SAD plane of 1200 blocks deflates to 270 bytes (quiet sensor) to 600 (noisy). So 1 to 2.2 MB
for an hour of nothing, `HOUR_BYTES` at the most: what is beyond it is thinned, then left out, and
counted.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Deque, Iterator, List, Mapping, Optional, Tuple

import numpy as np

from dashcamd.types import MOTION_DTYPE, Json, MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

HOUR_BYTES = 8 << 20
"""Most bytes of trace for an hour; a quarter of it may come at once."""

BUSY_PERIOD_S: Seconds = 0.07
IDLE_PERIOD_S: Seconds = 1.0
"""Least distance of kept fields. The detector takes two seconds without one for a restart."""

LEAD_S: Seconds = 1.0
TAIL_S: Seconds = 2.0
"""Around what happens every field is kept."""

CHUNK_S: Seconds = 60.0
CHUNK_BYTES = 192 * 1024
"""A power cut costs the chunk that is open; one of busy fields is shorter than a minute."""

STEP = 2.0
"""Steps of the square root of SAD: 23 % of an ordinary 300, 10 % of the floor of 1600."""

STIR_SAD = 600.0
STIR_RATIO = 1.5
"""A block stirs when its SAD exceeds both; the detector at its most sensitive asks for 672."""

MEAN_WEIGHT = np.float32(0.05)

MAGIC = b"DCT1"
_HEAD = struct.Struct("<4sIII")
_FIELD = struct.Struct("<IBbb")
_PLANES = 1
MAX_META_BYTES = 4096
MAX_RAW_BYTES = 16 << 20
MAX_SIDE = 512
"""Bounds of what a reader believes: a trace comes from anybody's stick."""


@dataclass(frozen=True)
class TraceChunk:
    """About a minute of fields, deflated. `start` and `end` are stamps of the first and last."""

    start: Seconds
    end: Seconds
    fields: int
    rows: int
    cols: int
    source: str
    scale: float
    body: bytes

    def encoded(self, clock: Mapping[str, Any]) -> bytes:
        """The chunk as it lies in a file; `clock` is what is known of the time at its `start`."""
        meta = {key: value for key, value in vars(self).items() if key != "body"}
        head = json.dumps({**meta, **clock}).encode("ascii")
        crc = zlib.crc32(self.body, zlib.crc32(head))
        return _HEAD.pack(MAGIC, len(head), len(self.body), crc) + head + self.body


class Tracer:
    """Thins the fields of one camera into chunks. Pure; one thread (detect)."""

    def __init__(self) -> None:
        self._mean: Optional[Array] = None
        self._recent: Deque[Tuple[Seconds, MotionField]] = deque()
        self._open: Optional[_Open] = None
        self._kept_at: Seconds = float("-inf")
        self._busy_until: Seconds = float("-inf")
        self._tokens = HOUR_BYTES / 4.0
        self._now: Seconds = 0.0
        self.left_out = 0
        """Fields that were due and went beyond the bound of bytes."""

    def take(self, field: MotionField, is_driving: bool = False) -> Optional[TraceChunk]:
        """Look at the next field; a chunk if one is full now.

        On a drive everything moves all the time and no setting changes that: it is kept as idle.
        """
        done = self._follow(field)
        if self._stirs(field) and not is_driving:
            self._busy_until = field.ts + TAIL_S
        self._recent.append((field.ts, field))
        while self._recent and self._recent[0][0] < field.ts - LEAD_S:
            self._recent.popleft()
        is_busy = field.ts <= self._busy_until and self._tokens > 0
        if is_busy or field.ts - self._kept_at >= IDLE_PERIOD_S - 0.01:
            self._keep_recent(field if not is_busy else None)
        return done

    def flush(self) -> Optional[TraceChunk]:
        """The chunk that is open, closed now."""
        done, self._open = self._open, None
        return done.closed() if done is not None else None

    def _follow(self, field: MotionField) -> Optional[TraceChunk]:
        """Close the open chunk if it is full or `field` does not fit it; let time pass."""
        passed, self._now = field.ts - self._now, field.ts
        earned = min(max(passed, 0.0), 3600.0) * HOUR_BYTES / 3600
        self._tokens = min(self._tokens + earned, HOUR_BYTES / 4.0)
        held = self._open
        if held is not None and (not held.fits(field) or held.is_full(field.ts)):
            return self.flush()
        return None

    def _stirs(self, field: MotionField) -> bool:
        sad = field.blocks["sad"][:, :-1].astype(np.float32)
        if self._mean is None or self._mean.shape != sad.shape:
            self._mean = sad
            return True
        stirs = bool((sad > np.maximum(self._mean * np.float32(STIR_RATIO), STIR_SAD)).any())
        self._mean += MEAN_WEIGHT * (sad - self._mean)
        return stirs

    def _keep_recent(self, only: Optional[MotionField]) -> None:
        """Keep `only`, or all that came since the last kept one as far as it is remembered."""
        fields = [only] if only is not None else [field for _, field in self._recent]
        for field in fields:
            if not 0 <= field.ts - self._kept_at < BUSY_PERIOD_S and field.ts > self._kept_at:
                self._keep(field)

    def _keep(self, field: MotionField) -> None:
        if self._tokens < -HOUR_BYTES / 8:
            self.left_out += 1
            return
        if self._open is None:
            self._open = _Open(field)
        self._tokens -= self._open.add(field)
        self._kept_at = field.ts


class _Open:
    """A chunk that is being filled; each field is deflated as it comes."""

    def __init__(self, first: MotionField) -> None:
        self._first = first
        self._last: Seconds = first.ts
        self._fields = 0
        self._deflate = zlib.compressobj(1)
        self._parts: List[bytes] = []
        self._bytes = 0

    def fits(self, field: MotionField) -> bool:
        """Whether `field` belongs to the same grid and goes on in time."""
        first = self._first
        same = (field.blocks.shape, field.source) == (first.blocks.shape, first.source)
        return same and field.ts - self._last >= 0

    def is_full(self, ts: Seconds) -> bool:
        """Whether a chunk ought to end before a field at `ts`."""
        return ts - self._first.ts >= CHUNK_S or self._bytes >= CHUNK_BYTES

    def add(self, field: MotionField) -> float:
        """Deflate one more field; how many bytes came out, of this one or those before."""
        blocks = field.blocks[:, :-1]
        x, y = blocks["x"], blocks["y"]
        has_planes = bool((x != x[0, 0]).any() or (y != y[0, 0]).any())
        offset = round((field.ts - self._first.ts) * 1e4)
        raw = [_FIELD.pack(offset, _PLANES * has_planes, int(x[0, 0]), int(y[0, 0]))]
        raw.append(_quantised(blocks["sad"]).tobytes())
        raw += [x.tobytes(), y.tobytes()] if has_planes else []
        part = self._deflate.compress(b"".join(raw))
        self._parts.append(part)
        self._bytes += len(part)
        self._fields += 1
        self._last = field.ts
        return float(len(part))

    def closed(self) -> TraceChunk:
        """The finished chunk."""
        first = self._first
        rows, cols = first.blocks.shape[0], first.blocks.shape[1] - 1
        body = b"".join([*self._parts, self._deflate.flush()])
        return TraceChunk(
            first.ts, self._last, self._fields, rows, cols, first.source, first.scale, body
        )


def _quantised(sad: Array) -> Array:
    steps: Array = np.rint(np.sqrt(sad, dtype=np.float32) * np.float32(1 / STEP)).astype(np.uint8)
    return steps


def _restored(steps: Array) -> Array:
    root = steps.astype(np.uint32) * int(STEP)
    sad: Array = np.minimum(root * root, 65535).astype(np.uint16)
    return sad


def chunks_of(data: bytes) -> Iterator[Tuple[TraceChunk, Json]]:
    """The whole chunks of a file with what their writer knew; ends at the first that is not."""
    place = 0
    while True:
        size = whole_chunk(data, place)
        if not size:
            return
        _, meta_bytes, _, _ = _HEAD.unpack_from(data, place)
        start = place + _HEAD.size
        found = _parsed(data[start : start + meta_bytes], data[start + meta_bytes : place + size])
        if found is None:
            return
        yield found
        place += size


def whole_chunk(data: bytes, place: int) -> int:
    """Bytes of the whole chunk at `place`; 0 if there is none."""
    if len(data) - place < _HEAD.size:
        return 0
    magic, meta_bytes, body_bytes, crc = _HEAD.unpack_from(data, place)
    end = place + _HEAD.size + meta_bytes + body_bytes
    if magic != MAGIC or meta_bytes > MAX_META_BYTES or end > len(data):
        return 0
    is_whole = zlib.crc32(data[place + _HEAD.size : end]) == crc
    return end - place if is_whole else 0


def _parsed(head: bytes, body: bytes) -> Optional[Tuple[TraceChunk, Json]]:
    try:
        meta = json.loads(head.decode("ascii"))
        fields, rows, cols = (int(meta[key]) for key in ("fields", "rows", "cols"))
        start, end, scale = (float(meta[key]) for key in ("start", "end", "scale"))
        source = str(meta["source"])[:16]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    if not all(abs(one) < 1e12 for one in (start, end, scale)):
        return None
    if not (0 < rows <= MAX_SIDE and 0 < cols <= MAX_SIDE):
        return None
    return TraceChunk(start, end, fields, rows, cols, source, scale, body), meta


def fields_of(chunk: TraceChunk) -> Iterator[MotionField]:
    """The fields of a chunk, in order; as many as can be read."""
    try:
        raw = zlib.decompressobj().decompress(chunk.body, MAX_RAW_BYTES)
    except zlib.error:
        return
    size, place = chunk.rows * chunk.cols, 0
    while len(raw) - place >= _FIELD.size + size:
        offset, flags, x, y = _FIELD.unpack_from(raw, place)
        place += _FIELD.size
        planes = 3 if flags & _PLANES else 1
        if len(raw) - place < planes * size:
            return
        yield _field(chunk, offset, (x, y), raw[place : place + planes * size])
        place += planes * size


def _field(chunk: TraceChunk, offset: int, common: Tuple[int, int], raw: bytes) -> MotionField:
    shape = (-1, chunk.rows, chunk.cols)
    planes = np.frombuffer(raw, np.uint8).reshape(shape)
    blocks = np.zeros((chunk.rows, chunk.cols + 1), MOTION_DTYPE)
    blocks["x"], blocks["y"] = common
    blocks["sad"][:, :-1] = _restored(planes[0])
    if len(planes) == 3:
        blocks["x"][:, :-1], blocks["y"][:, :-1] = planes[1:].view(np.int8)
    return MotionField(chunk.start + offset * 1e-4, blocks, chunk.scale, chunk.source)
