"""A raw picture as it moves between components."""

from __future__ import annotations

from typing import Tuple

import av
import numpy as np

from tests.legacy.videocore.chip import Planes


class Picture:
    """Three planes of 4:2:0 video and the time of exposure in microseconds."""

    def __init__(self, planes: Planes, pts_us: int) -> None:
        self.planes = planes
        self.pts_us = pts_us

    @property
    def luma(self) -> np.ndarray:
        return self.planes[0]

    def resized(self, size: Tuple[int, int]) -> Picture:
        height, width = self.luma.shape
        if (width, height) == size:
            return self
        small = self.as_frame().reformat(width=size[0], height=size[1], format="yuv420p")
        stacked = small.to_ndarray()
        width, height = size
        chroma = stacked[height:].reshape(2, height // 2, width // 2)
        return Picture((stacked[:height], chroma[0], chroma[1]), self.pts_us)

    def as_frame(self) -> av.VideoFrame:
        """The picture as PyAV's encoders take it."""
        y, u, v = self.planes
        flat = np.concatenate([plane.reshape(-1) for plane in (y, u, v)])
        frame = av.VideoFrame.from_ndarray(flat.reshape(-1, y.shape[1]), format="yuv420p")
        frame.pts = self.pts_us
        return frame
