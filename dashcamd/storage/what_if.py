"""What other settings would have recorded: the traces of the last hours, replayed with them.

Newest first and bounded in time, so that a page may ask on a Pi Zero, and ask again: a question
goes on at the very field where the last one ended, however long an hour takes. Where a trace is
thin nothing happened, by any setting, and only the minute before something does is looked at: the
detector has to learn there what is ordinary.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Callable, List, Optional, Sequence, Tuple

from dashcamd.config import MotionConfig
from dashcamd.core.replay import by_reason
from dashcamd.core.trace import TraceChunk, fields_of
from dashcamd.core.watch import Watch
from dashcamd.storage import trace_log
from dashcamd.storage.disk import Disk
from dashcamd.storage.trace_log import TraceFile
from dashcamd.types import Json, Motion, MotionField, Seconds

BUSY_RATE = 1.5
"""Fields a second in a chunk from which on something happened in it."""

HOURS = 24
BUDGET_S: Seconds = 2.0
"""Of work for one answer: a person looks at it while the next one is worked at."""

HOURS_KEPT = 600
"""Hours by settings: a day by all ten sensitivities and some painting."""

WATCHES_KEPT = 4
"""Detectors that may go on (35 KB each at 640x480): the newest hour's, which grows, and those of
the hour that is worked at, by the settings asked about and by those in force."""

Events = Tuple[Json, ...]
Chunks = List[Tuple[TraceChunk, Json]]


@dataclass(frozen=True)
class WhatIf:
    """For each settings the `events` of the `covered_s` seconds that were looked at.

    `hours_looked` of `hours_found` traces are done; `is_complete` when all are, else the time was
    up.
    """

    events: Tuple[Events, ...]
    covered_s: Seconds
    hours_looked: int
    hours_found: int

    @property
    def is_complete(self) -> bool:
        """Whether asking again would tell no more."""
        return self.hours_looked == self.hours_found


class Hour:
    """One trace by one settings, as far as it was looked at.

    `events` were found in its first `covered_s` seconds, up to the stamp `reached`; `place` is the
    chunk and its field that come next.
    """

    def __init__(self, motion: MotionConfig, gap_s: Seconds) -> None:
        self._motion = motion
        self._gap_s = gap_s
        self._forget()

    def _forget(self) -> None:
        self.events: Events = ()
        self.covered_s: Seconds = 0.0
        self.reached: Seconds = float("-inf")
        self.place = (0, 0)
        self._watch: Optional[Watch] = None
        self._motions: List[Motion] = []
        self._seen_bytes = -1

    def is_done(self, file: TraceFile) -> bool:
        """Whether there is nothing in `file` that was not looked at."""
        return self._seen_bytes == file.bytes

    @property
    def can_go_on(self) -> bool:
        """Whether its detector is still there."""
        return self._watch is not None

    def begin(self, chunks: int) -> None:
        """Go on with a trace of so many chunks, or anew where that cannot be."""
        if self._watch is None or self.place[0] > chunks:
            self._forget()
            self._watch = Watch(self._motion)

    def step(self, field: MotionField) -> None:
        """Take the next field."""
        assert self._watch is not None
        motion = self._watch.step(field).motion
        if motion is not None:
            self._motions.append(motion)
        self.reached = field.ts
        self.place = (self.place[0], self.place[1] + 1)

    def pass_by(self, chunk: TraceChunk) -> None:
        """`chunk` is done; what was told in it becomes few."""
        self._motions = by_reason(self._motions, self._gap_s)
        self.reached = chunk.end
        self.place = (self.place[0] + 1, 0)

    def note(self, chunks: Chunks) -> None:
        """Say what was found up to here."""
        clocks = [(chunk.start, clock.get("start_unix_s")) for chunk, clock in chunks]
        merged = by_reason(self._motions, self._gap_s)
        self.events = tuple(_event(motion, clocks) for motion in merged)
        passed, fields = self.place
        self.covered_s = sum((chunk.end - chunk.start for chunk, _ in chunks[:passed]), 0.0)
        if fields:
            self.covered_s += self.reached - chunks[passed][0].start

    def end(self, file: TraceFile, chunks: Chunks) -> None:
        """All of `file` was looked at; what is appended to it goes on from here."""
        self._seen_bytes = file.bytes
        self.covered_s = sum((chunk.end - chunk.start for chunk, _ in chunks), 0.0)
        self.reached = float("inf")

    def let_go(self) -> None:
        """Keep what was found and not what finds more."""
        self._watch, self._motions = None, []


class Memory:
    """Hours that were looked at, by settings. Bounded; one thread at a time.

    The caller drops it with the stick.
    """

    def __init__(self) -> None:
        self._hours: OrderedDict[Tuple[str, MotionConfig, Seconds], Hour] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hours)

    @property
    def watches(self) -> int:
        """How many detectors are kept."""
        return sum(hour.can_go_on for hour in self._hours.values())

    def hour(self, file: TraceFile, motion: MotionConfig, gap_s: Seconds) -> Hour:
        """What is known of `file` by `motion`; an `Hour` that has not begun if nothing is."""
        key = (file.path, motion, gap_s)
        found = self._hours.pop(key, None) or Hour(motion, gap_s)
        self._hours[key] = found
        while len(self._hours) > HOURS_KEPT:
            self._hours.popitem(last=False)
        return found

    def forget_watches(self) -> None:
        """Keep those that were used last."""
        held = [hour for hour in self._hours.values() if hour.can_go_on]
        for hour in held[:-WATCHES_KEPT]:
            hour.let_go()


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
    With the same `memory` the next call goes on from there. Any thread; touches nothing but
    traces. Raises `StorageError`.
    """
    until = timer() + budget_s
    memory = Memory() if memory is None else memory
    asked = [replace(motion, enabled=True) for motion in settings]
    found: List[List[Hour]] = []
    files, done, goes_on = trace_log.files(disk)[-hours:], 0, True
    for file in reversed(files):
        here = [memory.hour(file, motion, gap_s) for motion in asked]
        behind = [hour for hour in dict.fromkeys(here) if not hour.is_done(file)]
        if behind and goes_on:
            goes_on = _look(disk, file, behind, lambda: is_over() or timer() >= until)
            if goes_on and file is not files[-1]:
                for hour in behind:
                    hour.let_go()
            memory.forget_watches()
        done += all(hour.is_done(file) for hour in here)
        found.insert(0, here)
    events = [
        [one for hour in found for one in _of_same_stretch(hour, n)] for n in range(len(asked))
    ]
    covered_s = sum((min(hour.covered_s for hour in here) for here in found), 0.0)
    return WhatIf(tuple(map(tuple, events)), covered_s, done, len(files))


def _of_same_stretch(here: List[Hour], number: int) -> List[Json]:
    """Events of one settings up to where all of them have come."""
    reached = min(hour.reached for hour in here)
    return [one for one in here[number].events if one["start_s"] <= reached]


def _look(disk: Disk, file: TraceFile, hours: List[Hour], is_over: Callable[[], bool]) -> bool:
    """Go on in one trace by several settings; False when it was over on the way."""
    opened = disk.open(file.path)
    try:
        chunks = list(trace_log.read(opened))
    finally:
        opened.close()
    for hour in hours:
        hour.begin(len(chunks))
    is_whole = _replay([chunk for chunk, _ in chunks], hours, is_over)
    for hour in hours:
        hour.note(chunks)
        if is_whole:
            hour.end(file, chunks)
    return is_whole


def _replay(chunks: List[TraceChunk], hours: List[Hour], is_over: Callable[[], bool]) -> bool:
    """Each hour from where it is, those behind first; False when it was over on the way."""
    busy = [chunk.fields > BUSY_RATE * max(chunk.end - chunk.start, 1.0) for chunk in chunks]
    for place in range(min(hour.place[0] for hour in hours), len(chunks)):
        is_last = place + 1 == len(chunks)
        if any(busy[place : place + 2]):
            for number, field in enumerate(fields_of(chunks[place])):
                due = [hour for hour in hours if hour.place == (place, number)]
                if due and is_over():
                    return False
                for hour in due:
                    hour.step(field)
        elif is_last:
            break  # the next chunk, when it comes, tells whether this one is worth a look
        for hour in hours:
            if hour.place[0] == place:
                hour.pass_by(chunks[place])
    return True


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
