"""Finishes an interrupted recording in place: no byte of video is moved or rewritten.

Crash order, idempotent at every step: 1 scan, 2 cut the file behind its last good sample,
3 append the index, 4 fsync, 5 overwrite the 16 bytes, 6 fsync (`mp4_writer.finish`). A cut
anywhere leaves a file for which the same scan gives the same answer: the index appended by an
interrupted attempt is not a fragment, so the next attempt cuts it off again.

What is kept: every whole fragment; of a fragment that was being written, its whole samples. In
the part of the file that may never have been synced each sample is read and must look like
H.264: its NAL lengths add up, and no NAL unit holds three zero bytes in a row, which emulation
prevention rules out (14496-10, 7.4.1) and which blocks that never reached the medium are full
of. A damaged stretch in the middle (a bad sector) is stepped over, not cut: the index leaves it
out, later fragments stay. What is cut is only what follows the last good sample.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

from dashcamd.errors import MediaError
from dashcamd.storage.disk import Disk, DiskFile
from dashcamd.storage.mp4_boxes import FLIP_OFFSET, FTYP, PLACEHOLDER
from dashcamd.storage.mp4_parse import (
    MAX_SAMPLES,
    Fragment,
    Source,
    nal_problem,
    read_fragment,
    read_movie,
    read_opening,
    table_of,
)
from dashcamd.storage.mp4_writer import finish

FINISHED, RECOVERED, EMPTY = "finished", "recovered", "empty"

_UNSYNCED_BYTES = 32 << 20
"""How far from the end samples are read in full: more than a pre-roll plus one GOP at 17 Mbit/s."""

_SEARCH_BYTES = 1 << 20
_FALSE_MOOF_LIMIT = 1_000


class Recovery(NamedTuple):
    """What became of a file.

    `status` is ``"finished"`` (an ordinary MP4 already, untouched), ``"recovered"``, or
    ``"empty"`` (power went before the first frame was down: nothing in it, untouched). `frames`
    it holds now, `bytes_cut` from its end.
    """

    frames: int
    bytes_cut: int
    status: str


def recover(disk: Disk, path: str) -> Recovery:
    """Make the interrupted recording at `path` an ordinary MP4, or leave it alone.

    Raises `MediaError` if it is not a recording of dashcamd (it is then untouched) and
    `StorageError` if the volume fails; both may be tried again. Used by the keep thread.
    """
    file = disk.open(path, writable=True)
    try:
        return _recover(file)
    finally:
        file.close()


def is_unfinished(source: Source) -> bool:
    """Whether a file is no whole video with an index: a recording that was never closed."""
    return _finished_frames(source) is None


def _recover(file: DiskFile) -> Recovery:
    finished = _finished_frames(file)
    if finished is not None:
        return Recovery(finished, 0, FINISHED)
    opening = read_opening(file)
    if opening is None:
        if _is_stub(file):
            return Recovery(0, 0, EMPTY)
        raise MediaError(
            "%s is not a recording of dashcamd: left as it is (%d bytes)" % (file.path, file.size)
        )
    fragments = list(_sound(file, opening.end))
    if not fragments:
        return Recovery(0, 0, EMPTY)
    cut = file.size - fragments[-1].end
    if cut:
        file.truncate(fragments[-1].end)
    samples = table_of(fragments)
    finish(file, opening.track, samples)
    return Recovery(len(samples.sizes), cut, RECOVERED)


def _finished_frames(source: Source) -> Optional[int]:
    """Frames of a file that has its index and all its samples; None for any other file."""
    try:
        movie = read_movie(source)
    except MediaError:
        return None
    if movie is None or not len(movie.sizes) or _is_half_flipped(source):
        return None
    is_inside = (movie.offsets >= 0).all() and (movie.offsets + movie.sizes <= source.size).all()
    return len(movie.sizes) if is_inside else None


def _is_half_flipped(source: Source) -> bool:
    """Whether a recording of ours has its index, but the box over the fragments has a torn name."""
    return read_opening(source) is not None and source.read(FLIP_OFFSET + 4, 4) != b"mdat"


def _is_stub(source: Source) -> bool:
    """Whether nothing but the beginning of an opening, or zeros, ever reached the medium."""
    start = FTYP + PLACEHOLDER
    head = source.read(0, len(start))
    if head == start[: len(head)] and source.size < 4096:
        return True
    return all(not any(part) for part in _parts(source, 0))


def _parts(source: Source, offset: int) -> Iterator[bytes]:
    while True:
        part = source.read(offset, _SEARCH_BYTES)
        if not part:
            return
        yield part
        offset += len(part)


def _sound(source: Source, start: int) -> Iterator[Fragment]:
    """The fragments whose samples can be trusted, each cut to those; the first has a keyframe."""
    count, has_key = 0, False
    for fragment in _fragments(source, start):
        has_key = has_key or fragment.is_key
        if not has_key:
            continue
        kept = fragment
        if fragment.end > source.size - _UNSYNCED_BYTES:
            kept = _without_damage(source, fragment)
        count += len(kept.sizes)
        if count > MAX_SAMPLES:
            raise MediaError("more samples than any recording has")
        if kept.sizes:
            yield kept


def _fragments(source: Source, start: int) -> Iterator[Fragment]:
    """All fragments from `start` on in order of time, stepping over damaged stretches."""
    offset, time = start, 0
    while True:
        fragment = read_fragment(source, offset)
        if fragment is None or not fragment.follows(time):
            found = _search(source, offset + 1, time)
            if found is None:
                return
            fragment = found
        yield fragment
        offset, time = fragment.end, fragment.last_time


def _search(source: Source, start: int, time: int) -> Optional[Fragment]:
    """The next place that reads as a fragment of this recording and lies whole in the file."""
    tries = 0
    while start < source.size and tries < _FALSE_MOOF_LIMIT:
        part = source.read(start, _SEARCH_BYTES)
        place = part.find(b"moof")
        if place < 0:
            start += max(1, len(part) - 3)
            if len(part) < _SEARCH_BYTES:
                return None
            continue
        fragment = read_fragment(source, start + place - 4)
        if fragment and fragment.end <= source.size and fragment.follows(time):
            return fragment
        start += place + 4
        tries += 1
    return None


def _without_damage(source: Source, fragment: Fragment) -> Fragment:
    offset = fragment.data
    for place, size in enumerate(fragment.sizes):
        if not _is_sound_sample(source, offset, size):
            return fragment._replace(
                sizes=fragment.sizes[:place], durations=fragment.durations[:place]
            )
        offset += size
    return fragment


def _is_sound_sample(source: Source, offset: int, size: int) -> bool:
    if offset + size > source.size or nal_problem(source, offset, size):
        return False
    end = offset + size
    while offset < end:
        length = int.from_bytes(source.read(offset, 4), "big")
        if b"\0\0\0" in source.read(offset + 4, length):
            return False
        offset += 4 + length
    return True
