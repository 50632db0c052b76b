"""Records what the guest writes to a stick while dashcamd records, for `tests.usb.cuts`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, NamedTuple

from tests.usb import images
from tests.usb.car import CAUGHT_UP, Car
from tests.usb.qemu import Guest

OPEN_PART = (
    "ls -l /proc/$(systemctl show --value -p MainPID dashcamd)/fd"
    r" | grep -Eq '/run/dashcamd/volumes/.*_p[0-9]+(\.part)?\.mp4$'"
)
"""Shell that succeeds while a part is open, whatever its name; cheaper than asking the daemon."""

SIZE_MIB = {"vfat": 64, "exfat": 64, "ext4": 64}


class Session(NamedTuple):
    """A stick as it was before, and the log of what was written to it.

    `caught_up` is the size of the log when what had waited in memory for the stick was down.
    """

    before: Path
    log: Path
    caught_up: int = 0


def record(guest: Guest, folder: Path, fs: str, seconds: float) -> Session:
    """Plug a fresh stick in, let the service record, pull it out."""
    image = images.stick(folder / (fs + ".img"), fs, SIZE_MIB[fs])
    before = folder / (fs + ".before.img")
    shutil.copyfile(image, before)
    log = folder / (fs + ".log")
    guest.plug(fs, image, log=log)
    guest.until(OPEN_PART, 120, 0.5)
    Car(guest, folder).until(CAUGHT_UP, 240)
    caught_up = log.stat().st_size
    guest.run("sleep %d" % seconds, seconds + 30)
    guest.pull(fs)
    guest.until("! grep -q /run/dashcamd/volumes /proc/mounts", 60, 0.5)
    return Session(before, log, caught_up)


def record_all(guest: Guest, folder: Path, seconds: float) -> Dict[str, Session]:
    """One session on each file system."""
    return {fs: record(guest, folder, fs, seconds) for fs in SIZE_MIB}
