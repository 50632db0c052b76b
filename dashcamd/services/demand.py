"""Who wants how many previews a second; the camera makes as many as the most demanding asks for."""

from __future__ import annotations

import threading
from typing import Dict


class Demand:
    """Set by several threads, each under its own name; read by the camera's keeper."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: Dict[str, float] = {}
        self._fps = 0.0

    @property
    def fps(self) -> float:
        """The most that anybody wants; 0 when nobody does."""
        return self._fps

    def want(self, who: str, fps: float) -> None:
        """`who` wants `fps` from now on; 0 for none."""
        with self._lock:
            self._wanted[who] = fps
            self._fps = max(self._wanted.values())
