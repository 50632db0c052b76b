"""``dashcamd password``: how to sign in to the page."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Optional

from dashcamd import state
from dashcamd.cli.arguments import add_json, print_json
from dashcamd.control import protocol
from dashcamd.errors import OperationError
from dashcamd.web import certificate, vault
from dashcamd.web.vault import Vault


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "password", parents=[common], help="show the page's password, or make a new one"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--new", action="store_true", help="make a new one; every phone has to sign in again"
    )
    what.add_argument(
        "--token", metavar="NAME", help="make a token for a script (Authorization: Bearer ...)"
    )
    add_json(parser)
    parser.set_defaults(act=act, is_forgiving=True)


def act(arguments: argparse.Namespace) -> int:
    """Show or make."""
    web = arguments.settings.web
    path = vault.path_of(web.state)
    if not web.state and _is_out_of_reach(path, arguments.settings.control.socket):
        asked = " --new" if arguments.new else " --token NAME" if arguments.token else ""
        raise OperationError(
            "the service keeps the page's password to itself; run `sudo dashcamd password%s`"
            % asked
        )
    secrets = Vault(path)
    secrets.open()
    shown = certificate.fingerprint(certificate.path_beside(secrets.path)) if web.tls else None
    if arguments.token:
        return _tell(arguments.json, "token", secrets.add_token(arguments.token[:60]), shown)
    password = secrets.renew() if arguments.new else secrets.password
    if password is None and not arguments.json:
        command = vault.command(path) or "dashcamd password"
        print("the password was used already and is not kept; %s --new makes one" % command)
        return 1
    return _tell(arguments.json, "password", password, shown)


def _is_out_of_reach(own: Path, socket: str) -> bool:
    """Whether the page is the service's: a password made at this user's `own` opens nothing."""
    is_installed = state.SERVICE.exists() or protocol.SERVICE_SOCKET.exists()
    return is_installed and not vault.is_of_the_service(own) and not _is_mine(socket)


def _is_mine(socket: str) -> bool:
    """Whether this user runs a daemon, whatever service there is beside it."""
    try:
        return protocol.socket_path(socket).stat().st_uid == os.geteuid()
    except OSError:
        return False


def _tell(as_json: bool, name: str, secret: object, fingerprint: Optional[str]) -> int:
    if as_json:
        print_json({name: secret, "fingerprint": fingerprint})
    else:
        print(secret)
        if fingerprint:
            print("SHA-256 fingerprint of the page's certificate: " + fingerprint)
    return 0 if secret else 1
