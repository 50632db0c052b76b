"""Talks to systemd as sd_notify(3) describes it: one datagram to the socket that it names.

A few lines instead of a dependency. Without ``$NOTIFY_SOCKET`` nothing is said, and a message that
systemd does not take is its own problem: nobody here ever waits for it.
"""

from __future__ import annotations

import os
import socket
from typing import Mapping, Optional

STATUS_BYTES = 200


class Systemd:
    """The service's line to systemd. Any thread."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL byte of an abstract socket (unix(7)).
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: Optional[socket.socket] = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self) -> None:
        """All threads run: what was ordered after this service may start."""
        self._tell("READY=1")

    def alive(self, status: str) -> None:
        """Feed the watchdog; `status` is the line that ``systemctl status`` shows."""
        self._tell("WATCHDOG=1\nSTATUS=" + _one_line(status))

    def ailing(self, status: str) -> None:
        """Say what is wrong without feeding the watchdog."""
        self._tell("STATUS=" + _one_line(status))

    def stopping(self) -> None:
        """The open part is being closed now."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode("utf-8", "replace"), self._address)
        except OSError:
            return


def _one_line(text: str) -> str:
    return text.replace("\n", " ")[:STATUS_BYTES]
