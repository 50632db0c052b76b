"""The wiring of the house: read `build` like a table of contents.

`build` only connects; `run` lets the services go on threads or in lockstep, and closes them in the
order in which data flows, so that nothing is lost on the way. A file to be played and a folder to
record to are opened before, because the program ends without them.
"""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple

from dashcamd.clock import SimClock
from dashcamd.config import Config
from dashcamd.control import status
from dashcamd.control.protocol import socket_path
from dashcamd.core.live import Live
from dashcamd.core.memory import MIB
from dashcamd.core.recording import Recording
from dashcamd.core.timeline import Timeline
from dashcamd.errors import ConfigError, StorageError
from dashcamd.handover import Board, Latest, Mailbox, Ring
from dashcamd.hardware.gpio import GpioButton
from dashcamd.health.log_lines import LogLines
from dashcamd.health.machine import Machine
from dashcamd.health.systemd import Systemd
from dashcamd.services.button import ButtonService
from dashcamd.services.camera import CameraService
from dashcamd.services.clocks import ClockService
from dashcamd.services.control import ControlService
from dashcamd.services.detect import DetectService
from dashcamd.services.front import Front
from dashcamd.services.health import HealthService
from dashcamd.services.keep import KeepService
from dashcamd.services.memory import MemoryService
from dashcamd.services.messages import (
    Armed,
    DeleteAsked,
    EjectAsked,
    KeepMessage,
    LockChanged,
    RecordMessage,
    SettingsMessage,
    Triggered,
    VolumeMessage,
    coalesce,
    may_go,
)
from dashcamd.services.proof import Prover
from dashcamd.services.record import RecordService, policy
from dashcamd.services.runner import Lockstep, Service, Threads
from dashcamd.services.settings import SettingsService
from dashcamd.services.supervisor import Supervisor
from dashcamd.services.volumes import VolumesService
from dashcamd.storage.volume import Volume
from dashcamd.types import Anchor, Jpeg, Json, MotionField, Seconds
from dashcamd.web import vault
from dashcamd.web.rooms import Rooms
from dashcamd.world import World

if TYPE_CHECKING:
    from dashcamd.services.web import WebService

log = logging.getLogger(__name__)

FIELDS_WAITING = 64
RECORD_MESSAGES = 4096
VOLUME_MESSAGES = 256
KEEP_MESSAGES = 4096
SETTINGS_MESSAGES = 64
OFFERED_ANCHORS = 8
"""Bounds of the mailboxes; far beyond what a healthy machine ever queues.

Record hears nothing while a stick stalls, for ten minutes or as long as the ring bridges; a bad
road bumps every other second, and each bump is three messages."""


@dataclass(frozen=True)
class House:
    """The wired services, in the order in which data flows through them."""

    world: World
    board: Board
    camera: CameraService
    volumes: VolumesService
    control: ControlService
    settings: SettingsService
    services: List[Service]
    log: LogLines
    web: Optional[WebService] = None

    def status(self) -> Json:
        """What `dashcamd status --json` prints, now."""
        return status.document(self.board.snapshot(), self.world.clock.monotonic())


class _Wires:
    """The hand-overs between the services."""

    def __init__(self) -> None:
        self.board = Board()
        self.in_force: Latest[Config] = Latest()
        self.fields: Mailbox[MotionField] = Mailbox(FIELDS_WAITING)
        self.previews: Latest[Jpeg] = Latest()
        self.live: Latest[Live] = Latest()
        self.volume: Latest[Optional[Volume]] = Latest()
        self.to_record: Mailbox[RecordMessage] = Mailbox(RECORD_MESSAGES, coalesce, may_go)
        self.to_keep: Mailbox[KeepMessage] = Mailbox(KEEP_MESSAGES)
        self.to_settings: Mailbox[SettingsMessage] = Mailbox(SETTINGS_MESSAGES)
        self.failed: Mailbox[VolumeMessage] = Mailbox(VOLUME_MESSAGES)
        self.offered: Mailbox[Anchor] = Mailbox(OFFERED_ANCHORS)

    def eject(self, answer: Callable[[Optional[str]], None]) -> None:
        """Ask the volumes thread to let go of the stick; `answer` is told why not, or None."""
        self.failed.put(EjectAsked(answer))


def build(file: Config, world: World, refused: str = "") -> House:
    """Wire all rooms; starts nothing, touches nothing, reads what was changed on top of `file`.

    `refused` says what of the machine's file `file` does not have.
    """
    wires, now = _Wires(), world.clock.monotonic
    board, in_force, volume = wires.board, wires.in_force, wires.volume
    to_record, to_keep, previews = wires.to_record, wires.to_keep, wires.previews
    settings = SettingsService(
        file, world.settings_file, wires.to_settings, in_force, board, refused
    )
    config = settings.config
    ring = Ring(config.recording.ring_mib * MIB)
    timeline = Timeline(world.anchor())
    lifeboat_bytes = config.recording.lifeboat_mib * MIB
    recording = Recording(policy(config.recording), ring, config.camera.keyframe_s, lifeboat_bytes)
    recording.wants.arm(config.recording.armed, now())

    camera = CameraService(
        in_force,
        file.camera,
        world.make_camera,
        world.clock,
        ring,
        wires.fields,
        previews,
        to_record,
        board,
    )
    detect = DetectService(in_force, wires.fields, to_record, board, to_keep, wires.live)
    record = RecordService(
        in_force, recording, to_record, volume, to_keep, wires.failed, timeline, board, now
    )
    front = _front(wires, config, timeline, world.addresses)
    prover = Prover(in_force, board, now)
    keep = KeepService(
        in_force, to_keep, volume, previews, camera.want_cover, timeline, board, now, front, prover
    )
    volumes = VolumesService(
        world.volumes, volume, wires.failed, board, [record.wake, keep.wake], to_record.put
    )
    clocks = ClockService(world.anchor, timeline, board, wires.offered)
    health = HealthService(Machine().read, board)
    memory = MemoryService(in_force, ring, world.memory_mib, board)
    settings.tell([service.wake for service in (camera, detect, record, keep)])
    control = ControlService(
        socket_path(config.control.socket),
        board,
        to_record,
        volume,
        now,
        wires.eject,
        lambda folder: to_keep.put(LockChanged(folder)),
    )
    services: List[Service] = [camera, detect, record, keep, volumes, clocks]
    services += [health, memory, settings]
    if config.hardware.eject_gpio >= 0:
        services.append(_button(config.hardware.eject_gpio, wires))
    house = House(world, board, camera, volumes, control, settings, services, LogLines(now))
    return replace(house, web=_web(house, wires, ring)) if config.web.enabled else house


def _front(
    wires: _Wires, config: Config, timeline: Timeline, addresses: Callable[[], Tuple[str, ...]]
) -> Front:
    path = vault.path_of(config.web.state)
    return Front(
        wires.to_settings,
        wires.in_force,
        timeline,
        wires.board,
        lambda: vault.first_password(path),
        addresses,
    )


def _button(line: int, wires: _Wires) -> ButtonService:
    return ButtonService(lambda: GpioButton(line), wires.eject, wires.board)


def _web(house: House, wires: _Wires, ring: Ring) -> WebService:
    """The page, and all that it may see and ask; without it asyncio need not be loaded."""
    from dashcamd.services.web import WebService

    world, to_record = house.world, wires.to_record
    now = world.clock.monotonic
    rooms = Rooms(
        wires.in_force,
        now=now,
        status=house.status,
        ring=ring,
        previews=wires.previews,
        motion=wires.live,
        log=house.log.lines,
        volume=wires.volume,
        watch=lambda fps: house.camera.want_previews("page", fps),
        trigger=lambda reason: to_record.put(Triggered(now(), reason)),
        arm=lambda is_armed: to_record.put(Armed(now(), is_armed)),
        delete=lambda folder, answer: wires.to_keep.put(DeleteAsked(folder, answer)),
        lock_changed=lambda folder: wires.to_keep.put(LockChanged(folder)),
        offer_clock=wires.offered.put,
        change_settings=house.settings.ask,
        eject=None if world.volumes.is_fixed else wires.eject,
    )
    path = vault.path_of(house.settings.config.web.state)
    return WebService(rooms, path, house.board, house.camera)


def run(
    house: House,
    duration_s: Optional[Seconds] = None,
    watch: Optional[Callable[[Json], None]] = None,
) -> int:
    """Run until the source ends, `duration_s` has passed or a signal comes; the exit status.

    `watch` is given the status twice a second in real time. Raises `StorageError` for a folder
    that cannot be used and `CameraError` for a file that cannot be played; everything else that
    is missing is waited for.
    """
    root = logging.getLogger()
    root.addHandler(house.log)
    try:
        if house.camera.is_file:
            house.camera.open()
        if house.world.volumes.is_fixed:
            _open_folder(house)
        if isinstance(house.world.clock, SimClock):
            return _run_lockstep(house, house.world.clock, duration_s)
        return _run_threads(house, duration_s, watch)
    finally:
        root.removeHandler(house.log)


def _open_folder(house: House) -> None:
    """Open the one place there is, or end. Sticks are left to the volumes thread: one may hang."""
    try:
        house.volumes.open(house.world.clock.monotonic())
    except StorageError:
        house.camera.close()
        raise


def _run_lockstep(house: House, clock: SimClock, duration_s: Optional[Seconds]) -> int:
    if not house.camera.is_pumped:
        raise ConfigError("--speed max: only synthetic and media:FILE can be faster than real time")
    runner = Lockstep(house.services, clock)
    until = None if duration_s is None else clock.monotonic() + duration_s
    runner.run(until, house.camera.ended)
    runner.close()
    return _verdict(house)


def _run_threads(
    house: House, duration_s: Optional[Seconds], watch: Optional[Callable[[Json], None]]
) -> int:
    clock = house.world.clock
    house.control.open()
    outward = [house.control] if house.web is None else [house.control, house.web]
    runner = Threads([*outward, *house.services], clock, house.board)
    systemd = Systemd()
    supervisor = Supervisor(runner.overdue, house.status, house.board, systemd, runner.in_kernel)
    stop = threading.Event()
    previous = _on_signals(stop.set)
    end = None if duration_s is None else clock.monotonic() + duration_s
    runner.start()
    systemd.ready()
    try:
        while not (stop.is_set() or _is_over(house, runner)):
            if end is not None and clock.monotonic() >= end:
                break
            supervisor.look(clock.monotonic())
            if watch is not None:
                watch(house.status())
            clock.wait(stop, 0.5)
    finally:
        systemd.stopping()
        runner.close()
        systemd.close()
        for number, handler in previous:
            signal.signal(number, handler)
    return 1 if runner.failure is not None else _verdict(house)


def _is_over(house: House, runner: Threads) -> bool:
    camera = house.camera
    return runner.ended.is_set() or camera.ended.is_set() or camera.dead.is_set()


def _on_signals(stop: Callable[[], None]) -> list[tuple[signal.Signals, signal._HANDLER]]:
    def handle(number: int, frame: Optional[FrameType]) -> None:
        stop()

    if threading.current_thread() is not threading.main_thread():
        return []
    return [(number, signal.signal(number, handle)) for number in (signal.SIGINT, signal.SIGTERM)]


def _verdict(house: House) -> int:
    """1 when something that was wanted is not on the volume or the camera is lost, else 0."""
    if house.camera.is_lost:
        return 1
    recording = house.board.snapshot().get("recording", {})
    if recording.get("backlog_frames"):
        log.error("%d wanted frames found no volume", recording["backlog_frames"])
        return 1
    return 0
