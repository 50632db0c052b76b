"""What moves at one place for minutes: televisions, flags, fans, signs, bushes, curtains.

Once a second each block is told whether it was *active*: its measure lay above what the picture as
a whole explains, in a good part of that second's fields. What is active for seconds on end, again
and again over minutes, at a place that nothing walks through, is a *habit*. There a block must
exceed what the habit has shown itself. Beside it nothing changes, so who walks past or stands
before it is seen where he reaches out of it, or where he outshines it.

What is never a habit, since people do it:

* **What passes through**, however often: cars on a short piece of road, a door. It is active for
  less than `STRETCH_S` on end, and its middle moves from one side to the other.
* **Who has come**: for `SETTLED_S` after something has travelled to a place no habit begins there,
  and one that had rested for `RESTED_S` ends. So who comes, sits down and works is recorded for
  ten minutes, and whenever he does more than before or gets up.

A habit is forgotten with a half-life of `HALF_LIFE_S`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Deque, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from dashcamd.types import Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

IS_HABIT = "moves there all the time"
NO_HABIT = 2.0
"""As `part`: no block is active for more than all of the time."""

MOST_TIMES = 8
"""A field stands for no more than so many: itself and those that were left out before it."""

SECOND_S: Seconds = 1.0
ACTIVE_PART = 0.15
ACTIVE_FIELDS = 2
LEVEL_TIMES = 3.0
"""Once a second a block counts as active when it lay above its floor, and above so many times the
median of the picture (noise), in this part of the second's fields and in so many of them: a cut
between two pictures that stand still is one."""

LEAST_BLOCKS = 3
"""A field with fewer active blocks is not looked at: nothing would come of them."""

HALF_LIFE_S: Seconds = 300.0
"""Half of a habit is forgotten within so long; an hour's habit is gone 16 minutes after its thing
has stopped."""

STAY_PART = 0.1
"""A habit stays until its share of active seconds falls below this, and takes in blocks beside it
that have as much: the rim of a bush moves in strong gusts only."""

STRETCH_S = 3
"""Only seconds in a row of at least so many count: what passes through is gone by then."""

TRAVEL_PART = 0.5
NEAR_PART = 0.25
"""Where things travel in more than the first of the active seconds there is no habit. That is
looked at where a block has the second of what a habit needs. Drawn televisions come to 0.1 to
0.4, a short piece of road with one car after the other to 2."""

SETTLED_S: Seconds = 600.0
RESTED_S: Seconds = 60.0
WOKEN_S: Seconds = 5.0
"""For the first of these after something has come to a place no habit begins there; an older
habit that had rested for the second, until the third before it came, ends."""

ON_S: Seconds = 3.0
FAR_BLOCKS = 6
AROUND_BLOCKS = 2
REACH_BLOCKS = 6
VISITS = 64
"""Where nothing was known to move something does: it may come from elsewhere. It is followed until
it rests for longer than the first, and did come if so many blocks of its way neither become known
nor touch what is known. Who came may reach so far around his way, and farther, by the fourth, over
blocks that are known. So many visits are remembered."""

PEAK_UP = 1.09
PEAK_DOWN = 0.99
MARGIN = 2.0
"""What a habit shows is about the 90th percentile of each second's largest measure: a second above
it raises it by the first, one below lowers it by the second. A block must exceed it the third
times."""

MOST_PART = 0.4
"""When more of the picture has habits, the camera sways or a storm blows: nothing is asked more."""

TRAVEL_S = (0.7, 1.2, 3.0)
TRAVEL_WAY = 0.4
TRAVEL_FIELDS = 4
STRAIGHT = 0.7
BREAK_S: Seconds = 0.45
FOLLOW_S: Seconds = 0.15
"""Something travels when, within 0.7, 1.2 or 3 s, its middle gets on by this part of the length of
all the places it was at, in at least so many fields; time explains this part of the variance of the
way (the middle of a television or a bush jumps about); and no two fields, looked at so often, are
farther apart than this break."""


class _Place(NamedTuple):
    """Where something was, in blocks: its middle, weighted by its measure, and its box."""

    ts: Seconds
    x: float
    y: float
    box: Tuple[int, int, int, int]


@dataclass
class _Visit:
    """Something that was active until `ts`: blocks of its last second, and of its whole `way`."""

    ts: Seconds
    last: Array
    way: Array

    def is_from_elsewhere(self, known: Array) -> bool:
        """Whether it came over blocks that are not even beside those known to be active."""
        return bool(np.count_nonzero(self.way & ~known) >= FAR_BLOCKS)


class Habit:
    """The habits of the blocks of one grid, told by measures of shape (n, rows, cols).

    `floors` as the noise model's, one a plane; `part` of the seconds must be active for a habit to
    begin. Time comes from the fields. One thread.
    """

    def __init__(self, shape: Tuple[int, int, int], floors: Sequence[float], part: float) -> None:
        grid = shape[1:]
        self._part = part
        self._floors = np.array(floors, np.float32)[:, None, None]
        self._floor = float(self._floors[0, 0, 0])
        self._counts = np.zeros(grid, np.uint8)
        self._peaks = np.zeros(shape, np.float32)
        self._fields = 0
        self._second: Optional[Seconds] = None
        self._run: List[_Place] = []
        self._share = np.zeros(grid, np.float32)
        self._travel = np.zeros(grid, np.float32)
        self._stretch = np.zeros(grid, np.float32)
        self._usual = np.zeros(shape, np.float32)
        self._visits: Deque[_Visit] = deque(maxlen=VISITS)
        self._active = np.full(grid, -np.inf)
        self._woke = np.full(grid, -np.inf)
        self._is = np.zeros(grid, bool)
        self._is_blank = True
        self._is_near = False
        self._near = np.zeros(grid, bool)
        self._middles = np.arange(max(grid), dtype=np.float32) + np.float32(0.5)
        self.limit: Optional[Array] = None
        """What the measures of a block must exceed, 0 where it has no habit; None without any."""
        self.part = 0.0
        """Which part of the picture has a habit that is asked more."""

    def see(
        self,
        ts: Seconds,
        measures: Array,
        level: float,
        peak: float = float("inf"),
        times: int = 1,
    ) -> None:
        """Take the measures of the field at `ts`.

        `level` is the median of the first plane, `peak` no less than its largest value. The field
        counts so many `times`: it stands for those before it that were not judged, too.
        """
        if self._second is None or ts < self._second:
            self._forget_stamps()
            self._second = ts
        if ts - self._second >= SECOND_S:
            self._tick(ts)
        times = min(times, MOST_TIMES)
        self._fields += times
        least = max(self._floor, LEVEL_TIMES * level)
        if peak <= least:
            return
        active = measures[0] > least
        if np.count_nonzero(active) < LEAST_BLOCKS:
            return
        self._counts += active.view(np.uint8) * np.uint8(times)
        np.maximum(self._peaks, measures, out=self._peaks)
        if self._is_near and (not self._run or not 0 <= ts - self._run[-1].ts < FOLLOW_S):
            active &= self._near
            if np.count_nonzero(active) >= LEAST_BLOCKS:
                self._follow(ts, active, measures[0])

    def _forget_stamps(self) -> None:
        """Forget all stamps: what has a later one would be taken for news until then."""
        self._run.clear()
        self._visits.clear()
        self._active.fill(-np.inf)
        self._woke.fill(-np.inf)

    def _follow(self, ts: Seconds, near: Array, sad: Array) -> None:
        """Remember where those blocks move that may come to have a habit."""
        if self._run and not 0 <= ts - self._run[-1].ts <= BREAK_S:
            self._run.clear()
        moving = sad * near
        across, down = moving.sum(0), moving.sum(1)
        whole = float(down.sum())
        (cols,), (rows,) = across.nonzero(), down.nonzero()
        x = float(across @ self._middles[: len(across)]) / whole
        y = float(down @ self._middles[: len(down)]) / whole
        box = int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1
        self._run.append(_Place(ts, x, y, box))

    def _tick(self, ts: Seconds) -> None:
        """Learn the second that ends at `ts`."""
        assert self._second is not None
        passed, self._second = ts - self._second, ts
        if self._is_blank and not np.count_nonzero(self._counts):
            self._fields = 0
            return
        # A trace has one field of a second in which what moves is ordinary already.
        least = min(max(ACTIVE_FIELDS, ACTIVE_PART * self._fields), max(1, self._fields))
        active = self._counts >= math.ceil(least)
        at = active.ravel().nonzero()[0]
        self._wake(ts, passed, at)
        if len(at) >= LEAST_BLOCKS:
            self._follow_visits(ts, active)
        self._learn_travel(ts, passed)
        self._learn_share(passed, at)
        if len(at):
            self._learn_peaks(at)
        self._counts.fill(0)
        self._peaks.fill(0)
        self._fields = 0
        self._decide(ts)

    def _wake(self, ts: Seconds, passed: Seconds, at: Array) -> None:
        was_active = self._active.ravel()
        self._woke.ravel()[at[ts - was_active[at] > RESTED_S]] = ts
        was_active[at] = ts
        if passed > 2 * SECOND_S:
            self._stretch.fill(0)

    def _learn_share(self, passed: Seconds, at: Array) -> None:
        """Count active seconds, those of a stretch as soon as it is long enough."""
        stretch, share = self._stretch.ravel(), self._share.ravel()
        lasted = stretch[at] + 1
        stretch.fill(0)
        stretch[at] = lasted
        share *= np.float32(_kept(passed))
        long, lasted = at[lasted >= STRETCH_S], lasted[lasted >= STRETCH_S]
        if len(long):
            gained = np.where(lasted > STRETCH_S, 1, STRETCH_S)
            share[long] += gained * np.float32(1 - _kept(SECOND_S))

    def _learn_travel(self, ts: Seconds, passed: Seconds) -> None:
        self._travel *= np.float32(_kept(passed))
        self._run = [one for one in self._run if ts - one.ts <= TRAVEL_S[-1] + SECOND_S / 2]
        way = self._way(ts)
        if not way:
            return
        lefts, tops, rights, bottoms = zip(*(one.box for one in way))
        around = slice(min(tops), max(bottoms)), slice(min(lefts), max(rights))
        moved = self._counts[around] > 0
        self._travel[around] += moved * np.float32(1 - _kept(SECOND_S))

    def _way(self, ts: Seconds) -> Sequence[_Place]:
        """The longest way of something that travelled in the second before `ts`; empty if none."""
        if not self._run or ts - self._run[-1].ts > SECOND_S:
            return ()
        for seconds in reversed(TRAVEL_S):
            for end in (ts, ts - SECOND_S / 2):
                part = [one for one in self._run if 0 <= end - one.ts <= seconds]
                if _travels(part):
                    return part
        return ()

    def _follow_visits(self, ts: Seconds, active: Array) -> None:
        """Remember where something moves that is not known to be active all the time."""
        new = active & (self._share < STAY_PART)
        if np.count_nonzero(new) < LEAST_BLOCKS:
            return
        last = self._visits[-1] if self._visits else None
        if last is not None and ts - last.ts <= ON_S and _touch(last.last, new):
            last.ts, last.last = ts, new
            last.way |= new
        else:
            self._visits.append(_Visit(ts, new, new.copy()))

    def _learn_peaks(self, at: Array) -> None:
        """Follow what the habit shows, not what somebody shows who stands before it.

        What a block far below a habit has shown counts no more; that can wait for its next active
        second, in which it is far below still.
        """
        all_usual, all_peaks = (one.reshape(len(one), -1) for one in (self._usual, self._peaks))
        share, peaks = self._share.ravel()[at], all_peaks[:, at]
        is_known = share >= STAY_PART / 8
        if not np.count_nonzero(is_known):
            all_usual[:, at] = peaks
            return
        usual = all_usual[:, at] * is_known
        step = np.where(peaks > usual, np.float32(PEAK_UP), np.float32(PEAK_DOWN))
        moved = np.where(usual > 0, usual * step, peaks)
        if np.count_nonzero(share < STAY_PART) >= LEAST_BLOCKS:
            moved = np.where(self._is.ravel()[at], usual, moved)
        all_usual[:, at] = moved

    def _decide(self, ts: Seconds) -> None:
        """Which blocks have a habit now, and what is asked of them."""
        share = self._share
        largest = float(share.max())
        self._is_blank = largest < STAY_PART / 8
        if largest < (STAY_PART if np.count_nonzero(self._is) else self._part):
            self._is.fill(False)
        else:
            has = share >= STAY_PART
            begins = (share >= self._part) | (_wider(self._is) & has)
            came = self._came(ts, has, SETTLED_S)
            if came is not None:
                begins &= ~came
                came = self._came(ts, has, WOKEN_S)
            if came is not None:
                self._is &= ~came | (ts - self._woke > WOKEN_S)
            self._is = (begins | (self._is & has)) & (self._travel <= TRAVEL_PART * share)
        self._is_near = largest >= NEAR_PART * self._part
        if self._is_near:
            np.greater(share >= NEAR_PART * self._part, self._is, out=self._near)
        part = np.count_nonzero(self._is) / self._is.size
        is_asked = 0 < part <= MOST_PART
        self.part = part if is_asked else 0.0
        if not is_asked:
            self.limit = None
            return
        self.limit = np.where(self._is, np.maximum(self._usual * MARGIN, self._floors), 0)

    def _came(self, ts: Seconds, has: Array, within: Seconds) -> Optional[Array]:
        """Where somebody may be who came from elsewhere and was seen to within so long."""
        while self._visits and ts - self._visits[0].ts > SETTLED_S:
            self._visits.popleft()
        known = _wider(has)
        ways = [
            one.way
            for one in self._visits
            if ts - one.ts <= within and one.is_from_elsewhere(known)
        ]
        if not ways:
            return None
        came = _wider(np.logical_or.reduce(ways), AROUND_BLOCKS)
        for _ in range(REACH_BLOCKS):
            came |= _wider(came) & has
        return came


def _kept(seconds: Seconds) -> float:
    """What is left of a share after so long."""
    return float(0.5 ** (seconds / HALF_LIFE_S))


def _wider(mask: Array, blocks: int = 1) -> Array:
    """`mask` and what is so many blocks away from it, corners included."""
    wide: Array = mask.copy()
    for _ in range(blocks):
        tall = wide.copy()
        tall[1:] |= wide[:-1]
        tall[:-1] |= wide[1:]
        wide = tall.copy()
        wide[:, 1:] |= tall[:, :-1]
        wide[:, :-1] |= tall[:, 1:]
    return wide


def _touch(a: Array, b: Array) -> bool:
    """Whether a block of `a` is no more than two blocks away from one of `b`."""
    return bool(np.count_nonzero(a & b) or np.count_nonzero(_wider(a, 2) & b))


def _travels(run: Sequence[_Place]) -> bool:
    """Whether what was at these places got on, and straight."""
    if len(run) < TRAVEL_FIELDS:
        return False
    stamps = [one.ts for one in run]
    width = max(one.box[2] for one in run) - min(one.box[0] for one in run)
    height = max(one.box[3] for one in run) - min(one.box[1] for one in run)
    return _gets_on(stamps, [one.x for one in run], width) or _gets_on(
        stamps, [one.y for one in run], height
    )


def _gets_on(stamps: Sequence[Seconds], way: Sequence[float], length: float) -> bool:
    number = len(stamps)
    mean_ts, mean = sum(stamps) / number, sum(way) / number
    spread = sum((ts - mean_ts) ** 2 for ts in stamps)
    varied = sum((at - mean) ** 2 for at in way)
    together = sum((ts - mean_ts) * (at - mean) for ts, at in zip(stamps, way))
    if spread <= 0 or varied <= 0 or together * together < STRAIGHT * spread * varied:
        return False
    got_on = abs(together / spread) * (stamps[-1] - stamps[0])
    return got_on >= max(1.0, TRAVEL_WAY * length)
