"""A drawn scene with a script: the same picture for the same seed and number, on any machine.

A textured street in front of which a walker or a car passes when the script says so, with sensor
noise, and the frame's number burnt in as a small matrix that survives low bit rates
(`draw_counter`, `read_counter`): a lost or doubled frame shows in the file itself.

Everything is textured and nothing is periodic, since encoders find no honest vector in a plain
or a repeating surface. Planes are made once, movers are copied in, noise is cut from a larger
sheet: a picture costs little beside its encoding. Pure numpy, one thread per `Scene`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Tuple

import numpy as np

from dashcamd.errors import ConfigError, MediaError
from dashcamd.types import Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

DEFAULT_SCRIPT = "........wwwwww................ccc..........."
"""Somebody walks by at second 8, a car drives by at 30, and so on every 22 s."""

NOISE_SIGMA = 1.5
"""Grey levels: a good sensor by day."""

FASTEST = 0.45
"""Picture widths a second: 12 px a frame at 640x480 and 24 fps, inside x264's search range."""

LAMP_LEVELS = 40
"""How much brighter the picture is while the lamp of the script is on."""

COUNTER_CELL_PX = 4
COUNTER_COLUMNS, COUNTER_ROWS = 8, 4
COUNTER_LIMIT = 1 << 24
BLACK, WHITE = 16, 235


class Passage(NamedTuple):
    """One stretch of the script: what (``w`` walker, ``c`` car, ``L`` lamp) from when to when."""

    kind: str
    start_s: Seconds
    end_s: Seconds


class Script:
    """When something moves, written as a string of one character for each `step_s` seconds.

    ``.`` nothing, ``w`` or ``#`` a walker, ``c`` a car, ``L`` a lamp is on (the light changes and
    nothing moves). Repeats for ever unless `repeats` is false. Raises `ConfigError` on another
    character.
    """

    def __init__(self, text: str, step_s: Seconds = 1.0, repeats: bool = True) -> None:
        unknown = set(text) - set(".w#cL")
        if unknown or not text:
            raise ConfigError(
                "scene script %r: must be made of . (nothing), w (walker), c (car), L (lamp)" % text
            )
        self.text = text.replace("#", "w")
        self.step_s = step_s
        self.repeats = repeats
        self.length_s = len(text) * step_s
        self.passages = tuple(_passages(self.text, step_s))

    def at(self, time_s: Seconds) -> Tuple[Passage, ...]:
        """What goes on at `time_s`, in the seconds of that round of the script."""
        if time_s >= self.length_s and not self.repeats:
            return ()
        here = time_s % self.length_s
        return tuple(one for one in self.passages if one.start_s <= here < one.end_s)


class Scene:
    """Pictures of one size as YUV 4:2:0 planes; `planes(n)` is the same however n is reached.

    The arrays it returns are its own and are drawn over by the next call.
    """

    def __init__(self, width: int, height: int, fps: float, script: Script, seed: int = 1) -> None:
        if width % 2 or height % 2:
            raise ConfigError("scene of %dx%d: sides must be even" % (width, height))
        self.width, self.height, self.fps = width, height, fps
        self.script, self.seed = script, seed
        rng = np.random.RandomState(seed)
        self._background = _street(rng, width, height)
        self._noise = _noise_sheet(rng, width, height)
        self._sprites: Dict[str, List[Sprite]] = {
            "w": _walker(rng, width, height),
            "c": _car(rng, width, height),
        }
        self._planes = tuple(plane.copy() for plane in self._background)

    def planes(self, number: int) -> Tuple[Array, Array, Array]:
        """Luma, U and V of frame `number`."""
        luma, u, v = self._planes
        for plane, still in zip(self._planes, self._background):
            np.copyto(plane, still)
        time_s = number / self.fps
        passages = self.script.at(time_s)
        for passage in passages:
            if passage.kind in self._sprites:
                self._draw_mover(passage, time_s % self.script.length_s)
        if any(passage.kind == "L" for passage in passages):
            luma += np.uint8(LAMP_LEVELS)
        luma += self._noise_of(number)
        return luma, u, v

    def _draw_mover(self, passage: Passage, time_s: Seconds) -> None:
        poses = self._sprites[passage.kind]
        left = place_of(passage, time_s, self.width, poses[0].width)
        step = int((time_s - passage.start_s) * 4) % len(poses)
        bottom = int(self.height * (0.92 if passage.kind == "w" else 0.97)) & ~1
        poses[step].draw(self._planes, left, bottom)

    def _noise_of(self, number: int) -> Array:
        where = zlib.crc32(b"%d/%d" % (self.seed, number))
        top, left = where % NOISE_SPARE, (where >> 16) % NOISE_SPARE
        return self._noise[top : top + self.height, left : left + self.width]


class Sprite:
    """A mover in one pose: textured planes and where they are solid."""

    def __init__(self, luma: Array, mask: Array, chroma: Tuple[int, int]) -> None:
        self._luma, self._mask, self._chroma = luma, mask, chroma
        self.height, self.width = mask.shape

    def draw(self, planes: Tuple[Array, ...], left: int, bottom: int) -> None:
        """Copy into the planes with the lower edge at `bottom`, cut at the picture's edges."""
        luma = planes[0]
        first, last = max(0, -left), min(self.width, luma.shape[1] - left)
        if first >= last:
            return
        top = bottom - self.height
        mask = self._mask[:, first:last]
        place = luma[top:bottom, left + first : left + last]
        np.copyto(place, self._luma[:, first:last], where=mask)
        coarse = mask[::2, ::2]
        for plane, value in zip(planes[1:], self._chroma):
            colour = plane[top // 2 :, (left + first) // 2 :][: coarse.shape[0], : coarse.shape[1]]
            np.copyto(colour, np.uint8(value), where=coarse[: colour.shape[0], : colour.shape[1]])


def place_of(passage: Passage, time_s: Seconds, width: int, mover_width: int) -> int:
    """Left edge of a mover, an even pixel: from beyond one side to beyond the other.

    When the passage is too short to cross at `FASTEST` it covers the middle of the way only.
    Movers come from the left and from the right in turn.
    """
    whole = width + mover_width
    way = min(float(whole), FASTEST * width * (passage.end_s - passage.start_s))
    part = (time_s - passage.start_s) / (passage.end_s - passage.start_s)
    covered = (whole - way) / 2 + way * part
    if int(passage.start_s) % 4 == 2:
        covered = whole - covered
    return int(covered - mover_width) & ~1


def draw_counter(luma: Array, number: int) -> None:
    """Burn `number` into the lower left corner: 24 bits and a checksum as 4x4 px cells.

    Two macroblocks in all, so that it cannot look like something that moves.
    """
    bits = np.unpackbits(_counter_code(number)).reshape(COUNTER_ROWS, COUNTER_COLUMNS)
    cells = np.where(bits, np.uint8(WHITE), np.uint8(BLACK))
    _counter_place(luma)[...] = cells.repeat(COUNTER_CELL_PX, 0).repeat(COUNTER_CELL_PX, 1)


def read_counter(luma: Array) -> int:
    """The number burnt into a decoded picture. Raises `MediaError` when it cannot be read."""
    place = _counter_place(luma).reshape(
        COUNTER_ROWS, COUNTER_CELL_PX, COUNTER_COLUMNS, COUNTER_CELL_PX
    )
    means = place[:, 1:-1, :, 1:-1].mean(axis=(1, 3))
    code = np.packbits(means.reshape(-1) > (BLACK + WHITE) / 2)
    number = int.from_bytes(code[:3].tobytes(), "big")
    if code.tobytes() != _counter_code(number).tobytes():
        raise MediaError("the picture shows no readable frame counter")
    return number


def _counter_place(luma: Array) -> Array:
    tall, wide = COUNTER_ROWS * COUNTER_CELL_PX, COUNTER_COLUMNS * COUNTER_CELL_PX
    top = (luma.shape[0] - tall) // 16 * 16
    return luma[top : top + tall, :wide]


def _counter_code(number: int) -> Array:
    digits = (number % COUNTER_LIMIT).to_bytes(3, "big")
    return np.frombuffer(digits + bytes((zlib.crc32(digits + b"dashcamd") & 255,)), np.uint8)


def _passages(text: str, step_s: Seconds) -> List[Passage]:
    found: List[Passage] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or text[place] != text[start]:
            if text[start] != ".":
                found.append(Passage(text[start], start * step_s, place * step_s))
            start = place
    return found


NOISE_SPARE = 61
"""How far the window into the noise sheet may move; prime, so that rows do not line up."""


def _noise_sheet(rng: Any, width: int, height: int) -> Array:
    """Gaussian noise as uint8 that wraps: adding it modulo 256 adds a signed number."""
    shape = (height + NOISE_SPARE, width + NOISE_SPARE)
    noise = np.clip(np.rint(rng.standard_normal(shape) * NOISE_SIGMA), -12, 12)
    sheet: Array = noise.astype(np.int8).view(np.uint8)
    return sheet


def _texture(rng: Any, width: int, height: int, grains: Tuple[int, ...]) -> Array:
    """Random texture of several grain sizes, -1 to 1."""
    total = np.zeros((height, width), np.float32)
    for grain in grains:
        coarse = rng.uniform(-1, 1, (height // grain + 2, width // grain + 2))
        total += _stretched(coarse.astype(np.float32), width, height, grain)
    texture: Array = total / len(grains)
    return texture


def _stretched(coarse: Array, width: int, height: int, grain: int) -> Array:
    """`coarse` enlarged `grain` times with straight lines between its points."""
    y, x = np.arange(height) / np.float32(grain), np.arange(width) / np.float32(grain)
    row, col = y.astype(np.intp), x.astype(np.intp)
    down, right = (y - row)[:, None], (x - col)[None, :]
    upper = coarse[row][:, col] * (1 - right) + coarse[row][:, col + 1] * right
    lower = coarse[row + 1][:, col] * (1 - right) + coarse[row + 1][:, col + 1] * right
    stretched: Array = upper * (1 - down) + lower * down
    return stretched


def _street(rng: Any, width: int, height: int) -> Tuple[Array, Array, Array]:
    """Sky, a row of houses and a road, as planes whose luma leaves room for noise and lamp."""
    horizon = height * 45 // 100
    luma = 96 + 22 * _texture(rng, width, height, (3, 7, 17))
    luma[:horizon] = 160 + 8 * _texture(rng, width, horizon, (9, 31))
    luma[height * 7 // 10 :] -= 25
    u, v = (np.full((height // 2, width // 2), grey, np.uint8) for grey in (126, 130))
    u[: horizon // 2] = 138
    left = 0
    while left < width:
        wide = int(width * rng.uniform(0.07, 0.16)) + 8
        top = int(horizon * rng.uniform(0.35, 0.85))
        _house(rng, luma[top : horizon + height // 8, left : left + wide])
        front = slice(top // 2, (horizon + height // 8) // 2), slice(left // 2, (left + wide) // 2)
        u[front], v[front] = rng.randint(118, 130), rng.randint(126, 144)
        left += wide
    return np.clip(luma, 30, 180).astype(np.uint8), u, v


def _house(rng: Any, wall: Array) -> None:
    """Paint a wall with windows at random places into a part of the luma plane."""
    height, width = wall.shape
    wall[...] = rng.uniform(80, 150) + 14 * _texture(rng, width, height, (2, 5))
    for _ in range(height * width // 900):
        top, left = rng.randint(0, max(1, height - 9)), rng.randint(0, max(1, width - 7))
        wall[top : top + 9, left : left + 6] = rng.uniform(40, 175)


def _walker(rng: Any, width: int, height: int) -> List[Sprite]:
    """A person half as tall as the picture, in four poses of walking."""
    tall, wide = max(16, height // 2) & ~1, max(8, width * 11 // 100) & ~1
    cloth = np.clip(120 + 75 * _texture(rng, wide, tall, (3, 5)), 25, 200).astype(np.uint8)
    return [Sprite(cloth, _walker_mask(wide, tall, swing), (118, 142)) for swing in (0, 1, 0, -1)]


def _walker_mask(wide: int, tall: int, swing: int) -> Array:
    y, x = np.mgrid[0:tall, 0:wide] / np.array([tall, wide], float)[:, None, None]
    head = ((x - 0.5) / 0.22) ** 2 + ((y - 0.09) / 0.09) ** 2 < 1
    body = (abs(x - 0.5) < 0.33) & (y > 0.19) & (y < 0.58)
    stride = (0.12 + 0.14 * abs(swing)) * (y - 0.5) * 2 + 0.1
    legs = (abs(abs(x - 0.5) - stride) < 0.13) & (y >= 0.55)
    mask: Array = head | body | legs
    return mask


def _car(rng: Any, width: int, height: int) -> List[Sprite]:
    """A car a third as wide as the picture."""
    tall, wide = max(16, height * 3 // 10) & ~1, max(16, width * 36 // 100) & ~1
    paint = np.clip(125 + 60 * _texture(rng, wide, tall, (4, 9)), 25, 200).astype(np.uint8)
    y, x = np.mgrid[0:tall, 0:wide] / np.array([tall, wide], float)[:, None, None]
    body = (y > 0.4) & (y < 0.85)
    cabin = (abs(x - 0.48) < 0.14 + 0.3 * y) & (y <= 0.4) & (y > 0.05)
    wheel = ((abs(x - 0.5) - 0.3) / 0.1) ** 2 + ((y - 0.82) / 0.18) ** 2 < 1
    paint[cabin & (y > 0.12) & (y < 0.36)] //= 2
    paint[wheel] = 30
    return [Sprite(paint, body | cabin | wheel, (110, 150))]
