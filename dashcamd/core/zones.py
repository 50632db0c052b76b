"""Where motion counts: polygons in fractions of the picture, drawn on the grid of blocks.

Include zones are where something must happen to count (none given: everywhere); exclude zones
(the neighbour's flag, a screen) never count and win over include zones. An include zone may ask
for a least size and for a direction. This is about attention, not privacy: the picture itself is
recorded whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple

import numpy as np

from dashcamd.errors import ConfigError
from dashcamd.types import Box

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

DIRECTIONS = {
    "": (0.0, 0.0),
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
}

LEAST_WAY = 0.01
"""How far, in pictures, a thing must get in the wanted direction until it is confirmed."""


@dataclass(frozen=True)
class Zone:
    """One polygon: at least three corners (x, y), each 0..1 from the top left of the picture.

    `is_excluded` makes it a blind spot. `least_size` is a share of the picture (0.01 is one
    percent), `direction` one of `DIRECTIONS`. Raises `ConfigError` when it cannot be drawn.
    """

    corners: Tuple[Tuple[float, float], ...]
    is_excluded: bool = False
    least_size: float = 0.0
    direction: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        where = "zone %r" % self.name if self.name else "zone"
        if len(self.corners) < 3:
            raise ConfigError("%s: a polygon has at least three corners" % where)
        if not all(0 <= part <= 1 for corner in self.corners for part in corner):
            raise ConfigError("%s: corners are fractions of the picture, 0 to 1" % where)
        if not 0 <= self.least_size <= 1:
            raise ConfigError("%s: least_size is a share of the picture, 0 to 1" % where)
        if self.direction not in DIRECTIONS:
            known = ", ".join(repr(one) for one in DIRECTIONS)
            raise ConfigError("%s: direction is one of %s" % (where, known))


class ZonePlan:
    """The zones of one camera; `on_grid` draws them once a grid is known. Immutable."""

    def __init__(self, zones: Sequence[Zone] = ()) -> None:
        self._included = [zone for zone in zones if not zone.is_excluded]
        self._excluded = [zone for zone in zones if zone.is_excluded]

    def on_grid(self, rows: int, cols: int) -> Optional[Array]:
        """Which blocks count, bool of shape (rows, cols); None when all do."""
        if not self._included and not self._excluded:
            return None
        counts = np.full((rows, cols), not self._included)
        for zone in self._included:
            counts |= inside(zone.corners, rows, cols)
        for zone in self._excluded:
            counts &= ~inside(zone.corners, rows, cols)
        return counts

    def is_large_enough(self, place: Box, blocks: int, total: int) -> bool:
        """Whether a group of `blocks` of `total` suffices at `place`; one zone there is enough."""
        here = self._around(place)
        return not here or any(blocks >= zone.least_size * total for zone in here)

    def is_wanted_way(self, first: Box, last: Box) -> bool:
        """Whether what went from `first` to `last` moved as one of the zones there wants."""
        here = self._around(last)
        return not here or any(_way(zone.direction, first, last) for zone in here)

    def _around(self, place: Box) -> Sequence[Zone]:
        """The include zones that the box at `place` touches, on a fine grid of its own."""
        return [zone for zone in self._included if _touches(zone, place)]


def _way(direction: str, first: Box, last: Box) -> bool:
    across, down = DIRECTIONS[direction]
    x = (last[0] + last[2] - first[0] - first[2]) / 2
    y = (last[1] + last[3] - first[1] - first[3]) / 2
    return not direction or across * x + down * y >= LEAST_WAY


def _touches(zone: Zone, place: Box) -> bool:
    left, top, right, bottom = place
    x = left + (right - left) * np.arange(0.5, 8) / 8
    y = top + (bottom - top) * np.arange(0.5, 8) / 8
    return bool(_contains(zone.corners, x[None, :], y[:, None]).any())


def inside(corners: Sequence[Tuple[float, float]], rows: int, cols: int) -> Array:
    """Blocks whose centre lies inside the polygon, even-odd rule: bool of shape (rows, cols)."""
    x = ((np.arange(cols) + 0.5) / cols)[None, :]
    y = ((np.arange(rows) + 0.5) / rows)[:, None]
    return _contains(corners, x, y)


def _contains(corners: Sequence[Tuple[float, float]], x: Array, y: Array) -> Array:
    within = np.zeros(np.broadcast(x, y).shape, bool)
    x1, y1 = corners[-1]
    for x2, y2 in corners:
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            within ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        x1, y1 = x2, y2
    return within
