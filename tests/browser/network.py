"""The network cut from outside: this process and all it starts see only a loopback of their own."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from contextlib import contextmanager
from typing import Iterator, Optional

CLONE_NEWNET = 0x4000_0000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
OUTSIDE = ("192.0.2.1", 80)
"""An address of documentation (RFC 5737): without a network there is not even a way to it."""


@contextmanager
def cut() -> Iterator[Optional[str]]:
    """A network namespace (``unshare(2)``); why it could not be had, or None. Main thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            yield "unshare: %s" % os.strerror(ctypes.get_errno())
            return
        _raise_loopback()
        try:
            yield None
        finally:
            libc.setns(before, CLONE_NEWNET)
    finally:
        os.close(before)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def way_out() -> Optional[str]:
    """How this process gets to the Internet; None when it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(OUTSIDE)
        except OSError:
            return None
        return str(any_socket.getsockname()[0])
