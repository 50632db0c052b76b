"""USB sticks that the system has mounted: ``--storage auto``."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple

import psutil
import pyudev

from dashcamd.errors import StorageError
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.volume import Volume


class Stick(NamedTuple):
    """A mounted file system on USB: its `device` node and where it is mounted."""

    device: str
    mount: str


class StickSource:
    """Offers the first mounted, writable USB file system that udev knows of."""

    is_fixed = False

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._device = -1

    def offer(self) -> Volume:
        """Open a stick for use. Raises `StorageError` when there is none."""
        why = "no USB stick with a file system is mounted; plug one in, or name a folder"
        for stick in mounted_sticks():
            try:
                volume = Volume(PosixDisk(stick.mount), stick.mount, self._boot_id)
            except StorageError as error:
                why = str(error)
                continue
            self._device = Path(stick.mount).stat().st_dev
            return volume
        raise StorageError(why)

    def is_there(self, volume: Volume) -> bool:
        """Whether the same device is still mounted there and still plugged in."""
        try:
            is_mounted = Path(volume.where).stat().st_dev == self._device
        except OSError:
            return False
        return is_mounted and any(stick.mount == volume.where for stick in mounted_sticks())


def mounted_sticks() -> Iterator[Stick]:
    """Mounted file systems on USB block devices, in the order of their device names."""
    usb = {
        device.device_node
        for device in pyudev.Context().list_devices(subsystem="block", ID_BUS="usb")
    }
    for mount in sorted(psutil.disk_partitions(all=True)):
        if mount.device in usb and "ro" not in mount.opts.split(","):
            yield Stick(mount.device, mount.mountpoint)
