"""``dashcamd``: the command line that people type and scripts rely on.

Exit status: 0 fine, 1 the check or operation failed, 2 wrong usage or configuration. With
``--json`` stdout carries one JSON document and nothing else; logs go to stderr.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from pathlib import Path
from typing import List, Optional

from dashcamd import __version__
from dashcamd.cli import check, config, daemon, demo, events, files, password, replay, run
from dashcamd.config_read import load
from dashcamd.errors import ConfigError, DashcamError

DEFAULT_CONFIG = Path("/etc/dashcamd/dashcamd.toml")
COMMANDS = (run, demo, replay, check, daemon, events, files, config, password)


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command; the exit status. Never shows a traceback for a fault of the world."""
    arguments = parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for file names that are no text
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        arguments.settings = load(config_path(arguments))
        logging.getLogger().setLevel(arguments.settings.log.level.upper())
        status: int = arguments.act(arguments)
        _flush_stdout()
    except ConfigError as error:
        return _complain(error, 2)
    except DashcamError as error:
        return _complain(error, 1)
    except BrokenPipeError:
        _give_up_stdout()  # `dashcamd events | head`: nobody wants to hear of it
        return 1
    except OSError as error:
        _give_up_stdout()
        named = "%s: " % error.filename if error.filename else ""
        return _complain(named + (error.strerror or str(error)), 1)
    except KeyboardInterrupt:
        return 130
    return status


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, metavar="F", help="settings (default: %s)" % DEFAULT_CONFIG
    )
    top = argparse.ArgumentParser(
        prog="dashcamd",
        description="Records what moves, with the seconds before it, in files that survive.",
    )
    top.add_argument("--version", action="version", version="dashcamd " + __version__)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands, common)
    return top


def config_path(arguments: argparse.Namespace) -> Optional[Path]:
    """The settings to load: as named, else the system's if there are any."""
    named: Optional[Path] = arguments.config
    if named is not None:
        return named
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def _flush_stdout() -> None:
    if sys.stdout is not None:  # `dashcamd events >&-`
        sys.stdout.flush()


def _give_up_stdout() -> None:
    """Print what can still be printed, and keep the rest from failing again at exit."""
    try:
        _flush_stdout()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: object, status: int) -> int:
    print("dashcamd: %s" % error, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
