"""``dashcamd config``: check a file, print the defaults."""

from __future__ import annotations

import argparse
from pathlib import Path

from dashcamd.config import keys, load, sections
from dashcamd.config_text import default_toml, reference_markdown, to_toml


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
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Check, print the defaults, or print what is in force."""
    if arguments.defaults:
        print(default_toml(), end="")
    elif arguments.reference:
        print(reference_markdown(), end="")
    elif arguments.check is not None:
        load(arguments.check)
        print("%s: fine" % arguments.check)
    else:
        for name, section in sections():
            values = getattr(arguments.settings, name)
            print("[%s]" % name)
            for key, _, rules in keys(section):
                shown = '"(secret)"' if rules.secret else to_toml(getattr(values, key))
                print("%s = %s" % (key, shown))
            print()
    return 0
