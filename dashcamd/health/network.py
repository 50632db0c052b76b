"""Where in the network this machine is now, through psutil."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Tuple

import psutil


def addresses() -> Tuple[str, ...]:
    """The machine's IPv4 addresses that another one can ask; none before a network is there."""
    found = (
        one.address
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family == socket.AF_INET
    )
    return tuple(address for address in found if not ip_address(address).is_loopback)
