"""Who may look: passwords, tokens and the turnstile in front of the sign-in. Pure.

A password is generated, never chosen: 12 letters and digits that cannot be mistaken for one
another, 59 bits. What is kept of secrets are hashes; time is handed in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

from dashcamd.types import Seconds

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1: it is read from a screen and typed on a phone."""

PASSWORD_LETTERS = 12

SCRYPT_N, SCRYPT_R = 1 << 12, 8
"""4 MiB and 6 ms on a laptop, about a quarter of a second on a Pi Zero."""

ATTEMPT_EVERY_S = 1.0
BURST = 5
"""Attempts to sign in of all clients together: what a Pi Zero can hash without noticing."""

BACK_OFF_LIMIT_S = 30.0
ADDRESSES_REMEMBERED = 256


def new_password() -> str:
    """A password for people: ``xxxx-xxxx-xxxx``."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LETTERS))
    return "-".join(letters[start : start + 4] for start in range(0, PASSWORD_LETTERS, 4))


def new_token() -> str:
    """A secret of 128 bits for a cookie or a script."""
    return secrets.token_hex(16)


def token_hash(token: str) -> str:
    """What is kept of a token. It is random already, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def password_hash(password: str, salt: bytes) -> bytes:
    """Slow on purpose (scrypt, RFC 7914). Capitals, blanks and dashes do not count."""
    plain = "".join(password.lower().split()).replace("-", "").encode("utf-8", "replace")
    return hashlib.scrypt(plain[:1024], salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=1, dklen=32)


def is_password(password: str, salt: bytes, expected: bytes) -> bool:
    """Whether `password` is the one that `expected` was made of, in constant time."""
    return hmac.compare_digest(password_hash(password, salt), expected)


class Turnstile:
    """Lets attempts to sign in through: few in all, fewer from an address that guesses.

    All clients share one bucket, so guessing from many addresses gains nothing. An address that
    was wrong waits 1, 2, 4 ... 30 s and not longer, and no other address waits for it: the owner
    cannot be locked out by somebody who guesses, nor for ever by their own typing.
    """

    def __init__(self) -> None:
        self._tokens = float(BURST)
        self._filled_at: Seconds = float("-inf")
        self._wrong: OrderedDict[str, tuple[int, Seconds]] = OrderedDict()

    def wait_s(self, address: str, now: Seconds) -> Seconds:
        """0 when `address` may try now, which is then counted; else how long it should wait."""
        _, free_at = self._wrong.get(address, (0, float("-inf")))
        if now < free_at:
            return free_at - now
        gained = (now - self._filled_at) / ATTEMPT_EVERY_S
        self._tokens = min(float(BURST), self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) * ATTEMPT_EVERY_S
        self._tokens -= 1
        return 0.0

    def failed(self, address: str, now: Seconds) -> None:
        """`address` gave a wrong password."""
        wrong = self._wrong.pop(address, (0, 0.0))[0] + 1
        pause_s = min(BACK_OFF_LIMIT_S, 2.0 ** min(wrong - 1, 10))
        self._wrong[address] = (wrong, now + pause_s)
        while len(self._wrong) > ADDRESSES_REMEMBERED:
            self._wrong.popitem(last=False)

    def passed(self, address: str) -> None:
        """`address` gave the right password."""
        self._wrong.pop(address, None)
