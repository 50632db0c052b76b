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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from dashcamd.core import naming
from dashcamd.storage import catalog, exfat, recovery
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.mp4_reader import OK, Mp4Info, inspect_source
from tests.usb import blocklog, readers
from tests.usb.blocklog import Operation

CHECK = {"vfat": ["fsck.vfat", "-a"], "exfat": ["fsck.exfat", "-p"], "ext4": ["e2fsck", "-p"]}
"""As in ``systemd/dashcamd-mount``, which asks for it only if the file system says it is dirty."""

DIRTY = {"vfat": (65, 1), "exfat": (106, 2)}
"""Byte and bit of that; ext4 looks itself."""

FOUND = "FSCK*.REC"
FOUND_BYTES = 2 << 20
"""``fsck.vfat -a`` names clusters so that lay beyond the length a file had at the last flush. They
make room when there is need (`dashcamd.storage.pieces`), so they may be what one flush carries."""

PARTITION = 1 << 20
"""Where `tests.usb.images` puts the first partition."""


@dataclass(frozen=True)
class PartState:
    """A part after recovery: whether it had been closed before, what it holds, its bytes' hash."""

    was_closed: bool
    frames: int
    duration_s: float
    digest: str


@dataclass(frozen=True)
class State:
    """What is left on a stick: its parts by path without suffix, and its readable sidecars.

    `found_bytes` are in files that the check made of clusters it found without a name.
    """

    parts: Dict[str, PartState]
    sidecars: Tuple[str, ...]
    damaged: Tuple[str, ...] = ()
    found_bytes: int = 0

    @property
    def frames(self) -> int:
        """Frames in all parts."""
        return sum(part.frames for part in self.parts.values())

    @property
    def duration_s(self) -> float:
        """Length of all parts by the stamps of their frames."""
        return sum(part.duration_s for part in self.parts.values())


@dataclass
class Report:
    """What an enumeration found.

    `worst_step_s` is the longest stretch of video that became durable with one flush, once what
    had waited in memory was down: a cut just before it loses as much of the open part, not more.
    `deleted_parts` went to make room.
    """

    cuts: int = 0
    closed_parts: int = 0
    deleted_parts: int = 0
    worst_step_s: float = 0.0
    faults: List[str] = field(default_factory=list)


class Bench:
    """A folder in which one stick is cut again and again; use memory-backed storage."""

    def __init__(
        self,
        folder: Path,
        fs: str,
        before: Path,
        log: Path,
        caught_up: int = 0,
        makes_room: bool = False,
    ) -> None:
        self._fs = fs
        self._durable = folder / "durable.img"
        self._cut = folder / "cut.img"
        self._tree = folder / "tree"
        with before.open("rb") as whole, self._durable.open("wb") as part:
            whole.seek(PARTITION)
            shutil.copyfileobj(whole, part)
        self.epochs = blocklog.epochs(list(blocklog.read(log)))
        self._steady_from = sum(one.is_flush for one in blocklog.read(log, caught_up))
        self._makes_room = makes_room
        self._doomed: FrozenSet[str] = frozenset()

    def enumerate(self, wanted: int, chance: random.Random) -> Report:
        """At least `wanted` cuts, spread over all epochs by how much they wrote."""
        report = Report()
        if self._makes_room:
            self._doomed = self._deleted_in_the_end()
            report.deleted_parts = len(self._doomed)
        before: Optional[State] = None
        budget = self._budget(wanted)
        for epoch in self.epochs:
            if epoch.writes:
                base = self.state_after([])
                self._compare(before, base, "flush %d" % epoch.number, report)
                if before is not None and epoch.number > self._steady_from:
                    step_s = base.duration_s - before.duration_s
                    report.worst_step_s = max(report.worst_step_s, step_s)
                before = base
                for writes in blocklog.subsets(epoch, budget[epoch.number], chance):
                    report.cuts += 1
                    where = "cut %d after flush %d" % (report.cuts, epoch.number)
                    self._compare(base, self.state_after(writes), where, report)
            with self._durable.open("r+b") as image:
                blocklog.apply(image, epoch.writes, PARTITION)
        last = self.state_after([])
        report.closed_parts = sum(part.was_closed for part in last.parts.values())
        return report

    def _deleted_in_the_end(self) -> FrozenSet[str]:
        """Parts that a flush once made durable and that are gone at the end; only the oldest."""
        seen: Set[str] = set()
        kept = self._durable.read_bytes()
        for epoch in self.epochs:
            with self._durable.open("r+b") as image:
                blocklog.apply(image, epoch.writes, PARTITION)
            if epoch.writes:
                last = set(self.state_after([]).parts)
                seen |= last
        self._durable.write_bytes(kept)
        doomed = frozenset(seen - last)
        assert not doomed or max(doomed) < min(last), "one that was newer was deleted"
        return doomed

    def _compare(self, before: Optional[State], after: State, where: str, report: Report) -> None:
        losses = _losses(before, after, self._doomed)
        report.faults += ["%s: %s" % (where, fault) for fault in losses]

    def _budget(self, wanted: int) -> Dict[int, int]:
        """Cuts for each epoch: few where there are few ways, the rest spread evenly."""
        left, busy = wanted, [epoch for epoch in self.epochs if epoch.writes]
        budget = {}
        for done, epoch in enumerate(sorted(busy, key=blocklog.ways)):
            share = max(2, -(-left // (len(busy) - done)))
            budget[epoch.number] = min(blocklog.ways(epoch), share)
            left -= budget[epoch.number]
        return budget

    def state_after(self, writes: List[Operation]) -> State:
        """The stick after a cut in which only `writes` followed the last flush."""
        shutil.copyfile(self._durable, self._cut)
        with self._cut.open("r+b") as image:
            blocklog.apply(image, writes, PARTITION)
        self._check()
        shutil.rmtree(self._tree, ignore_errors=True)
        self._tree.mkdir()
        for path, content in readers.files(self._cut, self._fs).items():
            place = self._tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        found_bytes = sum(path.stat().st_size for path in self._tree.glob(FOUND))
        return replace(recovered(self._tree), found_bytes=found_bytes)

    def _check(self) -> None:
        """What the mount unit does."""
        if self._fs in DIRTY:
            place, bit = DIRTY[self._fs]
            with self._cut.open("rb") as image:
                if not image.read(128)[place] & bit:
                    return
        if self._fs == "exfat":
            assert exfat.main(str(self._cut)) == 0
        subprocess.run([*CHECK[self._fs], str(self._cut)], capture_output=True)


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


_INSPECTED: Dict[str, Optional[Mp4Info]] = {}
"""What a file holds by its hash, None if it does not play; most cuts leave the same parts."""


def _part(disk: PosixDisk, path: str, was_closed: bool) -> Optional[PartState]:
    file = disk.open(path)
    try:
        digest = hashlib.sha256(file.read(0, file.size)).hexdigest()
        if digest not in _INSPECTED:
            info = inspect_source(file)
            _INSPECTED[digest] = info if info.status == OK else None
    finally:
        file.close()
    known = _INSPECTED[digest]
    return known and PartState(was_closed, known.frames, known.duration_s, digest)


def _losses(
    before: Optional[State], after: State, doomed: FrozenSet[str] = frozenset()
) -> Iterator[str]:
    """What a cut has taken; parts that are `doomed` may be whole, in pieces or gone."""
    for path in sorted(set(after.damaged) - doomed):
        yield "%s does not play after recovery" % path
    if after.found_bytes > FOUND_BYTES:
        yield "the check made files of %d bytes without a name" % after.found_bytes
    if before is None:
        return
    for path, part in before.parts.items():
        if path in doomed:
            continue
        now = after.parts.get(path)
        if now is None:
            yield "%s with %d durable frames is gone" % (path, part.frames)
        elif part.was_closed and now.digest != part.digest:
            yield "the closed part %s has changed" % path
        elif now.frames < part.frames:
            yield "%s lost %d durable frames" % (path, part.frames - now.frames)
    for path in set(before.sidecars) - set(after.sidecars):
        yield "the sidecar of %s can no longer be read" % path
