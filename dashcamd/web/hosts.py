"""Which names this server answers to, and whether a write comes from its own page. Pure.

A foreign page can make a browser send requests here: by a form (then ``Origin`` is foreign), or
by giving its own name our address (DNS rebinding: then ``Host`` is foreign).
"""

from __future__ import annotations

import ipaddress
from typing import FrozenSet, Optional
from urllib.parse import urlsplit

EVERYWHERE = ("0.0.0.0", "::")


def own_names(hostname: str, more: str) -> FrozenSet[str]:
    """The machine's own names, and those listed in the settings, split by commas."""
    plain = hostname.lower().split(".")[0]
    listed = {name.strip().lower() for name in more.split(",")}
    return frozenset({"localhost", hostname.lower(), plain, plain + ".local"} | listed) - {""}


def shown(hostname: str, listening: str) -> str:
    """The host to tell people of a server that listens at the address `listening`.

    At every address, that is the name by which others in the network find the machine.
    """
    if listening not in EVERYWHERE:
        return "[%s]" % listening if ":" in listening else listening
    plain = hostname.lower().split(".")[0]
    return "localhost" if plain in ("", "localhost") else plain + ".local"


def name_of(host: str) -> Optional[str]:
    """The name in a ``Host`` header without its port; None when it is malformed."""
    try:
        parts = urlsplit("//" + host)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or not parts.hostname:
        return None
    return parts.hostname.lower()


def is_ours(host: str, names: FrozenSet[str]) -> bool:
    """Whether ``Host`` is an address, which nobody can point elsewhere, or one of our names."""
    name = name_of(host)
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.rstrip(".") in names
    return True


def is_same_origin(origin: Optional[str], host: str, scheme: str = "http") -> bool:
    """Whether ``Origin`` names the very place that ``Host`` does."""
    return origin is not None and origin.lower() == "%s://%s" % (scheme, host.lower())
