"""The detector over recorded fields: the same judgement as live, as fast as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, List

from dashcamd.core.detector import Detector
from dashcamd.core.tracker import Tracker, intervals
from dashcamd.types import Motion, MotionField, Score, Seconds


@dataclass(frozen=True)
class Replay:
    """What came out: `scores` one a field, `motions` merged, `detector_s` one a field."""

    scores: List[Score]
    motions: List[Motion]
    detector_s: List[Seconds]

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
    scores: List[Score] = []
    confirmed: List[Motion] = []
    spent: List[Seconds] = []
    for field in fields:
        began = timer()
        score = detector.judge(field)
        motion = tracker.step(score)
        spent.append(timer() - began)
        scores.append(score)
        if motion is not None:
            confirmed.append(motion)
    return Replay(scores, intervals(confirmed, gap_s), spent)
