"""The scripted scenes: what happens when, and what a guard should say of it.

Every scene is a seeded generator of luma pictures with exact truth: `truth` are the stretches in
which a mover of at least `LEAST_PIXELS` is inside the picture and has moved within the last
second, `nuisance` the stretches of anything else that changes.

The scenes as they are were looked at while the detector's constants were chosen (`tuned`).
``scenes(fresh=True)`` gives the same scripts with other backgrounds, clothes, clouds, drops and
noise, other sizes of step and other ways through the picture: they are only scored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from benchmarks.motion import draw
from benchmarks.motion.draw import HIGH, WIDE, Interval, Mover

FPS = 20
LEAST_PIXELS = 120
PAUSE_S = 1.0
FRESH_SEED = 5000


@dataclass
class Scene:
    """One script. Effects are called with (picture, t) and draw in place."""

    name: str
    seconds: float
    kind: str
    seed: int
    movers: List[Mover] = field(default_factory=list)
    behind: List[Callable] = field(default_factory=list)
    before: List[Callable] = field(default_factory=list)
    light: Optional[Callable] = None
    shake: Optional[Callable] = None
    noise: Callable = lambda t: 2.0
    nuisance: List[Tuple[float, float, str]] = field(default_factory=list)
    contrast: float = 1.0
    background: Optional[np.ndarray] = None
    drive: Optional[Callable] = None
    ego: List[Tuple[float, float, str]] = field(default_factory=list)
    tuned: bool = True

    def frames(self) -> Iterator[Tuple[float, np.ndarray, bool]]:
        """(t, luma, whether something that counts moves) for each picture."""
        sensor = draw.Sensor(np.random.default_rng(self.seed + 1))
        background = (
            draw.yard(self.seed, self.contrast) if self.background is None else self.background
        )
        view = draw.road(self.seed) if self.drive else None
        for i in range(int(self.seconds * FPS)):
            t = i / FPS
            picture = view(self.drive(t)) if view else background.copy()
            for effect in self.behind:
                effect(picture, t)
            moving = False
            for mover in self.movers:
                inside = mover.draw(picture, t)
                moving |= inside >= LEAST_PIXELS and mover.is_moving(t)
            for effect in self.before:
                effect(picture, t)
            if self.light:
                picture = self.light(picture, t)
            if self.shake:
                x, y = self.shake(t)
                if x or y:
                    picture = draw.shifted(picture, x, y)
            yield t, sensor.expose(picture, self.noise(t)), moving


def spans(flags, step=1.0 / FPS, pause=PAUSE_S) -> List[Interval]:
    """Stretches of true flags, pauses shorter than `pause` bridged."""
    out: List[List[float]] = []
    for i, flag in enumerate(flags):
        if flag:
            t = i * step
            if out and t - out[-1][1] <= pause:
                out[-1][1] = t + step
            else:
                out.append([t, t + step])
    return [(a, b) for a, b in out]


def walk(start, x0, x1, y, high, speed, rng, **look):
    """Somebody who walks from `x0` to `x1` at `speed` pixels a second."""
    return Mover(
        draw.person(high, rng, **look), [(start, x0, y), (start + abs(x1 - x0) / speed, x1, y)]
    )


def _ramp(t, start, end, low, high):
    return low + (high - low) * min(1.0, max(0.0, (t - start) / (end - start)))


def _people(name, seed, noise=2.0, contrast=1.0):
    rng = np.random.default_rng(seed)
    movers = [
        walk(5, -30, 670, 440, 150, 130, rng),
        walk(17, 680, -40, 330, 60, 60, rng),
        Mover(
            draw.person(44, rng), [(34, -12, 318), (44, 150, 318), (48, 150, 318), (58, -12, 318)]
        ),
        walk(64, -60, 700, 460, 190, 260, rng, dark=False),
        walk(72, -20, 660, 316, 36, 45, rng),
    ]
    return Scene(name, 92, "people", seed, movers, noise=lambda t: noise, contrast=contrast)


def _slow(seed):
    rng = np.random.default_rng(seed)
    movers = [
        Mover(
            draw.person(130, rng), [(5, -25, 430), (17, 200, 430), (25, 200, 430), (35, -30, 430)]
        ),
        walk(42, 660, 300, 400, 90, 18, rng),
    ]
    return Scene("person_slow", 66, "people", seed, movers)


def _vehicles(seed):
    rng = np.random.default_rng(seed)
    movers = [
        Mover(draw.car(70, rng), [(5, -90, 380), (7.5, 730, 380)]),
        Mover(draw.car(36, rng), [(14, 690, 325), (19, -50, 325)]),
        Mover(draw.cyclist(90, rng), [(26, -50, 400), (30, 690, 400)]),
        Mover(draw.cat(20, rng), [(36, -22, 440), (40, 300, 440), (43, 662, 440)]),
        Mover(
            draw.car(110, rng), [(50, -140, 470), (54, 320, 470), (60, 320, 470), (63, 790, 470)]
        ),
    ]
    return Scene("vehicles_and_cat", 68, "people", seed, movers)


def _light(kind, seed):
    """Light that changes, then one person, so that a detector that sleeps is found out."""
    rng = np.random.default_rng(seed)
    across = np.arange(WIDE)[None, :].astype(np.float32)
    down = np.arange(HIGH)[:, None].astype(np.float32)
    clouds = draw.soft_noise(HIGH, WIDE * 3, 120, rng)

    glare = 1.0 if kind == "headlights_glare" else 0.5

    def sweep(picture, t):
        for start in (6, 12, 20):
            if start <= t < start + 2:
                x = -100 + (t - start) / 2 * 840
                blob = np.exp(-(((across - x) / 90) ** 2) - ((down - 300) / 60) ** 2)
                picture = picture * (1 + glare * 0.9 * blob) + glare * 35 * blob
        return picture

    def cloud(picture, t):
        at = int(t * 40) % (WIDE * 2)
        return picture * (0.78 + 0.16 * np.tanh(clouds[:, at : at + WIDE]))

    def pump(picture, t):
        return picture * (1 + 0.35 * np.sin(2 * np.pi * t / 3.0) ** 3)

    def step(picture, t):
        for start in (6, 13, 20):
            if 0 <= t - start < 1.5:
                picture = picture * (1 + 0.8 * np.exp(-(t - start) / 0.3))
        return picture

    def switch(picture, t):
        if 8 <= t < 18:
            picture = 90 + 0.45 * (255 - picture) * np.exp(-(((across - 320) / 400) ** 2)) * 0.8
            if t < 9.5:
                picture = picture * (1.5 - 0.5 * (t - 8) / 1.5)
        elif 18 <= t < 19.2:
            picture = picture * (1.6 - 0.5 * (t - 18))
        return picture

    def lamp(picture, t):
        if int(t) % 8 >= 4 and t < 26:
            near = np.exp(-(((across - 200) / 160) ** 2) - ((down - 200) / 140) ** 2)
            picture = picture * (1 + 0.8 * near) + 10 * near
        return picture

    def flicker(picture, t):
        return picture * (1 + 0.06 * np.sin(2 * np.pi * (down / 240 + t * 3.3)))

    def glint(picture, t):
        if t < 26:
            bright = np.exp(-(((across - 450) / 30) ** 2) - ((down - 380) / 30) ** 2)
            picture = picture + 100 * bright * max(0.0, np.sin(2 * np.pi * t / 2.5))
        return picture

    effect = {
        "headlights": sweep,
        "headlights_glare": sweep,
        "clouds": cloud,
        "ae_pump": pump,
        "ae_step": step,
    }
    effect.update({"ir_cut": switch, "lamp": lamp, "mains_flicker": flicker, "glint": glint})
    mover = walk(30, -30, 680, 440, 120, 140, rng)
    return Scene(
        kind,
        42,
        "light",
        seed,
        [mover],
        light=effect[kind],
        nuisance=[(3, 28.5, kind)],
    )


def _weather(kind, seed):
    """Weather for 40 s without a visitor, then one in the middle of it."""
    rng = np.random.default_rng(seed)
    background = draw.yard(seed)
    mover = walk(44, -30, 680, 440, 130, 140, rng)
    scene = Scene(kind, 54, "weather", seed, [mover], background=background)
    scene.nuisance = [(3, 42.5, kind)]
    if kind == "rain":
        scene.before = [draw.rain(rng, 120, 26)]
    elif kind == "rain_heavy":
        scene.before = [draw.rain(rng, 400, 34)]
    elif kind == "snow":
        scene.before = [draw.snow(rng, 140)]
    elif kind == "snow_near":
        scene.before = [draw.snow(rng, 60, 160), draw.snow(rng, 100)]
    elif kind == "insects":
        scene.before = [draw.insects(rng, 26, 14)]
    elif kind in ("leaves", "leaves_gusts"):
        gusts = (lambda t: 1.0) if kind == "leaves" else (lambda t: max(0.0, np.sin(t / 4)) ** 2)
        bush = draw.texture(HIGH, WIDE, rng, 2.0, 95)
        place = background[40:330, 440:640]
        place[...] = np.clip(bush[40:330, 440:640], 16, 235)
        reach = draw.sway(290, 200, rng, 3.5, 1.7, gusts)
        scene.behind = [draw.warp(background.copy(), 440, 40, 290, 200, reach)]
    elif kind == "flag":
        flag = np.clip(draw.texture(HIGH, WIDE, rng, 2.5, 130), 16, 235)
        steps = np.arange(120)[None, :] * np.ones((80, 1))

        def reach(t):
            return np.zeros((1, 1)), np.rint(6 * np.sin(steps / 14 - t * 6))

        scene.behind = [draw.warp(flag, 480, 60, 80, 120, reach)]
    elif kind == "tv":
        shows = [np.clip(draw.texture(70, 100, rng, 3, 60 + 30 * k), 16, 235) for k in range(5)]

        def screen(picture, t):
            cut = int(t / 1.7)
            slide = int(t * 25) % 30
            picture[120:190, 80:180] = np.roll(shows[cut % 5], slide, 1)

        scene.behind = [screen]
    if kind in ("flag", "tv"):
        scene.kind = "screen"
    return scene


def _noise(level, seed):
    scene = _people("dusk_noise_%d" % level, seed, noise=level, contrast=0.8)
    scene.kind = "noise"
    scene.light = lambda picture, t: 16 + (picture - 16) * 0.5
    return scene


def _dusk(seed):
    rng = np.random.default_rng(seed)
    scene = Scene("dusk_falls", 90, "noise", seed, [walk(76, -30, 670, 440, 150, 130, rng)])
    scene.light = lambda picture, t: 16 + (picture - 16) * _ramp(t, 5, 70, 1.0, 0.3)
    scene.noise = lambda t: _ramp(t, 5, 70, 1.5, 9)
    scene.nuisance = [(3, 74.5, "dusk")]
    return scene


def _shake(kind, seed):
    rng = np.random.default_rng(seed)
    wave = rng.random(8) * 6

    def gust(t):
        force = 3.0 * (8 <= t < 16)
        return force * np.sin(t * 9 + wave[0]) * np.sin(t * 2.3), force * 0.5 * np.sin(t * 11)

    def idle(t):
        return 0.7 * np.sin(t * 60 + wave[0]), 0.5 * np.sin(t * 71)

    def bump(t):
        out = 0.0
        for start in (8, 15, 22):
            if t >= start:
                out += 11 * np.exp(-(t - start) * 4) * np.sin((t - start) * 24)
        return 0.3 * out, out

    effect = {"shake_gust": gust, "shake_idle": idle, "bump": bump}[kind]
    mover = walk(30, -30, 680, 440, 120, 140, rng)
    if kind == "shake_idle":
        mover = walk(28, -30, 680, 440, 150, 140, rng)
    scene = Scene(kind, 42, "shake", seed, [mover], shake=effect)
    scene.nuisance = [(3, 26.5, kind)]
    return scene


def _drive(kind, seed):
    """Drives for the ego-motion: stands, starts, drives, stops; truth is the state, not motion."""
    rng = np.random.default_rng(seed)
    speed = 7.0 if kind == "drive_town" else 16.0

    def distance(t):
        a, b = 15.0, 45.0
        if t < a:
            return 0.0
        if t > b:
            return speed * (b - a - 4)
        up = min(t - a, 4.0)
        down = max(0.0, t - (b - 4))
        return speed * (up * up / 8 + max(0.0, t - a - 4)) - speed * down * down / 8

    def engine(t):
        moving = 15 <= t <= 45
        size = 1.5 if moving else 0.35
        return size * 0.5 * np.sin(t * 23), size * (
            np.sin(t * 17) + (moving and 0.6 * rng.normal())
        )

    ego = [(0, 15, "still"), (16.5, 43.5, "driving"), (47, 60, "still")]
    return Scene(kind, 60, "drive", seed, drive=distance, shake=engine, ego=ego)


def _parked(seed):
    """A parked car: passers-by, a door slammed, a bump."""
    rng = np.random.default_rng(seed)

    def knock(t):
        out = 0.0
        for start, size in ((20, 2.5), (32, 14)):
            if t >= start:
                out += size * np.exp(-(t - start) * 5) * np.sin((t - start) * 30)
        return 0.2 * out, out

    movers = [walk(6, -40, 690, 460, 180, 150, rng), walk(42, 680, -30, 450, 160, 120, rng)]
    scene = Scene("parked", 56, "drive", seed, movers, shake=knock, drive=lambda t: 0.0)
    scene.nuisance = [(20, 21.5, "door_slam"), (32, 33.5, "bump")]
    scene.ego = [(0, 19.5, "still"), (23, 31.5, "still"), (35, 56, "still")]
    return scene


def _empty(seed, seconds=120):
    return Scene("empty", seconds, "empty", seed)


def scenes(fresh: bool = False) -> Dict[str, Scene]:
    """All scenes by name: those used for tuning, or `fresh` ones that are only scored."""
    made = _scripts(FRESH_SEED if fresh else 0)
    for scene in made:
        scene.tuned = not fresh
        if fresh:
            scene.name += "_fresh"
            _vary(scene)
    return {scene.name: scene for scene in made}


def _vary(scene):
    """Let everybody walk somewhat lower or higher, slower or faster."""
    rng = np.random.default_rng(scene.seed + 7)
    for mover in scene.movers:
        up, pace = rng.integers(-14, 15), rng.uniform(0.8, 1.25)
        start = mover.path[0][0]
        mover.path = [(start + (t - start) * pace, x, y + up) for t, x, y in mover.path]


def _scripts(offset):
    """Every script with its seed moved by `offset`."""
    made = [
        _people("people_day", 101 + offset),
        _people("people_grey", 202 + offset, noise=3.0, contrast=0.5),
        _slow(204 + offset),
        _vehicles(103 + offset),
        _empty(105 + offset),
        _noise(4, 107 + offset),
        _noise(8, 206 + offset),
        _noise(12, 208 + offset),
        _dusk(210 + offset),
        _drive("drive_town", 109 + offset),
        _drive("drive_road", 212 + offset),
        _parked(214 + offset),
    ]
    for i, kind in enumerate(("headlights_glare", "ae_pump", "lamp", "ir_cut", "headlights")):
        made.append(_light(kind, offset + (111 + 2 * i if i < 4 else 135)))
    for i, kind in enumerate(("clouds", "ae_step", "mains_flicker", "glint")):
        made.append(_light(kind, offset + (216 + 2 * i)))
    for i, kind in enumerate(("rain", "snow", "leaves", "insects")):
        made.append(_weather(kind, offset + 121 + 2 * i))
    for i, kind in enumerate(("rain_heavy", "snow_near", "leaves_gusts", "flag", "tv")):
        made.append(_weather(kind, offset + 226 + 2 * i))
    made += [_shake("shake_gust", 131 + offset), _shake("bump", 133 + offset)]
    made += [_shake("shake_idle", 236 + offset)]
    return made
