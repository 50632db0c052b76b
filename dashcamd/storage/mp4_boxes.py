"""The bytes of a hybrid MP4: boxes, the opening, fragment headers and the closing index.

One H.264 track, no B frames (decode order is display order), no edit list. While it grows the
file is fragmented; closed, it is an ordinary MP4 (`dashcamd.storage.mp4_writer` tells how)::

    growing   ftyp  free  moov(mvex)  moof mdat  moof mdat  ...
    closed    ftyp  mdat(............................hides all that)  moov

Box layouts are those of ISO/IEC 14496-12 (clause numbers at each), the sample entry of 14496-15.
Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from array import array
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from dashcamd.core.h264 import ParameterSets, avcc, parse_sps

TIMESCALE = 90_000
"""Ticks a second: the clock of RTP and MPEG (RFC 6184, 8.2.1), exact for 24, 25, 30, 50, 60 fps."""

LONGEST_STEP = 3600 * TIMESCALE
"""No frame is written behind a longer one, so a fragment that claims it is damage; and it fits the
32 bits of a duration."""

MAC_EPOCH_S = 2_082_844_800
"""Seconds from 1904-01-01, where MP4 counts from, to 1970-01-01."""

SYNC_FLAGS = 0x0200_0000
"""Sample flags of a keyframe: depends on nothing (8.8.3.1)."""

DELTA_FLAGS = 0x0101_0000
"""Sample flags of any other frame: depends on others, is not a sync sample."""

FRAGMENT_LIMIT_FRAMES = 8192
"""Most frames in a fragment; an endless GOP is cut there so that readers can bound a ``moof``."""

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_HEADER = struct.Struct(">I4s")
_ENTRY_WORDS = 3
_MOOF_FIXED_BYTES = 8 + 16 + 8 + 16 + 20 + 20

MOOF_LIMIT_BYTES = _MOOF_FIXED_BYTES + 4 * _ENTRY_WORDS * FRAGMENT_LIMIT_FRAMES
"""No ``moof`` of ours is larger."""


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of four-letter type `kind`."""
    body = b"".join(content)
    return _HEADER.pack(len(body) + 8, kind) + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


FTYP = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isom", b"iso6", b"avc1", b"mp41")
"""``iso6`` for the fragments (tfdt, default-base-is-moof), ``isom`` and ``mp41`` for old ones."""

FLIP_OFFSET = len(FTYP)
"""Where the 16 bytes lie that turn a fragmented file into an ordinary one."""

PLACEHOLDER = box(b"free", bytes(8))
"""Those 16 bytes while recording; they share one disk sector with the file's beginning."""

INIT_OFFSET = FLIP_OFFSET + len(PLACEHOLDER)
"""Where the ``moov`` of a growing file begins."""


def closing_header(end: int) -> bytes:
    """The 16 bytes that make everything from `FLIP_OFFSET` up to `end` one ``mdat``."""
    return struct.pack(">I4sQ", 1, b"mdat", end - FLIP_OFFSET)


class Track(NamedTuple):
    """What stands in both indexes: picture size in pixels, sample description, creation time.

    `created` counts from 1904 (`MAC_EPOCH_S`), 0 when unknown; `stsd` is the whole box.
    """

    width: int
    height: int
    stsd: bytes
    created: int = 0


def track_for(sets: ParameterSets, created_wall: float) -> Track:
    """The track of a stream with these parameter sets. Raises `MediaError` if they are unfit."""
    record = avcc(sets)
    sps = parse_sps(sets.sps[0])
    created = int(created_wall) + MAC_EPOCH_S if created_wall > 0 else 0
    return Track(sps.width, sps.height, _sample_description(sps.width, sps.height, record), created)


class Samples:
    """The sample table of a file: sizes, decode times, keyframes and where the chunks lie.

    Four machine words a frame, so an hour of video costs 2 MB. `last_duration` is that of the
    newest sample; the others end where the next one begins.
    """

    def __init__(self) -> None:
        self.sizes = array("I")
        self.times = array("q")
        self.keys = array("I")
        self.chunk_offsets = array("Q")
        self.chunk_counts = array("I")
        self.last_duration = TIMESCALE // 30

    def add_fragment(
        self, offset: int, sizes: Sequence[int], times: Sequence[int], keys: Iterable[int]
    ) -> None:
        """Note samples that lie one after another from `offset`; `keys` count within them."""
        first = len(self.sizes)
        self.keys.extend(first + key for key in keys)
        self.sizes.extend(sizes)
        self.times.extend(times)
        self.chunk_offsets.append(offset)
        self.chunk_counts.append(len(sizes))

    @property
    def duration(self) -> int:
        """Ticks from the first sample to the end of the last."""
        if not self.times:
            return 0
        return self.times[-1] - self.times[0] + self.last_duration


def opening(track: Track) -> bytes:
    """Everything before the first fragment."""
    tables = [
        track.stsd,
        _table(b"stts", []),
        _table(b"stsc", []),
        full_box(b"stsz", 0, 0, bytes(8)),
        _table(b"stco", []),
    ]
    trex = full_box(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0))
    return FTYP + PLACEHOLDER + _movie(track, 0, tables, box(b"mvex", trex))


def fragment_header(
    sequence: int, base: int, sizes: Sequence[int], durations: Sequence[int], first_is_key: bool
) -> bytes:
    """``moof`` and the header of the ``mdat`` that follows it (8.8.4 - 8.8.12).

    Only the first sample can be a keyframe: a fragment never spans two GOPs. Data offsets count
    from the ``moof`` (default-base-is-moof), so a fragment can be served on its own.
    """
    count = len(sizes)
    moof_bytes = _MOOF_FIXED_BYTES + 4 * _ENTRY_WORDS * count
    rows = np.empty((count, _ENTRY_WORDS), ">u4")
    rows[:, 0] = durations
    rows[:, 1] = sizes
    rows[:, 2] = DELTA_FLAGS
    if first_is_key:
        rows[0, 2] = SYNC_FLAGS
    track_fragment = box(
        b"traf",
        full_box(b"tfhd", 0, 0x02_0000, struct.pack(">I", 1)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", base)),
        full_box(b"trun", 0, 0x701, struct.pack(">Ii", count, moof_bytes + 8), rows.tobytes()),
    )
    moof = box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", sequence)), track_fragment)
    return moof + _HEADER.pack(sum(sizes) + 8, b"mdat")


def index(track: Track, samples: Samples) -> bytes:
    """The closing ``moov``: an ordinary index over `samples`."""
    tables = [
        track.stsd,
        _table(b"stts", _runs_of(_durations(samples))),
        _table(b"stss", [(key + 1,) for key in samples.keys]),
        _table(b"stsc", _chunk_runs(samples)),
        full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(samples.sizes)), _words(samples.sizes)),
        _chunk_offsets(samples),
    ]
    return _movie(track, samples.duration, tables)


def _durations(samples: Samples) -> List[int]:
    times = samples.times
    steps = [after - before for before, after in zip(times, times[1:])]
    return [*steps, samples.last_duration]


def _runs_of(values: Iterable[int]) -> List[Tuple[int, int]]:
    """Run lengths: (how many, value)."""
    runs: List[Tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1] = (runs[-1][0] + 1, value)
        else:
            runs.append((1, value))
    return runs


def _chunk_runs(samples: Samples) -> List[Tuple[int, int, int]]:
    """Sample-to-chunk (8.7.4): (first chunk of the run, samples in each, description)."""
    rows = []
    chunk = 1
    for how_many, per_chunk in _runs_of(samples.chunk_counts):
        rows.append((chunk, per_chunk, 1))
        chunk += how_many
    return rows


def _chunk_offsets(samples: Samples) -> bytes:
    offsets = samples.chunk_offsets
    count = struct.pack(">I", len(offsets))
    if offsets and offsets[-1] > 0xFFFF_FFFF:
        return full_box(b"co64", 0, 0, count, np.array(offsets, ">u8").tobytes())
    return full_box(b"stco", 0, 0, count, _words(offsets))


def _words(values: Sequence[int]) -> bytes:
    return np.array(values, ">u4").tobytes()


def _table(kind: bytes, rows: Sequence[Tuple[int, ...]]) -> bytes:
    return full_box(kind, 0, 0, struct.pack(">I", len(rows)), np.array(rows, ">u4").tobytes())


def _movie(track: Track, duration: int, tables: Sequence[bytes], extends: bytes = b"") -> bytes:
    """``moov`` (8.2) with version 1 headers: 64-bit times, good beyond 2040."""
    times = struct.pack(">QQIQ", track.created, track.created, TIMESCALE, duration)
    header = full_box(
        b"mvhd", 1, 0, times, struct.pack(">IH", 0x10000, 0x100), bytes(10), _MATRIX,
        bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    return box(b"moov", header, _track(track, duration, times, tables), extends)


def _track(track: Track, duration: int, times: bytes, tables: Sequence[bytes]) -> bytes:
    header = full_box(
        b"tkhd", 1, 3, struct.pack(">QQIIQ", track.created, track.created, 1, 0, duration),
        bytes(16), _MATRIX, struct.pack(">II", track.width << 16, track.height << 16),
    )  # fmt: skip
    undetermined_language = struct.pack(">HH", 0x55C4, 0)
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    video = full_box(b"vmhd", 0, 1, bytes(8))
    media = box(
        b"mdia",
        full_box(b"mdhd", 1, 0, times, undetermined_language),
        full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"dashcamd\0"),
        box(b"minf", video, here, box(b"stbl", *tables)),
    )
    return box(b"trak", header, media)


def _sample_description(width: int, height: int, record: bytes) -> bytes:
    """``stsd`` with one ``avc1`` entry (8.5.2, 12.1.3; 14496-15, 5.4.2.1)."""
    seventy_two_dpi = 0x0048_0000
    size = struct.pack(">HHII", width, height, seventy_two_dpi, seventy_two_dpi)
    entry = box(
        b"avc1", bytes(6), struct.pack(">H", 1), bytes(16), size, bytes(4),
        struct.pack(">H", 1), bytes(32), struct.pack(">Hh", 24, -1), box(b"avcC", record),
    )  # fmt: skip
    return full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry)
