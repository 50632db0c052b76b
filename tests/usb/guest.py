"""The guest's disk: Debian 12 with its stock kernel, built once, dashcamd installed into it anew.

`base` is a Debian root of `tests.roots` packed into an ext4 image; kernel and initramfs are
Debian's own. `installed` boots a copy-on-write layer of it once, runs the project's own
``tools/install.sh`` inside and keeps the layer, under a hash of the tree. Tests start from throw-
away layers over that. Standard library only; root rights are needed for the first build alone.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Iterator, NamedTuple

from tests.roots.root import TREE, CannotBuildHere, Recipe, cache, ensure

AGENT = Path(__file__).with_name("agent.py")
AGENT_UNIT = """[Unit]
Description=test bed agent
DefaultDependencies=no
After=local-fs.target
[Service]
ExecStart=/usr/bin/python3 -u /agent.py
KillMode=process
OOMScoreAdjust=-900
[Install]
WantedBy=sysinit.target
"""
MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer "
    "e2scrub_reap.service fstrim.timer getty@tty1.service systemd-pstore.service"
)
EARLY_MODULES = "virtio_pci virtio_blk virtio_console virtio_rng ext4"

RECIPE = Recipe(
    name="usb-guest",
    suite="bookworm",
    packages=(
        "systemd-sysv",
        "systemd-timesyncd",
        "udev",
        "kmod",
        "dbus",
        "python3",
        "python3-numpy",
        "python3-pyudev",
        "python3-psutil",
        "python3-av",
        "dosfstools",
        "exfatprogs",
        "e2fsprogs",
        "util-linux",
        "fdisk",
        "initramfs-tools",
        "linux-image-amd64",
    ),
    setup=(
        "printf '%%s\\n' %s > /etc/initramfs-tools/modules" % EARLY_MODULES,
        "echo MODULES=list > /etc/initramfs-tools/conf.d/testbed",
        "update-initramfs -u",
        "cat > /etc/systemd/system/agent.service <<'END'\n%sEND" % AGENT_UNIT,
        "systemctl enable agent.service",
        "systemctl mask " + MASKED,
        "cp /usr/share/systemd/tmp.mount /etc/systemd/system/ && systemctl enable tmp.mount",
        "echo guest > /etc/hostname && : > /etc/fstab && mkdir -p /tree",
        "cat > /agent.py <<'END'\n%sEND" % AGENT.read_text(encoding="utf-8"),
    ),
)

INSTALLED_PARTS = ("dashcamd", "systemd", "tools", "config")
"""What of the tree the installation depends on."""


class Disk(NamedTuple):
    """A root image with the kernel and the initramfs that boot it."""

    image: Path
    kernel: Path
    initrd: Path


def check_machine() -> None:
    """Raise `CannotBuildHere` with one sentence when there is no guest to be had here."""
    for tool, package in (
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("qemu-img", "qemu-utils"),
        ("mke2fs", "e2fsprogs"),
        ("mkfs.vfat", "dosfstools"),
        ("mkfs.exfat", "exfatprogs"),
    ):
        if not shutil.which(tool):
            raise CannotBuildHere("%s is not installed (apt install %s)" % (tool, package))


def base() -> Disk:
    """Debian as it comes, plus the agent. Raises `CannotBuildHere`."""
    root = ensure(RECIPE)
    image = root.with_name(root.name + ".ext4")
    if not image.exists():
        unfinished = image.with_suffix(".unfinished")
        command = ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", str(root), str(unfinished), "3G"]
        subprocess.run(command, check=True)
        unfinished.rename(image)
    [kernel] = (root / "boot").glob("vmlinuz-*")
    [initrd] = (root / "boot").glob("initrd.img-*")
    return Disk(image, kernel, initrd)


def layer(below: Path, at: Path) -> Path:
    """A copy-on-write layer over an image."""
    kind = "qcow2" if below.suffix == ".qcow2" else "raw"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", kind, "-b", str(below), str(at)]
    subprocess.run(command, check=True)
    return at


def tree_key() -> str:
    """A hash of all that gets installed."""
    sums = hashlib.sha256(RECIPE.key.encode())
    for path in _installed_files():
        sums.update(str(path.relative_to(TREE)).encode())
        sums.update(path.read_bytes())
    return sums.hexdigest()[:12]


def _installed_files() -> Iterator[Path]:
    for part in INSTALLED_PARTS:
        for path in sorted((TREE / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def installed_image() -> Path:
    """Where the layer with dashcamd installed is, or will be; older ones are deleted."""
    folder = cache() / "usb-installed"
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / (tree_key() + ".qcow2")
    for other in folder.iterdir():
        if other.name.partition(".")[0] != tree_key():
            other.unlink()
    return image
