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

_WORD, _HALF = np.dtype("<u4"), np.dtype("<u2")
_SIGNS = 0x00008080
_LARGE_SAD = 0x80000000
"""Of the lanes of a word: the signs of a vector; a SAD that may not fit when doubled."""

_LANES = {name: np.iinfo(MOTION_DTYPE[name]) for name in ("x", "y", "sad")}
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
    return MotionField(first.ts, total.view(MOTION_DTYPE), first.scale, first.source)


def _words(field: MotionField) -> Array:
    """The blocks as one word each: SAD above, then y and x."""
    words: Array = np.ascontiguousarray(field.blocks).view(_WORD)
    return words


def _added(a: Array, b: Array) -> Optional[Array]:
    """The sum in each of the three lanes of the words, as if they were three planes.

    None where one may not fit. Added twice, as bytes, which is right for the vectors, and as halves
    of words, which is for the SAD: reading planes out of the words and back costs three times as
    much.
    """
    either = a | b
    if int(_ANY(either, None)) & _LARGE_SAD:
        return None
    halves = a.view(_HALF) + b.view(_HALF)
    total: Array = (a.view(np.uint8) + b.view(np.uint8)).view(_WORD)
    total.view(_HALF)[:, 1::2] = halves[:, 1::2]
    # A sum has wrapped where both have the other sign.
    wrapped = np.bitwise_xor(a, total, out=either)
    wrapped &= b ^ total
    return None if int(_ANY(wrapped, None)) & _SIGNS else total


def _clipped(fields: List[MotionField]) -> Array:
    """The same where a sum may not fit: the most that does."""
    total = np.empty_like(fields[0].blocks)
    for name, lane in _LANES.items():
        planes = [one.blocks[name].astype(np.int32) for one in fields]
        total[name] = np.clip(sum(planes), lane.min, lane.max)
    return total
