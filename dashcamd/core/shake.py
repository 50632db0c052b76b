"""A camera that shakes: find the shift of the whole picture and take it out.

A pole in the wind or an idling engine shifts every edge of the picture by the same small vector.
The shift is found from the sums of rows and columns (two one-dimensional searches, then one
least-squares step for the part of a pixel), and both pictures are moved half of the fraction
towards each other, so that interpolation blurs both alike and leaves no difference of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Tuple

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

REACH = 12
"""Largest shift searched, in binned pixels (24 pixels of a 640 wide picture in 0.1 s)."""

MIN_SHIFT = 0.05
"""A shift by less is not worth an interpolation."""


class Shift(NamedTuple):
    """By how many binned pixels the picture has moved to the right and down."""

    x: float
    y: float

    def __bool__(self) -> bool:
        return max(abs(self.x), abs(self.y)) >= MIN_SHIFT


def global_shift(now: Array, before: Array) -> Shift:
    """The shift that best explains `now` by `before`; both of shape (high, wide)."""
    return Shift(
        _profile_shift(now.sum(0, dtype=np.int32), before.sum(0, dtype=np.int32)),
        _profile_shift(now.sum(1, dtype=np.int32), before.sum(1, dtype=np.int32)),
    )


def _profile_shift(now: Array, before: Array) -> float:
    """Shift of one profile; slopes are compared, so that light does not matter."""
    now = np.diff(now).astype(np.float32)
    before = np.diff(before).astype(np.float32)
    reach = min(REACH, (len(now) - 3) // 4)
    if reach < 1:
        return 0.0
    middle = now[reach:-reach]
    size = len(middle)
    places = np.arange(2 * reach + 1)[:, None] + np.arange(size)[None, :]
    errors = np.abs(before[places] - middle).sum(1)
    whole = int(errors.argmin())
    if errors[whole] >= errors[reach]:
        whole = reach
    there = before[whole : whole + size]
    slope = (np.gradient(there) + np.gradient(middle)) / 2
    steep = float(slope @ slope)
    part = -float(slope @ (middle - there)) / steep if steep else 0.0
    return reach - whole + float(np.clip(part, -0.75, 0.75))


def aligned(now: Array, before: Array, shift: Shift) -> Tuple[Array, Array]:
    """`now` and `before` on top of each other; the rim that only one of them saw is zero."""
    whole_x, whole_y = round(shift.x), round(shift.y)
    before = np.roll(before, (whole_y, whole_x), (0, 1)).astype(np.float32)
    now = now.astype(np.float32)
    for axis, part in ((1, shift.x - whole_x), (0, shift.y - whole_y)):
        if abs(part) >= MIN_SHIFT:
            before = _moved(before, part / 2, axis)
            now = _moved(now, -part / 2, axis)
    both = now.astype(np.uint16), before.astype(np.uint16)
    for picture in both:
        _clear_rim(picture, abs(whole_x) + 1, abs(whole_y) + 1)
    return both


def _moved(picture: Array, part: float, axis: int) -> Array:
    """`picture` moved by a part of a pixel along `axis`, bilinear."""
    neighbour = np.roll(picture, 1 if part > 0 else -1, axis)
    neighbour -= picture
    neighbour *= np.float32(abs(part))
    neighbour += picture
    return neighbour


def _clear_rim(picture: Array, wide: int, high: int) -> None:
    picture[:high] = picture[-high:] = 0
    picture[:, :wide] = picture[:, -wide:] = 0
