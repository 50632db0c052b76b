"""Text burnt into pictures, for cameras whose hardware cannot write it.

A 5x7 dot-matrix font, scaled to any height without smoothing: hard edges are cheap to encode, to
draw and to read. It draws into the planes of a YUV 4:2:0 picture, or into luma alone
(picamera2's ``lores`` and ``main``). Pure numpy; one owner thread for each `TextOverlay`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7
CELL_WIDTH, CELL_HEIGHT = 6, 9
"""A glyph with its space to the right and one dot above and below."""

FIRST, LAST = 32, 126
UNKNOWN = ord("?")

# Five columns a glyph from the left, the lowest bit at the top.
FONT = bytes.fromhex(
    "0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0005030000"
    "001c224100 0041221c00 14083e0814 08083e0808 0050300000 0808080808 0060600000 2010080402"
    "3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930 0171090503"
    "3649494936 064949291e 0036360000 0056360000 0814224100 1414141414 0041221408 0201510906"
    "324979413e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a"
    "7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e"
    "7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f"
    "6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 4040404040"
    "0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 0c5252523e"
    "7f08040478 00447d4000 2040443d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438"
    "7c14141408 081414187c 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c"
    "4428102844 0c5050503c 4464544c44 0008364100 00007f0000 0041360800 0804081008".replace(" ", "")
)


def expand(text: str, wall: float) -> str:
    """`text` with strftime's codes filled in for local time at `wall` (Unix seconds).

    A code this platform does not know, or a clock outside the calendar, leaves the text as it is:
    a picture with odd text is better than none.
    """
    try:
        return time.strftime(text, time.localtime(wall))
    except (ValueError, OverflowError, OSError):
        return text


def colour_yuv(colour: str) -> Tuple[int, int, int]:
    """Luma and chroma of ``#rrggbb`` (ITU-R BT.601, studio range)."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


def dots(text: str) -> Array:
    """The text as a bool matrix of font dots, ``(9, 6 * len(text))``; unknown characters are ?."""
    codes = [ord(char) if FIRST <= ord(char) <= LAST else UNKNOWN for char in text]
    font = np.frombuffer(FONT, np.uint8).reshape(-1, GLYPH_WIDTH)
    columns = np.zeros((len(codes), CELL_WIDTH), np.uint8)
    columns[:, :GLYPH_WIDTH] = font[np.array(codes, np.intp) - FIRST]
    matrix = np.zeros((CELL_HEIGHT, columns.size), bool)
    for row in range(GLYPH_HEIGHT):
        matrix[row + 1] = (columns.reshape(-1) >> row) & 1
    return matrix


def text_mask(text: str, height: int, width_limit: int) -> Array:
    """The text as a bool mask about `height` pixels tall, made smaller until it fits in width."""
    matrix = dots(text)
    tall = max(CELL_HEIGHT, height)
    if matrix.shape[1] * tall > width_limit * CELL_HEIGHT:
        tall = max(CELL_HEIGHT, width_limit * CELL_HEIGHT // matrix.shape[1])
    wide = min(matrix.shape[1] * tall // CELL_HEIGHT, width_limit)
    rows = np.arange(tall) * CELL_HEIGHT // tall
    cols = np.arange(wide) * CELL_HEIGHT // tall
    return matrix[rows][:, cols]


class TextOverlay:
    """One line of text at the top centre of every picture, where the Pi's firmware puts it.

    `size` in pixels, `foreground` and `background` as ``#rrggbb``; an empty background leaves the
    picture between the letters. The text is rendered again only when it changes.
    """

    def __init__(self, size: int, foreground: str, background: str = "") -> None:
        self._size = size
        self._ink = colour_yuv(foreground or "#ffffff")
        self._paper: Optional[Tuple[int, int, int]] = colour_yuv(background) if background else None
        self._rendered: Tuple[str, Tuple[int, ...]] = ("", ())
        self._masks: List[Array] = []

    def draw(self, text: str, luma: Array, *chroma: Array) -> None:
        """Write `text` into `luma` and, when given, the half-sized U and V planes."""
        if not text:
            return
        if self._rendered != (text, luma.shape):
            self._render(text, luma.shape)
        for number, plane in enumerate((luma, *chroma)):
            self._draw_plane(plane, self._masks[min(number, 1)], number)

    def _render(self, text: str, shape: Tuple[int, ...]) -> None:
        mask = text_mask(text, self._size, shape[1])[: shape[0]]
        self._masks = [mask, mask[::2, ::2]]
        self._rendered = (text, shape)

    def _draw_plane(self, plane: Array, mask: Array, number: int) -> None:
        left = (plane.shape[1] - mask.shape[1]) // 2
        place = plane[: mask.shape[0], left : left + mask.shape[1]]
        mask = mask[: place.shape[0], : place.shape[1]]
        if self._paper is not None:
            place[...] = self._paper[number]
        np.copyto(place, np.uint8(self._ink[number]), where=mask)
