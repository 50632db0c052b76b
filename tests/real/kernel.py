"""Real file systems on real block devices: made, frozen, cut off and filled by the kernel."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN`` (fs/ext4/ext4.h)."""

NO_LOG_FLUSH = 2
"""Neither data nor journal is written any more: what a power cut does to a file system."""


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, "%s: %s" % (command, done.stderr)


def require_mounts() -> None:
    """Skip where this user cannot mount."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    for tool in ("mkfs.ext4", "fsfreeze", "mount", "umount"):
        if shutil.which(tool) is None:
            pytest.skip("%s is not installed" % tool)


class Mounted:
    """A file system at `where` that can be unmounted, mounted again, and treated badly."""

    def __init__(self, where: Path, *mount: object) -> None:
        self.where = where
        self._mount = mount
        self._is_frozen = False
        where.mkdir(exist_ok=True)
        self.mount()

    def mount(self) -> None:
        done = subprocess.run(
            ["mount", *[str(word) for word in self._mount], str(self.where)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip("this machine mounts no %s: %s" % (self._mount, done.stderr.strip()))

    def umount(self, lazily: bool = False) -> None:
        run("umount", *(["-l"] if lazily else []), self.where)

    def freeze(self) -> None:
        run("fsfreeze", "-f", self.where)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            run("fsfreeze", "-u", self.where)
        self._is_frozen = False

    def cut_power(self) -> None:
        """Drop everything that has not reached the device; every later call gets EIO."""
        root = os.open(self.where, os.O_RDONLY)
        try:
            fcntl.ioctl(root, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(root)

    def report_error(self) -> None:
        """Let the file system find itself damaged, upon which it turns read-only."""
        found = subprocess.run(
            ["findmnt", "-nro", "SOURCE", "--mountpoint", str(self.where)],
            capture_output=True,
            text=True,
        )
        device = Path(found.stdout.split()[-1]).name
        trigger = Path("/sys/fs/ext4/%s/trigger_fs_error" % device)
        if not trigger.exists():
            pytest.skip("this kernel has no %s" % trigger)
        trigger.write_text("a test asked for it")

    def after_power_cut(self) -> None:
        """Mount what is on the device: a copy of it, as somebody may still hold the dead mount."""
        self.umount(lazily=True)
        image = Path(str(self._mount[-1]))
        survivor = image.with_name("survivor.img")
        shutil.copyfile(image, survivor)
        self._mount = (*self._mount[:-1], survivor)
        self.mount()

    def close(self) -> None:
        self.thaw()
        subprocess.run(["umount", "-l", str(self.where)], capture_output=True)


def ext4(folder: Path, mib: int) -> Mounted:
    """A loop-mounted ext4 file system of `mib` MiB below `folder`."""
    require_mounts()
    image = folder / "stick.img"
    with image.open("wb") as file:
        file.truncate(mib << 20)
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-e", "remount-ro", image)
    return Mounted(folder / "stick", "-o", "loop", image)


def tmpfs(folder: Path, mib: int) -> Mounted:
    """A tmpfs of `mib` MiB below `folder`."""
    require_mounts()
    return Mounted(folder / "stick", "-t", "tmpfs", "-o", "size=%dm" % mib, "none")
