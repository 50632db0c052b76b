"""One request, one answer: a JSON object on a line each, over a Unix socket.

``{"do": "status"}`` is answered by ``{"ok": true, "result": {...}}`` or
``{"ok": false, "error": "one line"}``. The socket's file permissions are the access control.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from dashcamd.errors import OperationError, ProtocolError
from dashcamd.types import Json, Seconds

LINE_BYTES = 1 << 20
TIMEOUT_S = 5.0

SERVICE_SOCKET = Path("/run/dashcamd/control.sock")
"""The service's runtime directory, see ``systemd/dashcamd.service``."""


def socket_path(configured: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the control socket is: as configured, or the first place this user may write."""
    if configured:
        return Path(configured)
    for variable in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        base = environ.get(variable)
        if base:
            folder = Path(base) if variable == "RUNTIME_DIRECTORY" else Path(base) / "dashcamd"
            return folder / "control.sock"
    if os.geteuid() == 0:
        return SERVICE_SOCKET
    return Path(tempfile.gettempdir()) / ("dashcamd-%d" % os.geteuid()) / "control.sock"


def daemon_socket(configured: str) -> Path:
    """Where a command finds the daemon: its own place, or the installed service's."""
    own = socket_path(configured)
    is_service = not configured and SERVICE_SOCKET.exists() and not own.exists()
    return SERVICE_SOCKET if is_service else own


def encode(document: Json) -> bytes:
    """One line of JSON."""
    return json.dumps(document, separators=(",", ":")).encode("utf-8") + b"\n"


def decode(line: bytes) -> Json:
    """Read one line. Raises `ProtocolError`."""
    try:
        document = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ProtocolError("not a line of JSON") from None
    if not isinstance(document, dict):
        raise ProtocolError("not a JSON object")
    return document


def read_line(connection: socket.socket, now: Callable[[], Seconds] = time.monotonic) -> bytes:
    """Receive up to a newline, for `TIMEOUT_S` in all.

    Raises `ProtocolError` when the line is too long or does not come in time.
    """
    line, end = b"", now() + TIMEOUT_S
    while not line.endswith(b"\n"):
        left_s = end - now()
        if left_s <= 0:
            raise ProtocolError("the other side is too slow")
        try:
            connection.settimeout(left_s)
            more = connection.recv(65536)
        except OSError as error:
            raise ProtocolError("the other side does not speak: %s" % error) from None
        if not more:
            raise ProtocolError("the other side hung up")
        line += more
        if len(line) > LINE_BYTES:
            raise ProtocolError("a line of more than %d bytes" % LINE_BYTES)
    return line


def ask(path: Path, request: Json) -> Any:
    """Ask the running daemon; its result. Raises `OperationError` with one line for people."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(path))
            connection.sendall(encode(request))
            answer = decode(read_line(connection))
        except OSError as error:
            raise OperationError(_no_daemon(path, error)) from None
        except ProtocolError as error:
            raise OperationError("the daemon's answer is unusable: %s" % error) from None
    if not answer.get("ok"):
        raise OperationError(str(answer.get("error", "the daemon refused")))
    return answer.get("result")


def _no_daemon(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to talk to the daemon at %s; run this as its user or root" % path
    return "no daemon is running (nothing answers at %s); start it with `dashcamd run`" % path


def claim(path: Path) -> Optional[socket.socket]:
    """Listen at `path`; None when another daemon does. Raises `OperationError`."""
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path.exists() and not path.is_socket():
            raise OSError(errno.ENOTSOCK, "it is not a socket")
        if _is_alive(path):
            return None
        path.unlink(missing_ok=True)
        return _listen(path)
    except OSError as error:
        raise OperationError(
            "cannot listen at %s: %s; set [control] socket to another path"
            % (path, error.strerror or error)
        ) from None


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(8)
    except OSError:
        listener.close()
        raise
    return listener


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
