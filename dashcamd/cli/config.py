"""``dashcamd config``: check a file, print the defaults."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dashcamd import config_layers, state
from dashcamd.config import Config, keys, sections
from dashcamd.config_file import mistakes
from dashcamd.config_layers import Layers
from dashcamd.config_text import default_toml, reference_markdown, to_toml
from dashcamd.services import settings
from dashcamd.web import vault


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "config", parents=[common], help="show the settings in force, or check a file"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", type=Path, metavar="F", help="is this file right?")
    what.add_argument(
        "--defaults", action="store_true", help="print every setting with its default"
    )
    what.add_argument("--reference", action="store_true", help="print the manual of all settings")
    parser.set_defaults(act=act, needs_settings=_needs_settings)


def _needs_settings(arguments: argparse.Namespace) -> bool:
    return not (arguments.check or arguments.defaults or arguments.reference)


def act(arguments: argparse.Namespace) -> int:
    """Check, print the defaults, or print what is in force."""
    if arguments.defaults:
        print(default_toml(), end="")
    elif arguments.reference:
        print(reference_markdown(), end="")
    elif arguments.check is not None:
        return _check(arguments.check)
    else:
        layers = _layers(arguments.settings)
        config, origins = layers.config, layers.origins
        for name, section in sections():
            values = getattr(config, name)
            print("[%s]" % name)
            for key, _, rules in keys(section):
                shown = '"(secret)"' if rules.secret else to_toml(getattr(values, key))
                who = origins.get("%s.%s" % (name, key))
                print("%s = %s%s" % (key, shown, "  # set by the %s" % who if who else ""))
            print()
    return 0


def _check(path: Path) -> int:
    wrong = mistakes(path)
    for why in wrong:
        print("dashcamd: %s: %s" % (path, why), file=sys.stderr)
    if not wrong:
        print("%s: fine" % path)
    return 2 if wrong else 0


def _layers(file: Config) -> Layers:
    """The settings with what the page and the stick set on top, as the daemon would start."""
    path = settings.path_beside(vault.path_of(file.web.state))
    try:
        data = state.read(path, settings.MAX_BYTES)
    except OSError as error:
        print("%s cannot be read: %s" % (path, error.strerror or error), file=sys.stderr)
        data = None
    return (config_layers.from_bytes(file, data) if data else None) or Layers(file)
