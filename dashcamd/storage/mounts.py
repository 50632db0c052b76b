"""The kernel's mount table as this process sees it, and the question whether it changed.

``/proc/self/mountinfo`` and nothing else: it names the device number behind every mount point,
which is what a path must be compared with before a byte is written under it. A service with its
own mount namespace reads its own table there.
"""

from __future__ import annotations

import os
import re
import select
from pathlib import Path
from typing import Iterator, Optional

from dashcamd.core.sticks import Mount

MOUNTINFO = Path("/proc/self/mountinfo")

_OCTAL = re.compile(r"\\([0-7]{3})")


def mounts(table: Path = MOUNTINFO) -> Iterator[Mount]:
    """Every mount of the table, the topmost at a path only; nothing when there is no table."""
    try:
        text = table.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return
    top = {mount.path: mount for mount in map(_parse, text.splitlines()) if mount is not None}
    yield from top.values()


def type_of(device: int, table: Path = MOUNTINFO) -> str:
    """The type of the file system on `device`, ``""`` when the table does not know it."""
    return next((mount.type for mount in mounts(table) if mount.device == device), "")


def _parse(line: str) -> Optional[Mount]:
    """One line as proc(5) describes it: two fields of options, a `` - `` between them."""
    here, _, there = line.partition(" - ")
    fields, behind = here.split(" "), there.split(" ")
    if len(fields) < 6 or len(behind) < 3:
        return None
    major, _, minor = fields[2].partition(":")
    if not (major.isdigit() and minor.isdigit()):
        return None
    options = {*fields[5].split(","), *behind[2].split(",")}
    device = os.makedev(int(major), int(minor))
    return Mount(device, _plain(fields[4]), _plain(fields[3]), "ro" in options, behind[0])


def _plain(field: str) -> str:
    r"""The path that the kernel wrote with ``\040`` for a blank."""
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), field)


class MountWatch:
    """Tells whether the mount table changed since it was asked last. One thread."""

    def __init__(self, table: Path = MOUNTINFO) -> None:
        self._fd = os.open(table, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLPRI)

    def has_changed(self) -> bool:
        """Ask and never wait: the kernel raises POLLPRI on the table after every change."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)
