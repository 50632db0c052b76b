"""Fields of an encoder, pooled: the sum over about a tenth of a second as one field.

Decoded pictures are compared with the one 0.1 s before. An encoder compares each with the one just
before it, in which somebody far away has moved by a pixel or not at all, and noise is in each
anew. In the sum a walker stands out again, and half to two thirds of the fields need not be judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

import numpy as np

from dashcamd.core.pace import Pace
from dashcamd.types import MOTION_DTYPE, MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

POOLED_SOURCES = frozenset(("videocore",))

LOST_S: Seconds = 0.5
"""Fields further apart than this have no sum: the camera has paused or restarted."""

_HIGH = np.uint32(0x80008080)
_REST = np.uint32(0x7FFF7F7F)
_LARGE_SAD = np.uint32(0x80000000)
"""Of the lanes of a word: the highest bits, and all others; a SAD that may not fit when doubled."""

_MOST_SAD = np.uint32(np.iinfo(MOTION_DTYPE["sad"]).max)
_MOST = np.maximum.reduce


class Pool:
    """Adds up the fields of one camera. Pure; one thread.

    Those of other sources than `POOLED_SOURCES` pass as they are.
    """

    def __init__(self) -> None:
        self._held: List[MotionField] = []
        self._wanted = 2
        self._pace = Pace()

    def step(self, field: MotionField) -> Optional[MotionField]:
        """Take the next field; what was pooled when that is complete, else None.

        The answer has the stamp of its first field, so that motion in it never begins late. SAD
        is the sum or the most that fits. Vectors are sums that wrap beyond 127 pixels, which no
        encoder searches. The arrays taken are kept until then and must not change.
        """
        if field.source not in POOLED_SOURCES:
            self._held.clear()
            return field
        self._pace.see(field.ts)
        if self._held and not _fit(self._held[-1], field):
            self._held.clear()
            self._wanted = 1
        if self._pace.step_s > 0 and len(self._held) <= 1:
            # Asked for the second of a pool as well: the very first pace is known only then.
            self._wanted = self._pace.pictures
        if len(self._held) >= self._wanted:
            self._held.clear()
        self._held.append(field)
        if len(self._held) < self._wanted:
            return None
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else _summed(held)


def _fit(earlier: MotionField, later: MotionField) -> bool:
    return earlier.blocks.shape == later.blocks.shape and 0 < later.ts - earlier.ts <= LOST_S


def _summed(fields: List[MotionField]) -> MotionField:
    first = fields[0]
    total = _words(first)
    for one in fields[1:]:
        total = _added(total, _words(one))
    blocks = total.view(MOTION_DTYPE).reshape(first.blocks.shape)
    return MotionField(first.ts, blocks, first.scale, first.source)


def _words(field: MotionField) -> Array:
    """The blocks as one word each: SAD above, then y and x."""
    words: Array = np.ascontiguousarray(field.blocks).reshape(-1).view("<u4")
    return words


def _added(a: Array, b: Array) -> Array:
    """The sum in each of the three lanes of the words, as if they were three planes.

    Added as words, with the highest bit of each lane put in afterwards so that none carries into
    the next: reading planes out of the words and back costs three times as much.
    """
    if max(_MOST(a), _MOST(b)) >= _LARGE_SAD:
        return _most(a, b)
    apart = a ^ b
    apart &= _HIGH
    total: Array = a & _REST
    total += b & _REST
    total ^= apart
    return total


def _most(a: Array, b: Array) -> Array:
    """The same where a SAD may not fit: the most that does."""
    one, other = a.view(MOTION_DTYPE), b.view(MOTION_DTYPE)
    total = np.empty_like(one)
    for axis in "xy":
        np.add(one[axis], other[axis], out=total[axis])
    sad = np.add(one["sad"], other["sad"], dtype=np.uint32)
    total["sad"] = np.minimum(sad, _MOST_SAD)
    words: Array = total.view("<u4")
    return words
