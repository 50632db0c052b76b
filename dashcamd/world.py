"""Everything that differs between a Pi, a laptop and a test - and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Tuple
from uuid import uuid4

from dashcamd.cameras.choose import check_spec, make_camera
from dashcamd.cameras.port import Camera
from dashcamd.clock import Clock, SimClock, SystemClock
from dashcamd.config import CameraConfig, Config
from dashcamd.health.machine import memory_mib
from dashcamd.health.network import addresses
from dashcamd.health.wall_clock import system_anchor
from dashcamd.services.settings import path_beside
from dashcamd.services.volumes import Source
from dashcamd.storage.folder import FolderSource
from dashcamd.storage.sticks import StickSource
from dashcamd.types import Anchor
from dashcamd.web import vault

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class World:
    """What the house needs from outside; `app.build` wires it in.

    `boot_id` names one run of the monotonic clock; `anchor` tells what the machine knows of wall
    time now. `settings_file` keeps what is changed while the daemon runs; None keeps nothing.
    `memory_mib` is all the memory of the machine, which bounds the video in it; `addresses` are its
    own in the network.
    """

    clock: Clock
    boot_id: str
    make_camera: Callable[[CameraConfig], Camera]
    volumes: Source
    anchor: Callable[[], Optional[Anchor]]
    settings_file: Optional[Path] = None
    memory_mib: int = 1 << 20
    addresses: Callable[[], Tuple[str, ...]] = tuple


def real(config: Config) -> World:
    """The machine as it is. Raises `ConfigError` for a camera of no known kind."""
    check_spec(config.camera.source)
    clock = SystemClock()
    boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else uuid4().hex
    return World(
        clock,
        boot_id,
        lambda camera: make_camera(camera.source, camera, clock),
        volumes_of(config, boot_id),
        lambda: system_anchor(clock),
        path_beside(vault.path_of(config.web.state)),
        memory_mib(),
        addresses,
    )


def simulated(config: Config) -> World:
    """The same on simulated time that begins now: ``--speed max``. Raises `ConfigError`."""
    check_spec(config.camera.source)
    clock = SimClock(time.monotonic(), time.time())
    boot_id = "sim-" + uuid4().hex
    begin = Anchor(clock.monotonic(), clock.wall(), 1.0, "simulated")
    return World(
        clock,
        boot_id,
        lambda camera: make_camera(camera.source, camera, clock),
        volumes_of(config, boot_id),
        lambda: begin,
    )


def volumes_of(config: Config, boot_id: str) -> Source:
    """Where recordings go, as configured."""
    if config.storage.target == "auto":
        return StickSource(boot_id, config.storage.devices)
    return FolderSource(config.storage.target, boot_id)
