"""What the sensor sees: a textured street, one car that drives when told, and a counter.

The counter is the number of the picture in 16 black or white squares, which survive the encoder;
a test reads it back from a file and knows which pictures it holds.
"""

from __future__ import annotations

from typing import Callable, Dict, Tuple

import numpy as np

from tests.legacy.videocore.chip import Planes

SQUARE_PX = 16
BITS = 16


def draw_counter(luma: np.ndarray, number: int) -> None:
    """Write `number` into the first 16 macroblocks of `luma`."""
    for bit in range(BITS):
        shade = 235 if number >> bit & 1 else 16
        luma[:SQUARE_PX, bit * SQUARE_PX : (bit + 1) * SQUARE_PX] = shade


def read_counter(luma: np.ndarray) -> int:
    """The number that `draw_counter` wrote, after any codec."""
    inside = luma[4 : SQUARE_PX - 4, : BITS * SQUARE_PX].reshape(SQUARE_PX - 8, BITS, SQUARE_PX)
    means = inside[:, :, 4:-4].mean(axis=(0, 2))
    return int(sum(1 << bit for bit in range(BITS) if means[bit] > 128))


class Street:
    """A still background; picture n shows a car in it, 6 px further each time, if `moves(n)`."""

    def __init__(self, moves: Callable[[int], bool] = lambda n: False) -> None:
        self._moves = moves
        self._drawn: Dict[Tuple[int, int], Tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def __call__(self, number: int, width: int, height: int) -> Planes:
        background, car, chroma = self._drawing(width, height)
        luma = background.copy()
        if self._moves(number):
            tall, wide = car.shape
            left = number * 6 % (width - wide)
            luma[height // 2 : height // 2 + tall, left : left + wide] = car
        draw_counter(luma, number & 0xFFFF)
        return luma, chroma, chroma

    def _drawing(self, width: int, height: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        if (width, height) not in self._drawn:
            random = np.random.RandomState(1)
            coarse = random.randint(60, 180, (height // 8 + 1, width // 8 + 1)).astype(np.uint8)
            background = np.kron(coarse, np.ones((8, 8), np.uint8))[:height, :width]
            car = np.kron(random.randint(0, 255, (height // 32, width // 32)), np.ones((8, 8)))
            chroma = np.full((height // 2, width // 2), 128, np.uint8)
            self._drawn[width, height] = (background, car.astype(np.uint8), chroma)
        return self._drawn[width, height]
