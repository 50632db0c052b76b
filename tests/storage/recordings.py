"""Recordings for the storage tests, made over any disk the way the record thread makes them."""

from __future__ import annotations

from typing import List, Sequence

from dashcamd.storage.disk import Disk
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.testing import MemoryDisk
from dashcamd.types import Frame

PART, DONE = "a.part.mp4", "a.mp4"


def gops(frames: Sequence[Frame]) -> List[Sequence[Frame]]:
    """Frames cut before each keyframe."""
    keys = [place for place, frame in enumerate(frames) if frame.key]
    return [frames[start:end] for start, end in zip(keys, [*keys[1:], len(frames)])]


def record(disk: Disk, frames: Sequence[Frame], *, close: bool = True) -> None:
    """One fragment per GOP, synced, then closed and renamed: the whole crash order."""
    file = disk.create(PART)
    writer = Mp4Writer(file, created_wall=1_700_000_000)
    try:
        written = 0
        for gop in gops(frames):
            written += len(gop)
            writer.append(gop, frames[written].ts if written < len(frames) else None)
            file.sync()
            disk.sync_dir("")
        if not close:
            return
        writer.close()
    finally:
        file.close()
    disk.rename(PART, DONE)
    disk.sync_dir("")


def recorded(frames: Sequence[Frame], *, close: bool = True) -> MemoryDisk:
    """A disk in memory with that recording on it."""
    disk = MemoryDisk()
    record(disk, frames, close=close)
    return disk


def only_path(disk: MemoryDisk) -> str:
    """The one file on the disk."""
    (path,) = disk.paths
    return path
