"""What a camera's settings do to a picture, for cameras that have no hardware to do it.

Crop, then rotation and mirroring, then brightness, contrast and saturation, then the burnt-in
text: the order of the Pi's pipeline. Neutral settings cost nothing. Also the rule by which a
camera names the settings it cannot honour.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Collection, Optional, Tuple

import numpy as np

from dashcamd.cameras.overlay import TextOverlay, expand
from dashcamd.config import CameraConfig

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

WHOLE = (0.0, 0.0, 1.0, 1.0)

PICTURE_SETTINGS = ("hflip", "vflip", "brightness", "contrast", "saturation", "crop")
TEXT_SETTINGS = (
    "annotate_text",
    "annotate_size",
    "annotate_foreground",
    "annotate_background",
)


def refused(
    wanted: CameraConfig,
    running: CameraConfig,
    live: Collection[str],
    fixed: Collection[str],
) -> Tuple[str, ...]:
    """Names of the settings in `wanted` that a camera cannot honour.

    `live` can change at any time; `fixed` are honoured as they were in `running`, when the camera
    started; of all others only the default can be honoured.
    """
    default = CameraConfig()
    names = []
    for name in (item.name for item in fields(CameraConfig)):
        honoured = running if name in fixed else default
        if name not in live and getattr(wanted, name) != getattr(honoured, name):
            names.append(name)
    return tuple(names)


class Lens:
    """Applies the settings of one `CameraConfig` to YUV 4:2:0 planes.

    `rotation` apart, since it decides the picture's shape and cannot change while recording.
    """

    def __init__(self, config: CameraConfig, rotation: int) -> None:
        self._crop = config.crop if config.crop != WHOLE else None
        self._quarters = rotation // 90 % 4
        self._hflip, self._vflip = config.hflip, config.vflip
        self._luma_table = _luma_table(config.brightness, config.contrast)
        self._chroma_table = _chroma_table(config.saturation)

    @property
    def is_neutral(self) -> bool:
        """Whether pictures come out as they went in."""
        tables = self._luma_table is None and self._chroma_table is None
        moves = self._crop or self._quarters or self._hflip or self._vflip
        return tables and not moves

    def apply(self, planes: Tuple[Array, ...]) -> Tuple[Array, ...]:
        """The planes seen through the lens: views of the given ones, or new arrays."""
        tables = (self._luma_table, self._chroma_table, self._chroma_table)
        return tuple(self._plane(plane, table) for plane, table in zip(planes, tables))

    def _plane(self, plane: Array, table: Optional[Array]) -> Array:
        if self._crop:
            plane = _cropped(plane, self._crop)
        if self._quarters:
            plane = np.rot90(plane, -self._quarters)
        plane = plane[:: -1 if self._vflip else 1, :: -1 if self._hflip else 1]
        return plane if table is None else table[plane]


class Annotation:
    """The burnt-in text of a `CameraConfig`, with the time filled in."""

    def __init__(self, config: CameraConfig) -> None:
        self._text = config.annotate_text
        self._overlay = TextOverlay(
            config.annotate_size, config.annotate_foreground, config.annotate_background
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is burnt in."""
        return not self._text

    def draw(self, wall: float, planes: Tuple[Array, ...]) -> None:
        """Write the text as of `wall` (Unix seconds) into luma, U and V."""
        self._overlay.draw(expand(self._text, wall), *planes)


def _cropped(plane: Array, crop: Tuple[float, ...]) -> Array:
    """The part of the plane, enlarged to its whole size without smoothing."""
    height, width = plane.shape
    x, y, wide, tall = crop
    rows = ((y + tall * (np.arange(height) + 0.5) / height) * height).astype(np.intp)
    cols = ((x + wide * (np.arange(width) + 0.5) / width) * width).astype(np.intp)
    cut: Array = plane[np.clip(rows, 0, height - 1)][:, np.clip(cols, 0, width - 1)]
    return cut


def _luma_table(brightness: int, contrast: int) -> Optional[Array]:
    if brightness == 50 and contrast == 0:
        return None
    return _table(1 + contrast / 100, (brightness - 50) * 2.56)


def _chroma_table(saturation: int) -> Optional[Array]:
    return None if saturation == 0 else _table(1 + saturation / 100, 0.0)


def _table(gain: float, offset: float) -> Array:
    levels = (np.arange(256) - 128) * gain + 128 + offset
    table: Array = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return table
