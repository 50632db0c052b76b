"""The page's own certificate, made once by the ``openssl`` command and kept beside the password.

Nobody vouches for it: a phone is asked to trust it once, and the fingerprint that
`dashcamd password` and the page show is how its owner knows that it is the camera's. The command
and not a library: it is part of every Raspberry Pi OS, while `cryptography` has no wheel for the
oldest Pis and Python's own `ssl` makes none.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from pathlib import Path
from typing import FrozenSet, Optional

from dashcamd import state
from dashcamd.errors import OperationError

FILE = "page.pem"

DAYS = 36500
"""A Pi without a clock makes it in 1970, and its phone lives in this century."""

PATIENCE_S = 60.0
HEAD = "-----BEGIN CERTIFICATE-----"


def path_beside(vault_path: Path) -> Path:
    """Where the certificate and its key are."""
    return vault_path.with_name(FILE)


def ensure(path: Path, names: FrozenSet[str]) -> None:
    """Make the file for `names` if there is none. Raises `OperationError`."""
    if path.exists():
        return
    made = _made(names)
    try:
        state.save(path, made)
    except OSError as error:
        raise OperationError(
            "%s, the page's certificate, cannot be written: %s; set [web] state to another path"
            % (path, error.strerror or error)
        ) from None


def context(path: Path) -> ssl.SSLContext:
    """What a server needs of it. Raises `OperationError`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(str(path))
    except (OSError, ValueError) as error:
        raise OperationError(
            "%s holds no certificate with its key: %s; delete it and a new one is made"
            % (path, error)
        ) from None
    return made


def fingerprint(path: Path) -> Optional[str]:
    """SHA-256 of the certificate as browsers show it, ``AB:CD:...``; None without one."""
    try:
        text = path.read_text(encoding="ascii")
        der = ssl.PEM_cert_to_DER_cert(text[text.index(HEAD) :].strip())
    except (OSError, ValueError):
        return None
    digits = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))


def _made(names: FrozenSet[str]) -> bytes:
    """Key and certificate in one text: P-256, which every phone knows and a Pi Zero signs fast."""
    listed = ",".join("DNS:" + name for name in sorted(names))
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", str(DAYS)]
    command += ["-subj", "/CN=dashcamd", "-addext", "subjectAltName=" + listed]
    command += ["-keyout", "-", "-out", "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
    except FileNotFoundError:
        raise OperationError(
            "[web] tls = true needs the openssl command: apt install openssl"
        ) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise OperationError("openssl made no certificate: %s" % error) from None
    return done.stdout
