"""Fakes with behaviour, for the tests of dashcamd and of whoever builds on it.

All of these are ours; none imitates a library. `MemoryDisk` is a disk with a write cache: it
knows what would be left after a power cut at any operation. `SlowDisk` stalls on a given clock,
`FlakyDisk` fails at the n-th call, `PluggedDisk` can be pulled. `stream` makes frames that really
decode (`dashcamd.handmade`), and `ScriptCamera` delivers them (`dashcamd.script`).
"""

from __future__ import annotations

import errno
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar

from dashcamd.clock import Clock
from dashcamd.core.h264 import Buffer
from dashcamd.handmade import PPS, SIDE_PX, SPS, number_in, sps, stream
from dashcamd.handover import Latest
from dashcamd.script import ScriptCamera
from dashcamd.storage.disk import Disk, DiskFile, Entry, Space, parent_of, storage_error
from dashcamd.types import Seconds

T = TypeVar("T")

__all__ = [
    "PPS",
    "SIDE_PX",
    "SPS",
    "FlakyDisk",
    "MemoryDisk",
    "MemoryFile",
    "Op",
    "PluggedDisk",
    "ScriptCamera",
    "SlowDisk",
    "held",
    "number_in",
    "sps",
    "stream",
]


def held(value: T) -> Latest[T]:
    """A `Latest` that holds `value`."""
    latest: Latest[T] = Latest()
    latest.put(value)
    return latest


class Op(NamedTuple):
    """One operation that changed a `MemoryDisk`; `data` is what it wrote."""

    act: str
    path: str
    offset: int = 0
    data: bytes = b""
    target: str = ""


class _Inode:
    def __init__(self) -> None:
        self.live = bytearray()
        self.durable = b""


class MemoryDisk:
    """A disk in memory with a write cache, a journal of what was done, and a size.

    Reading sees everything written. A power cut keeps, at the least, what was synced: the bytes
    of a file up to its last `sync`, the names of a directory up to its last `sync_dir`
    (`after_cut`); at the most, everything written so far and any part of the write in progress
    (`at`). A test that holds for both and for every step holds for the disks in between.
    """

    def __init__(self, capacity_bytes: int = 1 << 40, renames_are_whole: bool = True) -> None:
        self.renames_are_whole = renames_are_whole
        """Where false, `at` tears renames: the file is gone from its old and its new name."""
        self.journal: List[Op] = []
        self._capacity = capacity_bytes
        self._placed: Dict[str, bytes] = {}
        self._names: Dict[str, _Inode] = {}
        self._durable_names: Dict[str, _Inode] = {}
        self._dirs: Set[str] = {""}

    def at(self, step: int, torn_bytes: int = 0) -> MemoryDisk:
        """The disk after `step` operations that all reached the medium.

        `torn_bytes` of the next one did, too, if it is a write; a rename is torn by any number.
        """
        disk = MemoryDisk(self._capacity, self.renames_are_whole)
        for path, data in self._placed.items():
            disk.put(path, data)
        for op in self.journal[:step]:
            disk._replay(op)
        if torn_bytes and step < len(self.journal):
            op = self.journal[step]
            if op.act in ("write", "overwrite"):
                disk._replay(op._replace(data=op.data[:torn_bytes]))
            elif op.act == "rename" and not self.renames_are_whole:
                disk.unlink(op.path)
        return disk

    def after_cut(self, step: int) -> MemoryDisk:
        """The disk after `step` operations of which only synced ones reached the medium."""
        disk = self.at(step)
        disk._names = dict(disk._durable_names)
        for inode in disk._names.values():
            inode.live = bytearray(inode.durable)
        return disk

    def content(self, path: str) -> bytes:
        """The bytes of a file as a reader sees them now."""
        return bytes(self._inode("read", path).live)

    def put(self, path: str, data: bytes) -> None:
        """Place a file as if it had been on the medium before the journal began."""
        self._placed[path] = bytes(data)
        inode = _Inode()
        inode.live, inode.durable = bytearray(data), bytes(data)
        self._names[path] = self._durable_names[path] = inode

    @property
    def paths(self) -> List[str]:
        """All files, sorted."""
        return sorted(self._names)

    def create(self, path: str, *, grows: bool = False) -> MemoryFile:
        """Make a new file for writing; it must not exist."""
        if path in self._names:
            raise storage_error("create", path, errno.EEXIST)
        self._require_dir("create", path)
        self._names[path] = _Inode()
        self.journal.append(Op("create", path))
        return MemoryFile(self, path, self._names[path])

    def open(self, path: str, *, writable: bool = False) -> MemoryFile:
        """Open a file that exists."""
        return MemoryFile(self, path, self._inode("open", path))

    def make_dirs(self, path: str) -> None:
        """Make a directory and those above it."""
        parts = path.split("/") if path else []
        self._dirs |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        self.journal.append(Op("make_dirs", path))

    def rename(self, old: str, new: str) -> None:
        """Move a file, replacing `new`."""
        inode = self._inode("rename", old)
        self._require_dir("rename", new)
        del self._names[old]
        self._names[new] = inode
        self.journal.append(Op("rename", old, target=new))

    def unlink(self, path: str) -> None:
        """Remove a file."""
        self._inode("remove", path)
        del self._names[path]
        self.journal.append(Op("unlink", path))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        if self.entries(path):
            raise storage_error("remove", path, errno.ENOTEMPTY)
        self._dirs.discard(path)
        self.journal.append(Op("rmdir", path))

    def sync_dir(self, path: str) -> None:
        """Return when the names in a directory are on the medium."""
        held = {name: inode for name, inode in self._names.items() if parent_of(name) == path}
        for name in [name for name in self._durable_names if parent_of(name) == path]:
            del self._durable_names[name]
        self._durable_names.update(held)
        self.journal.append(Op("sync_dir", path))

    def entries(self, path: str) -> List[Entry]:
        """What a directory holds, sorted by name."""
        if path not in self._dirs:
            raise storage_error("list", path, errno.ENOENT)
        above = path + "/" if path else ""
        start = len(above)
        files = [
            Entry(name[start:], True, False, len(inode.live))
            for name, inode in self._names.items()
            if name.startswith(above) and "/" not in name[start:]
        ]
        dirs = [
            Entry(name[start:], False, True, 0)
            for name in self._dirs
            if name and name.startswith(above) and "/" not in name[start:]
        ]
        return sorted(files + dirs)

    def space(self) -> Space:
        """Room on the volume now."""
        used = sum(len(inode.live) for inode in self._names.values())
        return Space(self._capacity, max(0, self._capacity - used))

    def close(self) -> None:
        """Nothing to let go of."""

    def _inode(self, act: str, path: str) -> _Inode:
        if path not in self._names:
            raise storage_error(act, path, errno.ENOENT)
        return self._names[path]

    def _require_dir(self, act: str, path: str) -> None:
        if parent_of(path) not in self._dirs:
            raise storage_error(act, path, errno.ENOENT)

    def _replay(self, op: Op) -> None:
        if op.act in ("write", "overwrite", "truncate", "sync", "sync_all"):
            if op.path not in self._names:
                return  # it was removed while it was open
            MemoryFile(self, op.path, self._names[op.path]).replay(op)
        elif op.act == "rename":
            self.rename(op.path, op.target)
        else:
            getattr(self, op.act)(op.path)


class MemoryFile:
    """An open file of a `MemoryDisk`."""

    def __init__(self, disk: MemoryDisk, path: str, inode: _Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode: Optional[_Inode] = inode

    @property
    def path(self) -> str:
        """Path below the root of the disk."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return len(self._opened("ask the size of").live)

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Append all `buffers`; on a full disk as much as fits, as the kernel does."""
        inode = self._opened("write")
        data = b"".join(buffers)
        free = self._disk.space().free
        offset = len(inode.live)
        inode.live += data[:free]
        self._disk.journal.append(Op("write", self._path, offset, data[:free]))
        if len(data) > free:
            raise storage_error("write", self._path, errno.ENOSPC)

    def overwrite(self, offset: int, data: bytes) -> None:
        """Replace bytes that exist already."""
        self._opened("write").live[offset : offset + len(data)] = data
        self._disk.journal.append(Op("overwrite", self._path, offset, data))

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end of the file."""
        return bytes(self._opened("read").live[offset : offset + size])

    def forget(self) -> None:
        """What is read is what was written, here."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        del self._opened("truncate").live[size:]
        self._disk.journal.append(Op("truncate", self._path, size))

    def sync(self) -> None:
        """Make the bytes durable."""
        self._sync("sync")

    def sync_all(self) -> None:
        """Make the bytes durable; names are durable only after `MemoryDisk.sync_dir`."""
        self._sync("sync_all")

    def _sync(self, act: str) -> None:
        inode = self._opened("sync")
        inode.durable = bytes(inode.live)
        self._disk.journal.append(Op(act, self._path))

    def close(self) -> None:
        """Every later call but this one fails."""
        self._inode = None

    def replay(self, op: Op) -> None:
        """Do again what a journal entry says."""
        if op.act == "write":
            self.write([op.data])
        elif op.act == "overwrite":
            self.overwrite(op.offset, op.data)
        elif op.act == "truncate":
            self.truncate(op.offset)
        else:
            self._sync(op.act)

    def _opened(self, act: str) -> _Inode:
        if self._inode is None:
            raise storage_error(act, self._path, errno.EBADF)
        return self._inode


class _Watched:
    """A disk that calls `before` ahead of each operation on it or on its files."""

    def __init__(self, inner: Disk) -> None:
        self.inner = inner

    def before(self, act: str, path: str, size: int = 0) -> None:
        """Wait, raise, or do nothing; `size` bytes are about to be written."""
        raise NotImplementedError

    @property
    def renames_are_whole(self) -> bool:
        """As the disk inside."""
        return self.inner.renames_are_whole

    def create(self, path: str, *, grows: bool = False) -> DiskFile:
        """As the disk inside."""
        self.before("create", path)
        return _WatchedFile(self, self.inner.create(path, grows=grows))

    def open(self, path: str, *, writable: bool = False) -> DiskFile:
        """As the disk inside."""
        self.before("open", path)
        return _WatchedFile(self, self.inner.open(path, writable=writable))

    def make_dirs(self, path: str) -> None:
        """As the disk inside."""
        self.before("create", path)
        self.inner.make_dirs(path)

    def rename(self, old: str, new: str) -> None:
        """As the disk inside."""
        self.before("rename", old)
        self.inner.rename(old, new)

    def unlink(self, path: str) -> None:
        """As the disk inside."""
        self.before("remove", path)
        self.inner.unlink(path)

    def rmdir(self, path: str) -> None:
        """As the disk inside."""
        self.before("remove", path)
        self.inner.rmdir(path)

    def sync_dir(self, path: str) -> None:
        """As the disk inside."""
        self.before("sync", path)
        self.inner.sync_dir(path)

    def entries(self, path: str) -> List[Entry]:
        """As the disk inside."""
        self.before("list", path)
        return self.inner.entries(path)

    def space(self) -> Space:
        """As the disk inside."""
        self.before("ask the free space of", "")
        return self.inner.space()

    def close(self) -> None:
        """As the disk inside."""
        self.inner.close()


class _WatchedFile:
    def __init__(self, disk: _Watched, inner: DiskFile) -> None:
        self._disk = disk
        self._inner = inner

    @property
    def path(self) -> str:
        return self._inner.path

    @property
    def size(self) -> int:
        return self._inner.size

    def write(self, buffers: Sequence[Buffer]) -> None:
        data = b"".join(buffers)
        try:
            self._disk.before("write", self.path, len(data))
        except OSError:
            self._inner.write([data[: len(data) // 2]])
            raise
        self._inner.write([data])

    def overwrite(self, offset: int, data: bytes) -> None:
        self._disk.before("write", self.path, len(data))
        self._inner.overwrite(offset, data)

    def read(self, offset: int, size: int) -> bytes:
        self._disk.before("read", self.path)
        return self._inner.read(offset, size)

    def forget(self) -> None:
        self._inner.forget()

    def truncate(self, size: int) -> None:
        self._disk.before("truncate", self.path)
        self._inner.truncate(size)

    def sync(self) -> None:
        self._sync(self._inner.sync)

    def sync_all(self) -> None:
        self._sync(self._inner.sync_all)

    def _sync(self, flush: Any) -> None:
        try:
            self._disk.before("sync", self.path)
        except OSError:
            self._inner.close()
            raise
        flush()

    def close(self) -> None:
        self._inner.close()


class SlowDisk(_Watched):
    """A disk that takes its time on `clock`: it stalls, and writes `bytes_per_s` at most.

    `stalls` are (start, seconds) on the monotonic clock: whoever calls in between waits for the
    end.
    """

    def __init__(
        self,
        inner: Disk,
        clock: Clock,
        stalls: Sequence[Tuple[Seconds, Seconds]] = (),
        bytes_per_s: float = float("inf"),
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._stalls = tuple(stalls)
        self._bytes_per_s = bytes_per_s

    def before(self, act: str, path: str, size: int = 0) -> None:
        """Wait as long as the disk would."""
        now = self._clock.monotonic()
        ends = [start + length for start, length in self._stalls if start <= now < start + length]
        delay = max(ends, default=now) - now + size / self._bytes_per_s
        if delay > 0:
            self._clock.wait(threading.Event(), delay)


class FlakyDisk(_Watched):
    """A disk whose call number `fail_at` (from 1) fails with errno `code`, as do all after it.

    With ``once=True`` only that call fails. A failing write still writes its first half; a failing
    sync abandons the file. `calls` counts, so a test can fail each of them in turn.
    """

    def __init__(
        self, inner: Disk, fail_at: Optional[int] = None, code: int = errno.EIO, once: bool = False
    ) -> None:
        super().__init__(inner)
        self.fail_at = fail_at
        self.calls = 0
        self._code = code
        self._once = once

    def before(self, act: str, path: str, size: int = 0) -> None:
        """Fail when it is time."""
        self.calls += 1
        if self.fail_at is None or self.calls < self.fail_at:
            return
        if self.calls == self.fail_at or not self._once:
            raise storage_error(act, path, self._code)


class PluggedDisk(_Watched):
    """A disk in a socket: after `pull` every call on it and on its files fails with EIO."""

    def __init__(self, inner: Disk) -> None:
        super().__init__(inner)
        self.is_pulled = False

    def pull(self) -> None:
        """Take it out; to plug it in again make a new `PluggedDisk` around the same inner one."""
        self.is_pulled = True

    def before(self, act: str, path: str, size: int = 0) -> None:
        """Fail once it is pulled."""
        if self.is_pulled:
            raise storage_error(act, path, errno.EIO)
