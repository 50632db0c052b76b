"""How a library that only some need comes onto this machine."""

from __future__ import annotations

import sys

SYSTEM = "/usr"
"""Where Debian's own interpreter lives. It takes packages from apt and refuses pip (PEP 668)."""


def how_to_install(extra: str, package: str) -> str:
    """The command that brings our `extra`, Debian's `package`, to this interpreter."""
    if sys.prefix == SYSTEM:
        return "sudo apt install %s" % package
    return "pip install 'dashcamd[%s]'" % extra
