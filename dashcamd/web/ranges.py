"""``Range`` and ``If-Range`` of HTTP (RFC 9110, 14): one range at most. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Span(NamedTuple):
    """Bytes from `start` up to, not including, `end`; `is_whole` without a range."""

    start: int
    end: int
    is_whole: bool


def span(header: Optional[str], size: int) -> Optional[Span]:
    """What of `size` bytes is asked for; None when that lies outside (416).

    A header that is not one plain range of bytes is ignored, as the RFC allows.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return Span(0, size, True)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return Span(size - length, size, False) if length else None
    end = min(int(last) + 1, size) if last else size
    if int(first) >= size or (last and int(last) < int(first)):
        return None
    return Span(int(first), end, False)


def is_still(if_range: Optional[str], etag: str) -> bool:
    """Whether a range may be answered: nothing was asked, or the file is still that one."""
    return if_range is None or if_range == etag
