"""Brushes for scripted scenes: backgrounds, movers, light, weather. Luma only, float32, seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

import numpy as np

HIGH, WIDE = 480, 640
Interval = Tuple[float, float]


def soft_noise(high, wide, size, rng):
    """Smooth noise with blobs of about `size` pixels, zero mean, unit deviation."""
    across = np.fft.rfftfreq(wide)[None, :]
    down = np.fft.fftfreq(high)[:, None]
    spectrum = np.fft.rfft2(rng.normal(size=(high, wide)))
    plane = np.fft.irfft2(spectrum * np.exp(-(across**2 + down**2) * size**2 * 10), (high, wide))
    return (plane / plane.std()).astype(np.float32)


def texture(high, wide, rng, contrast=1.0, level=110.0):
    """Structure at three scales, as bricks, grass and asphalt have."""
    plane = level + contrast * (
        14 * soft_noise(high, wide, 40, rng)
        + 8 * soft_noise(high, wide, 6, rng)
        + 5 * soft_noise(high, wide, 1.5, rng)
    )
    return plane.astype(np.float32)


def yard(seed, contrast=1.0):
    """A yard: sky, a house with windows and a door, a path, a fence."""
    rng = np.random.default_rng(seed)
    picture = texture(HIGH, WIDE, rng, contrast)
    picture[:140] = 175 + 6 * soft_noise(140, WIDE, 60, rng)
    for left in (60, 390):
        picture[80:300, left : left + 190] = texture(220, 190, rng, contrast * 0.8, 135)
        for x in (left + 20, left + 110):
            picture[120:190, x : x + 50] = 60 + 8 * soft_noise(70, 50, 8, rng)
            picture[118:122, x - 4 : x + 54] = 200
        picture[200:300, left + 75 : left + 115] = 80 + 6 * soft_noise(100, 40, 4, rng)
    for x in range(0, WIDE, 22):
        picture[285:335, x : x + 5] += 45
    picture[330:334] += 40
    return np.clip(picture, 16, 235)


@dataclass
class Sprite:
    """A textured cut-out: `luma` and `alpha` of one shape."""

    luma: np.ndarray
    alpha: np.ndarray


def ellipse(high, wide):
    """A filled ellipse with soft edges as alpha."""
    y = (np.arange(high)[:, None] - (high - 1) / 2) / (high / 2)
    x = (np.arange(wide)[None, :] - (wide - 1) / 2) / (wide / 2)
    return np.clip((1 - np.sqrt(x * x + y * y)) * min(high, wide) / 3, 0, 1).astype(np.float32)


def person(high, rng, dark=True):
    """Head, body and four phases of legs."""
    wide = max(6, high * 2 // 5)
    head, body = max(2, high // 6), high * 5 // 12
    phases = []
    cloth = texture(high, wide, rng, 0.8, 55 if dark else 185)
    cloth[:head] = 150
    for swing in (0.0, 0.7, 0.0, -0.7):
        alpha = np.zeros((high, wide), np.float32)
        alpha[:head, wide // 2 - head // 2 : wide // 2 - head // 2 + head] = ellipse(head, head)
        middle = wide // 4
        alpha[head : head + body, middle : wide - middle] = 1
        for side in (-1, 1):
            for row in range(head + body, high):
                part = (row - head - body) / max(1, high - head - body)
                centre = int(wide / 2 + side * (wide / 8 + swing * part * wide / 3))
                thick = max(1, wide // 9)
                alpha[row, max(0, centre - thick) : centre + thick + 1] = 1
        phases.append(Sprite(cloth, alpha))
    return phases


def car(high, rng):
    """A body with dark windows and wheels."""
    wide = high * 5 // 2
    luma = texture(high, wide, rng, 0.5, 180)
    luma[: high // 2, wide // 4 : wide * 3 // 4] = 50
    alpha = np.zeros((high, wide), np.float32)
    alpha[high // 3 : high * 5 // 6] = 1
    alpha[: high // 2, wide // 5 : wide * 4 // 5] = 1
    for x in (wide // 5, wide * 3 // 4):
        alpha[high * 2 // 3 :, x : x + high // 3] = 1
        luma[high * 2 // 3 :, x : x + high // 3] = 25
    return [Sprite(luma, alpha)]


def cyclist(high, rng):
    """A rider on two wheels."""
    wide = high
    phases = person(high * 3 // 4, rng)
    made = []
    for phase in phases:
        luma = np.full((high, wide), 60, np.float32)
        alpha = np.zeros((high, wide), np.float32)
        tall, broad = phase.alpha.shape
        at = (wide - broad) // 2
        luma[:tall, at : at + broad], alpha[:tall, at : at + broad] = phase.luma, phase.alpha
        wheel = high // 2
        ring = ellipse(wheel, wheel)
        ring = ring * (1 - ellipse(wheel, wheel) * (ring > 0.99) * 0.7)
        for x in (0, wide - wheel):
            part = alpha[high - wheel :, x : x + wheel]
            np.maximum(part, ring, out=part)
        made.append(Sprite(luma, alpha))
    return made


def cat(high, rng):
    """Low, long, dark."""
    wide = high * 2
    phases = []
    for swing in (0, 1):
        alpha = np.zeros((high, wide), np.float32)
        alpha[high // 4 : high * 3 // 4] = ellipse(high * 3 // 4 - high // 4, wide)
        alpha[: high // 2, wide - high // 2 - 1 : wide - 1] = ellipse(high // 2, high // 2)
        for x in (wide // 6 + swing * 3, wide // 4 - swing * 2, wide * 3 // 5, wide * 3 // 4):
            alpha[high // 2 :, x : x + max(1, high // 8)] = 1
        phases.append(Sprite(texture(high, wide, rng, 0.6, 45), alpha))
    return phases


@dataclass
class Mover:
    """A sprite on a path: `(t, x, y)` knots of its centre bottom, linear between them."""

    phases: List[Sprite]
    path: Sequence[Tuple[float, float, float]]
    step_s: float = 0.18

    def place(self, t):
        """Left and top at `t`, None before the first and after the last knot."""
        knots = np.array(self.path)
        if not knots[0, 0] <= t <= knots[-1, 0]:
            return None
        high, wide = self.phases[0].alpha.shape
        x = np.interp(t, knots[:, 0], knots[:, 1])
        y = np.interp(t, knots[:, 0], knots[:, 2])
        return round(float(x) - wide / 2), round(float(y) - high)

    def draw(self, picture, t):
        """Blend into `picture`; returns how many of its pixels are inside."""
        place = self.place(t)
        if place is None:
            return 0
        left, top = place
        moving = self.place(t + 0.1) != place
        sprite = self.phases[int(t / self.step_s) % len(self.phases) if moving else 0]
        high, wide = sprite.alpha.shape
        y0, y1 = max(0, top), min(HIGH, top + high)
        x0, x1 = max(0, left), min(WIDE, left + wide)
        if y1 <= y0 or x1 <= x0:
            return 0
        alpha = sprite.alpha[y0 - top : y1 - top, x0 - left : x1 - left]
        part = picture[y0:y1, x0:x1]
        part += alpha * (sprite.luma[y0 - top : y1 - top, x0 - left : x1 - left] - part)
        return int((alpha > 0.5).sum())

    def is_moving(self, t):
        """Whether it changes place around `t`."""
        a, b = self.place(t - 0.15), self.place(t + 0.15)
        return a is None or b is None or a != b


def warp(patch_of, left, top, high, wide, reach):
    """Leaves, a flag: show a patch of the background displaced by `reach(t)` -> (dx, dy) planes."""

    def effect(picture, t):
        dx, dy = reach(t)
        rows = np.clip(np.arange(top, top + high)[:, None] + dy, 0, HIGH - 1).astype(np.intp)
        cols = np.clip(np.arange(left, left + wide)[None, :] + dx, 0, WIDE - 1).astype(np.intp)
        picture[top : top + high, left : left + wide] = patch_of[rows, cols]

    return effect


def sway(high, wide, rng, pixels, period_s, gusts: Callable[[float], float]):
    """Displacements of leaves: every twig with its own phase, together with the gust."""
    phase = soft_noise(high, wide, 5, rng) * 2.5
    other = soft_noise(high, wide, 5, rng) * 2.5

    def reach(t):
        force = pixels * gusts(t)
        turn = 2 * np.pi * t / period_s
        return np.rint(force * np.sin(turn + phase)), np.rint(0.6 * force * np.sin(turn + other))

    return reach


def rain(rng, drops, length):
    """Short bright streaks, new ones in each picture."""

    def effect(picture, _t):
        xs = rng.integers(2, WIDE - 2, drops)
        ys = rng.integers(0, HIGH - length, drops)
        near = rng.random(drops)
        for x, y, size in zip(xs, ys, near):
            tall = int(length * (0.4 + 0.6 * size))
            picture[y : y + tall, x : x + 1 + (size > 0.85)] += 25 + 30 * size

    return effect


def snow(rng, flakes, speed=90.0):
    """Soft dots that fall and drift."""
    x0, y0 = rng.random(flakes) * WIDE, rng.random(flakes) * HIGH
    size = rng.random(flakes)
    dots = [ellipse(n, n) for n in range(2, 8)]

    def effect(picture, t):
        drift = 12 * np.sin(t * 1.3 + x0)
        xs = ((x0 + drift) % (WIDE - 8)).astype(int)
        ys = ((y0 + t * speed * (0.5 + size)) % (HIGH - 8)).astype(int)
        for x, y, one in zip(xs, ys, size):
            dot = dots[int(one**4 * 5)]
            n = len(dot)
            picture[y : y + n, x : x + n] += dot * (60 + 60 * one)

    return effect


def insects(rng, count, pixels, within_s=40):
    """Blurred bright spots on fast curly ways, each in sight for less than a second."""
    flights = []
    for _ in range(count):
        flights.append((rng.random() * within_s, rng.random(4), 0.25 + rng.random() * 0.6))
    spot = ellipse(pixels, pixels)

    def effect(picture, t):
        for start, seeds, lasts in flights:
            if 0 <= t - start < lasts:
                part = (t - start) / lasts
                x = WIDE * (seeds[0] + (seeds[1] - 0.5) * 2 * part) + 40 * np.sin(9 * part)
                y = HIGH * (seeds[2] + (seeds[3] - 0.5) * part) + 60 * np.sin(7 * part + 1)
                x, y = int(x), int(y)
                if 0 <= x < WIDE - pixels and 0 <= y < HIGH - pixels:
                    picture[y : y + pixels, x : x + pixels] += 80 * spot

    return effect


def shifted(picture, x, y):
    """`picture` moved by a part of a pixel, edges repeated."""
    ix, iy = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - ix, y - iy
    rows = np.clip(np.arange(HIGH + 1) - iy - 1, 0, HIGH - 1)
    cols = np.clip(np.arange(WIDE + 1) - ix - 1, 0, WIDE - 1)
    whole = picture[rows[:, None], cols[None, :]]
    wide = whole[:, 1:] * (1 - fx) + whole[:, :-1] * fx
    return wide[1:] * (1 - fy) + wide[:-1] * fy


class Sensor:
    """Adds sensor noise and rounds to bytes.

    Noise is cut at random from three large sheets in turn: neighbouring pictures never share a
    sheet, or a coarse matcher would find the noise again and call it motion.
    """

    def __init__(self, rng):
        self._rng = rng
        size = 3, HIGH + 97, WIDE + 97
        self._sheets = rng.normal(size=size).astype(np.float32)
        self._count = 0

    def expose(self, picture, sigma):
        """`picture` as a camera of noise `sigma` sees it."""
        if sigma:
            y, x = self._rng.integers(0, 97, 2)
            self._count += 1
            sheet = self._sheets[self._count % 3]
            picture = picture + sigma * sheet[y : y + HIGH, x : x + WIDE]
        return np.clip(picture, 16, 235).astype(np.uint8)


def road(seed):
    """A drive: a picture source by distance; `view(distance, sway)` is what the driver sees."""
    rng = np.random.default_rng(seed)
    ground = texture(512, 512, rng, 1.2, 95)
    ground[:, 250:262] = 200
    ground[::64, 100:104] = 190
    walls = texture(512, 1024, rng, 2.2, 115)
    horizon = HIGH * 45 // 100
    y = np.arange(HIGH)[:, None] - horizon + 0.5
    x = np.arange(WIDE)[None, :] - WIDE / 2
    depth = np.where(y > 0, 260.0 / np.maximum(y, 1), 0) * np.ones((1, WIDE))
    across = x * depth / 260.0
    side_depth = 520.0 / np.maximum(np.abs(x), 4) * np.ones((HIGH, 1))
    is_side = (np.abs(across) > 2.0) | (y <= 0)
    height_at = -y * side_depth / 260.0
    is_side &= height_at < 2.2
    sky = ~is_side & (y <= 0)

    def view(distance):
        zg = ((depth + distance) * 40).astype(np.intp) % 512
        xg = (across * 60 + 256).astype(np.intp) % 512
        zs = ((side_depth + distance) * 40).astype(np.intp) % 1024
        ys = (height_at * 100 + 256).astype(np.intp) % 512
        picture = np.where(is_side, walls[ys, zs], ground[zg, xg])
        picture[np.broadcast_to(sky, picture.shape)] = 190
        return picture.astype(np.float32)

    return view
