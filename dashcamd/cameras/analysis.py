"""Motion fields of the pictures that a software camera has at hand anyway.

A recorded stream is decoded for previews and to know it is whole, a drawn or transcoded one
exists as pictures before it is encoded; so the fields come from luma (`dashcamd.core.luma`), not
from an encoder's vectors, which at normal quality are lost in sensor noise. One thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from dashcamd.cameras import pyav
from dashcamd.core.luma import LumaField
from dashcamd.core.pace import Turns
from dashcamd.types import MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

SOURCE = "ffmpeg"


class PictureFields:
    """Fields of successive pictures; begins afresh when their size changes.

    `is_due` and `of_due` are for who keeps a few pictures before they are compared; the others ask
    for all of it at once.
    """

    def __init__(self) -> None:
        self._size: Tuple[int, ...] = (0, 0)
        self._turns = Turns()
        self._luma_size: Tuple[int, ...] = (0, 0)
        self._luma: Optional[LumaField] = None

    def of_frame(self, ts: Seconds, frame: Any) -> Optional[MotionField]:
        """The field of a decoded PyAV frame, or None when none is due."""
        is_due = self.is_due(ts, (frame.height, frame.width))
        return self.of_due(ts, pyav.luma_of(frame)) if is_due else None

    def of_luma(self, ts: Seconds, luma: Array) -> Optional[MotionField]:
        """The field of a luma plane, uint8 of shape (height, width), or None when none is due."""
        return self.of_due(ts, luma) if self.is_due(ts, luma.shape) else None

    def is_due(self, ts: Seconds, size: Tuple[int, ...]) -> bool:
        """Whether the picture at `ts` is to be given to `of_due`; `size` is its (height, width).

        To be asked once for each picture, in order.
        """
        if size != self._size:
            self._size, self._turns = size, Turns()
        return self._turns.is_due(ts)

    def of_due(self, ts: Seconds, luma: Array) -> Optional[MotionField]:
        """The field between the last due picture and this one, None for the first of its size."""
        if self._luma is None or luma.shape != self._luma_size:
            self._luma_size = luma.shape
            self._luma = LumaField(luma.shape[1], luma.shape[0])
        blocks = self._luma.step(luma)
        return None if blocks is None else MotionField(ts, blocks, self._luma.scale, SOURCE)
