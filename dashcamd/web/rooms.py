"""What the page sees of the daemon and may ask of it: the one door between web and house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Optional, Tuple

from dashcamd.config import Config
from dashcamd.config_layers import Table, Verdict
from dashcamd.core.live import Live
from dashcamd.handover import Latest, Ring
from dashcamd.health.log_lines import Line
from dashcamd.storage.volume import Volume
from dashcamd.types import Anchor, Jpeg, Json, Seconds

Answer = Callable[[Optional[str]], None]
"""Told once, from any thread: None when it is done, else why it cannot be."""

BACKLOG_FRAMES = 150

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs something that waits (for a stick, for a hash) on another thread."""


@dataclass(frozen=True)
class Rooms:
    """All callables may be called from the web's thread and return at once.

    `motion` is what the detector saw last, `log` the newest lines, the oldest first.
    `watch` asks the camera for that many previews a second; `trigger` records now; `delete`
    takes an event's folder name and answers later; `lock_changed` is told that of a new lock;
    `offer_clock` is an anchor that is taken only while nothing better is known. `change_settings`
    takes section to key to value (None: back to the file's) and answers, on another thread, what
    became of each. `eject` is None where there is nothing to eject.
    """

    settings: Latest[Config]
    now: Callable[[], Seconds]
    status: Callable[[], Json]
    ring: Ring
    previews: Latest[Jpeg]
    motion: Latest[Live]
    log: Latest[Tuple[Line, ...]]
    volume: Latest[Optional[Volume]]
    watch: Callable[[float], None]
    trigger: Callable[[str], None]
    arm: Callable[[bool], None]
    delete: Callable[[str, Answer], None]
    lock_changed: Callable[[str], None]
    offer_clock: Callable[[Anchor], None]
    change_settings: Callable[[Table, Callable[[Tuple[Verdict, ...]], None]], None]
    eject: Optional[Callable[[Answer], None]] = None

    @property
    def config(self) -> Config:
        """The settings in force now."""
        _, config = self.settings.peek()
        assert config is not None
        return config

    @property
    def is_behind(self) -> bool:
        """Whether the recorder needs the stick more than any reader of it."""
        backlog: int = self.status()["counters"].get("backlog_frames", 0)
        return backlog >= BACKLOG_FRAMES
