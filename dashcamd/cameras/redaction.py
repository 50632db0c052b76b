"""Addresses of cameras as messages name them: without the password."""

from __future__ import annotations

import re

ANY_CASE = re.IGNORECASE | re.DOTALL

IN_QUERY = re.compile(r"((?:pas\w*|psw\w*|pwd?|token|secret|key)=).*", ANY_CASE)
BEFORE_HOST = re.compile(r"^((?:media:)?[a-z][a-z0-9+.-]*:/*).*@", ANY_CASE)


def redacted(address: str) -> str:
    """`address` with ``***`` for what may be a password.

    One that is not escaped can hold any of the marks that should end it. So all is hidden up to
    the last ``@``, and from ``password=`` to the end: rather some of the path than of the secret.
    """
    return BEFORE_HOST.sub(r"\1***@", IN_QUERY.sub(r"\1***", address))
