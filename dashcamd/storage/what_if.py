"""What other settings would have recorded: the traces of the last hours, replayed with them.

Newest first and bounded in time, so that a page may ask on a Pi Zero. Where a trace is thin nothing
happened, by any setting, and only the minute before something does is looked at: the detector has
to learn there what is ordinary.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Callable, Iterator, List, Optional, Tuple

from dashcamd.config import MotionConfig
from dashcamd.core.replay import by_reason
from dashcamd.core.trace import TraceChunk, fields_of
from dashcamd.core.watch import Watch
from dashcamd.storage import trace_log
from dashcamd.storage.disk import Disk
from dashcamd.types import Json, Motion, Seconds

BUSY_RATE = 1.5
"""Fields a second in a chunk from which on something happened in it."""


@dataclass(frozen=True)
class WhatIf:
    """`events` that would have been recorded in the `covered_s` seconds that were looked at.

    `is_complete` when that was all that was asked for; else the time was up.
    """

    events: Tuple[Json, ...]
    covered_s: Seconds
    is_complete: bool


def what_if(
    disk: Disk,
    motion: MotionConfig,
    gap_s: Seconds,
    hours: int = 24,
    budget_s: Seconds = 5.0,
    timer: Callable[[], Seconds] = time.thread_time,
) -> WhatIf:
    """Replay up to `hours` hours of trace with `motion`, for at most about `budget_s` of `timer`.

    Any thread; touches nothing but traces. Raises `StorageError`.
    """
    until = timer() + budget_s
    events: List[Json] = []
    covered_s = 0.0
    for file in reversed(trace_log.files(disk)[-hours:]):
        opened = disk.open(file.path)
        try:
            chunks = list(trace_log.read(opened))
        finally:
            opened.close()
        found = _events(chunks, replace(motion, enabled=True), gap_s, lambda: timer() >= until)
        if found is None:
            return WhatIf(tuple(events), covered_s, False)
        events = [*found, *events]
        covered_s += sum(chunk.end - chunk.start for chunk, _ in chunks)
    return WhatIf(tuple(events), covered_s, True)


def _events(
    chunks: List[Tuple[TraceChunk, Json]],
    motion: MotionConfig,
    gap_s: Seconds,
    is_over: Callable[[], bool],
) -> Optional[List[Json]]:
    """The events of one file; None when the time was up on the way."""
    watch, told = Watch(motion), []
    for chunk in _worth_looking(chunks):
        if is_over():
            return None
        told += [seen.motion for seen in map(watch.step, fields_of(chunk)) if seen.motion]
    clocks = [(chunk.start, clock.get("start_unix_s")) for chunk, clock in chunks]
    return [_event(one, clocks) for one in by_reason(told, gap_s)]


def _worth_looking(chunks: List[Tuple[TraceChunk, Json]]) -> Iterator[TraceChunk]:
    busy = [chunk.fields > BUSY_RATE * max(chunk.end - chunk.start, 1.0) for chunk, _ in chunks]
    for place, (chunk, _) in enumerate(chunks):
        if any(busy[place : place + 2]):
            yield chunk


def _event(motion: Motion, clocks: List[Tuple[Seconds, object]]) -> Json:
    start, wall = max((one for one in clocks if one[0] <= motion.first + 1), default=(0.0, None))
    is_known = isinstance(wall, (int, float))
    return {
        "start_s": round(motion.first, 3),
        "start_unix_s": round(wall + motion.first - start, 3) if is_known else None,  # type: ignore[operator]
        "duration_s": round(motion.last - motion.first, 3),
        "reason": motion.reason,
        "why": motion.why,
    }
