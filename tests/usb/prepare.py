"""A guest in which dashcamd is installed and runs: made once for each state of the tree.

Boots Debian, runs ``tools/install.sh`` from the shared tree, points the camera at the clip, waits
for the service, and saves the machine running. Tests resume copies of that within seconds, where
booting takes half a minute under emulation; what only a boot shows is tested by booting.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests.roots.root import TREE
from tests.usb import clip, guest
from tests.usb.guest import Disk
from tests.usb.qemu import Guest, accelerator

SETTINGS = """
[camera]
source = "media:/var/lib/clip.mp4"
media_loop = true
[motion]
enabled = false
[recording]
mode = "continuous"
segment_s = 10
pre_roll_s = 1
post_roll_s = 1
gap_s = 4
ring_mib = 6
ring_max_mib = 6
[storage]
reserve_mib = 8
keep_days = 0
"""
SNAPSHOT = "ready"
MOUNT_SHARE = "mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro share /mnt"


def ready() -> Disk:
    """A disk image with the snapshot `SNAPSHOT`, made if need be. Raises `CannotBuildHere`."""
    guest.check_machine()
    base = guest.base()
    image = guest.installed_image()
    if not image.exists():
        unfinished = guest.layer(base.image, image.with_suffix(".unfinished.qcow2"))
        _install(base._replace(image=unfinished))
        unfinished.rename(image)
    return base._replace(image=image)


def copy(disk: Disk, folder: Path) -> Disk:
    """The prepared disk for one guest alone."""
    image = folder / "root.qcow2"
    shutil.copyfile(disk.image, image)
    return disk._replace(image=image)


def _install(disk: Disk) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        share = Path(folder)
        for part in guest.INSTALLED_PARTS:
            shutil.copytree(TREE / part, share / part)
        clip.make(share / "clip.mp4")
        with Guest(disk, accelerator(), share) as machine:
            _set_up(machine)
            machine.save(SNAPSHOT)
    print("usb: dashcamd installed in %.0f s" % (time.monotonic() - started), flush=True)


def _set_up(machine: Guest) -> None:
    machine.run(MOUNT_SHARE)
    machine.run("cp /mnt/clip.mp4 /var/lib/ && mkdir -p /etc/dashcamd")
    machine.run("cat > /etc/dashcamd/dashcamd.toml <<'END'%sEND" % SETTINGS)
    # An emulated processor on a busy host takes longer than the service allows a Pi.
    patience = "/etc/systemd/system/dashcamd.service.d/patience.conf"
    machine.run("mkdir -p $(dirname %s)" % patience)
    machine.run("printf '[Service]\\nTimeoutStartSec=300\\n' > " + patience)
    machine.run("sh /mnt/tools/install.sh", 600)
    # The journal on the root file system would be the only thing that writes there.
    machine.run("mkdir -p /etc/systemd/journald.conf.d && rm -rf /var/log/journal")
    machine.run("printf '[Journal]\\nStorage=volatile\\n' > /etc/systemd/journald.conf.d/bed.conf")
    machine.run("systemctl restart systemd-journald")
    # A mounted 9p folder cannot be saved; modules are loaded now as on a machine that ran before.
    machine.run("umount /mnt; modprobe -a usb_storage uas vfat exfat; sync")
    machine.until('dashcamd status --json | grep -q \'"state": "no stick"\'', 180, 1)


if __name__ == "__main__":
    print(ready())
