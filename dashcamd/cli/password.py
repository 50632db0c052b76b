"""``dashcamd password``: how to sign in to the page."""

from __future__ import annotations

import argparse
from typing import Optional

from dashcamd.cli.arguments import add_json, print_json
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
    secrets = Vault(vault.path_of(web.state))
    secrets.open()
    shown = certificate.fingerprint(certificate.path_beside(secrets.path)) if web.tls else None
    if arguments.token:
        return _tell(arguments.json, "token", secrets.add_token(arguments.token[:60]), shown)
    password = secrets.renew() if arguments.new else secrets.password
    if password is None and not arguments.json:
        print("the password was used already and is not kept; dashcamd password --new makes one")
        return 1
    return _tell(arguments.json, "password", password, shown)


def _tell(as_json: bool, name: str, secret: object, fingerprint: Optional[str]) -> int:
    if as_json:
        print_json({name: secret, "fingerprint": fingerprint})
    else:
        print(secret)
        if fingerprint:
            print("SHA-256 fingerprint of the page's certificate: " + fingerprint)
    return 0 if secret else 1
