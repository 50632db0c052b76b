"""Power cuts at every place: rebuild the stick as it may be, check it, recover it, compare.

What a flush has made durable must never be lost again by a later cut, whichever of the writes
since then reached the medium. So every cut is compared with the same stick cut exactly at its last
flush: closed parts are the same bytes, open parts have no fewer frames after recovery, no sidecar
that could be read has become unreadable.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from dashcamd.core import naming
from dashcamd.errors import MediaError
from dashcamd.storage import catalog, recovery
from dashcamd.storage.disk import PosixDisk, PosixFile
from dashcamd.storage.mp4_reader import OK, inspect_source
from tests.usb import blocklog, readers
from tests.usb.blocklog import Epoch, Operation

CHECK = {"vfat": ["fsck.vfat", "-a"], "exfat": ["fsck.exfat", "-y"], "ext4": ["e2fsck", "-p"]}
PARTITION = 1 << 20
"""Where `tests.usb.images` puts the first partition."""


@dataclass(frozen=True)
class PartState:
    """A part after recovery: whether it had been closed before, its frames and its bytes' hash."""

    was_closed: bool
    frames: int
    digest: str


@dataclass(frozen=True)
class State:
    """What is left on a stick: its parts by path without suffix, and its readable sidecars."""

    parts: Dict[str, PartState]
    sidecars: Tuple[str, ...]
    damaged: Tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Frames in all parts."""
        return sum(part.frames for part in self.parts.values())


@dataclass
class Report:
    """What an enumeration found."""

    cuts: int = 0
    closed_parts: int = 0
    worst_step_frames: int = 0
    faults: List[str] = field(default_factory=list)


class Bench:
    """A folder in which one stick is cut again and again; use memory-backed storage."""

    def __init__(self, folder: Path, fs: str, before: Path, log: Path) -> None:
        self._fs = fs
        self._durable = folder / "durable.img"
        self._cut = folder / "cut.img"
        self._tree = folder / "tree"
        with before.open("rb") as whole, self._durable.open("wb") as part:
            whole.seek(PARTITION)
            shutil.copyfileobj(whole, part)
        self.epochs = blocklog.epochs(list(blocklog.read(log)))

    def enumerate(self, wanted: int, chance: random.Random) -> Report:
        """At least `wanted` cuts, spread over all epochs by how much they wrote."""
        report = Report()
        before: Optional[State] = None
        budget = self._budget(wanted)
        for epoch in self.epochs:
            if epoch.writes:
                base = self.state_after([])
                _compare(before, base, "flush %d" % epoch.number, report)
                if before is not None and before.parts:
                    step = base.frames - before.frames
                    report.worst_step_frames = max(report.worst_step_frames, step)
                before = base
                for writes in blocklog.subsets(epoch, budget[epoch.number], chance):
                    report.cuts += 1
                    where = "cut %d after flush %d" % (report.cuts, epoch.number)
                    _compare(base, self.state_after(writes), where, report)
            with self._durable.open("r+b") as image:
                blocklog.apply(image, epoch.writes, PARTITION)
        last = self.state_after([])
        report.closed_parts = sum(part.was_closed for part in last.parts.values())
        return report

    def _budget(self, wanted: int) -> Dict[int, int]:
        busy = [epoch for epoch in self.epochs if epoch.writes]
        each = max(2, -(-wanted // max(1, len(busy))))
        return {epoch.number: each for epoch in busy}

    def state_after(self, writes: List[Operation]) -> State:
        """The stick after a cut in which only `writes` followed the last flush."""
        shutil.copyfile(self._durable, self._cut)
        with self._cut.open("r+b") as image:
            blocklog.apply(image, writes, PARTITION)
        subprocess.run([*CHECK[self._fs], str(self._cut)], capture_output=True)
        shutil.rmtree(self._tree, ignore_errors=True)
        self._tree.mkdir()
        for path, content in readers.files(self._cut, self._fs).items():
            place = self._tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return recovered(self._tree)


def recovered(tree: Path) -> State:
    """Recover a stick's files as the daemon does at plug-in, and say what there is then."""
    disk = PosixDisk(str(tree))
    try:
        return _recovered(disk) if (tree / naming.ROOT).is_dir() else State({}, ())
    finally:
        disk.close()


def _recovered(disk: PosixDisk) -> State:
    parts: Dict[str, PartState] = {}
    sidecars, damaged = [], []
    for _, name in sorted(catalog.names(disk)):
        event = catalog.load(disk, name)
        closed = set(event.parts)
        if event.facts is not None:
            sidecars.append(name.path)
        list(recovery.recover_event(disk, event))
        for path in catalog.load(disk, name).parts:
            state = _part(disk, path, path in closed)
            if state is None:
                damaged.append(path)
            else:
                parts[path] = state
    return State(parts, tuple(sidecars), tuple(damaged))


_INSPECTED: Dict[str, Optional[int]] = {}
"""Frames of a file by its hash, None if it does not play: most cuts leave the same closed parts."""


def _part(disk: PosixDisk, path: str, was_closed: bool) -> Optional[PartState]:
    file = disk.open(path)
    try:
        digest = hashlib.sha256(file.read(0, file.size)).hexdigest()
        if digest not in _INSPECTED:
            _INSPECTED[digest] = _frames_in(file)
    finally:
        file.close()
    frames = _INSPECTED[digest]
    return None if frames is None else PartState(was_closed, frames, digest)


def _frames_in(file: PosixFile) -> Optional[int]:
    try:
        info = inspect_source(file)
    except MediaError:
        return None
    return info.frames if info.status == OK else None


def _compare(before: Optional[State], after: State, where: str, report: Report) -> None:
    report.faults += ["%s: %s" % (where, fault) for fault in _losses(before, after)]


def _losses(before: Optional[State], after: State) -> Iterator[str]:
    for path in after.damaged:
        yield "%s does not play after recovery" % path
    if before is None:
        return
    for path, part in before.parts.items():
        now = after.parts.get(path)
        if now is None:
            yield "%s with %d durable frames is gone" % (path, part.frames)
        elif part.was_closed and now.digest != part.digest:
            yield "the closed part %s has changed" % path
        elif now.frames < part.frames:
            yield "%s lost %d durable frames" % (path, part.frames - now.frames)
    for path in set(before.sidecars) - set(after.sidecars):
        yield "the sidecar of %s can no longer be read" % path


def epochs_with_writes(epochs: List[Epoch]) -> int:
    """How many flush-to-flush spans wrote anything."""
    return sum(bool(epoch.writes) for epoch in epochs)
