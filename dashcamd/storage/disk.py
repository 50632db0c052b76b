"""The port to the file system: the few operations that recordings are made of.

A `Disk` is one volume, pinned by a descriptor on its root directory: when the stick is gone and
its mount point is an empty directory of the system disk again, nothing lands there. Paths are
POSIX strings relative to that root; no component of them may be a symbolic link. A `DiskFile` is
one open file. Whatever the kernel refuses becomes a `StorageError` that keeps ``errno`` and says
in one line what failed, on which path, and what that means.

A `Disk` serves several threads at once, for it keeps nothing between two calls but its
descriptor; a `DiskFile` belongs to one. Fakes with behaviour are in `dashcamd.testing`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import weakref
from contextlib import ExitStack, contextmanager
from typing import Callable, Iterator, List, NamedTuple, Protocol, Sequence

from dashcamd.core.h264 import Buffer
from dashcamd.errors import StorageError
from dashcamd.storage import mounts, quirks

_IOV_MAX = 1024
"""Most buffers one ``pwritev`` takes on Linux (``UIO_MAXIOV``, include/uapi/linux/uio.h)."""

_DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_MEANING = {
    errno.ENOSPC: "the volume is full",
    errno.EDQUOT: "the quota is used up",
    errno.EIO: "the medium failed or was pulled",
    errno.ENODEV: "the volume was pulled",
    errno.ENXIO: "the volume was pulled",
    errno.EROFS: "the volume is read-only",
    errno.EACCES: "this user may not do that",
    errno.EPERM: "this user may not do that",
    errno.ENOENT: "it is not there",
    errno.EEXIST: "it exists already",
    errno.ELOOP: "symbolic links are not followed on a volume",
    errno.ENOTDIR: "a part of the path is a symbolic link or not a directory",
    errno.EFBIG: "the file system cannot hold larger files",
    errno.EAGAIN: "another program is writing it",
    errno.EBADF: "the file was closed or abandoned after an error",
}


class Entry(NamedTuple):
    """One name in a directory; `is_file` and `is_dir` are both false for links and devices."""

    name: str
    is_file: bool
    is_dir: bool
    size: int


class Space(NamedTuple):
    """Bytes of a volume: all of them, and those an ordinary user may still write.

    `is_read_only` once the kernel has turned it so (``errors=remount-ro``).
    """

    total: int
    free: int
    is_read_only: bool = False


class DiskFile(Protocol):
    """An open file that grows at its end.

    MUST: `write` takes all bytes or raises. MUST: after a failed `sync` every further call
    raises, because the kernel reports a lost write only once. MUST: `close` never raises and
    works twice; it does not sync.
    """

    @property
    def path(self) -> str:
        """Path below the root of the disk."""

    @property
    def size(self) -> int:
        """Bytes in the file, written or found."""

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Append all `buffers`."""

    def overwrite(self, offset: int, data: bytes) -> None:
        """Replace bytes that exist already."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end of the file."""

    def forget(self) -> None:
        """Have what is synced read from the medium the next time, not from memory."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def sync(self) -> None:
        """Return when data and size are on the medium (``fdatasync``)."""

    def sync_all(self) -> None:
        """Return when data and all metadata are on the medium (``fsync``)."""

    def close(self) -> None:
        """Give the descriptor back."""


class Disk(Protocol):
    """One volume: a tree of files below a root.

    MUST: raise nothing but `StorageError`, with ``errno`` set. MUST: never follow a symbolic
    link below the root, nor leave it.
    """

    @property
    def renames_are_whole(self) -> bool:
        """Whether a file that is renamed when the power goes is there afterwards, by some name."""

    def create(self, path: str, *, grows: bool = False) -> DiskFile:
        """Make a new file for writing; it must not exist.

        One that `grows` is synced again and again: what was durable once stays so.
        """

    def open(self, path: str, *, writable: bool = False) -> DiskFile:
        """Open a regular file that exists."""

    def make_dirs(self, path: str) -> None:
        """Make a directory and those above it, each one synced into its parent."""

    def rename(self, old: str, new: str) -> None:
        """Move a file, replacing `new`; a later `sync_dir` makes the new name durable, whole."""

    def unlink(self, path: str) -> None:
        """Remove a file."""

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""

    def sync_dir(self, path: str) -> None:
        """Return when the names in a directory are on the medium."""

    def entries(self, path: str) -> List[Entry]:
        """What a directory holds, sorted by name."""

    def space(self) -> Space:
        """Room on the volume now."""

    def close(self) -> None:
        """Let go of the volume, so that it can be unmounted."""


def storage_error(act: str, path: str, code: int) -> StorageError:
    """A `StorageError` for errno `code`: ``cannot write a.mp4: the volume is full (ENOSPC)``."""
    name = errno.errorcode.get(code, "errno %d" % code)
    meaning = _MEANING.get(code) or os.strerror(code)
    error = StorageError("cannot %s %s: %s (%s)" % (act, path or ".", meaning, name))
    error.errno = code
    return error


def is_full(error: BaseException) -> bool:
    """Whether `error` says that the volume has no room left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def parent_of(path: str) -> str:
    """The directory a path lies in; ``""`` is the root of the disk."""
    return path.rpartition("/")[0]


def replace_file(disk: Disk, path: str, data: bytes) -> None:
    """Put `data` at `path` so that a power cut leaves the old content or the new, never a mix.

    Crash order: temporary file -> fsync -> rename -> fsync of the directory.
    """
    temporary = path + ".tmp"
    if any(entry.name == temporary.rpartition("/")[2] for entry in disk.entries(parent_of(path))):
        disk.unlink(temporary)
    file = disk.create(temporary)
    try:
        file.write([data])
        file.sync_all()
    finally:
        file.close()
    disk.rename(temporary, path)
    disk.sync_dir(parent_of(path))


@contextmanager
def _explained(act: str, path: str) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(act, path, error.errno or errno.EIO) from error


class PosixFile:
    """A `DiskFile` on a descriptor, positional throughout: no shared file offset to lose."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._fd = descriptor
        self._path = path
        self._size = os.fstat(descriptor).st_size

    @property
    def path(self) -> str:
        """Path below the root of the disk."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Append all `buffers`, however short the single writes turn out."""
        with _explained("write", self._path):
            for start in range(0, len(buffers), _IOV_MAX):
                self._write_all(list(buffers[start : start + _IOV_MAX]))

    def _write_all(self, buffers: List[Buffer]) -> None:
        while buffers:
            written = os.pwritev(self._fd, buffers, self._size)
            self._size += written
            buffers = _after(buffers, written)

    def overwrite(self, offset: int, data: bytes) -> None:
        """Replace bytes that exist already."""
        with _explained("write", self._path):
            while data:
                written = os.pwrite(self._fd, data, offset)
                offset, data = offset + written, data[written:]

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end of the file."""
        with _explained("read", self._path):
            parts = []
            while size > 0:
                part = os.pread(self._fd, size, offset)
                if not part:
                    break
                parts.append(part)
                offset, size = offset + len(part), size - len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)

    def forget(self) -> None:
        """Have the kernel drop its pages of the file, those that are not dirty."""
        with _explained("read", self._path):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        with _explained("truncate", self._path):
            os.ftruncate(self._fd, size)
            self._size = size

    def sync(self) -> None:
        """``fdatasync``; a failure abandons the file."""
        self._sync_with(os.fdatasync)

    def sync_all(self) -> None:
        """``fsync``; a failure abandons the file."""
        self._sync_with(os.fsync)

    def _sync_with(self, flush: Callable[[int], None]) -> None:
        with _explained("sync", self._path):
            if self._fd < 0:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            try:
                flush(self._fd)
            except OSError:
                # The kernel forgets the error now and would call the next fsync a success.
                self.close()
                raise
            if os.fstat(self._fd).st_nlink == 0:
                # Deleted under us: what is synced now is gone as soon as the file is closed.
                self.close()
                raise FileNotFoundError(errno.ENOENT, "deleted")

    def close(self) -> None:
        """Give the descriptor back; an error of close is of no use to anybody."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            try:
                os.close(descriptor)
            except OSError:
                return


def _claim(descriptor: int) -> None:
    """Lock a file for writing, so that `dashcamd recover` leaves the daemon's open part alone.

    A file system without locks is used without them.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        return


def _after(buffers: List[Buffer], written: int) -> List[Buffer]:
    """What is left of `buffers` once `written` bytes of them are on their way."""
    for place, buffer in enumerate(buffers):
        if written < len(buffer):
            return [memoryview(buffer)[written:], *buffers[place + 1 :]]
        written -= len(buffer)
    return []


class PosixDisk:
    """The tree below `root` of the running machine. Raises `StorageError` if it is not there."""

    def __init__(self, root: str) -> None:
        self._root = root
        with _explained("open", root):
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._fd)

    @property
    def root(self) -> str:
        """Where the volume is mounted, for messages."""
        return self._root

    @property
    def device(self) -> int:
        """Number of the device that the root lies on, as ``st_dev`` has it."""
        with _explained("look at", self._root):
            return os.fstat(self._fd).st_dev

    @property
    def renames_are_whole(self) -> bool:
        """Not on exFAT, see `quirks.TORN_RENAMES`."""
        return self._type not in quirks.TORN_RENAMES

    @property
    def _type(self) -> str:
        return mounts.type_of(self.device)

    def create(self, path: str, *, grows: bool = False) -> PosixFile:
        """Make a new file for writing; it must not exist."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        return self._open_file("create", path, flags, grows and self._type == "exfat")

    def open(self, path: str, *, writable: bool = False) -> PosixFile:
        """Open a regular file that exists."""
        return self._open_file("open", path, os.O_RDWR if writable else os.O_RDONLY)

    def _open_file(self, act: str, path: str, flags: int, is_linked: bool = False) -> PosixFile:
        with _explained(act, path), self._parent(path) as (parent, name):
            descriptor = os.open(name, flags | _FILE_FLAGS, 0o644, dir_fd=parent)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise StorageError("cannot %s %s: it is not a regular file" % (act, path))
            if flags & os.O_RDWR:
                _claim(descriptor)
            file = PosixFile(descriptor, path)
            if is_linked:
                quirks.link_clusters(descriptor, name, parent)
            return file

    def make_dirs(self, path: str) -> None:
        """Make a directory and those above it, each one synced into its parent."""
        try:
            self._make_all(path)
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            # The keep thread removed a day's folder that was empty until now.
            self._make_all(path)

    def _make_all(self, path: str) -> None:
        parts = _parts(path)
        for depth in range(1, len(parts) + 1):
            self._make_dir("/".join(parts[:depth]))

    def _make_dir(self, path: str) -> None:
        with _explained("create", path), self._parent(path) as (parent, name):
            try:
                os.mkdir(name, 0o755, dir_fd=parent)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise storage_error("create", path, errno.ENOTDIR) from None
            else:
                os.fsync(parent)

    def rename(self, old: str, new: str) -> None:
        """Move a file, replacing `new`."""
        with ExitStack() as stack:
            stack.enter_context(_explained("rename", old))
            old_dir, old_name = stack.enter_context(self._parent(old))
            new_dir, new_name = stack.enter_context(self._parent(new))
            with quirks.held(new_name, new_dir):
                os.replace(old_name, new_name, src_dir_fd=old_dir, dst_dir_fd=new_dir)
                quirks.sync_name(new_name, new_dir)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        with _explained("remove", path), self._parent(path) as (parent, name):
            os.unlink(name, dir_fd=parent)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        with _explained("remove", path), self._parent(path) as (parent, name):
            os.rmdir(name, dir_fd=parent)

    def sync_dir(self, path: str) -> None:
        """Return when the names in a directory are on the medium."""
        with _explained("sync", path), self._directory(_parts(path)) as descriptor:
            os.fsync(descriptor)

    def entries(self, path: str) -> List[Entry]:
        """What a directory holds, sorted by name."""
        with _explained("list", path), self._directory(_parts(path)) as descriptor:
            return sorted(map(_entry, _scan(descriptor)))

    def space(self) -> Space:
        """Room on the volume now."""
        with _explained("ask the free space of", self._root):
            facts = os.fstatvfs(self._fd)
        is_read_only = bool(facts.f_flag & os.ST_RDONLY)
        total, free = facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize
        return Space(total, free, is_read_only)

    def close(self) -> None:
        """Let go of the volume; safe to call twice, and done by itself when nobody uses it.

        Another thread may be about to use the descriptor. Its number is given back with the object
        only, so that it never names a directory of somebody else; until then it leads nowhere.
        """
        number, self._fd = self._fd, -1
        if number >= 0:
            nowhere = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(nowhere, number, inheritable=False)
            os.close(nowhere)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        *above, name = _parts(path) or ("",)
        with self._directory(above) as descriptor:
            yield descriptor, name

    @contextmanager
    def _directory(self, parts: Sequence[str]) -> Iterator[int]:
        """A descriptor of the directory, reached step by step so that no link is followed."""
        descriptor = os.open(".", _DIR_FLAGS, dir_fd=self._fd)
        try:
            for part in parts:
                below = os.open(part, _DIR_FLAGS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


def _parts(path: str) -> List[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise storage_error("leave the volume through", path.replace("\0", "?"), errno.EPERM)
    return parts


def _scan(descriptor: int) -> List[os.DirEntry[str]]:
    with os.scandir(descriptor) as found:
        return list(found)


def _entry(item: os.DirEntry[str]) -> Entry:
    is_file = item.is_file(follow_symlinks=False)
    size = item.stat(follow_symlinks=False).st_size if is_file else 0
    return Entry(item.name, is_file, item.is_dir(follow_symlinks=False), size)


def open_anywhere(path: str) -> PosixFile:
    """Open a regular file of the machine for reading, on a volume or not, by its usual path."""
    with _explained("open", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return PosixFile(descriptor, path)
        os.close(descriptor)
    raise StorageError("cannot open %s: it is not a regular file" % path)
