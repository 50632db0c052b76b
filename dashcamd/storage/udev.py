"""Block devices as udev knows them, and the news that one came or went.

The monitor only says *that* something changed; what is there is always read anew from udev's
database, so that a lost or merged event cannot leave a wrong picture. It listens to the ``udev``
source, because the kernel's own events come before anybody has looked for a file system. pyudev's
``MonitorObserver`` is not used: it calls back on a thread where one exception ends it silently.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Optional

import pyudev

from dashcamd.core.sticks import Block

SECTOR_BYTES = 512
"""Unit of ``/sys/class/block/*/size``, whatever the device's own sectors are (block/genhd.c)."""

TEXT_LIMIT = 64
"""Labels and serial numbers come from the stick: printable, and no longer than this."""

_BEHIND_USB = re.compile(r"/usb[0-9]+/")
"""Root hubs are called so (drivers/usb/core/hcd.c), behind whatever controller."""

BURST = 256
"""Most events taken at a time; the rest is found by the next look."""


class Udev:
    """A connection to udev; every method is for one thread."""

    def __init__(self) -> None:
        self._context = pyudev.Context()
        self._monitor = pyudev.Monitor.from_netlink(self._context, source="udev")
        self._monitor.filter_by("block")
        self._monitor.start()

    def has_changed(self) -> bool:
        """Whether a block device came, went or changed since the last call. Never waits."""
        try:
            events = [self._monitor.poll(timeout=0)]
            while events[-1] is not None and len(events) < BURST:
                events.append(self._monitor.poll(timeout=0))
        except OSError:
            return True  # The socket overflowed: events were lost, so something changed.
        return events[0] is not None

    def blocks(self) -> Iterator[Block]:
        """Every block device that udev has finished with."""
        for device in self._context.list_devices(subsystem="block").match_is_initialized():
            block = _read(device)
            if block is not None:
                yield block


def _read(device: Any) -> Optional[Block]:
    """A device that may vanish while it is being read."""
    try:
        parent = device.find_parent("block", "disk") if device.get("DEVTYPE") != "disk" else None
        return block_of(
            dict(device.properties),
            number=device.device_number,
            disk=(parent or device).sys_name,
            sectors=_attribute(device, "size"),
            is_read_only=_attribute(device, "ro") == 1,
        )
    except (OSError, KeyError, pyudev.DeviceNotFoundError):
        return None


def _attribute(device: Any, name: str) -> int:
    value = device.attributes.get(name)
    return int(value) if value is not None and value.strip().isdigit() else 0


def block_of(
    properties: Mapping[str, str], number: int, disk: str, sectors: int, is_read_only: bool
) -> Block:
    """Translate the properties of one device; what they lack is empty.

    ID_FS_* stand on the partition, or on the disk itself when it has no partition table.
    """
    name = properties["DEVNAME"].rpartition("/")[2]
    return Block(
        name=name,
        disk=disk,
        number=number,
        bus=_bus(properties, name),
        size_bytes=sectors * SECTOR_BYTES,
        fs=printable(properties.get("ID_FS_TYPE", "")),
        usage=properties.get("ID_FS_USAGE", ""),
        uuid=printable(properties.get("ID_FS_UUID", "")),
        label=printable(properties.get("ID_FS_LABEL", "")),
        serial=printable(properties.get("ID_SERIAL", "")),
        plugged=properties.get("USEC_INITIALIZED", ""),
        is_read_only=is_read_only,
    )


def _bus(properties: Mapping[str, str], name: str) -> str:
    """USB by the place in sysfs: udev gives a disk in a USB case the bus of the disk, ``ata``."""
    if _BEHIND_USB.search(properties.get("DEVPATH", "")):
        return "usb"
    for prefix, bus in (("mmcblk", "mmc"), ("nvme", "nvme"), ("vd", "virtio")):
        if name.startswith(prefix):
            return bus
    return properties.get("ID_BUS", "")


def printable(text: str) -> str:
    """`text` from a stick as it may appear in a log line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:TEXT_LIMIT])
