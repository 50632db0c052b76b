"""What goes into which file: the decisions of the recorder, without a disk, thread or clock.

Runs (`dashcamd.core.wants`) are written one after the other, each as an *event* of *parts* cut at
keyframes after ``segment_s``. The cursor waits while there is no volume and goes back to the last
durable frame when one is pulled out, so that an event continues on the next stick. What waits
outlives the ring in the lifeboat (`dashcamd.core.lifeboat`)::

        idle ──motion, trigger──▶ waiting ──volume ready──▶ recording
          ▲                          ▲                          │
          │                          └──────volume lost─────────┤
          └──────────────────gap over, run written──────────────┘

Which frames come into which part does not depend on when `Recording.advance` is called.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterator, List, NamedTuple, Optional, Tuple

from dashcamd.core.actions import Action, Append, CloseEvent, ClosePart, Event, Lose, OpenPart
from dashcamd.core.lifeboat import Found, Lifeboat, Passing, Span
from dashcamd.core.wants import Policy, Run, Story, Wants
from dashcamd.types import Frame, Gap, Seconds

BATCH_FRAMES = 256
"""Most frames in one `Append`: bounds what one fdatasync has to carry (8.5 s at 30 fps)."""

BATCH_BYTES = 4 << 20
"""Most bytes in one `Append`; a slow stick (4 MB/s) makes them durable in about a second."""

FRAGMENT_S = 1.25
"""A GOP that lasts longer is made durable in pieces: every frame within 2 s of its capture."""

NO_LIMIT = 1 << 62
"""No volume has as many bytes."""

OVERRUN = "ring overrun"
"""Cause of a gap: the ring went round while nothing could be written."""

MAX_PARTS = 1000
"""Most parts of an event; then it goes on as another: its sidecar is written at each of them."""

HOLE_S = 2.0
HOLE_FRAMES = 3
"""A step between two frames of so many seconds, and of so many frames: the camera was away."""


BACK_OFF_S = 0.9
"""After a part that an unusable frame ended sooner than this, the next begins so long behind its
beginning: video without a usable frame would cost a file for each keyframe. Less than the usual
second between keyframes, so that such a camera loses no more than the GOP."""


@dataclass
class _Writing:
    """How far the first run has come.

    Frames before `cursor` are written, those before `durable` are safe. `part_ts` is the first
    stamp of the open part, `event_ts` that of the event; both None while nothing is open. `last_ts`
    is the stamp of the frame before `cursor`, `durable_ts` of that before `durable`. `volume` has
    the event's folder, None where that is gone. `seam` are the stamps before and at the beginning
    of a part that is being opened, `untold` the gaps that were found there.
    `may_rewind` while the frames before the cursor belong in front of it: a part may then begin
    at an earlier keyframe rather than lose the rest of a GOP. No part begins before the stamp
    `not_before`.
    """

    run: Run
    event: Event
    cursor: int
    durable: int
    volume: Optional[str]
    part_ts: Optional[Seconds] = None
    event_ts: Optional[Seconds] = None
    last_ts: Optional[Seconds] = None
    durable_ts: Optional[Seconds] = None
    part_bytes: int = 0
    next_part: int = 0
    has_caught_up: bool = False
    may_rewind: bool = True
    not_before: Seconds = float("-inf")
    missing: int = 0
    missing_cause: str = OVERRUN
    seam: Optional[Tuple[Optional[Seconds], Seconds]] = None
    untold: List[Gap] = field(default_factory=list)

    def is_turned(self, ts: Seconds) -> bool:
        """Whether the frame at `ts` is wanted for another reason than its event."""
        return self.run.story.reason_at(ts) != self.event.reason

    def opened(self, hole_s: Seconds) -> None:
        """Have the gap before a part told, now that there is the file to tell it of.

        Where no frame is missing, a step of more than `hole_s` says that the camera was away.
        """
        if self.seam is None:
            return
        (start, end), is_missing, self.seam = self.seam, self.missing > 0, None
        self.note_gap(start, end)
        if not is_missing and start is not None and end - start > hole_s:
            self.untold.append(Gap(start, end, 0, "camera"))

    def note_gap(self, start: Optional[Seconds], end: Optional[Seconds]) -> None:
        """Have the frames told that are missing between two stamps."""
        first = self.run.story.first_motion
        if self.missing:
            at = (first if start is None else start), (first if end is None else end)
            self.untold.append(Gap(*at, self.missing, self.missing_cause))
        self.missing, self.missing_cause = 0, OVERRUN

    def tell(self) -> List[Action]:
        """The gaps that were not told yet, as those of its event."""
        told, self.untold = self.untold, []
        return [Lose(self.event, gap) for gap in told]


class Waiting(NamedTuple):
    """What is wanted, not yet durable and still held: events, frames, seconds of video."""

    events: int
    frames: int
    seconds: Seconds


class Recording:
    """Turns signals into actions. One thread calls it (the record service).

    `advance` gives actions that the caller carries out in order; then it calls `confirm` when all
    that was written is durable, or `volume_lost` when any of them failed. They are either all for
    the disk, or all to be told (`Lose`, `CloseEvent`) and cannot fail: so no failing disk hides
    what is to be told, and nothing is told of what did not become true. `wants` takes the
    signals about what to record. `secure` is called twice a second whether there is a volume or
    not: it keeps what waits from being overwritten.
    """

    def __init__(
        self, policy: Policy, ring: Passing, gop_s: Seconds = 1.0, lifeboat_bytes: int = 0
    ) -> None:
        self._policy = policy
        self.lifeboat = Lifeboat(ring, lifeboat_bytes)
        """The ring, and what was wanted of it beyond."""
        self._footage = self.lifeboat
        self._volume: Optional[str] = None
        self._part_bytes = NO_LIMIT
        self._writing: Optional[_Writing] = None
        self._serial = 0
        self._hole_s = HOLE_S
        self.wants = Wants(policy, self._footage, gop_s)
        """What shall be recorded; the signals of camera, detector and people go there."""

    @property
    def state(self) -> str:
        """``idle``, ``waiting`` (for a volume) or ``recording``."""
        if self.wants.first is None:
            return "idle"
        return "waiting" if self._volume is None else "recording"

    @property
    def event(self) -> Optional[Event]:
        """The event whose part is open, or was when the volume went."""
        return self._writing.event if self._writing else None

    @property
    def backlog_frames(self) -> int:
        """Frames wanted and not yet durable, counting those that are lost meanwhile."""
        done = self._writing.durable if self._writing else 0
        return sum(
            max(0, run.limit(self._footage) - max(run.start, done)) for run in self.wants.runs
        )

    def camera(self, fps: float, gop_s: Seconds) -> None:
        """Learn of the camera: its frames a second, and how far apart its keyframes can be."""
        self._hole_s = max(HOLE_S, HOLE_FRAMES / fps) if fps > 0 else HOLE_S
        self.wants.gop(gop_s)

    def change(self, policy: Policy) -> None:
        """Go on by another policy, from the next frame on."""
        self._policy = policy
        self.wants.change(policy)

    @property
    def waiting(self) -> Waiting:
        """What would be written if a volume came now."""
        held = [self._held(span) for span in self._spans() if span.end > span.start]
        held = [one for one in held if one.frames]
        frames, seconds = sum(one.frames for one in held), sum(one.seconds for one in held)
        return Waiting(len(held), frames, seconds)

    def secure(self) -> List[Lose]:
        """Take into the lifeboat what waits before the ring drops it.

        Returns the runs that are gone whole, which are waited for no longer.
        """
        self.wants.settle()
        self._footage.keep(list(self._spans()))
        return [self._forget(run, read) for run, read in self._gone()]

    def volume_ready(self, name: str, part_bytes: int = NO_LIMIT, has_event: bool = True) -> None:
        """Offer a volume called `name` to write to, in parts of at most about `part_bytes`.

        `has_event` is false where the open event's folder is not on it, whatever its name: the
        event then goes on as another one.
        """
        self._volume = name
        self._part_bytes = part_bytes
        if self._writing is not None and not has_event:
            self._writing.volume = None

    def volume_lost(self) -> None:
        """Forget the volume and go back to what is durable; the next one gets the rest."""
        self._volume = None
        if self._writing is not None:
            self._writing.part_ts = self._writing.seam = None
            self._writing.cursor = self._writing.durable
            self._writing.last_ts = self._writing.durable_ts
            self._writing.has_caught_up = False
            self._writing.may_rewind = not self._writing.missing
            self._writing.missing_cause = "no volume"

    def confirm(self) -> None:
        """Note that all actions of the last `advance` were carried out and are durable."""
        if self._writing is not None:
            self._writing.opened(self._hole_s)
            self._writing.durable = self._writing.cursor
            self._writing.durable_ts = self._writing.last_ts

    def turn(self, refused: int) -> None:
        """Begin a new part with the last `refused` frames of the last `Append`.

        The camera's parameter sets changed there; the caller has closed the part.
        """
        if self._writing is not None:
            self._go_back(self._writing, refused)

    def discard(self, refused: int) -> None:
        """Give up the first of the last `refused` frames, which is no video.

        The caller has closed the part; the next one begins at the next keyframe, or at a later one
        if the part was that short (`BACK_OFF_S`).
        """
        if self._writing is not None:
            if self._writing.part_ts is not None:
                self._writing.not_before = self._writing.part_ts + BACK_OFF_S
            self._go_back(self._writing, refused)
            self._skip(self._writing, 1)
            self._writing.missing_cause = "unusable"

    def advance(self) -> List[Action]:
        """Give the next actions, a bounded number; an empty list when there is nothing to do."""
        self.wants.settle()
        while self._volume is not None and self.wants.first is not None:
            writing = self._writing or self._begin(self.wants.first, self._volume)
            actions = self._step(writing)
            if actions or writing.run.end is None or writing.cursor < writing.run.end:
                return actions
            self.wants.done(writing.cursor)
            self._writing = None
        return []

    def _go_back(self, writing: _Writing, frames: int) -> None:
        """Take the last `frames` of an `Append` as not written, and the part as closed."""
        writing.opened(self._hole_s)
        writing.cursor -= frames
        writing.part_ts = writing.last_ts = None
        if writing.cursor > writing.run.start:
            before = self._footage.read(writing.cursor - 1, 1)
            writing.last_ts = before.frames[0].ts if before.frames and not before.lost else None

    def _spans(self) -> Iterator[Span]:
        """What is not durable yet of each run, from a keyframe on: a part has to begin at one."""
        for run in self.wants.runs:
            begun = self._writing if self._writing and run is self._writing.run else None
            start = begun.durable if begun else run.start
            if begun or run.is_seamless:
                key = self._footage.keyframe_before(start)
                first = 0 if run.is_seamless else run.start
                start = max(first, start if key is None else key)
            end = run.limit(self._footage)
            yield Span(run.start, start, end, run.story.is_asked, run.is_endless)

    def _held(self, span: Span) -> Waiting:
        first = self._footage.read(span.start, 1)
        last = self._footage.read(span.end - 1, 1)
        frames = span.end - span.start - first.lost
        if frames <= 0 or last.lost or not last.frames:
            return Waiting(0, 0, 0.0)
        return Waiting(1, frames, last.frames[0].ts - first.frames[0].ts)

    def _gone(self) -> Iterator[Tuple[Run, Found]]:
        begun = self._writing.run if self._writing else None
        for run in self.wants.runs:
            if run.end is not None and run.end > run.start and run is not begun:
                read = self._footage.read(run.start, 1)
                if read.lost >= run.end - run.start:
                    yield run, read

    def _forget(self, run: Run, read: Found) -> Lose:
        self.wants.forget(run)
        story, frames = run.story, (run.end or run.start) - run.start
        gap = Gap(story.first_motion, story.last_motion, frames, read.cause or OVERRUN)
        return Lose(self._next_event(story), gap)

    def _begin(self, run: Run, volume: str) -> _Writing:
        event = self._next_event(run.story, self._serial if run.is_seamless else None)
        self._writing = _Writing(run, event, run.start, run.start, volume)
        return self._writing

    def _next_event(self, story: Story, continues: Optional[int] = None) -> Event:
        self._serial += 1
        return Event(self._serial, story, continues)

    def _step(self, writing: _Writing) -> List[Action]:
        assert self._volume is not None
        if writing.untold and writing.part_ts is not None:
            return writing.tell()
        limit = writing.run.limit(self._footage)
        wanted = max(0, min(limit - writing.cursor, BATCH_FRAMES))
        read = self._footage.read(writing.cursor, wanted)
        if wanted and read.lost:
            writing.missing_cause = read.cause or writing.missing_cause
            return self._lose(writing, min(read.lost, limit - writing.cursor))
        if not read.frames:
            return self._finish(writing) if writing.run.end is not None else []
        if writing.part_ts is not None:
            return self._write(writing, read.frames, limit)
        if writing.volume != self._volume or self._is_over(writing, read.frames[0].ts):
            return self._move(writing, self._volume)
        return self._open(writing, read.frames, limit)

    def _is_over(self, writing: _Writing, ts: Seconds) -> bool:
        """Whether the part that begins at `ts` belongs into a new event."""
        if writing.event_ts is None:
            return False
        is_full = (
            ts - writing.event_ts >= self._policy.event_max_s or writing.next_part >= MAX_PARTS
        )
        return is_full or writing.is_turned(ts)

    def _lose(self, writing: _Writing, frames: int) -> List[Action]:
        self._skip(writing, frames)
        is_open, writing.part_ts = writing.part_ts is not None, None
        return [ClosePart("gap")] if is_open else self._step(writing)

    def _finish(self, writing: _Writing) -> List[Action]:
        if writing.part_ts is not None:
            writing.part_ts = None
            return [ClosePart("event over")]
        writing.note_gap(None, writing.last_ts)
        told = writing.tell()
        if writing.event_ts is not None:
            told.append(CloseEvent(writing.event))
        writing.event_ts = None
        return told

    def _move(self, writing: _Writing, volume: str) -> List[Action]:
        """Go on with a new event: other volume, other reason, or the event is full."""
        writing.volume = volume
        if writing.event_ts is None:
            return self._step(writing)
        before = writing.event
        writing.event = self._next_event(before.story, continues=before.serial)
        writing.event_ts = None
        writing.next_part = 0
        return [CloseEvent(before)]

    def _open(self, writing: _Writing, frames: List[Frame], limit: int) -> List[Action]:
        """Open a part at a keyframe, together with its first frames: never an empty file."""
        overlap = 0
        if frames[0].ts < writing.not_before:
            return self._skip_to_keyframe(writing, frames)
        if not frames[0].key:
            key = self._footage.keyframe_before(writing.cursor) if writing.may_rewind else None
            if key is None:
                return self._skip_to_keyframe(writing, frames)
            rewound = self._footage.read(key, min(limit - key, BATCH_FRAMES))
            if rewound.lost:
                return self._skip_to_keyframe(writing, frames)
            overlap, frames = writing.cursor - key, rewound.frames
        if writing.event_ts is None:
            reason = writing.run.story.reason_at(frames[0].ts)
            writing.event = replace(writing.event, reason=reason)
        writing.cursor -= overlap
        writing.part_ts, writing.part_bytes = frames[0].ts, 0
        last_ts, writing.last_ts = writing.last_ts, None
        appended = self._write(writing, frames, limit)
        if not appended:
            writing.cursor += overlap
            writing.part_ts, writing.last_ts = None, last_ts
            return []
        if writing.event_ts is None:
            writing.event_ts = frames[0].ts
        opened = OpenPart(writing.event, writing.next_part, frames[0], overlap)
        writing.next_part += 1
        writing.may_rewind = False
        writing.seam = last_ts, frames[0].ts
        return [opened, *appended]

    def _skip_to_keyframe(self, writing: _Writing, frames: List[Frame]) -> List[Action]:
        keys = (i for i, frame in enumerate(frames) if frame.key and frame.ts >= writing.not_before)
        self._skip(writing, next(keys, len(frames)))
        return self._step(writing)

    @staticmethod
    def _skip(writing: _Writing, frames: int) -> None:
        writing.missing += frames
        writing.cursor += frames
        writing.durable = writing.cursor
        writing.may_rewind = False

    def _write(self, writing: _Writing, frames: List[Frame], limit: int) -> List[Action]:
        cut, why = self._first_cut(writing, frames)
        if cut == 0:
            writing.part_ts = None
            return [ClosePart(why)]
        reaches_limit = writing.cursor + len(frames) >= limit
        count = cut if cut is not None else self._ready(writing, frames, reaches_limit)
        count = _within_bytes(frames, count)
        if count == 0:
            return []
        writing.has_caught_up |= reaches_limit and count == len(frames)
        writing.cursor += count
        writing.run.written = max(writing.run.written, writing.cursor)
        writing.part_bytes += sum(len(frame.data) for frame in frames[:count])
        writing.last_ts = frames[count - 1].ts
        return [Append(frames[:count], self._following(writing))]

    def _following(self, writing: _Writing) -> Optional[Seconds]:
        """Stamp of the next frame, which ends the last one: unless the camera was away between."""
        read = self._footage.read(writing.cursor, 1)
        if not read.frames or read.lost or writing.last_ts is None:
            return None
        ts = read.frames[0].ts
        return ts if ts - writing.last_ts <= self._hole_s else None

    def _first_cut(self, writing: _Writing, frames: List[Frame]) -> Tuple[Optional[int], str]:
        """Index of the first frame that must not be in the open part, and why.

        Always a keyframe: behind a hole inside a GOP the rest of it is as good as before.
        """
        assert writing.part_ts is not None
        before = frames[0].ts if writing.last_ts is None else writing.last_ts
        size = writing.part_bytes
        for place, frame in enumerate(frames):
            if frame.key and frame.ts - before > self._hole_s:
                return place, "camera gap"
            is_full = size >= self._part_bytes or (
                frame.ts - writing.part_ts >= self._policy.segment_s
            )
            if frame.key and (is_full or writing.is_turned(frame.ts)):
                return place, "split"
            before = frame.ts
            size += len(frame.data)
        return None, ""

    def _ready(self, writing: _Writing, frames: List[Frame], reaches_limit: bool) -> int:
        """How many frames to write now: whole GOPs, and the rest where waiting gains nothing."""
        is_at_head = writing.cursor + len(frames) >= self._footage.head
        is_growing = is_at_head and writing.run.end is None and writing.has_caught_up
        if reaches_limit and not is_growing:
            return len(frames)
        last_key = max((i for i, frame in enumerate(frames) if frame.key), default=0)
        if last_key > 0:
            return last_key
        is_long = frames[-1].ts - frames[0].ts >= FRAGMENT_S
        return len(frames) if is_long or not reaches_limit else 0


def _within_bytes(frames: List[Frame], count: int) -> int:
    """The most of the first `count` frames that fit `BATCH_BYTES`, cut at a keyframe if one is."""
    total = 0
    for place in range(count):
        total += len(frames[place].data)
        if total > BATCH_BYTES and place > 0:
            return max((i for i in range(1, place + 1) if frames[i].key), default=place)
    return count
