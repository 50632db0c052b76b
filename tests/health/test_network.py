"""The machine's own addresses, as psutil gives them."""

from __future__ import annotations

import socket
from types import SimpleNamespace

from dashcamd.health import network


def test_addresses_are_those_that_another_machine_can_ask(monkeypatch):
    def one(family, address):
        return SimpleNamespace(family=family, address=address)

    interfaces = {
        "lo": [one(socket.AF_INET, "127.0.0.1")],
        "wlan0": [one(socket.AF_INET6, "fe80::1%wlan0"), one(socket.AF_INET, "192.168.1.7")],
        "eth0": [one(socket.AF_PACKET, "02:00:00:00:00:01")],
    }
    monkeypatch.setattr(network.psutil, "net_if_addrs", lambda: interfaces)
    assert network.addresses() == ("192.168.1.7",)


def test_this_machine_can_be_asked():
    assert all(socket.inet_aton(address) for address in network.addresses())
