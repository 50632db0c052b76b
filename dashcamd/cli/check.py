"""``dashcamd check``: is everything ready? One line each, with what to do about it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from dashcamd import __version__
from dashcamd.cameras.choose import make_camera
from dashcamd.cli.arguments import add_json, print_json, where, with_overrides
from dashcamd.clock import SystemClock
from dashcamd.config import Config, RecordingConfig
from dashcamd.control import protocol
from dashcamd.core.memory import MIB, ring_mib_for, room_mib
from dashcamd.core.proof import Proof, lies, slowness, speed
from dashcamd.core.pulse import Past, told
from dashcamd.errors import CameraError, DashcamError, OperationError
from dashcamd.health.machine import Machine, memory_mib, temperature
from dashcamd.health.wall_clock import system_anchor
from dashcamd.services.memory import bounds_of
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.sticks import mounted_sticks
from dashcamd.storage.volume import remembered
from dashcamd.types import Json, Sinks

HOT_C = 80.0
"""A Pi throttles itself at 80 degrees (Raspberry Pi documentation, frequency management)."""


class Finding(NamedTuple):
    """One line: what was looked at, whether it is fine, what was seen and what to do about it."""

    name: str
    is_ok: bool
    what: str
    todo: str = ""


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser("check", parents=[common], help="is everything ready to record?")
    parser.add_argument("--camera", metavar="C", help="check this camera instead")
    parser.add_argument("--storage", metavar="S", help="check this folder instead")
    parser.add_argument("--report", action="store_true", help="say more, for a bug report")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Check everything; 1 if something needs doing."""
    config = with_overrides(arguments.settings, arguments.camera, arguments.storage)
    findings = [_safely(name, look, config) for name, look in LOOKS]
    findings += [_safely("stick", _stick(place), config) for place in _places(config)]
    if arguments.report:
        findings += _report()
    is_ok = all(finding.is_ok for finding in findings)
    if arguments.json:
        print_json({"checks": [_json(finding) for finding in findings], "ok": is_ok})
        return 0 if is_ok else 1
    for finding in findings:
        mark = "ok  " if finding.is_ok else "FAIL"
        todo = "; " + finding.todo if finding.todo else ""
        print("%s %-12s %s%s" % (mark, finding.name, finding.what, todo))
    return 0 if is_ok else 1


def _json(finding: Finding) -> Json:
    return {
        "name": finding.name,
        "ok": finding.is_ok,
        "what": finding.what,
        "todo": finding.todo,
    }


def _safely(name: str, look: Callable[[Config], Finding], config: Config) -> Finding:
    try:
        return look(config)
    except DashcamError as error:
        return Finding(name, False, str(error))


def _camera(config: Config) -> Finding:
    if _daemon_status(config):
        return Finding("camera", True, "in use by the running daemon; see `dashcamd status`")
    clock = SystemClock()
    camera = make_camera(config.camera.source, config.camera, clock)
    ignore = Sinks(lambda frame: None, lambda field: None, lambda jpeg: None)
    try:
        info = camera.start(ignore, clock.monotonic())
        refused = camera.apply(config.camera)
    except CameraError as error:
        return Finding("camera", False, str(error), "see [camera] source")
    finally:
        camera.stop()
    what = "%s, %dx%d at %g fps" % (info.name, info.width, info.height, info.fps)
    return Finding("camera", True, what, _not_honoured(refused))


def _not_honoured(refused: Tuple[str, ...]) -> str:
    return "it has no way to honour " + ", ".join(refused) if refused else ""


def _storage(config: Config) -> Finding:
    path = where(config, None)
    disk = PosixDisk(path)
    try:
        space = disk.space()
    finally:
        disk.close()
    if not os.access(path, os.W_OK):
        return Finding("storage", False, "%s: this user may not write there" % path)
    hours = space.free * 8 / config.camera.bitrate / 3600
    what = "%s, %d MiB free of %d, about %.1f h of video" % (
        path,
        space.free // MIB,
        space.total // MIB,
        hours,
    )
    return Finding("storage", hours > 0.1, what, "" if hours > 0.1 else "make room")


def _places(config: Config) -> List[str]:
    """Where sticks are mounted now, or the folder that stands for one."""
    if config.storage.target != "auto":
        return [config.storage.target]
    return [stick.mount for stick in mounted_sticks(config.storage.devices)]


def _stick(place: str) -> Callable[[Config], Finding]:
    def look(config: Config) -> Finding:
        disk = PosixDisk(place)
        try:
            return fitness(place, remembered(disk), config, memory_mib())
        finally:
            disk.close()

    return look


def fitness(
    place: str, known: Optional[Tuple[Past, Proof]], config: Config, machine_mib: int
) -> Finding:
    """What the stick at `place` is worth by what is `known` of it: good, or to be replaced."""
    if known is None:
        return Finding("stick", True, "%s: was never recorded to" % place)
    (past, proof), video = known, config.camera.bitrate / 8
    what, rate = "%s: %s" % (place, told(past)), proof.write_bytes_per_s
    faults = lies(proof.to_json()) + slowness(proof.to_json(), video)
    if faults or past.errors:
        return Finding("stick", False, what, "; ".join(faults or ["copy what matters, replace it"]))
    what += "; " + speed(rate, video) if rate else ""
    limits = bounds_of(config, machine_mib)
    if ring_mib_for(past.longest_stall_s, limits.held_s, video) > limits.most_mib:
        return Finding("stick", False, what, "memory does not bridge that: replace it")
    return Finding("stick", True, what + ("; memory bridges that" if past.stalls else ", good"))


def _clock(config: Config) -> Finding:
    anchor = system_anchor(SystemClock())
    if anchor is None:
        return Finding(
            "clock",
            False,
            "not set since power-on",
            "recording works and names count boots; connect to a network or sign in with a phone",
        )
    return Finding("clock", True, "known from %s" % anchor.source)


def _temperature(config: Config) -> Finding:
    hottest = temperature()
    if hottest is None:
        return Finding("temperature", True, "no sensor here")
    return Finding(
        "temperature",
        hottest < HOT_C,
        "%.0f degrees" % hottest,
        "" if hottest < HOT_C else "the processor slows down; give it air or shade",
    )


def _memory(config: Config) -> Finding:
    recording, camera = config.recording, config.camera
    held = bounds_of(config, memory_mib()).held_s
    ring_s = recording.ring_mib * MIB * 8 / camera.bitrate
    what = "the ring holds %.0f s of video, %.0f s of a stick that stalls" % (
        ring_s,
        max(0.0, ring_s - held),
    )
    is_ok = ring_s >= held + 10
    needed = int((held + 10) * camera.bitrate / 8 / MIB) + 1
    return Finding(
        "memory", is_ok, what, "" if is_ok else "set [recording] ring_mib to %d or more" % needed
    )


def _room(config: Config) -> Finding:
    return fits(config.recording, memory_mib())


def fits(recording: RecordingConfig, machine_mib: int) -> Finding:
    """Whether ring and lifeboat leave the system enough of `machine_mib` of memory."""
    room = room_mib(machine_mib)
    video = recording.ring_mib + recording.lifeboat_mib
    what = "ring and lifeboat take up to %d MiB, this machine has %d" % (video, machine_mib)
    if video <= room:
        return Finding("room", True, what)
    todo = "set [recording] lifeboat_mib to %d or less" % max(0, room - recording.ring_mib)
    if recording.ring_mib > room:
        todo += " and ring_mib to %d or less" % room
    return Finding("room", False, what, todo)


def _control(config: Config) -> Finding:
    path = protocol.daemon_socket(config.control.socket)
    if _daemon_status(config):
        return Finding("daemon", True, "running, answers at %s" % path)
    return Finding("daemon", True, "not running; `dashcamd run` starts it")


def _daemon_status(config: Config) -> bool:
    try:
        protocol.ask(protocol.daemon_socket(config.control.socket), {"do": "status"})
    except OperationError:
        return False
    return True


LOOKS: Tuple[Tuple[str, Callable[[Config], Finding]], ...] = (
    ("camera", _camera),
    ("storage", _storage),
    ("memory", _memory),
    ("room", _room),
    ("clock", _clock),
    ("temperature", _temperature),
    ("daemon", _control),
)


def _report() -> Iterator[Finding]:
    yield Finding("dashcamd", True, __version__)
    yield Finding("python", True, sys.version.split()[0])
    yield Finding("machine", True, "%s, %s" % (platform.machine(), platform.platform()))
    for module in ("numpy", "pyudev", "psutil", "av", "picamera", "picamera2", "libcamera"):
        yield Finding(module, True, _version(module))
    for key, value in Machine().read().items():
        yield Finding(key, True, str(value))


def _version(module: str) -> str:
    try:
        found = __import__(module)
    except (ImportError, OSError) as error:
        return "not usable here: %s" % str(error).splitlines()[0]
    return str(getattr(found, "__version__", "installed"))
