"""What a check of a FAT stick has made files of: clusters that a power cut left without a name.

``fsck.vfat -a`` puts them into the root as ``FSCK0000.REC`` and so on: up to a second of video that
was on its way when power went, each time. Nothing that was durable is in them, and with the years
they would fill the stick, so they make room before any recording does.
"""

from __future__ import annotations

import re
from typing import List

from dashcamd.storage.disk import Disk

NAME = re.compile(r"FSCK[0-9]{4}\.REC")
"""As dosfstools names them (src/check.c, `alloc_rootdir_entry`)."""


def found(disk: Disk) -> List[str]:
    """Paths of such files, in the order in which they were found. Raises `StorageError`."""
    return [one.name for one in disk.entries("") if one.is_file and NAME.fullmatch(one.name)]
