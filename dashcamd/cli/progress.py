"""A progress bar on stderr, for people only: nothing is drawn when stderr is not a terminal."""

from __future__ import annotations

import sys
from typing import Optional, TextIO

WIDTH = 30


class Progress:
    """``label [#####.....]  43 %``, redrawn in place; use it as a context manager."""

    def __init__(self, label: str, total: float, stream: Optional[TextIO] = None) -> None:
        self._label = label
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = self._stream.isatty() and total > 0
        self._percent = -1

    def __enter__(self) -> Progress:
        self.show(0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, done: float) -> None:
        """Draw the bar at `done` of the total."""
        if not self._is_shown:
            return
        percent = min(100, int(100 * done / self._total))
        if percent == self._percent:
            return
        self._percent = percent
        filled = percent * WIDTH // 100
        bar = "#" * filled + "." * (WIDTH - filled)
        self._stream.write("\r%s [%s] %3d %%" % (self._label, bar, percent))
        self._stream.flush()
