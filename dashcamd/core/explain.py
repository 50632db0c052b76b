"""Why something became an event and something else did not, in lines for people.

A *near miss* is a stretch of fields in which blocks stood out but no motion was confirmed: a
veto, or single fields that never became a run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence

from dashcamd.core.detector import NO_PICTURE, WARM_UP
from dashcamd.types import Box, Motion, Score, Seconds

JOIN_S: Seconds = 1.0
NOT_CONFIRMED = "moved, but not long enough at one place"
SILENT = (NO_PICTURE, WARM_UP)


@dataclass(frozen=True)
class NearMiss:
    """One stretch that was not believed: from `start` to `end`, the most frequent `why`.

    `fields` stood out in it, at most `peak_blocks` blocks at `place`.
    """

    start: Seconds
    end: Seconds
    why: str
    fields: int
    peak_blocks: int
    place: Optional[Box]


def near_misses(
    scores: Iterable[Score], motions: Sequence[Motion], least_blocks: int = 3
) -> List[NearMiss]:
    """Every stretch with at least `least_blocks` standing out that is in none of `motions`."""
    stretches: List[List[Score]] = []
    for score in scores:
        if score.blocks < least_blocks or score.veto in SILENT or _is_told(score.ts, motions):
            continue
        if stretches and 0 <= score.ts - stretches[-1][-1].ts <= JOIN_S:
            stretches[-1].append(score)
        else:
            stretches.append([score])
    return [_summed(one) for one in stretches]


def lines(scores: Sequence[Score], motions: Sequence[Motion], start: Seconds = 0.0) -> List[str]:
    """Events and near misses in order of time, one line each, seconds from `start`."""
    told = [
        (one.first, "%8.2f s to %8.2f s  EVENT      %s%s" % (
            one.first - start, one.last - start, one.why or one.reason, _where(one.place)))
        for one in motions
    ]  # fmt: skip
    told += [
        (one.start, "%8.2f s to %8.2f s  near miss  %s (%d fields, at most %d blocks%s)" % (
            one.start - start, one.end - start, one.why, one.fields, one.peak_blocks,
            _where(one.place)))
        for one in near_misses(scores, motions)
    ]  # fmt: skip
    return [text for _, text in sorted(told)]


def _is_told(ts: Seconds, motions: Sequence[Motion]) -> bool:
    return any(one.first <= ts <= one.last for one in motions)


def _summed(stretch: List[Score]) -> NearMiss:
    reasons = Counter(one.veto or NOT_CONFIRMED for one in stretch)
    peak = max(stretch, key=lambda one: one.blocks)
    why = reasons.most_common(1)[0][0]
    return NearMiss(stretch[0].ts, stretch[-1].ts, why, len(stretch), peak.blocks, peak.place)


def _where(place: Optional[Box]) -> str:
    if place is None:
        return ""
    across = ("left", "middle", "right")[min(2, int(3 * (place[0] + place[2]) / 2))]
    down = ("top", "centre", "bottom")[min(2, int(3 * (place[1] + place[3]) / 2))]
    return ", %s %s" % (down, across)
