"""What other settings would have recorded, asked while a finger is on the slider.

The newest question of a page counts: it ends the one before. One is worked at a time, on a thread
for files, with a pause after each few milliseconds of work so that camera and detector keep theirs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Callable, Dict, Optional

from dashcamd import config_layers
from dashcamd.config import MotionConfig
from dashcamd.config_layers import Layers
from dashcamd.errors import OperationError
from dashcamd.storage.what_if import Memory, WhatIf, what_if
from dashcamd.types import Json, Seconds
from dashcamd.web.rooms import InThread, Rooms

WORK_S: Seconds = 0.005
PAUSE_S: Seconds = 0.005
"""So at most half of a processor, and never longer without a breath than a frame's jitter."""

SUPERSEDED = "another question came after this one"


class WhatIfs:
    """Answers the page's questions; used on the web's loop."""

    def __init__(self, rooms: Rooms, in_thread: InThread) -> None:
        self._rooms = rooms
        self._in_thread = in_thread
        self._newest: Dict[str, threading.Event] = {}
        self._turn = asyncio.Lock()
        self._memory = Memory()
        self._version = -1

    async def ask(self, session: str, changes: Json, hours: int) -> Json:
        """How many events `changes` of ``[motion]`` would have made, and what is in force.

        Raises `OperationError` for settings that are refused, without a stick, and when a newer
        question of the same session came.
        """
        now = self._rooms.config.motion
        asked = self._changed(changes)
        stop = threading.Event()
        before = self._newest.get(session)
        if before is not None:
            before.set()
        self._newest[session] = stop
        try:
            async with self._turn:
                found = None if stop.is_set() else await self._look(now, asked, hours, stop)
        finally:
            if self._newest.get(session) is stop:
                del self._newest[session]
        if found is None or stop.is_set():
            raise OperationError(SUPERSEDED)
        would, is_now = (len(events) for events in found.events)
        return {
            "events": would,
            "now": is_now,
            "covered_s": round(found.covered_s),
            "hours_looked": found.hours_looked,
            "hours_found": found.hours_found,
            "is_complete": found.is_complete,
        }

    def close(self) -> None:
        """End what is being worked at."""
        for stop in self._newest.values():
            stop.set()

    def _changed(self, changes: Json) -> MotionConfig:
        after, verdicts = config_layers.change(Layers(self._rooms.config), {"motion": changes})
        for verdict in verdicts:
            if not verdict.is_taken:
                raise OperationError(verdict.text)
        return after.config.motion

    async def _look(
        self, now: MotionConfig, asked: MotionConfig, hours: int, stop: threading.Event
    ) -> Optional[WhatIf]:
        version, volume = self._rooms.volume.peek()
        if volume is None:
            raise OperationError("no stick is in use, so there is no trace to look at")
        if version != self._version:
            self._version, self._memory = version, Memory()
        gap_s, memory = self._rooms.config.recording.gap_s, self._memory
        is_over = _Breath(stop, lambda: self._is_disturbed(version)).is_over
        found: WhatIf = await self._in_thread(
            lambda: what_if(volume.disk, (asked, now), gap_s, hours, is_over=is_over, memory=memory)
        )
        return found

    def _is_disturbed(self, version: int) -> bool:
        """Whether the stick is gone, or the recorder needs it."""
        return self._rooms.volume.peek()[0] != version or self._rooms.is_behind


class _Breath:
    """Asked for each field by the thread that works: pauses at times, says when it is enough."""

    def __init__(self, stop: threading.Event, is_disturbed: Callable[[], bool]) -> None:
        self._stop = stop
        self._is_disturbed = is_disturbed
        self._rested_at: Optional[Seconds] = None
        """By the working thread's own processor time, which begins with that thread."""

    def is_over(self) -> bool:
        worked_at = time.thread_time()
        if self._rested_at is None:
            self._rested_at = worked_at
        if worked_at - self._rested_at < WORK_S:
            return self._stop.is_set()
        self._stop.wait(PAUSE_S)
        self._rested_at = time.thread_time()
        return self._stop.is_set() or self._is_disturbed()
