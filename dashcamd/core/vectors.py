"""Second thoughts on a group where an encoder gave the vectors and light was not taken out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Deque, List, NamedTuple, Optional, Tuple

import numpy as np

from dashcamd.core.noise import Noise
from dashcamd.types import BLOCK_PX, Box, Flow, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

NO_OUTLINE = "vectors of a plain surface"
OUTLINE_FRACTION = 0.3
OUTLINE_PART = 0.1
OUTLINE_BLOCKS = 2
"""In a plain surface that grows brighter an encoder finds vectors that agree and match well; a
thing that moves covers and uncovers, and this part of its blocks match badly, two at least. Badly
is so much of the deviations above the mean: at dusk somebody large has no more. While the whole
picture differs more than is ordinary (the infrared filter switches) it is above that."""

SMOOTH_PART = 0.35
"""A group with the least outline that has less than this part of its blocks in it is smooth: edges
of clouds have two blocks in it now and then by noise alone."""

SOFT_EDGE = "soft edge of light"
SOFT_PART = 0.15
MOVED_PART = 0.6
"""Where light cannot be taken out it has a halo: the blocks around its group have risen by the
first part of what those inside have (drawn headlights 0.16 to 0.48, people and cars 0.01 at most),
and less than the second part of these have a vector."""


DISAGREE = "vectors that disagree, as in glare"
AGREEING = 0.58
AGREEING_BLOCKS = 16
AGREEING_LITTLE = 0.3
LITTLE_BLOCKS = 8
"""The vectors of a large group, laid end to end, must lead so far of their whole length: in glare
an encoder finds any. Drawn headlights 0.1 to 0.52, most people and cars 0.6 to 0.98. A group of
half the size need not agree as well: a sunbeam on a window has 0.17 to 0.27."""

ROUGH = 0.57
SOLID_BLOCKS = 12
"""Unless the group is rough, or who walks towards the camera, and a car faster than an encoder
looks, would be glare: between neighbours SAD differs by this part of what it is (light 0.2 to 0.5,
people and cars 0.5 to 1). With fewer blocks above their limits a group is faint, and rough by noise
alone."""

LIGHT = {DISAGREE: 2, SOFT_EDGE: 2, NO_OUTLINE: 1}
"""What is objected to light, and for how many fields that speak for a thing each objection counts:
a visitor at dusk is refused for his outline now and then."""

FALLING = "falls as snow does"
FALL_PX = 4.0
FALL_STEEP = 2.0
SMALL_BLOCKS = 12
"""A group below so many blocks falls when its vectors point down by at least this many pixels a
pool of fields, and this many times as far down as aside."""

FALL_S: Seconds = 20.0
FALL_COLUMNS = 3
COLUMN = 0.1
"""When small groups have fallen in so many other columns of the picture (this far apart) within
this time, it snows, and a small group that falls is no visitor."""


_SUM = np.add.reduce


class Thought(NamedTuple):
    """What there is to say of a group: the `objection`, if any, and as in `Score` the rest."""

    objection: Optional[str] = None
    is_faint: bool = False
    flow: Optional[Flow] = None
    is_smooth: bool = False


class Doubts:
    """Says why a group is not a thing, by its vectors and its surroundings. One camera."""

    def __init__(self) -> None:
        self._falls: Deque[Tuple[Seconds, float]] = deque()

    def of_group(
        self,
        ts: Seconds,
        place: Box,
        cluster: int,
        vectors: Array,
        sad: Array,
        noise: Noise,
        excess: float = 0.0,
    ) -> Thought:
        """Think again about the group of `cluster` blocks in the box `place`.

        `vectors` are those of the field: float32 of shape (2, rows, cols), x before y, in pixels.
        `excess` is how far the SAD of the whole picture lies above the ordinary.
        """
        inside = rows, cols = inside_of(place, sad.shape)
        own = vectors[:, rows, cols]
        across, up = _SUM(own, (1, 2)).tolist()
        if self._falls_as_snow(ts, place, cluster, across, -up):
            return Thought(FALLING)
        risen: Array = sad[inside] - noise.mean[0][inside]
        least = noise.deviations_at(inside, OUTLINE_FRACTION) + np.float32(excess)
        badly = int(np.count_nonzero(risen > least))
        if badly < OUTLINE_BLOCKS or badly < OUTLINE_PART * cluster:
            return Thought(NO_OUTLINE)
        is_smooth = badly <= OUTLINE_BLOCKS and badly < SMOOTH_PART * cluster
        is_faint = int(np.count_nonzero(sad[inside] > noise.limit[0][inside])) < SOLID_BLOCKS
        lengths: Array = np.hypot(own[0], own[1])
        flow = None
        if cluster >= LITTLE_BLOCKS and (is_faint or not _is_rough(risen)):
            flow = _flow(across, up, float(_SUM(lengths, None)), cluster, sad.shape)
            if flow.agreement < (AGREEING if cluster >= AGREEING_BLOCKS else AGREEING_LITTLE):
                return Thought(DISAGREE)
        is_vague = np.count_nonzero(lengths) < MOVED_PART * lengths.size
        soft = SOFT_EDGE if is_vague and _is_soft(inside, risen, sad, noise) else None
        return Thought(soft, is_faint, flow, is_smooth)

    def _falls_as_snow(
        self, ts: Seconds, place: Box, cluster: int, across: float, down: float
    ) -> bool:
        while self._falls and not 0 <= ts - self._falls[0][0] <= FALL_S:
            self._falls.popleft()
        is_steep = down >= FALL_STEEP * abs(across) and down >= FALL_PX * cluster
        if cluster >= SMALL_BLOCKS or not is_steep:
            return False
        column = (place[0] + place[2]) / 2
        others: List[float] = []
        for _, other in self._falls:
            if all(abs(other - one) > COLUMN for one in (column, *others)):
                others.append(other)
        self._falls.append((ts, column))
        return len(others) >= FALL_COLUMNS


def _flow(across: float, up: float, whole: float, cluster: int, grid: Any) -> Flow:
    """That of vectors whose sum is `across` and `up` and whose lengths are `whole` pixels."""
    rows, cols = grid
    agreement = (across * across + up * up) ** 0.5 / whole if whole else 1.0
    pixels = BLOCK_PX * cluster
    return Flow(across / (pixels * cols), up / (pixels * rows), agreement, cluster)


def _is_rough(risen: Array) -> bool:
    """Whether what has risen differs from column to column as a thing does."""
    whole = float(_SUM(risen, None)) / risen.size
    steps = risen[:, 1:] - risen[:, :-1]
    return float(_SUM(np.abs(steps), None)) >= ROUGH * whole * steps.size > 0


def inside_of(place: Box, shape: Any) -> Tuple[slice, slice]:
    """The rows and columns of a box in a grid of `shape`."""
    rows, cols = shape
    left, top, right, bottom = place
    return (
        slice(round(top * rows), round(bottom * rows)),
        slice(round(left * cols), round(right * cols)),
    )


def _is_soft(inside: Any, risen: Array, sad: Array, noise: Noise) -> bool:
    """Whether the group, whose blocks have `risen` by so much, fades out around it."""
    rows, cols = inside
    wide = (
        slice(max(0, rows.start - 1), rows.stop + 1),
        slice(max(0, cols.start - 1), cols.stop + 1),
    )
    all_risen: Array = sad[wide] - noise.mean[0][wide]
    around = all_risen.size - risen.size
    # An array of float64: a number would be rounded to float32 before it is compared.
    least = np.array([SOFT_PART * median(risen.ravel())])
    # So many around it are higher when their upper median is.
    higher = np.count_nonzero(all_risen > least) - np.count_nonzero(risen > least)
    return around > 0 and higher >= around - around // 2


def median(values: Array) -> float:
    """The upper median of a line of values; numpy's own costs three times as much."""
    middle = len(values) // 2
    ordered = values.copy()
    ordered.partition(middle)
    return float(ordered[middle])
