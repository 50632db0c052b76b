"""What the sensor sees: drawn pictures with their number burnt in, for a test to read back."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Tuple

import numpy as np

from dashcamd.cameras.scene import Scene, Script, draw_counter
from tests.legacy.videocore.chip import Planes


class Street:
    """A still background; picture n shows a car in it, 6 px further each time, if `moves(n)`.

    Without noise and with nothing else that moves, so that the vectors to expect are known.
    """

    def __init__(self, moves: Callable[[int], bool] = lambda n: False) -> None:
        self._moves = moves
        self._drawn: Dict[Tuple[int, int], Planes] = {}

    def __call__(self, number: int, width: int, height: int) -> Planes:
        background, car, chroma = self._drawing(width, height)
        luma = background.copy()
        if self._moves(number):
            tall, wide = car.shape
            left = number * 6 % (width - wide)
            luma[height // 2 : height // 2 + tall, left : left + wide] = car
        draw_counter(luma, number)
        return luma, chroma, chroma

    def _drawing(self, width: int, height: int) -> Planes:
        if (width, height) not in self._drawn:
            random = np.random.RandomState(1)
            coarse = random.randint(60, 180, (height // 8 + 1, width // 8 + 1)).astype(np.uint8)
            background = np.kron(coarse, np.ones((8, 8), np.uint8))[:height, :width]
            car = np.kron(random.randint(0, 255, (height // 32, width // 32)), np.ones((8, 8)))
            chroma = np.full((height // 2, width // 2), 128, np.uint8)
            self._drawn[width, height] = (background, car.astype(np.uint8), chroma)
        return self._drawn[width, height]


class Played:
    """dashcamd's own drawn scene, with noise, after a script such as ``"....wwww...."``."""

    def __init__(self, script: str, fps: float) -> None:
        self._script, self._fps = script, fps
        self._scene: Optional[Scene] = None

    def __call__(self, number: int, width: int, height: int) -> Planes:
        if self._scene is None or (self._scene.width, self._scene.height) != (width, height):
            self._scene = Scene(width, height, self._fps, Script(self._script, repeats=False))
        luma, u, v = (plane.copy() for plane in self._scene.planes(number))
        draw_counter(luma, number)
        return luma, u, v
