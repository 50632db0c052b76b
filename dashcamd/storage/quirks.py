"""What Linux's FAT and exFAT need for a file to be as durable as the port promises.

Found by pulling sticks from a real kernel and by cutting recorded sessions at every write, see
docs/design/sticks.md and docs/decisions/0003-names-of-open-parts.md. Raises `OSError`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator

TORN_RENAMES = ("exfat", "vfat", "msdos", "fuseblk")
"""File systems on which a cut rename can lose the file; ``fuseblk`` is exfat-fuse or ntfs-3g.

Linux's exFAT writes a shorter name over a longer one in place (fs/exfat/namei.c). Where the entries
of the file lie in two sectors, one of them may be new and the other old: 3 of 1001 cuts. Its FAT
adds the new name and takes the old one away, often in two sectors: the latter may arrive alone.
"""

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def sync_name(name: str, directory: int) -> None:
    """Write a file's size and place into the directory entry it has just got.

    Linux's vfat makes the entry of a renamed file with size 0 and no cluster and fills it in when
    the inode is written (fs/fat/namei_vfat.c, vfat_rename): syncing the directory alone would
    make that empty entry durable. Seen on a real kernel: closed parts of 0 bytes after a pull.
    """
    descriptor = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(name: str, directory: int) -> Iterator[None]:
    """Keep the clusters of the file that `name` is now until the directory no longer names it.

    Linux frees the clusters of a file that is replaced at once, and the table with them may reach
    the medium before the directory does: the name then leads to clusters that nobody owns, and
    fsck empties the file. 3 of 1000 cuts on FAT32 lost a sidecar so. A file that somebody has open
    keeps its clusters, so it is open here until the directory is on the medium.
    """
    try:
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        yield
        return
    try:
        yield
        os.fsync(directory)
    finally:
        os.close(descriptor)


def link_clusters(descriptor: int, name: str, directory: int) -> None:
    """Have exFAT link the clusters of the new, empty file `name` from the first one on.

    A file whose clusters lie in a row has no links in the table (NoFatChain). When another file
    takes the next cluster, Linux writes links for all clusters so far and turns the flag, in any
    order: a power cut in between lost a part of which 6 s had been durable. So another file does
    take the next cluster, now, while nothing can be lost. A single byte stays behind, since an
    emptied file would forget that it has links; the first write covers it. A full or failing
    volume says so when video is written.
    """
    wedge = name + ".tmp"
    try:
        os.ftruncate(descriptor, 1)
        other = os.open(wedge, os.O_WRONLY | os.O_CREAT | _FLAGS, 0o644, dir_fd=directory)
        try:
            os.ftruncate(other, 1)
            os.ftruncate(descriptor, os.fstatvfs(descriptor).f_bsize + 1)
            os.ftruncate(descriptor, 1)
        finally:
            os.close(other)
            os.unlink(wedge, dir_fd=directory)
    except OSError:
        return
