"""A machine whose sticks are plugged in by the test: folders stand for mounted file systems."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, List

from dashcamd.core.sticks import Block, Mount
from dashcamd.storage.disk import PosixDisk


class ScriptMachine:
    """`plug`, `pull`, `remount_read_only`: what people and the kernel do to sticks.

    Every stick has a device number of its own, and a folder that claims to be on it until the
    test says otherwise through `behind`: which number is really mounted at a path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.behind: Dict[str, int] = {}
        self.plugged: Dict[str, Block] = {}
        self.mounted: Dict[str, Mount] = {}
        self.unmount_asked: List[str] = []
        self.looks = 0
        self._news = True
        self._plugs = 0

    def plug(self, name: str, uuid: str = "", size_gb: int = 16, **facts: object) -> Path:
        """Plug in and mount a stick; its folder."""
        self._plugs += 1
        path = self.folder / (uuid or name)
        path.mkdir(exist_ok=True)
        block = Block(
            name=name,
            disk=name.rstrip("0123456789"),
            number=0x800 + self._plugs,
            bus="usb",
            size_bytes=size_gb * 10**9,
            fs="vfat",
            usage="filesystem",
            uuid=uuid or "UUID-" + name,
            plugged=str(self._plugs),
        )
        self.plugged[name] = replace(block, **facts)  # type: ignore[arg-type]
        self.mounted[name] = Mount(self.plugged[name].number, str(path))
        self.behind[str(path)] = self.plugged[name].number
        self._news = True
        return path

    def pull(self, name: str) -> None:
        """Pull a stick; the mount stays behind as the kernel leaves it."""
        del self.plugged[name]
        self._news = True

    def unmount(self, name: str) -> None:
        """Note who is to be unmounted; `unmounted` does it."""
        self.unmount_asked.append(name)

    def unmounted(self, name: str) -> None:
        """What the mount unit does when it is stopped."""
        del self.mounted[name]
        self._news = True

    def remount_read_only(self, name: str) -> None:
        """What errors=remount-ro does."""
        self.mounted[name] = self.mounted[name]._replace(is_read_only=True)
        self._news = True

    def has_changed(self) -> bool:
        """Whether the test did something."""
        news, self._news = self._news, False
        return news

    def blocks(self) -> List[Block]:
        """What is plugged in."""
        self.looks += 1
        return list(self.plugged.values())

    def mounts(self) -> List[Mount]:
        """The mount table, stale lines and all."""
        return list(self.mounted.values())

    def disk(self, path: str) -> PosixDisk:
        """The folder, on the device that the test put behind it."""
        return _NumberedDisk(path, self.behind[path])


class _NumberedDisk(PosixDisk):
    def __init__(self, path: str, number: int) -> None:
        super().__init__(path)
        self._number = number

    @property
    def device(self) -> int:
        return self._number
