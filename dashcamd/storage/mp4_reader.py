"""Looks into MP4 files without decoding: is it whole, what does it hold, how far has it grown.

For ``dashcamd verify``, the keep thread and live viewers. Works on finished files (anybody's) and
on growing ones (ours). Reads, never writes; nothing is mapped and no table is trusted.
"""

from __future__ import annotations

import hashlib
from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np

from dashcamd.errors import MediaError
from dashcamd.storage.disk import open_anywhere
from dashcamd.storage.in_pieces import InPieces, at_once
from dashcamd.storage.mp4_boxes import TIMESCALE, Track
from dashcamd.storage.mp4_parse import (
    MAX_SAMPLES,
    Movie,
    Source,
    created_wall,
    nal_problem,
    read_fragment,
    read_movie,
    read_opening,
)

OK, DAMAGED = "ok", "damaged"

_GAP_MEDIANS = 1.5
"""A step longer than this many usual ones lacks a frame ..."""

_GAP_MIN_S = 0.1
"""... unless it is as short as the jitter of a camera that falls behind for a moment."""

_HASH_BYTES = 1 << 20

PIECE_BYTES = 8 * _HASH_BYTES
"""So much is read and hashed in one go: 4 s on a stick that reads 2 MB/s."""


class Step(NamedTuple):
    """A hole between two samples: `after` is the index of the one before it."""

    after: int
    seconds: float


class Mp4Info(NamedTuple):
    """What a file holds. `status` is ``"ok"`` or ``"damaged"``; `problem` says why, else ``""``.

    `times_s` decode times from the start, one a frame; `keyframes` indices of frames that
    decoding can begin at; `is_finished` False for a file still growing or interrupted;
    `created_wall` Unix seconds or 0.
    """

    status: str
    problem: str = ""
    frames: int = 0
    duration_s: float = 0.0
    times_s: Tuple[float, ...] = ()
    keyframes: Tuple[int, ...] = ()
    gaps: Tuple[Step, ...] = ()
    is_finished: bool = False
    width: int = 0
    height: int = 0
    created_wall: float = 0.0
    bytes: int = 0


def inspect(path: str) -> Mp4Info:
    """Check the structure of the file at `path`; raises `StorageError` if it cannot be read."""
    file = open_anywhere(path)
    try:
        return inspect_source(file)
    finally:
        file.close()


def inspect_source(source: Source) -> Mp4Info:
    """As `inspect`, of bytes already at hand."""
    try:
        movie = read_movie(source)
        is_finished = movie is not None
        end = source.size
        if movie is None:
            movie, end = _growing_movie(source)
        info = _describe(source, movie, is_finished)
        problem = _problem(source, movie, end)
    except MediaError as error:
        return Mp4Info(DAMAGED, str(error), bytes=source.size)
    return info if problem is None else info._replace(status=DAMAGED, problem=problem)


def complete_until(path: str, known: int = 0) -> int:
    """How many bytes from the start of a file are whole.

    All of a finished one; of a growing one those up to the end of its last whole fragment.
    `known`, an earlier answer for the same growing file, saves the walk from the beginning. 0
    when not even the opening is there. Raises `StorageError`.
    """
    file = open_anywhere(path)
    try:
        return complete_until_of(file, known)
    finally:
        file.close()


def complete_until_of(source: Source, known: int = 0) -> int:
    """As `complete_until`, of bytes already at hand."""
    try:
        if read_movie(source) is not None:
            return source.size
    except MediaError:
        return 0
    if not known:
        opening = read_opening(source)
        if opening is None:
            return 0
        known = opening.end
    while True:
        fragment = read_fragment(source, known)
        if fragment is None or fragment.end > source.size:
            return known
        known = fragment.end


def sha256(path: str) -> str:
    """SHA-256 of a file in hexadecimal; raises `StorageError` if it cannot be read."""
    file = open_anywhere(path)
    try:
        return sha256_of(file)
    finally:
        file.close()


def sha256_of(source: Source) -> str:
    """As `sha256`, of a file already open."""
    return at_once(sha256_in_pieces(source))


def sha256_in_pieces(source: Source) -> InPieces[str]:
    """The same, a piece of `PIECE_BYTES` at a time."""
    digest = hashlib.sha256()
    offset = 0
    while True:
        part = source.read(offset, _HASH_BYTES)
        if not part:
            return digest.hexdigest()
        digest.update(part)
        offset += len(part)
        if offset % PIECE_BYTES == 0:
            yield


def _growing_movie(source: Source) -> Tuple[Movie, int]:
    """The samples of all whole fragments as if they were indexed, and where those end."""
    opening = read_opening(source)
    if opening is None:
        raise MediaError("neither an MP4 with an index nor a recording of dashcamd")
    offsets: List[int] = []
    sizes: List[int] = []
    times: List[int] = []
    keys: List[int] = []
    duration, end = 0, opening.end
    while len(sizes) <= MAX_SAMPLES:
        fragment = read_fragment(source, end)
        if fragment is None or fragment.end > source.size:
            break
        if fragment.is_key:
            keys.append(len(sizes))
        offset, time = fragment.data, fragment.time
        for size, duration in zip(fragment.sizes, fragment.durations):
            offsets.append(offset)
            times.append(time)
            offset, time = offset + size, time + duration
        sizes.extend(fragment.sizes)
        end = fragment.end
    return _as_movie(opening.track, offsets, sizes, [*times, times[-1] + duration] if times else [],
                     keys), end  # fmt: skip


def _as_movie(
    track: Track, offsets: List[int], sizes: List[int], times: List[int], keys: List[int]
) -> Movie:
    steps = np.diff(np.array(times, np.int64))
    return Movie(
        track,
        TIMESCALE,
        np.array(offsets, np.int64),
        np.array(sizes, np.int64),
        steps,
        np.array(keys, np.int64),
    )


def _describe(source: Source, movie: Movie, is_finished: bool) -> Mp4Info:
    ends = np.cumsum(movie.durations)
    starts = (ends - movie.durations) / movie.timescale
    return Mp4Info(
        OK,
        frames=len(movie.sizes),
        duration_s=float(ends[-1]) / movie.timescale if len(ends) else 0.0,
        times_s=tuple(starts.tolist()),
        keyframes=tuple(movie.keys.tolist()),
        gaps=_gaps(movie.durations[:-1] / movie.timescale),
        is_finished=is_finished,
        width=movie.track.width,
        height=movie.track.height,
        created_wall=created_wall(movie.track),
        bytes=source.size,
    )


def _gaps(steps: Any) -> Tuple[Step, ...]:
    if not len(steps):
        return ()
    limit = max(_GAP_MEDIANS * float(np.median(steps)), _GAP_MIN_S)
    return tuple(Step(int(at), float(steps[at])) for at in np.flatnonzero(steps > limit))


def _problem(source: Source, movie: Movie, end: int) -> Optional[str]:
    if not len(movie.sizes):
        return "there is no frame in it"
    if movie.keys[:1].tolist() != [0]:
        return "the first frame is not a keyframe"
    outside = (movie.offsets < 0) | (movie.offsets + movie.sizes > source.size)
    if outside.any():
        return "frame %d lies outside the file" % int(outside.argmax())
    for frame, (offset, size) in enumerate(zip(movie.offsets.tolist(), movie.sizes.tolist())):
        problem = nal_problem(source, offset, size)
        if problem:
            return "frame %d: %s" % (frame, problem)
    if end < source.size:
        return "the last %d bytes are no whole fragment: dashcamd recover finishes the file" % (
            source.size - end
        )
    return None
