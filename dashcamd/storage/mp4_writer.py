"""Writes one part as a hybrid MP4: playable after a power cut, an ordinary MP4 once closed.

Crash order (who does it in brackets); after every step the file is either whole up to the last
synced fragment or finished::

    1  [caller]  create the file, exclusively
    2  append    opening + fragment, in one write
    3  [caller]  fdatasync, then fsync of the directory: the part exists
    4  append    fragment            5  [caller]  fdatasync        ... once per GOP
    6  close     append the index behind the fragments
    7  close     fsync               the index is on the medium
    8  close     overwrite 16 bytes: one ``mdat`` now hides the fragments
    9  close     fsync               an ordinary MP4
   10  [caller]  rename, fsync of the directory

A cut before 8 leaves a fragmented file which `dashcamd.storage.mp4_recovery` takes from 6 on; a
cut inside 8 leaves 16 bytes that recovery does not need to read. Tests cut between all of them.

Ticks are computed from absolute stamps, so rounding never adds up. Frames are passed to
``writev`` by reference; the writer keeps four words of each.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from dashcamd.core.h264 import Buffer, ParameterSets, Sample, to_sample
from dashcamd.errors import MediaError
from dashcamd.storage.disk import DiskFile
from dashcamd.storage.mp4_boxes import (
    FLIP_OFFSET,
    FRAGMENT_LIMIT_FRAMES,
    LONGEST_STEP,
    TIMESCALE,
    Samples,
    Track,
    closing_header,
    fragment_header,
    index,
    opening,
    track_for,
)
from dashcamd.types import Frame, Seconds

_MDAT_LIMIT_BYTES = 0xFFFF_FFFF - 8
"""A fragment's ``mdat`` has a 32-bit size."""


class FrameRefused(MediaError):  # noqa: N818 - what became of a frame
    """``frames[index]`` cannot be in this part.

    Nothing of that call was written; ``frames[:index]`` still belong to this part.
    """

    def __init__(self, index: int, why: str) -> None:
        super().__init__(why)
        self.index = index


class StreamChanged(FrameRefused):
    """The camera's parameter sets changed at ``frames[index]``: a new part begins there."""

    def __init__(self, index: int) -> None:
        why = "the H.264 parameter sets changed at frame %d: start a new part" % index
        super().__init__(index, why)


class FrameUnusable(FrameRefused):
    """``frames[index]`` is no video, or cannot follow the one before: it belongs in no part."""


class _Fragment(NamedTuple):
    """A GOP, or a piece of one, ready for writing: all but its place in the file."""

    buffers: List[Buffer]
    sizes: List[int]
    times: List[int]
    is_key: bool


class Mp4Writer:
    """Makes an MP4 of access units on `file`, which the caller opened and will close.

    `created_wall` is the Unix time to note as creation time, 0 when the clock is not known. Used
    by the record thread alone. Raises `StorageError` when the volume fails: the part ends there,
    `close` then cuts away what was written halfway and finishes the rest if the volume lets it.
    """

    def __init__(self, file: DiskFile, *, created_wall: float = 0) -> None:
        self._file = file
        self._created_wall = created_wall
        self._track: Optional[Track] = None
        self._sets = ParameterSets((), ())
        self._samples = Samples()
        self._first_ts: Seconds = 0.0
        self._last_ts: Seconds = 0.0
        self._sequence = 0
        self._end = 0
        self._is_closed = False

    @property
    def frames(self) -> int:
        """Frames handed to the volume in whole fragments."""
        return len(self._samples.sizes)

    @property
    def duration_s(self) -> Seconds:
        """Length of the video so far, the last frame included."""
        return self._samples.duration / TIMESCALE

    @property
    def size_bytes(self) -> int:
        """Size of the file up to its last whole fragment, or of the finished file."""
        return self._end

    @property
    def first_ts(self) -> Optional[Seconds]:
        """Stamp of the first frame; None before there is one."""
        return self._first_ts if self.frames else None

    @property
    def last_ts(self) -> Optional[Seconds]:
        """Stamp of the newest frame; None before there is one."""
        return self._last_ts if self.frames else None

    def append(self, frames: Sequence[Frame], next_ts: Optional[Seconds] = None) -> None:
        """Write `frames` as one fragment per GOP, in a single gathered write, without syncing.

        `next_ts` is the stamp of the frame that follows them; without it, and if that is more than
        an hour later, the last duration is repeated. The frames are durable once the caller's
        ``file.sync()`` returned. Nothing is written when `FrameRefused` is raised, as
        `StreamChanged` or `FrameUnusable`.
        """
        if not frames:
            return
        self._drop_partial()
        if not self.frames:
            self._first_ts = frames[0].ts
        sets, fragments = self._prepare(frames)
        track = self._track or self._track_for(sets)
        last_duration = self._last_duration(fragments, next_ts)
        self._write(track, fragments, last_duration)
        self._track, self._sets = track, sets
        self._samples.last_duration = last_duration
        self._last_ts = frames[-1].ts

    def close(self) -> None:
        """Turn the file into an ordinary MP4 and sync it; an empty file stays as it is.

        After an error the file can be recovered, and another call tries again; once it has
        succeeded, another call does nothing.
        """
        if self._is_closed:
            return
        self._drop_partial()
        if self._track is not None:
            self._end = finish(self._file, self._track, self._samples)
        self._is_closed = True

    def _drop_partial(self) -> None:
        """Cut away what an earlier, failed `append` or `close` left behind."""
        if self._file.size > self._end:
            self._file.truncate(self._end)

    def _prepare(self, frames: Sequence[Frame]) -> tuple[ParameterSets, List[_Fragment]]:
        """Split frames into fragments and turn their data into samples."""
        fragments: List[_Fragment] = []
        sets = self._sets
        last = self._samples.times[-1] if self._samples.times else -1
        for place, frame in enumerate(frames):
            sample = _sample(frame, place)
            if frame.key and sample.parameter_sets != sets:
                sets = self._checked_sets(sets, sample.parameter_sets, place)
            if frame.key or not fragments or len(fragments[-1].sizes) == FRAGMENT_LIMIT_FRAMES:
                fragments.append(_Fragment([], [], [], frame.key))
            last = self._time(frame, last, place)
            fragment = fragments[-1]
            fragment.buffers.extend(sample.buffers)
            fragment.sizes.append(sample.size)
            fragment.times.append(last)
        if any(sum(fragment.sizes) > _MDAT_LIMIT_BYTES for fragment in fragments):
            raise FrameUnusable(0, "a GOP has more than 4 GiB")
        return sets, fragments

    def _time(self, frame: Frame, last: int, place: int) -> int:
        """Ticks of a frame after one at `last`: it lasts one at least, even if a stamp repeats."""
        time = max(round((frame.ts - self._first_ts) * TIMESCALE), last + 1)
        if time - last > LONGEST_STEP:
            raise FrameUnusable(place, "a frame comes more than an hour after the one before")
        return time

    def _track_for(self, sets: ParameterSets) -> Track:
        try:
            return track_for(sets, self._created_wall)
        except MediaError as error:
            raise FrameUnusable(0, str(error)) from error

    def _checked_sets(self, held: ParameterSets, new: ParameterSets, place: int) -> ParameterSets:
        if not held.sps:
            return new
        if set(new.sps) <= set(held.sps) and set(new.pps) <= set(held.pps):
            return held
        raise StreamChanged(place)

    def _last_duration(self, fragments: Sequence[_Fragment], next_ts: Optional[Seconds]) -> int:
        times = fragments[-1].times
        if next_ts is not None:
            until_next = round((next_ts - self._first_ts) * TIMESCALE) - times[-1]
            if until_next <= LONGEST_STEP:
                return max(1, until_next)
        if len(times) > 1:
            return times[-1] - times[-2]
        before = fragments[-2].times if len(fragments) > 1 else self._samples.times
        return times[-1] - before[-1] if before else self._samples.last_duration

    def _write(self, track: Track, fragments: Sequence[_Fragment], last_duration: int) -> None:
        buffers: List[Buffer] = [] if self._track else [opening(track)]
        end = self._end + sum(map(len, buffers))
        offsets = []
        for place, fragment in enumerate(fragments):
            is_last = place + 1 == len(fragments)
            after = fragment.times[-1] + last_duration if is_last else fragments[place + 1].times[0]
            header = self._header(fragment, self._sequence + place + 1, after)
            buffers.append(header)
            buffers.extend(fragment.buffers)
            offsets.append(end + len(header))
            end += len(header) + sum(fragment.sizes)
        self._file.write(buffers)
        for offset, fragment in zip(offsets, fragments):
            keys = (0,) if fragment.is_key else ()
            self._samples.add_fragment(offset, fragment.sizes, fragment.times, keys)
        self._sequence += len(fragments)
        self._end = end

    def _header(self, fragment: _Fragment, sequence: int, after: int) -> bytes:
        times = [*fragment.times, after]
        durations = [later - time for time, later in zip(times, times[1:])]
        return fragment_header(sequence, times[0], fragment.sizes, durations, fragment.is_key)


def _sample(frame: Frame, place: int) -> Sample:
    try:
        sample = to_sample(frame.data)
    except MediaError as error:
        raise FrameUnusable(place, str(error)) from error
    if not sample.size:
        raise FrameUnusable(place, "an access unit holds no picture")
    return sample


def finish(file: DiskFile, track: Track, samples: Samples) -> int:
    """Steps 6 to 9 of the crash order on a file that ends with its last fragment.

    Returns the final size. Raises `StorageError`; the file is then still recoverable.
    """
    end = file.size
    file.write([index(track, samples)])
    file.sync_all()
    file.overwrite(FLIP_OFFSET, closing_header(end))
    file.sync_all()
    return file.size
