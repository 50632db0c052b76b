"""A folder as the volume: ``--storage DIR``."""

from __future__ import annotations

from pathlib import Path

from dashcamd.errors import StorageError
from dashcamd.storage.disk import PosixDisk, storage_error
from dashcamd.storage.volume import Volume


class FolderSource:
    """Offers one folder; notices when it vanishes or another file system appears in its place."""

    is_fixed = True

    def __init__(self, path: str, boot_id: str) -> None:
        self._path = Path(path).absolute()
        self._boot_id = boot_id
        self._device = -1

    def offer(self) -> Volume:
        """Open the folder for use; it must exist and be writable. Raises `StorageError`."""
        disk = PosixDisk(str(self._path))
        try:
            self._device = self._path.stat().st_dev
            return Volume(disk, str(self._path), self._boot_id)
        except OSError as error:
            disk.close()
            if isinstance(error, StorageError):
                raise
            raise storage_error("open", str(self._path), error.errno or 0) from None

    def is_there(self, volume: Volume) -> bool:
        """Whether the folder is still on the device where it was offered."""
        try:
            return self._path.stat().st_dev == self._device
        except OSError:
            return False
