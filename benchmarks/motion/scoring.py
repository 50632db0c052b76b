"""From verdicts to numbers: recall, first motion inside the clip, latency, false alarms an hour."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import List, Optional, Sequence, Tuple

Interval = Tuple[float, float]

GAP_S = 2.0
EARLY_S, LATE_S = 0.25, 0.5
AFTER_S = 2.0
WARM_UP_S = 3.0
PRE_ROLL_S = 5.0


def merged(intervals: Sequence[Interval], gap=GAP_S) -> List[Interval]:
    """Intervals in order, those closer than `gap` made one."""
    out: List[List[float]] = []
    for start, end in sorted(intervals):
        if out and start - out[-1][1] < gap:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return [(a, b) for a, b in out]


@dataclass
class Tally:
    """Counts of one or many scenes; `add` sums, properties are the rates."""

    events: int = 0
    found: int = 0
    clean: int = 0
    inside: int = 0
    false: int = 0
    quiet_s: float = 0.0
    covered_s: float = 0.0
    latencies: List[float] = field(default_factory=list)
    false_at: List[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in another scene."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def recall(self) -> Optional[float]:
        """Found events per event."""
        return self.found / self.events if self.events else None

    @property
    def false_per_hour(self) -> Optional[float]:
        """Detections that begin in quiet time, per hour of it."""
        return 3600 * self.false / self.quiet_s if self.quiet_s else None

    @property
    def covered(self) -> Optional[float]:
        """Share of quiet time that was held on."""
        return self.covered_s / self.quiet_s if self.quiet_s else None

    @property
    def latency(self) -> Optional[float]:
        """Median seconds from the first moving picture to the start of the detection."""
        return statistics.median(self.latencies) if self.latencies else None

    def as_json(self):
        """Everything, rates included."""
        rates = {
            name: getattr(self, name) for name in ("recall", "false_per_hour", "covered", "latency")
        }
        return {**asdict(self), **rates}


def _overlap(a: Interval, spans: Sequence[Interval]) -> float:
    return sum(max(0.0, min(a[1], d) - max(a[0], c)) for c, d in spans)


def tally(
    detected: Sequence[Interval],
    truth: Sequence[Interval],
    seconds: float,
    neutral: Sequence[Interval] = (),
) -> Tally:
    """Score one scene. Everything outside truth and warm-up should be quiet, weather included.

    What happens in `neutral` (a bump of a parked car) may be recorded or not. An event is found
    *clean* when no detection was already on `LATE_S` before it: a rule that is always on finds
    everything and nothing clean.
    """
    found = merged([(max(0.0, a), min(seconds, b)) for a, b in detected if b > WARM_UP_S])
    truth = merged(truth)
    allowed = merged([(a - LATE_S, b + AFTER_S) for a, b in (*truth, *neutral)], 0.0)
    result = Tally(quiet_s=max(0.0, seconds - WARM_UP_S - sum(b - a for a, b in allowed)))
    for start, end in found:
        start = max(start, WARM_UP_S)
        if not any(a <= start < b for a, b in allowed):
            result.false += 1
            result.false_at.append(round(start, 1))
        result.covered_s += max(0.0, end - start - _overlap((start, end), allowed))
    for start, end in truth:
        result.events += 1
        hits = [one for one in detected if one[0] < end + LATE_S and one[1] > start - EARLY_S]
        if hits:
            result.found += 1
            first = min(a for a, _ in hits)
            result.latencies.append(round(max(0.0, first - start), 3))
            result.inside += first - PRE_ROLL_S <= start
            result.clean += not any(a < start - LATE_S < b for a, b in found)
    return result


def save(board, path):
    """Write {name: {who: numbers}} to `path` as JSON."""
    rows = {name: {who: one.as_json() for who, one in row.items()} for name, row in board.items()}
    path.write_text(json.dumps(rows, indent=1))
