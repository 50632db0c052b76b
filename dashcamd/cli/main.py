"""``dashcamd``: the command line that people type and scripts rely on.

Exit status: 0 fine, 1 the check or operation failed, 2 wrong usage or configuration. With
``--json`` stdout carries one JSON document and nothing else; logs go to stderr.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from dashcamd import __version__
from dashcamd.config import Config
from dashcamd.config_file import settle
from dashcamd.config_read import load
from dashcamd.errors import ConfigError, DashcamError

log = logging.getLogger(__name__)

DEFAULT_CONFIG = Path("/etc/dashcamd/dashcamd.toml")
COMMANDS: Dict[str, Tuple[str, ...]] = {
    "run": ("run",),
    "demo": ("demo",),
    "replay": ("replay",),
    "check": ("check",),
    "daemon": ("status", "trigger", "arm", "disarm", "eject"),
    "events": ("events", "lock", "unlock", "export"),
    "files": ("verify", "recover"),
    "config": ("config",),
    "password": ("password",),
}
"""The commands that each module of this package adds. Only the module of the command that was named
is imported: the rest would delay each start of the daemon by a third on a slow processor."""


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command; the exit status. Never shows a traceback for a fault of the world."""
    words = sys.argv[1:] if argv is None else argv
    arguments = parser(words).parse_args(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for file names that are no text
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        arguments.settings = _settings(arguments)
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


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; when `words` begin with a command, what that command needs of it."""
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
    for name in _modules(words):
        importlib.import_module("dashcamd.cli." + name).add(commands, common)
    return top


def _modules(words: Sequence[str]) -> List[str]:
    return [name for name, added in COMMANDS.items() if words and words[0] in added] or [*COMMANDS]


def _settings(arguments: argparse.Namespace) -> Config:
    """The command's settings.

    What has to go on beside a mistake in them (`is_forgiving`) does with the rest of the file; what
    looks at another file (`needs_settings` denies it) does without.
    """
    if not getattr(arguments, "needs_settings", bool)(arguments):
        return Config()
    named: Optional[Path] = arguments.config
    path = named or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    if not getattr(arguments, "is_forgiving", False):
        return load(path)
    config, refused = settle(path)
    arguments.refused = "%s: %s" % (path, "; ".join(refused)) if refused else ""
    for why in refused:
        log.warning("%s: %s", path, why)
    return config


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
