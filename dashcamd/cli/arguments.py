"""What several commands share: their arguments, and where the recordings are."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from dashcamd.config import Config
from dashcamd.control import protocol
from dashcamd.errors import ConfigError, OperationError, StorageError
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.sticks import mounted_sticks


def seconds(text: str) -> float:
    """An argument in seconds, more than 0."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0, not %s" % text)
    return value


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def add_storage(parser: argparse.ArgumentParser) -> None:
    """``--storage``, for commands that look at recordings."""
    parser.add_argument(
        "--storage",
        metavar="DIR",
        help="where the recordings are (default: as configured, or what the daemon uses)",
    )


def print_json(document: Any) -> None:
    """Print one document to stdout."""
    print(json.dumps(document, indent=1))


def with_overrides(config: Config, camera: Optional[str], storage: Optional[str]) -> Config:
    """The settings with what the command line said instead."""
    if camera is not None:
        config = replace(config, camera=replace(config.camera, source=camera))
    if storage is not None:
        if not storage:
            raise ConfigError("--storage '': name a folder, or auto")
        config = replace(config, storage=replace(config.storage, target=storage))
    return config


def open_storage(config: Config, named: Optional[str]) -> PosixDisk:
    """The disk with the recordings. Raises `StorageError` or `OperationError` if there is none."""
    return PosixDisk(where(config, named))


def where(config: Config, named: Optional[str]) -> str:
    """The folder that holds (or is) ``DASHCAM``."""
    path = named or config.storage.target
    if path == "auto":
        path = _daemon_volume(config) or _first_stick(config)
    if not path:
        raise OperationError("no stick is mounted; name the folder with --storage DIR")
    if not Path(path).is_dir():
        raise StorageError("%s: not a folder" % path)
    return path


def _first_stick(config: Config) -> str:
    return next((stick.mount for stick in mounted_sticks(config.storage.devices)), "")


def _daemon_volume(config: Config) -> Optional[str]:
    try:
        status = protocol.ask(protocol.daemon_socket(config.control.socket), {"do": "status"})
    except OperationError:
        return None
    found = status.get("volume", {}).get("where")
    return str(found) if found else None
