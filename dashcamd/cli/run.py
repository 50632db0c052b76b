"""``dashcamd run``: the daemon."""

from __future__ import annotations

import argparse
import logging
import os

from dashcamd import app, world
from dashcamd.cli.arguments import seconds, with_overrides


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser("run", parents=[common], help="record what moves")
    parser.add_argument(
        "--camera",
        metavar="C",
        help="auto, picamera, picamera2, synthetic or media:URL_OR_FILE",
    )
    parser.add_argument("--storage", metavar="S", help="auto (the USB stick) or a folder")
    parser.add_argument("--duration", type=seconds, metavar="S", help="stop after so many seconds")
    parser.add_argument(
        "--speed",
        choices=("realtime", "max"),
        default="realtime",
        help="max: simulated time, as fast as the machine goes (software cameras)",
    )
    parser.set_defaults(act=act, is_forgiving=True)


def act(arguments: argparse.Namespace) -> int:
    """Run until a signal, the end of the source, or the duration.

    2 if that went well, yet with a part of the settings only.
    """
    config = with_overrides(arguments.settings, arguments.camera, arguments.storage)
    make = world.simulated if arguments.speed == "max" else world.real
    house = app.build(config, make(config), arguments.refused)
    status = app.run(house, arguments.duration)
    if house.camera.dead.is_set():
        # The library's own exit handlers would wait for its dead thread for ever.
        logging.shutdown()
        os._exit(1)
    return status or (2 if arguments.refused else 0)
