"""Where motion counts: polygons in fractions of the picture, drawn on the grid of blocks.

Include zones are where something must happen to count (none given: everywhere); exclude zones
(the neighbour's flag, a screen) and painted squares never count and win over include zones. An
include zone may ask for a least size and for a direction. This is about attention, not privacy:
the picture itself is recorded whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Sequence

import numpy as np

from dashcamd.config import IGNORE, Zone
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


COVERED = 0.5
"""A block is ignored when painted squares cover this much of it."""

_SAMPLES = 4


class Area(NamedTuple):
    """Some of the blocks, bool of the grid's shape, and how many must touch there to count."""

    blocks: Array
    least_blocks: float


class ZonePlan:
    """The zones and painted squares of one camera; `on_grid` draws them once a grid is known.

    `ignore` is the setting ``motion.ignore``. Immutable.
    """

    def __init__(self, zones: Sequence[Zone] = (), ignore: str = "") -> None:
        self._ignore = ignore
        self._included = [zone for zone in zones if not zone.is_excluded]
        self._excluded = [zone for zone in zones if zone.is_excluded]

    def on_grid(self, rows: int, cols: int) -> Optional[Array]:
        """Which blocks count, bool of shape (rows, cols); None when all do."""
        if not self._included and not self._excluded and not self._ignore:
            return None
        counts = np.full((rows, cols), not self._included)
        for zone in self._included:
            counts |= inside(zone.corners, rows, cols)
        for zone in self._excluded:
            counts &= ~inside(zone.corners, rows, cols)
        if self._ignore:
            counts &= ~painted(self._ignore, rows, cols)
        return counts

    def areas(self, rows: int, cols: int) -> Sequence[Area]:
        """Where which least size holds; empty when no zone asks for one.

        Zones without one are one area together: what crosses their border is one thing.
        """
        counts = self.on_grid(rows, cols)
        if counts is None or not any(zone.least_size for zone in self._included):
            return ()
        free = np.zeros((rows, cols), bool)
        made = []
        for zone in self._included:
            blocks = counts & inside(zone.corners, rows, cols)
            if zone.least_size:
                made.append(Area(blocks, zone.least_size * rows * cols))
            else:
                free |= blocks
        return (*made, Area(free, 0.0))

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


def painted(ignore: str, rows: int, cols: int) -> Array:
    """Blocks that the squares of ``motion.ignore`` cover: bool of shape (rows, cols)."""
    squares = _squares(ignore)
    high, wide = squares.shape
    y = ((np.arange(rows * _SAMPLES) + 0.5) * high / (rows * _SAMPLES)).astype(int)
    x = ((np.arange(cols * _SAMPLES) + 0.5) * wide / (cols * _SAMPLES)).astype(int)
    samples = squares[y[:, None], x[None, :]].reshape(rows, _SAMPLES, cols, _SAMPLES)
    covered: Array = samples.mean(axis=(1, 3)) >= COVERED
    return covered


def _squares(ignore: str) -> Array:
    """The bits of ``motion.ignore``, bool of shape (rows, cols) of its own grid."""
    match = IGNORE.fullmatch(ignore)
    assert match is not None, "checked by the configuration"
    cols, rows, digits = int(match.group(1)), int(match.group(2)), match.group(3)
    packed = np.frombuffer(bytes.fromhex(digits + "0" * (len(digits) % 2)), np.uint8)
    return np.unpackbits(packed)[: rows * cols].reshape(rows, cols).astype(bool)


def _touches(zone: Zone, place: Box) -> bool:
    left, top, right, bottom = place
    x = left + (right - left) * np.arange(0.5, 8) / 8
    y = top + (bottom - top) * np.arange(0.5, 8) / 8
    return bool(_contains(zone.corners, x[None, :], y[:, None]).any())


def inside(corners: Sequence[Sequence[float]], rows: int, cols: int) -> Array:
    """Blocks whose centre lies inside the polygon, even-odd rule: bool of shape (rows, cols)."""
    x = ((np.arange(cols) + 0.5) / cols)[None, :]
    y = ((np.arange(rows) + 0.5) / rows)[:, None]
    return _contains(corners, x, y)


def _contains(corners: Sequence[Sequence[float]], x: Array, y: Array) -> Array:
    within = np.zeros(np.broadcast(x, y).shape, bool)
    x1, y1 = corners[-1]
    for x2, y2 in corners:
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            within ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        x1, y1 = x2, y2
    return within


def squares_text(mask: Array) -> str:
    """A mask of blocks as ``motion.ignore`` writes one: COLSxROWS:HEX."""
    rows, cols = mask.shape
    digits = np.packbits(mask.ravel()).tobytes().hex()
    return "%dx%d:%s" % (cols, rows, digits[: -(-rows * cols // 4)])
