"""A folder as the volume: ``--storage DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from dashcamd.errors import StorageError
from dashcamd.storage.disk import PosixDisk, storage_error
from dashcamd.storage.kernel_errors import ErrorCount
from dashcamd.storage.volume import Volume
from dashcamd.types import Json, Seconds


class FolderSource:
    """Offers one folder; notices when it vanishes or another file system appears in its place.

    Where a stick was mounted at first, only a mounted stick will do: its empty mount point
    belongs to the system's disk.
    """

    is_fixed = True

    def __init__(self, path: str, boot_id: str) -> None:
        self._path = Path(path).absolute()
        self._boot_id = boot_id
        self._device = -1
        self._errors: Optional[ErrorCount] = None
        self._mount_point: Optional[Path] = None

    def look(self, now: Seconds) -> bool:
        """A folder has no news."""
        return False

    def offer(self, now: Seconds) -> Volume:
        """Open the folder for use; it must exist and be writable. Raises `StorageError`."""
        disk = PosixDisk(str(self._path))
        try:
            self._require_mount()
            self._device = self._path.stat().st_dev
            self._errors = ErrorCount(self._device)
            return Volume(disk, str(self._path), self._boot_id)
        except OSError as error:
            disk.close()
            if isinstance(error, StorageError):
                raise
            raise storage_error("open", str(self._path), error.errno or 0) from None

    def _require_mount(self) -> None:
        here = _mount_point(self._path)
        if self._mount_point is not None and here in self._mount_point.parents:
            raise StorageError("nothing is mounted at %s any more" % self._mount_point)
        self._mount_point = here

    def trouble(self, volume: Volume) -> Optional[str]:
        """Whether the folder vanished or is on another device than when it was offered."""
        try:
            is_there = self._path.stat().st_dev == self._device
        except OSError:
            is_there = False
        return None if is_there else "the folder %s is gone" % self._path

    def has_another(self, now: Seconds) -> bool:
        """There is only the one."""
        return False

    def distrust(self, volume: Volume, is_full: bool, now: Seconds) -> None:
        """There is no other folder to prefer."""

    def set_aside(self, volume: Volume) -> None:
        """Never asked for: a fixed source cannot be ejected."""

    def unmount(self, volume: Volume) -> None:
        """Never asked for either."""

    def is_safe(self, volume: Volume) -> bool:
        """A folder stays where it is."""
        return False

    def describe(self) -> Json:
        """The errors of the disk that the folder is on."""
        return {"kernel_errors": self._errors.read()._asdict()} if self._errors else {}


def _mount_point(path: Path) -> Path:
    """The folder at which the file system of `path` is mounted."""
    return next((place for place in (path, *path.parents) if place.is_mount()), path)
