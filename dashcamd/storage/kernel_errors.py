"""Errors of a stick that the kernel has counted, from ``/sys``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Optional

SYS = Path("/sys")


class KernelErrors(NamedTuple):
    """`io` commands that failed since the stick was plugged in, `file_system` what ext4 noted."""

    io: int
    file_system: int


class ErrorCount:
    """Follows the counters of the device numbered `device` (``st_dev``) from now on.

    ``ioerr_cnt`` also counts commands that a stick does not know, such as those of the first
    probing, so only its growth means anything. ext4 keeps its count in the superblock until the
    file system is checked: there every one means something. Other file systems keep none.
    """

    def __init__(self, device: int, root: Path = SYS) -> None:
        number = "%d:%d" % (os.major(device), os.minor(device))
        block = (root / "dev" / "block" / number).resolve()
        disk = block.parent if (block / "partition").exists() else block
        self._io = disk / "device" / "ioerr_cnt"
        self._file_system = root / "fs" / "ext4" / block.name / "errors_count"
        self._before = _count(self._io, 16) or 0

    def read(self) -> KernelErrors:
        """The counts now; 0 where the kernel keeps none."""
        io = _count(self._io, 16) or 0
        return KernelErrors(max(0, io - self._before), _count(self._file_system, 10) or 0)


def _count(path: Path, base: int) -> Optional[int]:
    try:
        return int(path.read_text(), base)
    except (OSError, ValueError):
        return None
