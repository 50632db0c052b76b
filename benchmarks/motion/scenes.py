"""The scripted scenes: what happens when, and what a guard should say of it.

Every scene is a seeded generator of luma pictures with exact truth: `truth` are the stretches in
which a mover of at least `LEAST_PIXELS` is inside the picture and has moved within the last
second, `nuisance` the stretches of anything else that changes.

Sets of the same scripts, apart in seed: backgrounds, clothes, clouds, drops, noise, ways and
paces differ. ``""``, ``"fresh"`` and ``"former"`` (held out until it had been scored too often)
were looked at while constants were chosen; ``"held"`` is only scored. Light and weather last twice
as long in the last two (each round with other strengths, places and directions), and in
``"held"`` contrast, noise and the density of weather differ from script to script, too.
`quiet_pieces` are hours of weather, light and noise without anybody, only scored
too: with none of them seen, three hours make one false alarm an hour improbable (95 %). What
insects need was chosen on `swarms`, what snow needs on `benchmarks.motion.snows`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from benchmarks.motion import draw, light
from benchmarks.motion.draw import HIGH, WIDE, Interval, Mover

FPS = 20
LEAST_PIXELS = 120
PAUSE_S = 1.0
SEEDS = {"": 0, "fresh": 5000, "former": 90000, "held": 170000}
LONG_SEED, LONG_ROUNDS = 400000, 6
SWARM_SEED, SWARM_PIXELS = 700000, (9, 14, 20, 30)
LIGHT_SEED, DUSK_SEED = 900000, 700000
ROUNDS = {"": 1, "fresh": 1, "former": 2, "held": 2}
ROUND_S = 25.5


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

    def frames(self, every=1) -> Iterator[Tuple[float, np.ndarray, bool]]:
        """(t, luma, whether something that counts moves) for each picture, or `every` second."""
        sensor = draw.Sensor(np.random.default_rng(self.seed + 1))
        background = (
            draw.yard(self.seed, self.contrast) if self.background is None else self.background
        )
        view = draw.road(self.seed) if self.drive else None
        for i in range(0, int(self.seconds * FPS), every):
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


def _light(kind, seed, rounds=1):
    """Light that changes, then one person, so that a detector that sleeps is found out."""
    rng = np.random.default_rng(seed)
    effect, noise = light.effect(kind, rng, rounds, ROUND_S)
    late = ROUND_S * (rounds - 1)
    mover = walk(30 + late, -30, 680, 440, 120, 140, rng)
    return Scene(
        kind,
        42 + late,
        "light",
        seed,
        [mover],
        light=effect,
        noise=lambda t: noise,
        nuisance=[(3, 28.5 + late, kind)],
    )


def _glare_visitor(seed):
    """Somebody walks, and later drives, while headlights blind the camera."""
    rng = np.random.default_rng(seed)
    effect, _ = light.effect("headlights_glare", rng, 1, ROUND_S)
    movers = [
        walk(11, 690, -40, 430, 140, 230, rng),
        Mover(draw.car(80, rng), [(19.5, -110, 400), (23, 750, 400)]),
    ]
    return Scene("glare_visitor", 32, "people", seed, movers, light=effect)


def _night_car(seed):
    """A car with burning headlights drives in, stops, and drives on; then one far away."""
    rng = np.random.default_rng(seed)
    movers = [
        Mover(draw.car(90, rng), [(6, -150, 420), (9, 300, 420), (13, 300, 420), (16, 800, 420)]),
        Mover(draw.car(40, rng), [(24, -60, 330), (28, 710, 330)]),
    ]
    effect = light.night_with_lamps(movers)
    return Scene("night_car", 36, "people", seed, movers, light=effect, noise=lambda t: 4.0)


def _backlit(seed):
    """A doorway or a sky that the camera shows as plain white, and people before it."""
    rng = np.random.default_rng(seed)
    movers = [
        walk(6, 150, 560, 330, 120, 110, rng),
        walk(15, 560, 120, 300, 50, 60, rng),
        walk(28, -30, 670, 440, 170, 180, rng),
    ]
    return Scene("backlit", 40, "people", seed, movers, behind=[light.white_wall])


def _weather(kind, seed, rounds=1, density=1.0):
    """Weather for 40 s (a round) without a visitor, then one in the middle of it."""
    rng = np.random.default_rng(seed)
    background = draw.yard(seed)
    late = 40 * (rounds - 1)
    mover = walk(44 + late, -30, 680, 440, 130, 140, rng)
    scene = Scene(kind, 54 + late, "weather", seed, [mover], background=background)
    scene.nuisance = [(3, 42.5 + late, kind)]
    if kind == "rain":
        scene.before = [draw.rain(rng, round(120 * density), 26)]
    elif kind == "rain_heavy":
        scene.before = [draw.rain(rng, round(400 * density), 34)]
    elif kind == "snow":
        scene.before = [draw.snow(rng, round(140 * density))]
    elif kind == "snow_near":
        scene.before = [
            draw.snow(rng, round(n * density), v) for n, v in ((60, 160.0), (100, 90.0))
        ]
    elif kind == "insects":
        scene.before = [draw.insects(rng, round(26 * rounds * density), 14, 40 * rounds)]
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


def _noise(level, seed, rounds=1):
    scene = _people("dusk_noise_%d" % level, seed, noise=level, contrast=0.8)
    scene.kind = "noise"
    scene.seconds += 20 * (rounds - 1)
    scene.light = lambda picture, t: 16 + (picture - 16) * 0.5
    return scene


def _dusk(seed):
    rng = np.random.default_rng(seed)
    scene = Scene("dusk_falls", 90, "noise", seed, [walk(76, -30, 670, 440, 150, 130, rng)])
    scene.light = lambda picture, t: 16 + (picture - 16) * _ramp(t, 5, 70, 1.0, 0.3)
    scene.noise = lambda t: _ramp(t, 5, 70, 1.5, 9)
    scene.nuisance = [(3, 74.5, "dusk")]
    return scene


def _shake(kind, seed, rounds=1):
    rng = np.random.default_rng(seed)
    wave = rng.random(8) * 6

    late = 25.0 * (rounds - 1)

    def gust(t):
        t = t % 25.0 if t < late else t - late
        force = 3.0 * (8 <= t < 16)
        return force * np.sin(t * 9 + wave[0]) * np.sin(t * 2.3), force * 0.5 * np.sin(t * 11)

    def idle(t):
        return 0.7 * np.sin(t * 60 + wave[0]), 0.5 * np.sin(t * 71)

    def bump(t):
        t = t % 25.0 if t < late else t - late
        out = 0.0
        for start in (8, 15, 22):
            if t >= start:
                out += 11 * np.exp(-(t - start) * 4) * np.sin((t - start) * 24)
        return 0.3 * out, out

    effect = {"shake_gust": gust, "shake_idle": idle, "bump": bump}[kind]
    mover = walk(30 + late, -30, 680, 440, 120, 140, rng)
    if kind == "shake_idle":
        mover = walk(28 + late, -30, 680, 440, 150, 140, rng)
    scene = Scene(kind, 42 + late, "shake", seed, [mover], shake=effect)
    scene.nuisance = [(3, 26.5 + late, kind)]
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


def scenes(split: str = "") -> Dict[str, Scene]:
    """All scenes of one set (a key of `SEEDS`) by name; all but the first end in the set's."""
    rng = np.random.default_rng(SEEDS[split])
    densities = rng.uniform(0.5, 1.6, len(WEATHERS)) if split == "held" else np.ones(len(WEATHERS))
    made = _scripts(SEEDS[split], ROUNDS[split], dict(zip(WEATHERS, densities)))
    for scene in made:
        if split == "held":
            _differ(scene, rng)
        scene.tuned = split != "held"
        if split:
            scene.name += "_" + split
            _vary(scene)
    return {scene.name: scene for scene in made}


def quiet_pieces(number: int) -> Iterator[Scene]:
    """One piece of two to four minutes of each script of weather, light and noise, nobody in it.

    Every `number` has seeds of its own; they are only scored.
    """
    offset = LONG_SEED + 1000 * number
    rounds = LONG_ROUNDS
    made = [_noise(n, seed + offset, rounds) for n, seed in NOISES.items()]
    made += [_light(kind, seed + offset, rounds) for kind, seed in LIGHTS.items()]
    made += [_weather(kind, seed + offset, rounds) for kind, seed in WEATHERS.items()]
    made.append(_dusk(DUSK + offset))
    for scene in made:
        if scene.kind in ("weather", "light", "noise"):
            scene.name += "_long%d" % number
            scene.movers, scene.tuned = [], False
            yield scene


def swarms(number: int) -> Iterator[Scene]:
    """Minutes of insects near the lens, one piece a size, nobody in them; these are tuned on."""
    for pixels in SWARM_PIXELS:
        seed = SWARM_SEED + 1000 * number + pixels
        scene = _weather("insects", seed, LONG_ROUNDS)
        rng = np.random.default_rng(seed)
        scene.before = [draw.insects(rng, 26 * LONG_ROUNDS, pixels, 40 * LONG_ROUNDS)]
        scene.name = "insects_%dpx_swarm%d" % (pixels, number)
        scene.movers = []
        yield scene


def lights(number: int) -> Iterator[Scene]:
    """Minutes of each kind of light, nobody in them, every second time at another contrast.

    These are tuned on.
    """
    for kind, seed in LIGHTS.items():
        scene = _light(kind, seed + LIGHT_SEED + 1000 * number, LONG_ROUNDS)
        if number % 2:
            _differ(scene, np.random.default_rng(scene.seed + 3))
        scene.name += "_lights%d" % number
        scene.movers = []
        yield scene


def dusks(number: int) -> Iterator[Scene]:
    """Visitors at dusk, at night and in a sensor's noise, every second time noisier."""
    offset = DUSK_SEED + 1000 * number
    made = [_noise(n, seed + offset) for n, seed in NOISES.items()]
    made += [_dusk(DUSK + offset), _night_car(244 + offset), _dusk_street(offset + 5)]
    for scene in made:
        if number % 2:
            _differ(scene, np.random.default_rng(scene.seed + 3))
        _vary(scene)
        scene.name += "_%d" % number
        yield scene


def _dusk_street(seed):
    """Dusk that falls within 25 s, and four people near and far in what is left of the light."""
    rng = np.random.default_rng(seed)
    movers = [
        walk(30, -30, 670, 440, 150, 130, rng),
        walk(42, 680, -40, 420, 120, 70, rng, dark=False),
        walk(60, -20, 660, 330, 60, 60, rng),
        walk(80, 660, -30, 440, 180, 110, rng),
    ]
    noise = float(np.random.default_rng(seed - 5).uniform(6, 11))
    scene = Scene("dusk_street", 100, "noise", seed, movers)
    scene.light = lambda picture, t: 16 + (picture - 16) * _ramp(t, 0, 25, 1.0, 0.35)
    scene.noise = lambda t: _ramp(t, 0, 25, 1.5, noise)
    return scene


def _differ(scene, rng):
    """Another contrast, and a sensor that is up to half as noisy again."""
    contrast, noisier, noise = rng.uniform(0.6, 1.1), rng.uniform(1.0, 1.5), scene.noise
    if scene.background is None:
        scene.contrast *= contrast
    scene.noise = lambda t: noisier * noise(t)


def _vary(scene):
    """Let everybody walk somewhat lower or higher, slower or faster."""
    rng = np.random.default_rng(scene.seed + 7)
    for mover in scene.movers:
        up, pace = rng.integers(-14, 15), rng.uniform(0.8, 1.25)
        start = mover.path[0][0]
        mover.path = [(start + (t - start) * pace, x, y + up) for t, x, y in mover.path]


LIGHTS = {
    "headlights_glare": 111,
    "ae_pump": 113,
    "lamp": 115,
    "ir_cut": 117,
    "headlights": 135,
    "clouds": 216,
    "ae_step": 218,
    "mains_flicker": 220,
    "glint": 222,
    "ir_flicker": 240,
}
NOISES = {4: 107, 8: 206, 12: 208}
DUSK = 210
WEATHERS = {
    "rain": 121,
    "snow": 123,
    "leaves": 125,
    "insects": 127,
    "rain_heavy": 226,
    "snow_near": 228,
    "leaves_gusts": 230,
    "flag": 232,
    "tv": 234,
}
SHAKES = {"shake_gust": 131, "bump": 133, "shake_idle": 236}


def _scripts(offset, rounds, densities):
    """Every script with its seed moved by `offset`; `densities` are of the weather by kind."""
    made = [
        _people("people_day", 101 + offset),
        _people("people_grey", 202 + offset, noise=3.0, contrast=0.5),
        _slow(204 + offset),
        _vehicles(103 + offset),
        _glare_visitor(242 + offset),
        _night_car(244 + offset),
        _backlit(246 + offset),
        _empty(105 + offset),
        _dusk(DUSK + offset),
        _drive("drive_town", 109 + offset),
        _drive("drive_road", 212 + offset),
        _parked(214 + offset),
    ]
    made += [_noise(n, seed + offset, rounds) for n, seed in NOISES.items()]
    made += [_light(kind, seed + offset, rounds) for kind, seed in LIGHTS.items()]
    made += [
        _weather(kind, seed + offset, rounds, densities[kind]) for kind, seed in WEATHERS.items()
    ]
    made += [_shake(kind, seed + offset, rounds) for kind, seed in SHAKES.items()]
    return made
