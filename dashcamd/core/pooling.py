"""Fields of an encoder, pooled: the sum over about a tenth of a second as one field.

Decoded pictures are compared with the one 0.1 s before. An encoder compares each with the one just
before it, in which somebody far away has moved by a pixel or not at all, and noise is in each
anew. In the sum a walker stands out again, and half to two thirds of the fields need not be judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

import numpy as np

from dashcamd.core.pace import FIELD_S, Pace
from dashcamd.types import MOTION_DTYPE, MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

POOLED_SOURCES = frozenset(("videocore",))

LOST_S: Seconds = 0.5
"""Fields further apart than this have no sum: the camera has paused or restarted."""

_HIGH = np.uint32(0x80008080)
_REST = np.uint32(0x7FFF7F7F)
_SIGNS = np.uint32(0x00008080)
_LARGE_SAD = np.uint32(0x80000000)
"""Of the lanes of a word: the highest bits, all others, the signs of a vector; a SAD that may not
fit when doubled."""

_LANES = {name: np.iinfo(MOTION_DTYPE[name]) for name in ("x", "y", "sad")}
_MOST = np.maximum.reduce
_ANY = np.bitwise_or.reduce


class Pool:
    """Adds up the fields of one camera. Pure; one thread.

    Those of other sources than `POOLED_SOURCES` pass as they are.
    """

    def __init__(self) -> None:
        self._held: List[MotionField] = []
        self._wanted = 1
        self._pace = Pace()

    def step(self, field: MotionField) -> Optional[MotionField]:
        """Take the next field; what was pooled when that is complete, else None.

        The answer has the stamp of its first field, so that motion in it never begins late. SAD
        and vectors are sums or the most that fits. The arrays taken are kept until then and must
        not change. However few have come, a pool is complete after `FIELD_S`: the pace may have
        been learnt from two stamps that came too close, or from a camera that was quicker then.
        """
        if field.source not in POOLED_SOURCES:
            self._held.clear()
            return field
        self._pace.see(field.ts)
        if self._held and not _fit(self._held[-1], field):
            self._held.clear()
        if not self._held:
            self._wanted = self._pace.pictures
        self._held.append(field)
        if len(self._held) < self._wanted and field.ts - self._held[0].ts < FIELD_S:
            return None
        return self.flush()

    def flush(self) -> Optional[MotionField]:
        """What is held of a pool that is not complete, as if it were; None without any."""
        held, self._held = self._held, []
        if len(held) < 2:
            return held[0] if held else None
        return _summed(held)


def _fit(earlier: MotionField, later: MotionField) -> bool:
    return earlier.blocks.shape == later.blocks.shape and 0 < later.ts - earlier.ts <= LOST_S


def _summed(fields: List[MotionField]) -> MotionField:
    first = fields[0]
    total = _words(first)
    for one in fields[1:]:
        more = _added(total, _words(one))
        if more is None:
            return MotionField(first.ts, _clipped(fields), first.scale, first.source)
        total = more
    blocks = total.view(MOTION_DTYPE).reshape(first.blocks.shape)
    return MotionField(first.ts, blocks, first.scale, first.source)


def _words(field: MotionField) -> Array:
    """The blocks as one word each: SAD above, then y and x."""
    words: Array = np.ascontiguousarray(field.blocks).reshape(-1).view("<u4")
    return words


def _added(a: Array, b: Array) -> Optional[Array]:
    """The sum in each of the three lanes of the words, as if they were three planes.

    None where one may not fit. Added as words, with the highest bit of each lane put in afterwards
    so that none carries into the next: reading planes out of the words and back costs three times
    as much.
    """
    if max(_MOST(a), _MOST(b)) >= _LARGE_SAD:
        return None
    apart = a ^ b
    total: Array = a & _REST
    total += b & _REST
    total ^= apart & _HIGH
    # A sum has wrapped where both have the other sign.
    wrapped = a ^ total
    np.bitwise_and(wrapped, ~apart, out=wrapped)
    return None if _ANY(wrapped) & _SIGNS else total


def _clipped(fields: List[MotionField]) -> Array:
    """The same where a sum may not fit: the most that does."""
    total = np.empty_like(fields[0].blocks)
    for name, lane in _LANES.items():
        planes = [one.blocks[name].astype(np.int32) for one in fields]
        total[name] = np.clip(sum(planes), lane.min, lane.max)
    return total
