"""The few small files that the daemon keeps beside its configuration, outside any stick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, Optional

SERVICE = Path("/var/lib/dashcamd")
"""The installed service's, for its eyes and root's: see ``systemd/dashcamd.service``."""


def path_of(file: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user keeps the state called `file`."""
    systemd = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if systemd:
        return Path(systemd) / file
    if os.geteuid() == 0:
        return SERVICE / file
    home = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "dashcamd" / file


def read(path: Path, limit: int) -> Optional[bytes]:
    """The first `limit` bytes of a file, None if there is none. Raises `OSError`."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        return None


def save(path: Path, data: bytes) -> None:
    """Replace a file, for this user's eyes only; a power cut leaves the old one or the new.

    Crash order: temporary file -> fsync -> rename -> fsync of the folder. Raises `OSError`.
    """
    temporary = path.with_name(path.name + ".tmp")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _give_to_owner_of(path.parent, descriptor)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """``sudo dashcamd password --new`` must not leave a file that the daemon cannot read."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
