"""Motion fields of the pictures that a software camera has at hand anyway.

A recorded stream is decoded for previews and to know it is whole, a drawn or transcoded one
exists as pictures before it is encoded; so the fields come from luma (`dashcamd.core.luma`), not
from an encoder's vectors, which at normal quality are lost in sensor noise. One thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dashcamd.cameras import pyav
from dashcamd.core.luma import LumaField
from dashcamd.types import MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

SOURCE = "ffmpeg"


class PictureFields:
    """Fields of successive pictures; begins afresh when their size changes."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._luma: Optional[LumaField] = None

    def of_frame(self, ts: Seconds, frame: Any) -> Optional[MotionField]:
        """The field of a decoded PyAV frame, or None when none is due."""
        if (frame.height, frame.width) == self._size and not self._is_due(ts):
            return None
        return self.of_luma(ts, pyav.luma_of(frame))

    def _is_due(self, ts: Seconds) -> bool:
        return self._luma is None or self._luma.is_due(ts)

    def of_luma(self, ts: Seconds, luma: Array) -> Optional[MotionField]:
        """The field of a luma plane, uint8 of shape (height, width), or None when none is due."""
        if luma.shape != self._size or self._luma is None:
            self._size = luma.shape
            self._luma = LumaField(luma.shape[1], luma.shape[0])
        blocks = self._luma.step(ts, luma)
        return None if blocks is None else MotionField(ts, blocks, self._luma.scale, SOURCE)
