"""The detector over recorded fields: the same judgement as live, as fast as it goes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Callable, Iterable, List, Sequence, Tuple

from dashcamd.core.detector import Detector
from dashcamd.core.ego import Ego
from dashcamd.core.tracker import Tracker, intervals
from dashcamd.core.watch import Seen, Watch
from dashcamd.types import Motion, MotionField, Score, Seconds

AT_ONCE = 64
"""So many fields are made before they are judged: 6 s of them."""


@dataclass(frozen=True)
class Replay:
    """What came out: `scores` one a field, `motions` merged, `detector_s` one a field.

    `egos` are one a field with its stamp, none in door mode; `least_blocks` is how many had to
    touch, 0 where that is not known.
    """

    scores: List[Score]
    motions: List[Motion]
    detector_s: List[Seconds]
    egos: Sequence[Tuple[Seconds, Ego]] = ()
    least_blocks: int = 0

    @property
    def detector_us_per_frame(self) -> float:
        """Median time of one judgement in microseconds; 0 when there was no field."""
        times = sorted(self.detector_s)
        return times[len(times) // 2] * 1e6 if times else 0.0


def replay_fields(
    fields: Iterable[MotionField],
    detector: Detector,
    tracker: Tracker,
    timer: Callable[[], Seconds],
    gap_s: Seconds = 2.0,
) -> Replay:
    """Judge `fields` in order; `timer` (such as ``time.perf_counter``) measures the detector."""

    def judge(field: MotionField) -> Seen:
        score = detector.judge(field, tracker.is_telling)
        return Seen(score, tracker.step(score))

    return _replay(fields, judge, timer, gap_s)


def replay_watch(
    fields: Iterable[MotionField],
    watch: Watch,
    timer: Callable[[], Seconds],
    gap_s: Seconds = 2.0,
) -> Replay:
    """The same with all that the daemon watches: zones, drives and bumps."""
    replay = _replay(fields, watch.step, timer, gap_s)
    return replace(replay, least_blocks=watch.detector.least_blocks)


def _replay(
    fields: Iterable[MotionField],
    judge: Callable[[MotionField], Seen],
    timer: Callable[[], Seconds],
    gap_s: Seconds,
) -> Replay:
    told: List[Seen] = []
    spent: List[Seconds] = []
    waiting = iter(fields)
    # Decoder and detector take turns: each finds its code and its data in the cache.
    while chunk := list(itertools.islice(waiting, AT_ONCE)):
        for field in chunk:
            began = timer()
            told.append(judge(field))
            spent.append(timer() - began)
    return Replay(
        [seen.score for seen in told],
        by_reason([seen.motion for seen in told if seen.motion is not None], gap_s),
        spent,
        [(seen.score.ts, seen.ego) for seen in told if seen.ego is not None],
    )


def by_reason(motions: Sequence[Motion], gap_s: Seconds) -> List[Motion]:
    """One `Motion` a stretch as `intervals` makes it, but a drive and a visitor stay two."""
    reasons = dict.fromkeys(motion.reason for motion in motions)
    merged = [
        one
        for reason in reasons
        for one in intervals((m for m in motions if m.reason == reason), gap_s)
    ]
    return sorted(merged, key=lambda motion: motion.first)
