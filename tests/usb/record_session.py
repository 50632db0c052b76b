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

ROOM_MIB = 14
"""The reserve of the guest's settings is 8 of it; a part of 10 s is 1."""


class Session(NamedTuple):
    """A stick as it was before, and the log of what was written to it.

    `caught_up` is the size of the log when what had waited in memory for the stick was down. With
    `makes_room` the stick was full but for a few parts, so that old ones were deleted meanwhile.
    """

    before: Path
    log: Path
    caught_up: int = 0
    makes_room: bool = False


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


def record_making_room(guest: Guest, folder: Path, fs: str, seconds: float) -> Session:
    """The same on a stick that somebody else's film has filled but for `ROOM_MIB`."""
    name = fs + "-full"
    image = images.stick(folder / (name + ".img"), fs, SIZE_MIB[fs])
    car = Car(guest, folder)
    guest.plug(name, image)
    car.until_recording(fs)
    guest.run(
        "cd /run/dashcamd/volumes/* && left=$(df -m --output=avail . | tail -1) && "
        "dd if=/dev/zero of=film.bin bs=1M count=$((left - %d)) status=none && sync" % ROOM_MIB,
        120,
    )
    car.pull(name)
    before = folder / (name + ".before.img")
    shutil.copyfile(image, before)
    log = folder / (name + ".log")
    guest.plug(name, image, log=log)
    car.until_recording(fs)
    guest.run("sleep %d" % seconds, seconds + 30)
    car.pull(name)
    return Session(before, log, log.stat().st_size, makes_room=True)


def record_all(guest: Guest, folder: Path, seconds: float) -> Dict[str, Session]:
    """One session on each file system."""
    return {fs: record(guest, folder, fs, seconds) for fs in SIZE_MIB}
