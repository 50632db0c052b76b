"""What the camera itself does: it stands still, it drives, it is shaken, it was bumped.

From the motion field alone. A drive changes most of the picture for seconds on end, the same blocks
of it all the time, in all directions, and no shift of the whole picture explains it; rain changes
other blocks each time; wind and an engine shift the whole
picture to and fro; a bump does so once, out of a standstill, and is over within a second or two.

::

    STILL --half the picture differs for most of SURE_S--> DRIVING --calm for SURE_S--> STILL
    STILL --the picture keeps shifting--> SHAKEN --no shift for CALM_S--> STILL
    any but DRIVING --a large shift that dies away within SETTLE_S--> a bump is told, once
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Deque, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from dashcamd.core.medians import middle
from dashcamd.core.pooling import POOLED_SOURCES
from dashcamd.types import MOTION_DTYPE, MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

ACTIVE_SAD = 600.0
ACTIVE_RATIO = 1.5
"""A block is active when its SAD exceeds this much plus so many times that of the calmest tenth:
noise is everywhere, on a drive the sky stays calm. Drawn drives have 0.6 of their blocks active,
rain 0.07, leaves 0.07, a passing car 0.05."""

DRIVING_SHARE = 0.25
CALM_SHARE = 0.12
SURE_S: Seconds = 2.0
SURE_PART = 0.7
"""Driving needs the first share of active blocks in this part of the fields of two seconds."""

SPREAD_NINTHS = 6
"""Active blocks must lie in so many ninths of the picture: a lorry next to us does not drive us."""

LEAST_LIKENESS = 0.5
"""On a drive the same blocks differ from field to field, and the sky stays calm: masks correlate by
0.65 to 0.84 on drawn drives. Drops are elsewhere each time: 0.15 to 0.47 in rain and snow. Flicker
of the mains alternates: -0.2."""

LEAST_VARIED = 0.15
"""On a drive what differs does so by another amount in each field: the SAD of active blocks changes
by 0.18 and more of it from one to the next on drawn drives. That of a sensor's noise changes by
0.05 to 0.11, and it is in the same blocks all the time where the rest is plain black or white."""

SHAKEN_PX = 1.0
SHAKEN_FIELDS = 4
CALM_S: Seconds = 1.5
"""Shaken: so many shifts of at least so much within this time; steady after it without one."""

BUMP_PX = 2.5
EVEN_PX = 3.0
"""Least shift within a tenth of a second of a bump, in analysed pixels (640 wide); a slammed door
stays below it. So much more where an encoder's vectors are added up: each is rounded to even
pixels, and a door comes to 4, bumps to 10 and more."""

SETTLE_S: Seconds = 2.0
CALM_BEFORE_S: Seconds = 1.0
JOLT_PX = 1.5
"""A jolt is looked at when the picture shifts by so much and had not for a second before."""

AGREEING_PX = 2.0
MOVED_PART = 0.3
"""A shift of an encoder's field: this part of the blocks has a vector, most within so much of the
median one."""

_VECTOR = np.dtype(
    {"names": ["xy"], "formats": ["u2"], "offsets": [0], "itemsize": MOTION_DTYPE.itemsize}
)
"""Both parts of a vector as one word: whether any block has one is asked once."""


class State(Enum):
    """What the camera does."""

    STILL = "still"
    DRIVING = "driving"
    SHAKEN = "shaken"


class Ego(NamedTuple):
    """Answer to one field: the `state`, since when, and `bump`: the stamp of a bump told now.

    `active` is the share of blocks that differ, `shift_px` the length of the picture's shift.
    """

    state: State
    since: Seconds
    active: float
    shift_px: float
    bump: Optional[Seconds] = None


class EgoMotion:
    """Follows the state of one camera, field by field. Pure; one thread."""

    def __init__(self) -> None:
        self._fields: Deque[Tuple[Seconds, float, float]] = deque()
        self._driving = self._calm = self._shaken = 0
        self._state = State.STILL
        self._since: Seconds = 0.0
        self._jolt: Optional[Tuple[Seconds, float]] = None
        self._bump_px = BUMP_PX
        self._before: Optional[Array] = None
        self._before_sad: Optional[Array] = None

    def step(self, field: MotionField) -> Ego:
        """Take the next field."""
        if self._fields and not 0 <= field.ts - self._fields[-1][0] <= SURE_S:
            self._fields.clear()
            self._driving = self._calm = self._shaken = 0
            self._jolt = None
            self._enter(State.STILL, field.ts)
        blocks = field.blocks[:, :-1]
        active, shift_px = self._active(blocks["sad"]), common_shift(blocks)
        self._bump_px = BUMP_PX + (EVEN_PX if field.source in POOLED_SOURCES else 0.0)
        bump = self._bump(field.ts, active, shift_px)
        self._fields.append((field.ts, active, shift_px))
        self._count(1, active, shift_px)
        while field.ts - self._fields[0][0] > SURE_S:
            self._count(-1, *self._fields.popleft()[1:])
        self._decide(field.ts)
        return Ego(self._state, self._since, active, shift_px, bump)

    def _count(self, sign: int, active: float, shift_px: float) -> None:
        """Keep count of the fields that are held: asking all of them each time is slow."""
        self._driving += sign * (active >= DRIVING_SHARE)
        self._calm += sign * (active < CALM_SHARE)
        self._shaken += sign * (shift_px >= SHAKEN_PX)

    def _active(self, sad: Array) -> float:
        """The share of active blocks, 0 when they are not those of a drive."""
        before, before_sad = self._before, self._before_sad
        self._before_sad = sad = sad.astype(np.int32)
        differs = sad > int(ACTIVE_SAD)
        number = int(np.count_nonzero(differs))
        if number < CALM_SHARE * differs.size:
            # Whatever the calmest tenth has, no more blocks than these are active: it is calm.
            self._before = differs
            return number / float(differs.size)
        self._before = active = active_blocks(sad)
        if before is None or before_sad is None or before.shape != active.shape:
            return active_share(active)
        is_drive = likeness(active, before) >= LEAST_LIKENESS
        is_drive = is_drive and variation(active, sad, before_sad) >= LEAST_VARIED
        return active_share(active) if is_drive else 0.0

    def _decide(self, ts: Seconds) -> None:
        long_enough = ts - self._fields[0][0] >= 0.8 * SURE_S
        if self._state is State.DRIVING:
            if long_enough and self._calm / len(self._fields) >= SURE_PART:
                self._enter(State.STILL, ts)
        elif long_enough and self._driving / len(self._fields) >= SURE_PART:
            self._enter(State.DRIVING, self._fields[0][0])
        else:
            shaken = self._shaken and sum(
                shift >= SHAKEN_PX for at, _, shift in self._fields if ts - at <= CALM_S
            )
            if self._state is State.STILL and shaken >= SHAKEN_FIELDS:
                self._enter(State.SHAKEN, ts)
            elif self._state is State.SHAKEN and not shaken:
                self._enter(State.STILL, ts)

    def _enter(self, state: State, ts: Seconds) -> None:
        if state is not self._state:
            self._state, self._since = state, ts

    def _bump(self, ts: Seconds, active: float, shift_px: float) -> Optional[Seconds]:
        """Watch one jolt from its first field until it has settled or turned out to go on."""
        if self._jolt is None:
            if self._state is not State.DRIVING and shift_px >= JOLT_PX and self._was_calm(ts):
                self._jolt = (ts, shift_px)
            return None
        began, peak = self._jolt
        if ts - began < SETTLE_S / 2:
            self._jolt = (began, max(peak, shift_px))
            return None
        if ts - began < SETTLE_S:
            if shift_px >= self._bump_px or active >= DRIVING_SHARE:
                self._jolt = (began, 0.0)
            return None
        self._jolt = None
        return began if peak >= self._bump_px else None

    def _was_calm(self, ts: Seconds) -> bool:
        before = [shift for at, _, shift in self._fields if ts - at <= CALM_BEFORE_S]
        return bool(before) and max(before) < JOLT_PX


def active_blocks(sad: Array) -> Array:
    """Which blocks differ clearly: bool of the shape of `sad`."""
    tenth, flat = sad.size // 10, sad.flatten()
    flat.partition(tenth)
    # Whole numbers are above a limit when they are above its whole part, and that compares faster.
    active: Array = sad > int(ACTIVE_SAD + ACTIVE_RATIO * float(flat[tenth]))
    return active


def active_share(active: Array) -> float:
    """Share of active blocks, 0 when they are not spread over the picture."""
    count = int(np.count_nonzero(active))
    if count < CALM_SHARE * active.size:
        return count / float(active.size)
    high, wide = active.shape
    ninths = [
        active[i * high // 3 : (i + 1) * high // 3, j * wide // 3 : (j + 1) * wide // 3]
        for i in range(3)
        for j in range(3)
    ]
    spread = sum(1 for part in ninths if np.count_nonzero(part) > CALM_SHARE * part.size)
    return count / float(active.size) if spread >= SPREAD_NINTHS else 0.0


def likeness(active: Array, before: Array) -> float:
    """Correlation of two masks of active blocks, 1 where all or none are: nothing is told."""
    a, b = (np.count_nonzero(one) / active.size for one in (active, before))
    spread = (a * (1 - a) * b * (1 - b)) ** 0.5
    both = np.count_nonzero(active & before) / active.size
    return float((both - a * b) / spread) if spread > 0 else 1.0


def variation(active: Array, sad: Array, before: Array) -> float:
    """By how much the int32 SAD of the `active` blocks changed since `before`, as a part of it."""
    total = int(sad[active].sum())
    return int(np.abs(sad - before)[active].sum()) / total if total else 0.0


def common_shift(blocks: Array) -> float:
    """Length of the vector that most moving blocks share, in pixels; 0 when there is none.

    `LumaField` gives all blocks the same vector; an encoder gives one to each.
    """
    vectors = blocks.view(_VECTOR)["xy"]
    moving = vectors != 0
    count = int(np.count_nonzero(moving))
    if count < MOVED_PART * moving.size:
        return 0.0
    x, y = blocks["x"], blocks["y"]
    if (vectors == vectors[0, 0]).all():
        return float(np.hypot(float(x[0, 0]), float(y[0, 0])))
    xs, ys = x[moving].astype(np.int32), y[moving].astype(np.int32)
    mx, my = middle(xs), middle(ys)
    agree = (np.abs(xs - mx) <= AGREEING_PX) & (np.abs(ys - my) <= AGREEING_PX)
    if np.count_nonzero(agree) < 0.7 * count:
        return 0.0
    return float(np.hypot(mx, my))


def spans(egos: Iterable[Tuple[Seconds, Ego]]) -> List[Tuple[Seconds, Seconds, State]]:
    """From when to when the camera was in which state, in order."""
    found: List[Tuple[Seconds, Seconds, State]] = []
    for ts, ego in egos:
        if found and found[-1][2] is ego.state:
            found[-1] = (found[-1][0], ts, ego.state)
            continue
        start = ego.since if found and ego.since > found[-1][0] else ts
        if found:
            found[-1] = (found[-1][0], start, found[-1][2])
        found.append((start, ts, ego.state))
    return found
