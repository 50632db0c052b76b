"""What other settings would have recorded: the traces of the last hours, replayed with them.

Newest first and bounded in time, so that a page may ask on a Pi Zero, and ask again: what was found
of an hour is remembered. Where a trace is thin nothing happened, by any setting, and only the
minute before something does is looked at: the detector has to learn there what is ordinary.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Callable, Iterator, List, MutableMapping, Optional, Sequence, Tuple

from dashcamd.config import MotionConfig
from dashcamd.core.replay import by_reason
from dashcamd.core.trace import TraceChunk, fields_of
from dashcamd.core.watch import Watch
from dashcamd.storage import trace_log
from dashcamd.storage.disk import Disk
from dashcamd.storage.trace_log import TraceFile
from dashcamd.types import Json, Motion, Seconds

BUSY_RATE = 1.5
"""Fields a second in a chunk from which on something happened in it."""

HOURS = 24
BUDGET_S: Seconds = 5.0

Events = Tuple[Json, ...]
Hour = Tuple[Seconds, Events]
"""What one trace covers, and what would have been recorded in it."""

Memory = MutableMapping[Tuple[TraceFile, MotionConfig, Seconds], Hour]
"""Of hours looked at before, by settings; the caller bounds it and drops it with the stick."""


@dataclass(frozen=True)
class WhatIf:
    """For each settings the `events` of the `covered_s` seconds that were looked at.

    `is_complete` when that was all that was asked for; else the time was up.
    """

    events: Tuple[Events, ...]
    covered_s: Seconds
    is_complete: bool


def what_if(
    disk: Disk,
    settings: Sequence[MotionConfig],
    gap_s: Seconds,
    hours: int = HOURS,
    budget_s: Seconds = BUDGET_S,
    timer: Callable[[], Seconds] = time.thread_time,
    is_over: Callable[[], bool] = lambda: False,
    memory: Optional[Memory] = None,
) -> WhatIf:
    """Replay up to `hours` hours of trace with each of `settings`, over the same stretch for all.

    For at most about `budget_s` of `timer`; `is_over` is asked for each field and ends it before.
    Any thread; touches nothing but traces. Raises `StorageError`.
    """
    until = timer() + budget_s
    memory = {} if memory is None else memory
    asked = [replace(motion, enabled=True) for motion in settings]
    found: List[List[Hour]] = []
    files = trace_log.files(disk)[-hours:]
    for file in reversed(files):
        keys = [(file, motion, gap_s) for motion in asked]
        new = list(dict.fromkeys(key for key in keys if key not in memory))
        looked = _look(disk, new, lambda: is_over() or timer() >= until) if new else []
        if looked is None:
            break
        memory.update(zip(new, looked))
        found.insert(0, [memory[key] for key in keys])
    events = tuple(tuple(one for _, ones in hour for one in ones) for hour in zip(*found))
    covered_s = sum((hour[0][0] for hour in found if hour), 0.0)
    return WhatIf(events or ((),) * len(asked), covered_s, len(found) == len(files))


def _look(
    disk: Disk,
    keys: Sequence[Tuple[TraceFile, MotionConfig, Seconds]],
    is_over: Callable[[], bool],
) -> Optional[List[Hour]]:
    """One trace by several settings; None when it was over on the way."""
    opened = disk.open(keys[0][0].path)
    try:
        chunks = list(trace_log.read(opened))
    finally:
        opened.close()
    watches = [Watch(motion) for _, motion, _ in keys]
    told: List[List[Motion]] = [[] for _ in keys]
    for chunk in _worth_looking(chunks):
        for field in fields_of(chunk):
            if is_over():
                return None
            for watch, motions in zip(watches, told):
                motion = watch.step(field).motion
                if motion is not None:
                    motions.append(motion)
    clocks = [(chunk.start, clock.get("start_unix_s")) for chunk, clock in chunks]
    covered_s = sum(chunk.end - chunk.start for chunk, _ in chunks)
    return [
        (covered_s, tuple(_event(one, clocks) for one in by_reason(motions, gap_s)))
        for (_, _, gap_s), motions in zip(keys, told)
    ]


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
