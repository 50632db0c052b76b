"""All that one field tells: what moves in the picture, and what the camera itself does.

The same for live fields, replayed video and traces; the mode decides what ego-motion is worth::

    door   ego-motion is not looked at
    car    a drive is motion from its start until `parked_s` after its last second; a bump is
           motion too and is told, to be locked
    auto   the same, but bumps are told only once a drive was seen: a camera at a door is knocked
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from dashcamd.config import MotionConfig
from dashcamd.core.detector import Detector
from dashcamd.core.ego import Ego, EgoMotion, State
from dashcamd.core.tracker import Tracker
from dashcamd.core.wants import BUMP, DRIVING
from dashcamd.core.zones import ZonePlan
from dashcamd.types import Motion, MotionField, Score, Seconds


class Seen(NamedTuple):
    """What one field told: the detector's `score`, the `motion` that is going on, if any.

    `ego` is None in door mode; `bump` the stamp of a bump that is told now.
    """

    score: Score
    motion: Optional[Motion] = None
    ego: Optional[Ego] = None
    is_driving: bool = False
    bump: Optional[Seconds] = None


class Watch:
    """Follows the fields of one camera in their order. Pure; one thread."""

    def __init__(self, config: MotionConfig) -> None:
        self._config = config
        self._zones = ZonePlan(config.zones, config.ignore)
        self._ego = None if config.mode == "door" else EgoMotion()
        self._drive = Drive(config.parked_s)
        self._state = State.STILL
        self._tells_bumps = config.mode == "car"
        self._begin()

    def _begin(self) -> None:
        config = self._config
        expert = {one.name: one.value for one in config.expert}
        self.detector = Detector(config.sensitivity, config.warm_up_s, expert, self._zones)
        self._tracker = Tracker(zones=self._zones)

    def step(self, field: MotionField) -> Seen:
        """Take the next field."""
        ego = None if self._ego is None else self._ego.step(field)
        if ego is not None:
            if self._state is State.DRIVING and ego.state is not State.DRIVING:
                # Another place: what was ordinary for each block on the way is worth nothing here.
                self._begin()
            self._state = ego.state
        score = self.detector.judge(field, self._tracker.is_telling)
        motion = self._tracker.step(score)
        return Seen(score, motion) if ego is None else self._with_ego(score, motion, ego)

    def _with_ego(self, score: Score, motion: Optional[Motion], ego: Ego) -> Seen:
        drive = self._drive.step(score.ts, ego)
        self._tells_bumps = self._tells_bumps or drive is not None
        bump = ego.bump if self._tells_bumps else None
        if drive is not None:
            motion = drive
        elif bump is not None:
            motion = Motion(bump, score.ts, BUMP, why="the camera was bumped")
        return Seen(score, motion, ego, drive is not None, bump)


class Drive:
    """One drive from its first second to `parked_s` after its last: lights do not end it."""

    def __init__(self, parked_s: Seconds) -> None:
        self._parked_s = parked_s
        self._told: Optional[Seconds] = None
        self._drove: Seconds = 0.0

    def step(self, ts: Seconds, ego: Ego) -> Optional[Motion]:
        """The drive as motion from where it was told last up to `ts`; None when it is over."""
        if self._told is not None and not 0 <= ts - self._drove <= self._parked_s:
            self._told = None
        if ego.state is State.DRIVING:
            self._drove = ts
            self._told = ego.since if self._told is None else self._told
        if self._told is None:
            return None
        first, self._told = self._told, ts
        return Motion(first, ts, DRIVING, why="the camera drives")
