"""The file that remembers who may look: ``web.json``, readable by the daemon's user alone.

It holds the password's hash, hashes of signed-in phones and of scripts' tokens, and the password
itself until somebody has signed in with it. `dashcamd password` changes it beside the running
daemon, which notices by the file's stamp.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from dashcamd import state
from dashcamd.errors import OperationError
from dashcamd.types import Json
from dashcamd.web import access

SESSIONS_KEPT = 16
"""Phones that stay signed in; one more signs out the one that signed in first."""

MAX_BYTES = 64 * 1024
FILE = "web.json"

RESETS = (Path("/boot/firmware/dashcamd-reset-password"), Path("/boot/dashcamd-reset-password"))
"""Who can write to the SD card owns the machine: such a file makes a new password, once."""


def path_of(configured: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the file is: as configured, or where this user keeps state."""
    return Path(configured) if configured else state.path_of(FILE, environ)


def is_of_the_service(path: Path) -> bool:
    """Whether the installed service keeps its secrets at `path`, and root alone can look."""
    return path == state.SERVICE / FILE


def command(path: Path, environ: Mapping[str, str] = os.environ) -> Optional[str]:
    """What to type to see the password in the file at `path`; None when no plain command does."""
    if is_of_the_service(path):
        return "sudo dashcamd password"
    return "dashcamd password" if path == state.path_of(FILE, environ) else None


def first_password(path: Path) -> Optional[str]:
    """The password until somebody has signed in; None afterwards, or when it cannot be told."""
    try:
        data = state.read(path, MAX_BYTES)
    except OSError:
        return None
    found = _state(data) if data is not None else None
    password = found.get("password") if found else None
    return password if isinstance(password, str) else None


class Vault:
    """The remembered secrets. One thread at a time; every method may raise `OperationError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: Tuple[int, int] = (0, 0)
        self._state: Dict[str, Any] = {}
        self._salt = self._hash = b""

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    def password(self) -> Optional[str]:
        """The password until the first sign-in; afterwards nobody knows it but its owner."""
        return self._state.get("password")

    def open(self, resets: Tuple[Path, ...] = RESETS) -> None:
        """Read the file; make it with a new password if there is none or a reset is asked for."""
        self._read()
        reset = _reset_stamp(resets)
        if not self._hash:
            self.renew(reset or "")
        elif reset and reset != self._state.get("reset"):
            self.renew(reset)

    def refresh(self) -> None:
        """Read the file again if somebody changed it."""
        if _stamp(self._path) != self._stamp:
            self._read()

    def renew(self, reset: Optional[str] = None) -> str:
        """Make a new password; whoever was signed in is not any more."""
        password, salt = access.new_password(), os.urandom(16)
        self._state.update(
            password=password,
            salt=salt.hex(),
            hash=access.password_hash(password, salt).hex(),
            sessions=[],
        )
        if reset is not None:
            self._state["reset"] = reset
        self._write()
        return password

    def check(self, password: str) -> bool:
        """Whether this is the password. Slow on purpose, touches no file."""
        return bool(self._hash) and access.is_password(password, self._salt, self._hash)

    def sign_in(self) -> str:
        """Remember one more phone; the secret for its cookie."""
        token = access.new_token()
        self._state["sessions"] = [*self._sessions, access.token_hash(token)][-SESSIONS_KEPT:]
        self._state["password"] = None
        self._write()
        return token

    def sign_out(self, token: str) -> None:
        """Forget a phone."""
        hashed = access.token_hash(token)
        self._state["sessions"] = [known for known in self._sessions if known != hashed]
        self._write()

    def add_token(self, name: str) -> str:
        """A secret for a script, in the place of an older one of that `name`."""
        token = access.new_token()
        self._state["tokens"] = {**self._tokens, name: access.token_hash(token)}
        self._write()
        return token

    def is_session(self, token: str) -> bool:
        """Whether `token` is the cookie of a phone that is signed in."""
        return bool(token) and access.token_hash(token) in self._sessions

    def is_token(self, token: str) -> bool:
        """Whether `token` belongs to a script."""
        return bool(token) and access.token_hash(token) in self._tokens.values()

    @property
    def _sessions(self) -> List[str]:
        found: List[str] = self._state.get("sessions", [])
        return found

    @property
    def _tokens(self) -> Dict[str, str]:
        found: Dict[str, str] = self._state.get("tokens", {})
        return found

    def _read(self) -> None:
        try:
            self._stamp = _stamp(self._path)
            data = state.read(self._path, MAX_BYTES)
        except OSError as error:
            raise self._trouble("read", error) from None
        if data is None:
            return
        found = _state(data)
        if found is None:
            raise OperationError("%s is damaged; delete it and a new password is made" % self._path)
        self._state = found
        self._salt, self._hash = bytes.fromhex(found["salt"]), bytes.fromhex(found["hash"])

    def _write(self) -> None:
        self._salt = bytes.fromhex(self._state["salt"])
        self._hash = bytes.fromhex(self._state["hash"])
        data = (json.dumps({"dashcamd": 1, **self._state}, indent=1) + "\n").encode("ascii")
        try:
            state.save(self._path, data)
            self._stamp = _stamp(self._path)
        except OSError as error:
            raise self._trouble("written", error) from None

    def _trouble(self, act: str, error: OSError) -> OperationError:
        return OperationError(
            "%s, which keeps the page's password, cannot be %s: %s; set [web] state to another path"
            % (self._path, act, error.strerror or error)
        )


def _stamp(path: Path) -> Tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_ino


def _reset_stamp(resets: Tuple[Path, ...]) -> Optional[str]:
    for path in resets:
        changed, inode = _stamp(path)
        if inode:
            return "%s %d" % (path, changed)
    return None


def _state(data: bytes) -> Optional[Json]:
    """The file's content if it is what `Vault` writes."""
    try:
        found: Json = json.loads(data.decode("utf-8"))
        salt, hashed = bytes.fromhex(found["salt"]), bytes.fromhex(found["hash"])
        sessions, tokens = found.get("sessions", []), found.get("tokens", {})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if len(salt) < 8 or len(hashed) != 32:
        return None
    if not isinstance(sessions, list) or not isinstance(tokens, dict):
        return None
    return found
