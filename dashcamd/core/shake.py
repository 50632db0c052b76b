"""A camera that shakes: find the shift of the whole picture and take it out.

A pole in the wind or an idling engine shifts every edge of the picture by the same small vector.
The shift is found from the sums of rows and columns (two one-dimensional searches, then one
least-squares step for the part of a pixel), and both pictures are moved half of the fraction
towards each other, so that interpolation blurs both alike and leaves no difference of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Tuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

REACH = 12
"""Largest shift searched, in binned pixels (24 pixels of a 640 wide picture in 0.1 s)."""

MIN_SHIFT = 0.05
"""A shift by less is not worth an interpolation."""

MOST_PART = 0.75
"""The last step may correct the whole number of pixels by so much."""

FINE_BITS = 6
FINE = 1 << FINE_BITS
"""Pictures are moved by such parts of a pixel: as many times 1020 as 16 bits hold."""


class Shift(NamedTuple):
    """By how many binned pixels the picture has moved to the right and down."""

    x: float
    y: float

    def __bool__(self) -> bool:
        return max(abs(self.x), abs(self.y)) >= MIN_SHIFT


def global_shift(now: Array, before: Array) -> Shift:
    """The shift that best explains `now` by `before`; both uint16 of shape (high, wide)."""
    across, down = zip(_profiles(now), _profiles(before))
    return Shift(_profile_shift(*across), _profile_shift(*down))


def _profiles(plane: Array) -> Tuple[Array, Array]:
    """The sums of all columns and of all rows; a float32 holds sums of whole numbers below 2^24."""
    pixels = plane.astype(np.float32)
    return np.einsum("ij->j", pixels), np.einsum("ij->i", pixels)


def _profile_shift(now: Array, before: Array) -> float:
    """Shift of one profile; slopes are compared, so that light does not matter."""
    now, before = now[1:] - now[:-1], before[1:] - before[:-1]
    reach = min(REACH, (len(now) - 3) // 4)
    if reach < 1:
        return 0.0
    middle = now[reach:-reach]
    size, (step,) = len(middle), before.strides
    errors = np.abs(as_strided(before, (2 * reach + 1, size), (step, step)) - middle).sum(1)
    whole = int(errors.argmin())
    if errors[whole] >= errors[reach]:
        whole = reach
    there = before[whole : whole + size]
    slope = _gradient(there + middle) / 2
    steep = float(slope @ slope)
    part = -float(slope @ (middle - there)) / steep if steep else 0.0
    return reach - whole + min(max(part, -MOST_PART), MOST_PART)


def _gradient(line: Array) -> Array:
    """``np.gradient`` of a line; numpy's own takes five times as long."""
    slope = np.empty_like(line)
    np.subtract(line[2:], line[:-2], out=slope[1:-1])
    slope[1:-1] /= 2
    slope[0], slope[-1] = line[1] - line[0], line[-1] - line[-2]
    return slope


def aligned(now: Array, before: Array, shift: Shift, shape: Tuple[int, int]) -> Array:
    """`now` and `before` on top of each other: uint16 of (2, *shape).

    Both are uint16, at most 1020, no larger than `shape`. The rim that only one of them saw, and
    what `shape` has more, is zero.
    """
    whole_x, whole_y = round(shift.x), round(shift.y)
    rim_x, rim_y = abs(whole_x) + 1, abs(whole_y) + 1
    high, wide = now.shape[0] - 2 * rim_y, now.shape[1] - 2 * rim_x
    x, y = (shift.x - whole_x) / 2, (shift.y - whole_y) / 2
    both = np.zeros((2, *shape), np.uint16)
    inner = both[:, rim_y : rim_y + high, rim_x : rim_x + wide]
    inner[0] = _moved(_with_rim(now, rim_x, rim_y, high, wide), -x, -y)
    inner[1] = _moved(_with_rim(before, rim_x - whole_x, rim_y - whole_y, high, wide), x, y)
    return both


def _with_rim(picture: Array, left: int, top: int, high: int, wide: int) -> Array:
    """The part of `picture` at `left`, `top` with a rim of one pixel."""
    part: Array = picture[top - 1 : top + high + 1, left - 1 : left + wide + 1]
    return part


def _moved(picture: Array, x: float, y: float) -> Array:
    """`picture` without its rim, moved by parts of a pixel, bilinear."""
    moved: Array = _mixed(_mixed(picture, x).T, y).T
    return moved


def _mixed(picture: Array, part: float) -> Array:
    """`picture` without its first and last column, moved by `part` along its rows."""
    weight = round(abs(part) * FINE)
    own, near = picture[:, 1:-1], picture[:, :-2] if part > 0 else picture[:, 2:]
    if not weight:
        return own
    mixed: Array = own * np.uint16(FINE - weight)
    mixed += near * np.uint16(weight)
    mixed += np.uint16(FINE // 2)
    mixed >>= np.uint16(FINE_BITS)
    return mixed
