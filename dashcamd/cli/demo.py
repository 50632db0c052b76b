"""``dashcamd demo``: a moving drawn scene, a temporary folder as the stick, and what happens."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from dashcamd import app, world
from dashcamd.cli import files
from dashcamd.cli.arguments import seconds, with_overrides
from dashcamd.config import WebConfig
from dashcamd.config_schema import parse_value
from dashcamd.storage import catalog
from dashcamd.storage.disk import PosixDisk
from dashcamd.types import Json
from dashcamd.web import vault

DURATION_S = 45.0
LISTEN = "127.0.0.1:8080"


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo", parents=[common], help="show it without a camera or a stick"
    )
    parser.add_argument(
        "--duration",
        type=seconds,
        default=DURATION_S,
        metavar="S",
        help="seconds to run (default: %(default)g; Ctrl-C ends it too)",
    )
    parser.add_argument("--storage", metavar="DIR", help="record here instead")
    parser.add_argument(
        "--listen",
        default=LISTEN,
        metavar="HOST:PORT",
        help="where the page for a phone is (default: %(default)s)",
    )
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Record the scene for a while, then list and verify what came of it."""
    listen = parse_value(WebConfig, "listen", arguments.listen, "--listen: [web]")
    stick = arguments.storage or tempfile.mkdtemp(prefix="dashcamd-demo-")
    config = with_overrides(arguments.settings, "synthetic", stick)
    config = replace(config, camera=replace(config.camera, resolution="640x480"))
    state = tempfile.TemporaryDirectory(prefix="dashcamd-demo-state-")
    secrets = vault.Vault(Path(state.name) / vault.FILE)
    secrets.open(resets=())
    web = replace(config.web, enabled=True, listen=listen, state=str(secrets.path))
    config = replace(config, web=web)
    print("A drawn scene is the camera, the folder %s is the stick." % stick)
    print("Something crosses the picture now and then; recording starts by itself. Ctrl-C ends.")
    house = app.build(config, world.real(config))
    with state:
        status = app.run(house, arguments.duration, _StatusLine(secrets.password or "").show)
    return max(status, _tell(Path(stick)))


class _StatusLine:
    """One line that is redrawn in place on a terminal, and printed when the state changes else."""

    def __init__(self, password: str) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._state = ""
        self._password = password

    def show(self, status: Json) -> None:
        address, password = status["web"].get("address"), self._password
        if address and password:
            print("\nThe page for your phone: %s   password: %s" % (address, password), flush=True)
            self._password = ""
        counters, motion = status["counters"], status["motion"]
        line = "%-10s  motion: %-34s  %5d frames seen, %5d on the stick, %d lost" % (
            status["state"],
            motion.get("reason", ""),
            counters["frames_captured"],
            counters["frames_written"],
            counters["frames_lost"],
        )
        if self._is_terminal:
            print("\r\x1b[K" + line, end="", flush=True)
        elif status["state"] != self._state:
            print(line, flush=True)
        self._state = status["state"]


def _tell(stick: Path) -> int:
    print()
    disk = PosixDisk(str(stick))
    reports = list(files.verify_disk(disk))
    for event in catalog.events(disk):
        print("event %s" % event.name.folder)
    for report in reports:
        print(
            "  %s  %d frames, %.1f s, %s"
            % (stick / report["path"], report["frames"], report["duration_s"], report["status"])
        )
    if not reports:
        print("nothing moved; run it longer with --duration")
    return 0 if all(report["status"] != "damaged" for report in reports) else 1
