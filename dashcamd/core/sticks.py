"""Which stick to record to: decided from what udev and the kernel's mount table say, and no more.

`survey` gives every block device that could matter a verdict, `to_try` puts the usable ones in
the order in which they are to be tried. Nothing here touches a device: facts in, values out.

A device is known by its *key* (file system UUID, or serial number and partition), wherever it is
plugged in and whatever the kernel calls it; one plug-in of it by its `Plug`. The disk the
system runs from is never recorded to, even when it is a USB disk, unless one of its partitions
carries the label ``DASHCAM`` on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    AbstractSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Set,
    Tuple,
    Union,
)

from dashcamd.core.fullness import Full, found_full
from dashcamd.types import Seconds

MOUNTABLE = ("vfat", "exfat", "ext4", "ext3", "ext2")
"""File systems that the mount unit mounts; any other is used if somebody else has mounted it."""

LABEL = "DASHCAM"
"""A partition of the system's own disk is recorded to only under this label."""

SYSTEM_PATHS = ("/boot", "/etc", "/home", "/nix", "/opt", "/root", "/srv", "/usr", "/var")
SYSTEM_EXACT = ("/", "/media/root-ro")
"""Mount points that make a disk the system's; the last one is raspi-config's overlay root."""

ACCEPT = {
    "usb": ("usb",),
    "usb+sd": ("usb", "mmc"),
    "any": ("usb", "mmc", "ata", "scsi", "nvme", "virtio"),
}
"""The setting ``[storage] devices``: which buses count as sticks."""

READY = "ready"
WAITING = "waiting"
READ_ONLY = "read-only"
UNUSABLE = "unusable"

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 60.0
"""A stick that failed is tried again after so long, doubling: the mount unit may not have given us
its folder yet, half a second after it appeared."""


Plug = Tuple[str, int, str]
"""One plug-in of one device: its key is not enough, for copied sticks share their UUID."""


@dataclass(frozen=True)
class Block:
    """A block device as udev describes it; `name` and `disk` are kernel names (sda1, sda).

    `number` is what ``st_dev`` says of files on it. `usage` is udev's ID_FS_USAGE: filesystem,
    crypto, raid, other or ''. `plugged` differs after every plug-in.
    """

    name: str
    disk: str
    number: int
    bus: str
    size_bytes: int
    fs: str = ""
    usage: str = ""
    uuid: str = ""
    label: str = ""
    serial: str = ""
    plugged: str = ""
    is_read_only: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether this is a disk and not one of its partitions."""
        return self.name == self.disk

    @property
    def key(self) -> str:
        """What the file system is known by, on any port."""
        return self.uuid or "%s:%s" % (self.serial or "?", self.name[len(self.disk) :] or "0")

    @property
    def plug(self) -> Plug:
        """What this plug-in of this device is known by."""
        return self.key, self.number, self.plugged

    @property
    def title(self) -> str:
        """What people call it."""
        words = [self.label, self.fs, "%.1f GB" % (self.size_bytes / 1e9)]
        return "%s (%s)" % (self.name, ", ".join(word for word in words if word))


class Mount(NamedTuple):
    """A line of the mount table.

    `root` is the mounted directory inside the file system, `type` the file system's own.
    """

    device: int
    path: str
    root: str = "/"
    is_read_only: bool = False
    type: str = ""


class Verdict(NamedTuple):
    """What can be done with a device: its `state`, where it is mounted, and one line for people."""

    block: Block
    state: str
    path: str = ""
    why: str = ""


class Setback(NamedTuple):
    """How a stick failed: when last, how often in a row."""

    at: Seconds
    failures: int = 1

    @property
    def retry_at(self) -> Seconds:
        """When it may be tried again."""
        return self.at + min(RETRY_FIRST_S * 2.0 ** min(self.failures - 1, 10), RETRY_MAX_S)


Setbacks = Mapping[Plug, Union[Setback, Full]]
"""What the sticks did that are passed over: they failed, or there is another and they are full."""


def survey(blocks: Sequence[Block], mounts: Sequence[Mount], accept: str) -> List[Verdict]:
    """A verdict on every device that a person could have meant as a stick, by kernel name."""
    buses = ACCEPT[accept]
    divided = {block.disk for block in blocks if not block.is_whole}
    system = _system_disks(blocks, mounts)
    verdicts = []
    for block in sorted(blocks, key=lambda block: block.name):
        is_table = block.is_whole and block.disk in divided and block.usage != "filesystem"
        is_ours = block.disk not in system or _is_meant(block, mounts)
        if block.bus in buses and block.size_bytes and is_ours and not is_table:
            verdicts.append(judge(block, mounts))
    return verdicts


def judge(block: Block, mounts: Sequence[Mount]) -> Verdict:
    """What can be done with one device, and what a person should do about it."""
    places = [mount for mount in mounts if mount.device == block.number and mount.root == "/"]
    writable = [mount.path for mount in places if not mount.is_read_only]
    if block.is_read_only:
        why = "is write-protected: move its lock switch, or use another stick"
        return _verdict(block, READ_ONLY, why)
    if writable:
        return Verdict(block, READY, writable[0])
    if places:
        why = "is mounted read-only, by hand or after errors: unplug it, check it, plug it in again"
        return _verdict(block, READ_ONLY, why)
    if not block.usage:
        return _verdict(block, UNUSABLE, "has no file system: format it as exFAT or FAT32")
    if block.usage != "filesystem" or block.fs not in MOUNTABLE:
        why = "holds %s, which cannot be recorded to: format it as exFAT, FAT32 or ext4"
        return _verdict(block, UNUSABLE, why % (block.fs or block.usage))
    why = "is not mounted: dashcamd-mount@%s.service does that within seconds if it is installed"
    return _verdict(block, WAITING, why % block.name)


def _verdict(block: Block, state: str, why: str) -> Verdict:
    return Verdict(block, state, why="%s %s" % (block.title, why))


def to_try(
    verdicts: Iterable[Verdict],
    setbacks: Setbacks,
    known: AbstractSet[str],
    now: Seconds,
) -> Tuple[Verdict, ...]:
    """The ready devices in the order in which to try them at `now`; those still in disgrace wait.

    First what never failed: sticks that were recorded to before, then the largest, so that a
    small boot or EFI partition is the last choice. Then what failed, the longest ago first.
    """
    ready = [verdict for verdict in verdicts if verdict.state == READY]

    def rank(verdict: Verdict) -> Tuple[Seconds, bool, int, str]:
        block = verdict.block
        setback = setbacks.get(block.plug)
        failed_at = setback.at if setback else float("-inf")
        return failed_at, block.key not in known, -block.size_bytes, block.name

    return tuple(
        sorted((verdict for verdict in ready if _is_due(verdict, setbacks, now)), key=rank)
    )


def _is_due(verdict: Verdict, setbacks: Setbacks, now: Seconds) -> bool:
    setback = setbacks.get(verdict.block.plug)
    return setback is None or now >= setback.retry_at


def after_failure(
    before: Union[Setback, Full, None], now: Seconds, is_full: bool
) -> Union[Setback, Full]:
    """The setback of a stick that has failed, or was found full, again."""
    if is_full:
        return found_full(before if isinstance(before, Full) else None, now)
    return Setback(now, before.failures + 1 if isinstance(before, Setback) else 1)


def complaint(verdicts: Sequence[Verdict]) -> str:
    """One line for people when no stick can be used."""
    reasons = [verdict.why for verdict in verdicts if verdict.why]
    return "; ".join(reasons) or "no stick is plugged in"


def _system_disks(blocks: Sequence[Block], mounts: Sequence[Mount]) -> Set[str]:
    numbers = {mount.device for mount in mounts if is_system_path(mount.path)}
    return {block.disk for block in blocks if block.number in numbers}


def is_system_path(path: str) -> bool:
    """Whether what is mounted at `path` belongs to the running system."""
    return path in SYSTEM_EXACT or any(
        path == base or path.startswith(base + "/") for base in SYSTEM_PATHS
    )


def _is_meant(block: Block, mounts: Sequence[Mount]) -> bool:
    is_in_use = any(m.device == block.number and is_system_path(m.path) for m in mounts)
    return block.label == LABEL and not is_in_use
