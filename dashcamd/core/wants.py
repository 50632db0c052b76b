"""What is wanted: runs of frames that motion, a trigger or continuous mode ask for.

Motion makes a *run*: the frames from its pre-roll to its *horizon*, ``last motion + post_roll_s``.
What lies beyond the horizon stays in the ring until motion asks for it or the gap is over, so a
file ends exactly and motion that returns continues without a seam::

        frames   k p p p k p p p k p p p k p p p k p p p k p p p ...
        motion               # # . . . . # . . . . . . . . . . .
        run            [pre---------------------post]
                                             ^ the horizon moves with the motion

A run is *open* while it may still grow and *ended* when its last frame is known. Only the newest
run can be open; older ones wait to be written. Ends are decided from stamps alone, never from
when somebody looks, so that simulated and real time want the same frames.

In continuous mode a run without end is cut for what somebody asks for, so that it is an event of
its own, to be kept and deleted as any other::

        runs  [continuous ------------|asked ----------------|continuous ------ ...
                            pre-roll, ^      ^ trigger        ^ first keyframe behind the horizon
                          if not written
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Deque, List, Optional, Protocol, Tuple

from dashcamd.types import Frame, Motion, Seconds

BLIND_S = 10.0
"""How far the detector may lag before the stamps of the frames alone decide that it is quiet."""

MOTION, DRIVING, BUMP, CONTINUOUS = "motion", "driving", "bump", "continuous"
"""Reasons of the house; any other one was asked for by hand."""

ENDLESS = float("inf")
"""Horizon of a run in continuous mode."""

MAX_TURNS = 64
"""Most changes of a run's reason that are remembered: each takes a drive, or the end of one."""

SEARCH_FRAMES = 64
"""Frames looked at together for a keyframe."""

MAX_RUNS = 256
"""Most runs that wait for a volume; then new motion extends the newest: more is kept, not less."""


class ReadLike(Protocol):
    """Answer of `Footage.read`."""

    @property
    def frames(self) -> List[Frame]:
        """What was there, in order."""

    @property
    def lost(self) -> int:
        """Frames that were gone before the first of them."""


class Footage(Protocol):
    """What the recorder needs of the ring; `dashcamd.handover.Ring` makes the promises."""

    def read(self, cursor: int, limit: int) -> ReadLike:
        """Up to `limit` frames from `cursor` on."""

    def cursor_before(self, ts: Seconds) -> int:
        """Cursor of the last keyframe at or before `ts`, or of the oldest one."""

    def cursor_after(self, ts: Seconds) -> int:
        """Cursor of the first frame later than `ts`."""

    def keyframe_before(self, cursor: int) -> Optional[int]:
        """Cursor of the last keyframe at or before `cursor`, if it is still held."""

    @property
    def head(self) -> int:
        """Cursor of the next frame to come."""

    @property
    def newest_ts(self) -> Optional[Seconds]:
        """Stamp of the newest frame."""


@dataclass(frozen=True)
class Policy:
    """The rules of recording, in seconds; the keys of ``[recording]`` in the configuration."""

    pre_roll_s: Seconds = 5.0
    post_roll_s: Seconds = 5.0
    gap_s: Seconds = 15.0
    segment_s: Seconds = 120.0
    event_max_s: Seconds = 3600.0
    manual_s: Seconds = 30.0
    is_continuous: bool = False


@dataclass
class Story:
    """Why a run is wanted; grows while motion goes on.

    `first_motion` and `last_motion` are stamps of the motion itself, without pre- and post-roll;
    `motions` counts how often it began anew; `is_asked` once somebody triggered by hand. `reason`
    is the first; `turns` are the stamps from which on it is another: a drive may begin while
    somebody walks past, and end likewise.
    """

    reason: str
    first_motion: Seconds
    last_motion: Seconds
    peak_blocks: int = 0
    motions: int = 1
    is_asked: bool = False
    turns: List[Tuple[Seconds, str]] = field(default_factory=list)

    def reason_at(self, ts: Seconds) -> str:
        """Why the frame at `ts` is wanted."""
        return next((reason for at, reason in reversed(self.turns) if at <= ts), self.reason)

    def add(self, motion: Motion) -> None:
        """Let `motion` continue this story."""
        if _takes_over(motion.reason, self.newest_reason):
            self._turn(motion.last, motion.reason)
        self.note(motion)

    def note(self, motion: Motion) -> None:
        """Let `motion` be told in this story, which goes on for the reason it has."""
        self.motions += motion.first > self.last_motion
        self.last_motion = max(self.last_motion, motion.last)
        self.peak_blocks = max(self.peak_blocks, motion.peak_blocks)
        self.is_asked |= is_asked(motion.reason)

    @property
    def newest_reason(self) -> str:
        """Why the newest frames are wanted."""
        return self.turns[-1][1] if self.turns else self.reason

    def _turn(self, ts: Seconds, reason: str) -> None:
        self.turns.append((ts, reason))
        if len(self.turns) > MAX_TURNS:
            self.reason = self.turns.pop(0)[1]


def is_asked(reason: str) -> bool:
    """Whether somebody triggered by hand, or a bump did: worth more than what merely moved."""
    return reason not in (MOTION, DRIVING, CONTINUOUS)


def _takes_over(new: str, old: str) -> bool:
    """Whether a story goes on under another reason: a drive, and what follows a drive."""
    if new == DRIVING:
        return old not in (DRIVING, CONTINUOUS)
    return new == MOTION and old == DRIVING


@dataclass
class Run:
    """Wanted frames: from cursor `start` to `end` (exclusive), or to `horizon` while open.

    In continuous mode `until` is the horizon behind which another run goes on. Frames before the
    cursor `written` are in a file, so that no other run can have them. `is_seamless` when the run
    begins where the one before it was cut.
    """

    story: Story
    start: int
    horizon: Seconds
    end: Optional[int] = None
    until: Optional[Seconds] = None
    written: int = 0
    is_seamless: bool = False
    _known: Tuple[Seconds, int] = (float("-inf"), 0)

    @property
    def is_endless(self) -> bool:
        """Whether it goes on until somebody asks for something else."""
        return self.end is None and self.horizon == ENDLESS and self.until is None

    def limit(self, footage: Footage) -> int:
        """Cursor behind the last frame wanted so far.

        Final for a horizon once a later frame has come, so it is kept: the ring may have dropped
        the frames around it when somebody asks again.
        """
        if self.end is not None:
            return self.end
        if self._known[0] == self.horizon:
            return self._known[1]
        # In this order: a frame that the camera appends in between proves nothing about `limit`.
        head = footage.head
        limit = footage.cursor_after(self.horizon)
        if limit < head:
            self._known = (self.horizon, limit)
        return limit


class Wants:
    """The queue of runs, oldest first. One thread calls it (the record service)."""

    def __init__(self, policy: Policy, footage: Footage, gop_s: Seconds) -> None:
        self._policy = policy
        self._footage = footage
        self._gop_s = gop_s
        self._runs: Deque[Run] = deque()
        self._is_armed = True
        self._is_stopping = False
        self._seen: Seconds = float("-inf")
        self._taken_to = 0
        self._endless_from = 0

    @property
    def first(self) -> Optional[Run]:
        """The run to write now."""
        return self._runs[0] if self._runs else None

    @property
    def runs(self) -> List[Run]:
        """All runs, oldest first."""
        return list(self._runs)

    @property
    def is_armed(self) -> bool:
        """Whether motion is listened to."""
        return self._is_armed

    def change(self, policy: Policy) -> None:
        """Go on by another policy; an open run grows or ends by it, and no frame is lost.

        Continuous mode begins by wanting everything from the open run on (`settle`), and ends as
        if motion ended now.
        """
        was_continuous, self._policy = self._policy.is_continuous, policy
        run, newest = self._open_run(), self._footage.newest_ts
        if newest is None:
            return
        if policy.is_continuous:
            if not was_continuous:
                self._endless_from = self._footage.cursor_before(newest - policy.pre_roll_s)
        elif run is not None and run.horizon == ENDLESS:
            run.until = None
            run.story.last_motion = max(run.story.last_motion, newest)
            run.horizon = run.story.last_motion + policy.post_roll_s

    def reason_at(self, ts: Seconds) -> Optional[str]:
        """Why the open run wants the frame at `ts`; None while no run is open."""
        run = self._open_run()
        return run.story.reason_at(ts) if run is not None else None

    def gop(self, gop_s: Seconds) -> None:
        """Learn how far apart keyframes can be: two runs never share a GOP."""
        self._gop_s = max(self._gop_s, gop_s)

    def motion(self, motion: Motion) -> None:
        """Want what belongs to `motion`, if armed; in continuous mode most is only noted.

        Disarmed it is nothing at all: it would keep a run open of which no more is recorded.
        """
        if not self._is_armed:
            return
        run = self._open_run()
        if not self._policy.is_continuous or is_asked(motion.reason):
            self._want(motion)
        elif run is not None:
            run.story.note(motion)

    def trigger(self, ts: Seconds, reason: str) -> None:
        """Want what is going on at `ts`, armed or not: counts as motion for ``manual_s``.

        In continuous mode that is a run of its own; what came before and is in a file stays there.
        """
        self._want(Motion(ts, ts + self._policy.manual_s, reason))

    def seen(self, ts: Seconds) -> None:
        """Note that the detector has judged everything up to `ts`."""
        self._seen = max(self._seen, ts)

    def arm(self, is_armed: bool, ts: Seconds) -> None:
        """Listen to motion or not; disarming ends the open run at `ts`."""
        was_armed, self._is_armed = self._is_armed, is_armed
        if not is_armed:
            self._end(self._footage.cursor_after(ts))
        elif not was_armed:
            self._endless_from = self._footage.cursor_before(ts - self._policy.pre_roll_s)

    def camera_lost(self) -> None:
        """End the open run with the frames there are: none will follow for a while."""
        self._end(self._footage.head)

    def stop(self) -> None:
        """Want nothing new from now on; what was wanted up to now still is."""
        self._is_stopping = True
        self._end(self._footage.head)

    def settle(self) -> None:
        """End the open run if the gap has passed quietly; in continuous mode it never ends.

        Disarmed, continuous mode records what is triggered, and that ends as it does by motion.
        """
        if self._policy.is_continuous and self._is_armed:
            self._keep_running()
        else:
            self._end_when_quiet()

    def done(self, cursor: int) -> None:
        """Drop the first run: it is written up to `cursor`."""
        self._runs.popleft()
        self._taken_to = max(self._taken_to, cursor)

    def forget(self, run: Run) -> None:
        """Drop an ended run, wherever it stands in the queue: nothing of it is left to write."""
        self._runs.remove(run)
        self._taken_to = max(self._taken_to, run.end or 0)

    def _want(self, motion: Motion) -> None:
        if self._is_stopping:
            return
        if self._policy.is_continuous and self._is_armed:
            self._keep_running()
        horizon = motion.last + self._policy.post_roll_s
        run = self._continued_by(motion)
        if run is not None and run.horizon == ENDLESS:
            self._ask(run, motion, horizon)
            return
        if run is not None:
            run.story.add(motion)
            run.horizon = max(run.horizon, horizon)
            return
        self._end(self._footage.head)
        self._begin(self._run_of(motion, horizon))

    def _run_of(self, motion: Motion, horizon: Seconds) -> Run:
        start = self._footage.cursor_before(motion.first - self._policy.pre_roll_s)
        asked = is_asked(motion.reason)
        story = Story(motion.reason, motion.first, motion.last, motion.peak_blocks, is_asked=asked)
        return Run(story, start, horizon)

    def _ask(self, run: Run, motion: Motion, horizon: Seconds) -> None:
        """Want `motion` while everything is recorded: as what `run` was asked for, or a new run."""
        if run.until is not None and run.story.is_asked:
            run.story.note(motion)
            run.until = max(run.until, horizon)
        elif len(self._runs) + 2 > MAX_RUNS:
            run.story.note(motion)
        else:
            asked = self._run_of(motion, ENDLESS)
            asked.until = horizon
            self._cut(run, max(asked.start, run.start, run.written), asked)

    def _cut(self, run: Run, cursor: int, after: Run) -> None:
        """Let `after` go on from `cursor` where `run` ends."""
        run.end = after.start = cursor
        after.is_seamless = True
        self._runs.append(after)

    def _continued_by(self, motion: Motion) -> Optional[Run]:
        run = self._open_run()
        if run is not None and self._is_near(run, motion):
            return run
        if len(self._runs) < MAX_RUNS:
            return None
        self._runs[-1].end = None
        return self._runs[-1]

    def _is_near(self, run: Run, motion: Motion) -> bool:
        if run.horizon == ENDLESS:
            return True
        return motion.first <= run.story.last_motion + self._gap_needed_s()

    def _begin(self, run: Run) -> None:
        run.start = max(run.start, self._taken_to)
        if self._runs:
            run.start = max(run.start, self._runs[-1].end or 0)
        self._runs.append(run)

    def _open_run(self) -> Optional[Run]:
        if self._runs and self._runs[-1].end is None:
            return self._runs[-1]
        return None

    def _end(self, cursor: int) -> None:
        run = self._open_run()
        if run is not None:
            run.end = max(run.start, min(cursor, run.limit(self._footage)))

    def _gap_needed_s(self) -> Seconds:
        shortest = self._policy.pre_roll_s + self._policy.post_roll_s + self._gop_s
        return max(self._policy.gap_s, shortest)

    def _end_when_quiet(self) -> None:
        run, newest = self._open_run(), self._footage.newest_ts
        if run is None or newest is None:
            return
        run.limit(self._footage)
        judged = min(newest, max(self._seen, newest - BLIND_S))
        if judged > run.story.last_motion + self._gap_needed_s():
            self._end(self._footage.head)

    def _keep_running(self) -> None:
        run, newest = self._open_run(), self._footage.newest_ts
        if newest is None or self._is_stopping:
            return
        if run is not None:
            if run.horizon != ENDLESS:
                has_reason = run.story.newest_reason != CONTINUOUS
                run.until, run.horizon = (run.horizon if has_reason else None), ENDLESS
            self._go_on_behind(run)
            return
        oldest_new = max(self._endless_from, self._end_of_last())
        if oldest_new < self._footage.head:
            self._begin(Run(Story(CONTINUOUS, newest, newest), oldest_new, ENDLESS))

    def _go_on_behind(self, run: Run) -> None:
        """Record without a reason behind what there was one for, once a keyframe has come there."""
        if run.until is None:
            return
        behind = self._footage.cursor_after(run.until)
        cursor = self._keyframe_from(max(behind, run.start, run.written))
        if cursor is not None:
            self._cut(run, cursor, Run(Story(CONTINUOUS, run.until, run.until), cursor, ENDLESS))

    def _keyframe_from(self, cursor: int) -> Optional[int]:
        """Cursor of the first keyframe at or after `cursor`, if it has come."""
        while True:
            read = self._footage.read(cursor, SEARCH_FRAMES)
            if not read.frames:
                return None
            cursor += read.lost
            place = next((i for i, frame in enumerate(read.frames) if frame.key), None)
            if place is not None:
                return cursor + place
            cursor += len(read.frames)

    def _end_of_last(self) -> int:
        return self._runs[-1].end or 0 if self._runs else self._taken_to
