"""One file of an event, from its first keyframe to its final name; durable at every step.

Crash order, each step complete before the next begins:

1. the event's folder exists and its parents know it (`Volume.new_event`)
2. ``…_p00.part.mp4`` is created, exclusively; ``…_p00.mp4`` where a rename can lose the file
3. header and first fragment are written, fdatasync
4. fsync of the folder: from here on a power cut leaves a file that recovers
5. further fragments, each followed by fdatasync
6. index, fsync, header flip, fsync (`dashcamd.storage.mp4_writer`): an ordinary MP4
7. rename to ``…_p00.mp4`` if it has another name, fsync of the folder
8. the sidecar is told (keep thread)

A cut between any two steps loses at most what was not yet synced in step 3 or 5.
"""

from __future__ import annotations

from typing import Optional, Sequence

from dashcamd.core import naming
from dashcamd.storage.disk import Disk
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.storage.sidecar import PartFacts
from dashcamd.types import Frame, Seconds


class Part:
    """An open file of video. Used by the record thread alone; every method raises `StorageError`.

    After an error the part must be abandoned: what the kernel could not write once it may claim
    to have written the next time.
    """

    def __init__(
        self, disk: Disk, folder: str, stem: str, wall: float, overlap_frames: int
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._final = stem + naming.CLOSED_SUFFIX
        name = stem + naming.OPEN_SUFFIX if disk.renames_are_whole else self._final
        self.path = "%s/%s" % (folder, name)
        """Path of the open file from the root of the volume."""
        self._overlap_frames = overlap_frames
        self._is_listed = False
        self.is_durable = False
        """Whether frames of it were ever synced."""
        self._file = disk.create(self.path, grows=True)
        self._writer = Mp4Writer(self._file, created_wall=wall)

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._writer.frames

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return self._file.size

    def append(self, frames: Sequence[Frame], next_ts: Optional[Seconds]) -> None:
        """Return when `frames` are on the medium; `next_ts` is the stamp that follows them."""
        self._writer.append(frames, next_ts)
        self._file.sync()
        self.is_durable = True
        if not self._is_listed:
            self._disk.sync_dir(self._folder)
            self._is_listed = True

    def finish(self) -> PartFacts:
        """Turn the file into an ordinary MP4 under its final name."""
        self._writer.close()
        size = self._file.size
        self._file.close()
        final = "%s/%s" % (self._folder, self._final)
        if final != self.path:
            self._disk.rename(self.path, final)
        self._disk.sync_dir(self._folder)
        return PartFacts(
            file=self._final,
            start=self._writer.first_ts or 0.0,
            duration_s=self._writer.duration_s,
            frames=self._writer.frames,
            bytes=size,
            overlap_frames=self._overlap_frames,
        )

    def abandon(self) -> None:
        """Let go of the file as it is; recovery makes the best of it."""
        self._file.close()
