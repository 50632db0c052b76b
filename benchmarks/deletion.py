"""What deleting one large file costs whoever writes beside it: whole, and in steps.

Run: ``python -m benchmarks.deletion [FOLDER] [--mib N] [--rounds N]``; FOLDER lies on the file
system in question, a stick best. A thread appends 64 KiB and calls ``fdatasync`` as the record
thread does, without a pause, while a file of N MiB is deleted by one ``unlink``, and as
`delete_part` does.

call           the longest single call of the deletion
fdatasync      the longest write and sync beside it; ``idle`` is the same while nothing is deleted
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from statistics import median
from typing import Callable, List, NamedTuple

from dashcamd.storage.deletion import delete_part
from dashcamd.storage.disk import Disk, DiskFile, PosixDisk
from dashcamd.testing import PluggedDisk
from dashcamd.types import Seconds

MIB = 1 << 20
CHUNK = bytes(64 * 1024)
IDLE_S = 2.0


class Cost(NamedTuple):
    """Longest call of the deletion, longest sync beside it, and how long all of it took."""

    call_s: Seconds
    sync_s: Seconds
    all_s: Seconds


class Timed(PluggedDisk):
    """Takes the time from each operation to the next; `longest_s` of them."""

    def __init__(self, inner: Disk) -> None:
        super().__init__(inner)
        self.longest_s: Seconds = 0.0
        self._began = time.monotonic()

    def before(self, act: str, path: str, size: int = 0) -> None:
        """The operation before this one is over."""
        now = time.monotonic()
        self.longest_s, self._began = max(self.longest_s, now - self._began), now


class Writer:
    """Appends and syncs until it is told to stop; `longest_s` of the syncs."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.longest_s: Seconds = 0.0

    def __enter__(self) -> Writer:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for it."""
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        file = self._disk.create("beside.bin")
        while not self._is_over.is_set():
            began = time.monotonic()
            file.write([CHUNK])
            file.sync()
            self.longest_s = max(self.longest_s, time.monotonic() - began)
        file.close()
        self._disk.unlink("beside.bin")


def fill(disk: Disk, mib: int) -> None:
    """A file as video leaves it: written in order, synced as it grows."""
    file: DiskFile = disk.create("large.mp4")
    for number in range(mib):
        file.write([CHUNK] * (MIB // len(CHUNK)))
        if number % 16 == 0:
            file.sync()
    file.sync_all()
    file.close()


def idle(disk: Disk) -> Cost:
    """Nothing is deleted."""
    with Writer(disk) as writer:
        time.sleep(IDLE_S)
    return Cost(0.0, writer.longest_s, IDLE_S)


def deleting(disk: Disk, mib: int, delete: Callable[[Timed], None]) -> Cost:
    """One file of `mib` MiB goes."""
    fill(disk, mib)
    with Writer(disk) as writer:
        time.sleep(0.2)
        writer.longest_s, began, timed = 0.0, time.monotonic(), Timed(disk)
        delete(timed)
        timed.before("end", "")
        all_s = time.monotonic() - began
        time.sleep(0.5)  # the journal's commit comes later
    return Cost(timed.longest_s, writer.longest_s, all_s)


def main() -> None:
    """Print the medians over the rounds and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="where; a temporary folder when left out")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        disk = PosixDisk(folder)
        rows: List[List[Cost]] = [[], [], []]
        for _ in range(arguments.rounds):
            rows[0].append(idle(disk))
            rows[1].append(deleting(disk, arguments.mib, lambda timed: timed.unlink("large.mp4")))
            rows[2].append(deleting(disk, arguments.mib, lambda t: delete_part(t, "large.mp4")))
        disk.close()
    print("%d MiB, median (worst) of %d rounds, ms" % (arguments.mib, arguments.rounds))
    print("%-10s %18s %18s %10s" % ("", "longest call", "longest fdatasync", "all of it"))
    for name, costs in zip(("idle", "whole", "in steps"), rows):
        print("%-10s %s %s %10.1f" % (name, _ms([c.call_s for c in costs]),
                                      _ms([c.sync_s for c in costs]),
                                      1e3 * median(c.all_s for c in costs)))  # fmt: skip
    whole, steps = rows[1], rows[2]
    print("whole / steps: call %.1f, fdatasync %.1f" % (
        median(c.call_s for c in whole) / median(c.call_s for c in steps),
        median(c.sync_s for c in whole) / median(c.sync_s for c in steps),
    ))  # fmt: skip


def _ms(seconds: List[Seconds]) -> str:
    return "%9.1f %8s" % (1e3 * median(seconds), "(%.1f)" % (1e3 * max(seconds)))


if __name__ == "__main__":
    main()
