"""Reads MP4 structures from bytes nobody vouches for.

A size or a count in a file is a claim: it is compared with what is there before anything is
allocated or read, and a false one is a `MediaError`. Files are read by position, never mapped,
because a mapped file on a pulled stick kills the process (SIGBUS).
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Tuple

import numpy as np

from dashcamd.errors import MediaError
from dashcamd.storage.mp4_boxes import (
    FLIP_OFFSET,
    INIT_OFFSET,
    LONGEST_STEP,
    MAC_EPOCH_S,
    MOOF_LIMIT_BYTES,
    SYNC_FLAGS,
    TIMESCALE,
    Samples,
    Track,
)

MAX_SAMPLES = 2_000_000
"""Eighteen hours at 30 fps: more is a hostile count, not a recording."""

_MOOV_LIMIT_BYTES = 64 << 20
_OPENING_LIMIT_BYTES = 1 << 20
_TOP_LEVEL_LIMIT_BOXES = 100_000
_TRUN_FLAGS = 0x701
_OFFSET_LIMIT = 1 << 62
_TABLES = (b"mdia", b"minf", b"stbl")
_CHUNK_WIDTHS = {b"stco": 4, b"co64": 8}

Numbers = Any
"""A one- or two-dimensional int64 array (numpy 1.19 cannot say so)."""

Span = Tuple[int, int]
"""Start and end of a box's content within a buffer."""


class Source(Protocol):
    """Bytes that can be read by position: a `DiskFile`, or a file in memory."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end."""


class Box(NamedTuple):
    """A box in a file: where it begins, where its content begins, where it claims to end."""

    kind: bytes
    offset: int
    body: int
    end: int


class Opening(NamedTuple):
    """The first ``moov`` of a growing file, and where the fragments begin."""

    track: Track
    end: int


class Fragment(NamedTuple):
    """A ``moof`` with its ``mdat``; `end` may lie beyond the end of the file."""

    offset: int
    data: int
    time: int
    sizes: List[int]
    durations: List[int]
    is_key: bool

    @property
    def end(self) -> int:
        """Where the next fragment begins."""
        return self.data + sum(self.sizes)

    @property
    def last_time(self) -> int:
        """Decode time of its last sample."""
        return self.time + sum(self.durations[:-1])

    def follows(self, time: int) -> bool:
        """Whether it may come after a sample at `time`."""
        return time <= self.time <= time + LONGEST_STEP


class Movie(NamedTuple):
    """The index of a finished file as arrays, one element a sample; times in ticks."""

    track: Track
    timescale: int
    offsets: Numbers
    sizes: Numbers
    durations: Numbers
    keys: Numbers


def read_box(source: Source, offset: int) -> Optional[Box]:
    """The header of the box at `offset`; None where there is none or its size is impossible."""
    header = source.read(offset, 16)
    if len(header) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", header)
    body = offset + 8
    if size == 1:
        if len(header) < 16:
            return None
        size, body = struct.unpack_from(">Q", header, 8)[0], offset + 16
    elif size == 0:
        size = source.size - offset
    if size < body - offset:
        return None
    return Box(kind, offset, body, offset + size)


def read_opening(source: Source) -> Optional[Opening]:
    """The opening of a recording of ours; None if `source` does not begin with one.

    The 16 bytes at `FLIP_OFFSET` are not looked at: a cut may have left them half overwritten.
    """
    first = read_box(source, 0)
    if first is None or first.kind != b"ftyp" or first.end != FLIP_OFFSET:
        return None
    movie = read_box(source, INIT_OFFSET)
    if movie is None or movie.kind != b"moov" or movie.end > source.size:
        return None
    data = _read_whole(source, movie, _OPENING_LIMIT_BYTES)
    try:
        _find(data, (0, len(data)), b"mvex", b"trex")
        track, timescale, _ = _parse_track(data)
    except MediaError:
        return None
    return Opening(track, movie.end) if timescale == TIMESCALE else None


def read_fragment(source: Source, offset: int) -> Optional[Fragment]:
    """The fragment at `offset`, if its header is whole and consistent; None otherwise."""
    moof = read_box(source, offset)
    if moof is None or moof.kind != b"moof" or moof.end - offset > MOOF_LIMIT_BYTES:
        return None
    content = source.read(moof.body, moof.end - moof.body + 8)
    if len(content) < moof.end - moof.body + 8:
        return None
    try:
        fragment = _parse_moof(content[:-8], moof)
    except MediaError:
        return None
    mdat_size, kind = struct.unpack(">I4s", content[-8:])
    if kind != b"mdat" or mdat_size != sum(fragment.sizes) + 8:
        return None
    return fragment


def read_movie(source: Source) -> Optional[Movie]:
    """The index of a finished file; None if the file is not finished.

    Raises `MediaError` when there is an index but it is nonsense.
    """
    offset = 0
    for _ in range(_TOP_LEVEL_LIMIT_BOXES):
        found = read_box(source, offset)
        if found is None or found.end > source.size or found.end == offset:
            return None
        if found.kind == b"moov":
            data = _read_whole(source, found, _MOOV_LIMIT_BYTES)
            if any(kind == b"mvex" for kind, _ in _children(data, (0, len(data)))):
                return None
            return _parse_movie(data)
        offset = found.end
    return None


def chunk_tables(moov: bytes) -> Iterator[Tuple[int, int, int]]:
    """Where the content of a ``moov`` holds chunk offsets: place, how many, bytes of each.

    Of every track. Raises `MediaError` for nonsense.
    """
    for kind, track in _children(moov, (0, len(moov))):
        if kind != b"trak":
            continue
        for kind, (start, end) in _children(moov, _find(moov, track, *_TABLES)):
            width = _CHUNK_WIDTHS.get(kind)
            if width is None:
                continue
            count = _unpack(">I", moov, (start, end), 4)[0]
            if count * width > end - start - 8:
                raise MediaError("a table claims %d rows, more than its box holds" % count)
            yield start + 8, count, width


def table_of(fragments: Iterable[Fragment]) -> Samples:
    """The sample table of fragments that follow one another."""
    samples = Samples()
    for fragment in fragments:
        ends = list(accumulate(fragment.durations, initial=fragment.time))
        keys = (0,) if fragment.is_key else ()
        samples.add_fragment(fragment.data, fragment.sizes, ends[:-1], keys)
        samples.last_duration = fragment.durations[-1]
    return samples


def nal_problem(source: Source, offset: int, size: int) -> Optional[str]:
    """Why the NAL lengths of a sample do not add up to its size; None when they do."""
    end = offset + size
    while offset < end:
        length = int.from_bytes(source.read(offset, 4), "big")
        if length == 0 or offset + 4 + length > end:
            return "a NAL unit of %d bytes in the %d bytes left of its sample" % (
                length, end - offset,
            )  # fmt: skip
        offset += 4 + length
    return None


def _read_whole(source: Source, found: Box, limit: int) -> bytes:
    size = found.end - found.body
    if size > limit:
        raise MediaError("a %s box of %d bytes is no index" % (_name(found.kind), size))
    return source.read(found.body, size)


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "replace")


def _children(data: bytes, span: Span) -> Iterator[Tuple[bytes, Span]]:
    offset, end = span
    while offset + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, offset)
        if size < 8 or offset + size > end:
            raise MediaError("a %s box does not fit into its parent" % _name(kind))
        yield kind, (offset + 8, offset + size)
        offset += size


def _find(data: bytes, span: Span, *path: bytes) -> Span:
    for wanted in path:
        for kind, inner in _children(data, span):
            if kind == wanted:
                span = inner
                break
        else:
            raise MediaError("the %s box is missing" % _name(wanted))
    return span


def _unpack(layout: str, data: bytes, span: Span, skip: int = 0) -> Tuple[Any, ...]:
    if span[0] + skip + struct.calcsize(layout) > span[1]:
        raise MediaError("a box is too short for its content")
    return struct.unpack_from(layout, data, span[0] + skip)


def _rows(data: bytes, span: Span, layout: str, width: int, skip: int = 4) -> Numbers:
    """A table of `width` columns behind its count, as int64."""
    count = _unpack(">I", data, span, skip)[0]
    start = span[0] + skip + 4
    if count * width * np.dtype(layout).itemsize > span[1] - start:
        raise MediaError("a table claims %d rows, more than its box holds" % count)
    table = np.frombuffer(data, layout, count * width, start)
    if layout == ">u8" and count and int(table.max()) > _OFFSET_LIMIT:
        raise MediaError("an offset beyond any file")
    return table.astype(np.int64).reshape(count, width)


def _parse_moof(content: bytes, moof: Box) -> Fragment:
    whole = (0, len(content))
    track = _find(content, whole, b"traf")
    time = _unpack(">Q", content, _find(content, track, b"tfdt"), 4)[0]
    run = _find(content, track, b"trun")
    flags, count, data_offset = _unpack(">IIi", content, run)
    if flags != _TRUN_FLAGS or data_offset != moof.end - moof.offset + 8 or count == 0:
        raise MediaError("not a fragment of ours")
    if count * 12 != run[1] - run[0] - 12 or time > _OFFSET_LIMIT:
        raise MediaError("a fragment header contradicts itself")
    rows = np.frombuffer(content, ">u4", count * 3, run[0] + 12).reshape(count, 3)
    if not rows[:, :2].all():
        raise MediaError("an empty sample")
    return Fragment(
        moof.offset,
        moof.end + 8,
        time,
        rows[:, 1].tolist(),
        rows[:, 0].tolist(),
        int(rows[0, 2]) == SYNC_FLAGS,
    )


def _parse_track(data: bytes) -> Tuple[Track, int, Span]:
    """Track, time scale and the span of ``stbl`` of the first video track in a ``moov``."""
    for kind, track in _children(data, (0, len(data))):
        if kind != b"trak":
            continue
        handler = _unpack("4s", data, _find(data, track, b"mdia", b"hdlr"), 8)[0]
        if handler == b"vide":
            return _parse_video(data, track)
    raise MediaError("there is no video track")


def _parse_video(data: bytes, track: Span) -> Tuple[Track, int, Span]:
    header = _find(data, track, b"tkhd")
    width, height = _unpack(">II", data, (header[1] - 8, header[1]))
    media = _find(data, track, b"mdia", b"mdhd")
    layout = ">QQI" if _unpack("B", data, media)[0] == 1 else ">III"
    created, _, timescale = _unpack(layout, data, media, 4)
    if timescale == 0:
        raise MediaError("the time scale is zero")
    tables = _find(data, track, *_TABLES)
    stsd = _find(data, tables, b"stsd")
    return (
        Track(width >> 16, height >> 16, data[stsd[0] - 8 : stsd[1]], created),
        timescale,
        tables,
    )


def _parse_movie(data: bytes) -> Movie:
    track, timescale, tables = _parse_track(data)
    sizes = _sample_sizes(data, _find(data, tables, b"stsz"))
    durations = _sample_durations(data, _find(data, tables, b"stts"), len(sizes))
    offsets = _sample_offsets(data, tables, sizes)
    present = {kind for kind, _ in _children(data, tables)}
    keys = np.arange(len(sizes))
    if b"stss" in present:
        keys = _rows(data, _find(data, tables, b"stss"), ">u4", 1)[:, 0] - 1
    if len(keys) and (keys.min() < 0 or keys.max() >= len(sizes)):
        raise MediaError("a keyframe beyond the last sample")
    return Movie(track, timescale, offsets, sizes, durations, keys)


def _sample_sizes(data: bytes, span: Span) -> Numbers:
    same, count = _unpack(">II", data, span, 4)
    if count > MAX_SAMPLES:
        raise MediaError("%d samples are more than any recording has" % count)
    if same:
        return np.full(count, same, np.int64)
    return _rows(data, span, ">u4", 1, skip=8)[:, 0]


def _sample_durations(data: bytes, span: Span, count: int) -> Numbers:
    rows = _rows(data, span, ">u4", 2)
    if int(rows[:, 0].sum()) != count:
        raise MediaError("durations for another number of samples than there are")
    return np.repeat(rows[:, 1], rows[:, 0])


def _sample_offsets(data: bytes, tables: Span, sizes: Numbers) -> Numbers:
    chunks = _chunk_offsets(data, tables)
    per_chunk = _samples_per_chunk(data, _find(data, tables, b"stsc"), len(chunks), len(sizes))
    before = np.cumsum(sizes) - sizes
    used = per_chunk > 0
    chunks, per_chunk = chunks[used], per_chunk[used]
    first = np.cumsum(per_chunk) - per_chunk
    return np.repeat(chunks - before[first], per_chunk) + before


def _chunk_offsets(data: bytes, tables: Span) -> Numbers:
    for kind, span in _children(data, tables):
        if kind == b"stco":
            return _rows(data, span, ">u4", 1)[:, 0]
        if kind == b"co64":
            return _rows(data, span, ">u8", 1)[:, 0]
    raise MediaError("the stco box is missing")


def _samples_per_chunk(data: bytes, span: Span, chunks: int, samples: int) -> Numbers:
    rows = _rows(data, span, ">u4", 3)
    firsts = np.append(rows[:, 0], chunks + 1)
    runs = np.diff(firsts)
    if (len(rows) and firsts[0] != 1) or (runs < 0).any() or (chunks and not len(rows)):
        raise MediaError("the chunks are out of order")
    if int((runs * rows[:, 1]).sum()) != samples or (rows[:, 1] > MAX_SAMPLES).any():
        raise MediaError("chunks for another number of samples than there are")
    return np.repeat(rows[:, 1], runs)


def created_wall(track: Track) -> float:
    """Creation time of a track in Unix seconds, 0 when it is not known."""
    return float(max(0, track.created - MAC_EPOCH_S))
