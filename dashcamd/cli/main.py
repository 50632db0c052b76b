"""``dashcamd``: the command line that people type and scripts rely on.

Exit status: 0 fine, 1 the check or operation failed, 2 wrong usage or configuration. With
``--json`` stdout carries one JSON document and nothing else; logs go to stderr.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import List, Optional

from dashcamd import __version__
from dashcamd.cli import check, config, daemon, demo, events, files, replay, run
from dashcamd.config import load
from dashcamd.errors import ConfigError, DashcamError

DEFAULT_CONFIG = Path("/etc/dashcamd/dashcamd.toml")
COMMANDS = (run, demo, replay, check, daemon, events, files, config)


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command; the exit status. Never shows a traceback for a fault of the world."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        arguments.settings = load(config_path(arguments))
        logging.getLogger().setLevel(arguments.settings.log.level.upper())
        status: int = arguments.act(arguments)
    except ConfigError as error:
        return _complain(error, 2)
    except DashcamError as error:
        return _complain(error, 1)
    except BrokenPipeError:
        # Somebody closed our stdout (`dashcamd events | head`): stay quiet at exit as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
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


def _complain(error: Exception, status: int) -> int:
    print("dashcamd: %s" % error, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
