"""The tracker turns scores into confirmed motion: k moving fields within a window of time.

::

    IDLE --moving--> SUSPECT --k-th moving within window_s, same place--> MOVING
      ^                 |                                                    |
      +--- window_s without a moving field ----------------------------------+

It does not decide events: pre-roll, post-roll and the gap belong to the recording core, which
hears `Motion(first, last)` and, from every step, up to which stamp nothing else will be said.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import hypot
from statistics import median
from typing import Any, Deque, Dict, Iterable, List, Optional, Tuple

from dashcamd.core.detector import NO_PICTURE
from dashcamd.core.vectors import AGREEING_BLOCKS
from dashcamd.core.zones import ZonePlan
from dashcamd.types import Box, Flow, Motion, Score, Seconds


class State(Enum):
    """Where the tracker stands."""

    IDLE = "idle"
    SUSPECT = "suspect"
    MOVING = "moving"


LEAST_SPAN_S = 0.18
"""Confirmation takes at least so long, whatever the rate of the fields: a flash is shorter."""

SMALL_SPAN_S = 0.5
LARGE = 12
LARGE_FIELDS = 2
"""What stays smaller than so many blocks must move for longer: an insect near the lens, a bird, a
clump of snow are gone by then, a far walker is not. What is faint counts as smaller, and where
something is faint one large field is not enough: a glint is large at its brightest."""

LEAST_SHARE = 0.4
SMALL_SHARE = 0.55
"""In so many of the tenths of a second since the first field something must have moved: 2 of 5,
or just over half for a small thing. Tenths, so that the rate of the fields does not matter."""

QUICK = 2.5
DARTING = 6.0
PACE_STEP_S = 0.1
QUICK_SPAN_S = 1.0
QUICK_SHARE = 0.75
NEAR = 30
"""Between two fields people, cats and cars get on by a fraction of their own length, an insect near
the lens by one or more. What makes more than the first number of its lengths a second must move for
longer and in more of the tenths, by when most insects are gone; what makes more than the second is
none of them. Things of at least `NEAR` blocks are told at once: a car may pass close by."""

STAYS = 0.018
STAYS_SHARE = 0.85
"""What is faint, or not near an encoder, and does not get on by so much of the picture (half a
block: a box that grows by one on one side) must move for as long as what is quick, and in so many
of the tenths: a glint, a lamp that flickers."""

REFUSED_S = 1.2
REFUSED_SOLID_S = 0.8
"""Where the detector has refused light within so long each refusal speaks against motion, until
that has lasted for as long as what is quick must; within the second where it is neither faint nor
of vectors that hardly agree: a car comes behind its own light."""

SMOOTH_SHARE = 0.9
"""What is smooth in most of its fields is believed when it gets on for as long as what is quick and
in so many of the tenths: a far walker at dusk."""

HARDLY_AGREES = 0.75
FLOW_PART = 0.3
"""A large group whose vectors agree by less than the first must move for as long as what is small.
If they make less than the second part of the way of its box, it is carried: light that sweeps over
what stays (drawn headlights that blind the camera 0.14 to 0.29, most people and cars 0.3 and more).
Refusals speak against that however long it lasts."""

FALLING = 0.12
"""Of what is quick for its size, what comes down by more than so much of the picture's height a
second is a clump of snow (0.15 to 1) and no visitor (who walks towards the camera: 0.05)."""

SINKING = 0.07
"""The same while it rains or snows: slow flakes come down by 0.06 to 0.15."""

REACH = 0.03
REACH_PER_S = 0.6
MAX_REACH = 0.15
"""How far a thing may get between two fields, in pictures: at once, per second, and at most."""


class Tracker:
    """Confirms motion when `k` fields within `window_s` move at about the same place.

    Raindrops and leaves move too, but each time somewhere else: fields count together only if the
    largest group of one can have come from that of the other, in a direction that its zone wants
    (`zones`, if any asks for one). Time comes from the scores alone; a
    score from the past restarts the tracker. One thread.
    """

    def __init__(
        self, k: int = 3, window_s: Seconds = 1.2, zones: Optional[ZonePlan] = None
    ) -> None:
        self._zones = zones or ZonePlan()
        self._k = max(1, k)
        self._window_s = window_s
        self._recent: Deque[Score] = deque()
        self._stamps: Deque[Seconds] = deque()
        self._refused: Deque[Score] = deque()
        self._motion: Optional[Motion] = None
        self._now: Seconds = 0.0
        self.state = State.IDLE

    @property
    def is_telling(self) -> bool:
        """Whether motion was told a moment ago: what moves on at its place needs no more proof."""
        return self._motion is not None

    def step(self, score: Score) -> Optional[Motion]:
        """Take the next score; the motion that it confirms or prolongs, or None."""
        if score.ts < self._now:
            self._recent.clear()
            self._stamps.clear()
            self._refused.clear()
            self._motion = None
        self._now = score.ts
        if score.light:
            self._refused.append(score)
        if score.veto != NO_PICTURE:
            self._stamps.append(score.ts)
        self._forget(score.ts - self._window_s - 1e-6)
        told = self._take(score) if score.is_moving else None
        self.state = State.MOVING if self._motion else _IDLE_OR_SUSPECT[bool(self._recent)]
        return told

    def _forget(self, since: Seconds) -> None:
        while self._recent and self._recent[0].ts < since:
            self._recent.popleft()
        while self._stamps and self._stamps[0] < since:
            self._stamps.popleft()
        while self._refused and self._now - self._refused[0].ts > REFUSED_S:
            self._refused.popleft()
        if self._motion is not None and self._motion.last < since:
            self._motion = None

    def _take(self, score: Score) -> Optional[Motion]:
        motion = self._motion
        if motion is not None and not self._can_follow(score):
            motion = None
        if motion is None or score.in_weather:
            run = self._run_of(score)
            self._recent.append(score)
            if not self._is_enough(run):
                return None
        else:
            self._recent.append(score)
        self._motion = _prolonged(motion, score) if motion is not None else _confirmed(run)
        return self._motion

    def _can_follow(self, score: Score) -> bool:
        """Whether one of this window's moving fields can be the same thing: mostly the last."""
        return any(_can_be_one(one, score) for one in reversed(self._recent))

    def _run_of(self, score: Score) -> List[Score]:
        """The moving fields of this window that can be the same thing as `score`, in order."""
        run = [score]
        for one in reversed(self._recent):
            if _can_be_one(one, run[-1]):
                run.append(one)
        run.reverse()
        return run

    def _is_enough(self, run: List[Score]) -> bool:
        if len(run) < self._k:
            return False
        if self._k > 1 and not self._lasts(run):
            return False
        if self._refused and self._refusals(run) > len(run):
            return False
        if 2 * sum(one.is_smooth for one in run) > len(run) and not self._goes_on(run):
            return False
        return self._is_wanted(run[0].place, run[-1].place)

    def _refusals(self, run: List[Score]) -> int:
        """How many fields were refused as light where `run` is, by their weight."""
        if run[-1].ts - run[0].ts >= QUICK_SPAN_S - 1e-6 and not self._is_carried(run):
            return 0
        is_solid = not _hardly_agrees(run) and not any(one.is_faint for one in run)
        since = self._now - (REFUSED_SOLID_S if is_solid else REFUSED_S)
        return sum(
            refused.light
            for refused in self._refused
            if refused.ts >= since
            and any(_are_near(one.place, refused.place, REACH) for one in run)
        )

    def _goes_on(self, run: List[Score]) -> bool:
        """Whether it moves as what is quick must, and gets on."""
        return self._fills(run, QUICK_SPAN_S, SMOOTH_SHARE) and not _stays(run)

    def _fills(self, run: List[Score], span: Seconds, share: float) -> bool:
        """Whether it has lasted for `span` and moved in this share of the tenths of a second."""
        first = run[0].ts
        slots = _slots(ts for ts in self._stamps if ts >= first)
        moving = _slots(one.ts for one in run)
        return self._now - first >= span - 1e-6 and moving >= share * slots

    def _is_carried(self, run: List[Score]) -> bool:
        """Whether its box goes where its vectors, which hardly agree, do not lead."""
        flows = _large_flows(run)
        first, last = run[0].place, run[-1].place
        if not _hardly_agrees(run) or first is None or last is None:
            return False
        steps = sum(run[0].ts < ts <= run[-1].ts for ts in self._stamps)
        led = [steps * sum(flow[side] for flow in flows) / len(flows) for side in (0, 1)]
        went = [_middle([last], side) - _middle([first], side) for side in (0, 1)]
        return hypot(*led) < FLOW_PART * hypot(*went)

    def _lasts(self, run: List[Score]) -> bool:
        """Whether it has moved for long enough and without rest, for its size and its pace.

        While it rains or snows all that is not near is asked as much as what is quick: flakes and
        drops are always somewhere, and what they make up together jumps, falls or is soon gone.
        So is what prolongs motion then, or a visitor's event would never end.
        """
        sizes = [_size(one) for one in run]
        is_faint = any(one.is_faint for one in run)
        is_large = sum(size >= LARGE for size in sizes) >= (LARGE_FIELDS if is_faint else 1)
        span, share = (LEAST_SPAN_S, LEAST_SHARE) if is_large else (SMALL_SPAN_S, SMALL_SHARE)
        if _hardly_agrees(run):
            span = SMALL_SPAN_S
        if self._now - run[0].ts < span:
            return False
        size, in_weather = median(sizes), run[-1].in_weather
        if size < NEAR:
            pace = _lengths_a_second(run)
            if pace > DARTING or (in_weather and pace > QUICK and size < LARGE):
                return False
            if pace > QUICK or in_weather:
                if _fall_a_second(run) > (SINKING if in_weather else FALLING):
                    return False
                span, share = QUICK_SPAN_S, QUICK_SHARE
        may_be_glint = size < NEAR and 2 * sum(one.flow is not None for one in run) > len(run)
        if (may_be_glint or (is_faint and not is_large)) and _stays(run):
            span, share = QUICK_SPAN_S, STAYS_SHARE
        return self._fills(run, span, share)

    def _is_wanted(self, first: Optional[Box], last: Optional[Box]) -> bool:
        return not first or not last or self._zones.is_wanted_way(first, last)


_IDLE_OR_SUSPECT = (State.IDLE, State.SUSPECT)


def _can_be_one(earlier: Score, later: Score) -> bool:
    """Whether the same thing can have been at both places."""
    reach = REACH + min(REACH_PER_S * (later.ts - earlier.ts), MAX_REACH)
    return _are_near(earlier.place, later.place, reach)


def _are_near(one: Optional[Box], other: Optional[Box], reach: float) -> bool:
    """Whether two boxes are no more than `reach` apart; one that is not known may be anywhere."""
    if one is None or other is None:
        return True
    (l0, t0, r0, b0), (l1, t1, r1, b1) = one, other
    return max(l0, l1) - min(r0, r1) <= reach and max(t0, t1) - min(b0, b1) <= reach


def _size(score: Score) -> int:
    return min(score.cluster, LARGE - 1) if score.is_faint else score.cluster


def _large_flows(run: List[Score]) -> List[Flow]:
    flows = [one.flow for one in run if one.flow is not None]
    return [flow for flow in flows if flow.blocks >= AGREEING_BLOCKS]


def _hardly_agrees(run: List[Score]) -> bool:
    """Whether at least half of its fields have a large group, and vectors in these hardly agree."""
    agreements = [flow.agreement for flow in _large_flows(run)]
    return 2 * len(agreements) >= len(run) and sum(agreements) < HARDLY_AGREES * len(agreements)


def _stays(run: List[Score]) -> bool:
    """Whether its middle is in the last third of the fields where it was in the first."""
    places = [one.place for one in run if one.place is not None]
    if not places:
        return False
    third = max(1, len(places) // 3)
    return all(
        abs(_middle(places[:third], side) - _middle(places[-third:], side)) < STAYS
        for side in (0, 1)
    )


def _middle(places: List[Box], side: int) -> float:
    return sum(place[side] + place[side + 2] for place in places) / (2 * len(places))


def _lengths_a_second(run: List[Score]) -> float:
    """How many of its own lengths it makes in a second: the way of its middle by its longer side.

    Both in fractions of the picture; 0 for fields without a place or without a length. Looked at
    in steps of `PACE_STEP_S`: a box that trembles by a block from field to field would else make
    more way the more fields there are.
    """
    steps: List[Tuple[Seconds, Box]] = []
    for one in run:
        is_due = not steps or one.ts - steps[-1][0] >= PACE_STEP_S - 1e-6
        if one.place is not None and is_due:
            steps.append((one.ts, one.place))
    span = steps[-1][0] - steps[0][0] if steps else 0.0
    places = [place for _, place in steps]
    sides = [max(right - left, bottom - top) for left, top, right, bottom in places]
    length = median(sides) if sides else 0.0
    if span <= 0 or length <= 0:
        return 0.0
    middles = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in places]
    way = sum(hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in zip(middles, middles[1:]))
    return way / span / length


def _fall_a_second(run: List[Score]) -> float:
    """How far the middle of its box comes down in a second, in heights of the picture."""
    places = [one.place for one in run if one.place is not None]
    span = run[-1].ts - run[0].ts
    if span <= 0 or not places:
        return 0.0
    return (places[-1][1] + places[-1][3] - places[0][1] - places[0][3]) / 2 / span


def _slots(stamps: Iterable[Seconds]) -> int:
    """In how many tenths of a second the stamps lie."""
    return len({int(ts * 10.0 + 0.5) for ts in stamps})


def _confirmed(run: List[Score]) -> Motion:
    peak = max(run, key=lambda one: one.blocks)
    return Motion(run[0].ts, run[-1].ts, peak_blocks=peak.blocks, why=peak.reason, place=peak.place)


def _prolonged(motion: Motion, score: Score) -> Motion:
    # `dataclasses.replace` costs three times as much, and somebody who walks needs one a field.
    first, last, reason = motion.first, score.ts, motion.reason
    if score.blocks <= motion.peak_blocks:
        return Motion(first, last, reason, motion.peak_blocks, motion.why, motion.place)
    return Motion(first, last, reason, score.blocks, score.reason, score.place)


def intervals(motions: Iterable[Motion], gap_s: Seconds) -> List[Motion]:
    """One `Motion` a stretch: those closer than `gap_s`, or of the same run, become one."""
    merged: List[Motion] = []
    for motion in motions:
        if merged and motion.first - merged[-1].last < gap_s:
            merged[-1] = _both(merged[-1], motion)
        else:
            merged.append(motion)
    return merged


def _both(a: Motion, b: Motion) -> Motion:
    peak = a if a.peak_blocks >= b.peak_blocks else b
    first, last = min(a.first, b.first), max(a.last, b.last)
    return Motion(first, last, peak.reason, peak.peak_blocks, peak.why, peak.place)


def as_json(motion: Motion, start: Seconds = 0.0) -> Dict[str, Any]:
    """The event of ``replay --json``: seconds from `start`, the stamp of the first frame."""
    return {
        "start_s": round(motion.first - start, 3),
        "end_s": round(motion.last - start, 3),
        "reason": motion.why or motion.reason,
        "peak_blocks": motion.peak_blocks,
    }
