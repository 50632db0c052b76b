"""The last lines of the log, for the page: somebody in a car cannot read the journal."""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, Deque, NamedTuple, Tuple

from dashcamd.handover import Latest
from dashcamd.types import Seconds

LINES = 100
"""Kept of warnings, and as many of the rest, so that chatter does not push out what matters."""

TEXT_LIMIT = 400


class Line(NamedTuple):
    """One line: `at` boot-monotonic, `room` who said it, `times` how often in a row."""

    at: Seconds
    level: str
    room: str
    text: str
    times: int = 1


class LogLines(logging.Handler):
    """Add it to a logger; `lines` has the last ones, oldest first, for any thread."""

    def __init__(self, now: Callable[[], Seconds]) -> None:
        super().__init__(logging.INFO)
        self._now = now
        self._warnings: Deque[Line] = deque(maxlen=LINES)
        self._others: Deque[Line] = deque(maxlen=LINES)
        self.lines: Latest[Tuple[Line, ...]] = Latest()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line. The logging module lets in one thread at a time."""
        kept = self._warnings if record.levelno >= logging.WARNING else self._others
        line = Line(self._now(), record.levelname.lower(), _room(record.name), _text(record))
        if kept and kept[-1][1:4] == line[1:4]:
            line = line._replace(times=kept.pop().times + 1)
        kept.append(line)
        self.lines.put(tuple(sorted((*self._warnings, *self._others))))


def _room(name: str) -> str:
    return name[len("dashcamd.") :] if name.startswith("dashcamd.") else name


def _text(record: logging.LogRecord) -> str:
    """The message and, of an exception, what it says; for one line of any screen."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = str(record.msg)
    if record.exc_info and record.exc_info[1] is not None:
        text += ": %r" % record.exc_info[1]
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= TEXT_LIMIT else plain[: TEXT_LIMIT - 1] + "…"
