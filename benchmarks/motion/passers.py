"""``python -m benchmarks.motion.passers``: who comes near, walks away, runs or drives past.

What an encoder's vectors tell worst: a shape that grows has vectors every way, and what is faster
than the encoder looks has any. Drawn straight to ``lores`` and VideoCore-like fields. Round 0 was
looked at while constants were chosen; rounds from `HELD_ROUND` on are only scored.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

from benchmarks.motion import draw, scenes, scoring, sources
from benchmarks.motion.draw import HIGH, WIDE, Mover
from benchmarks.motion.scenes import Scene, walk

HELD_ROUND = 50
SEED = 1300000
START_S, SECONDS = 8.0, 26.0
SIZES = 40


@dataclass
class Walker(Mover):
    """Somebody whose height goes from one to another while the feet go from (x, y) to (x, y)."""

    heights: Tuple[float, float] = (0.0, 0.0)
    seed: int = 0

    def __post_init__(self):
        low, high = sorted(self.heights)
        heights = sorted({round(h) for h in np.linspace(low, high, SIZES)})
        self.looks = {h: draw.person(h, np.random.default_rng(self.seed)) for h in heights}

    def draw(self, picture, t):
        """Blend the look of the moment into `picture`; returns how many pixels are inside."""
        (start, x0, y0), (end, x1, y1) = self.path
        if not start <= t <= end:
            return 0
        part = (t - start) / (end - start)
        height = self.heights[0] + part * (self.heights[1] - self.heights[0])
        looks = self.looks[min(self.looks, key=lambda one: abs(one - height))]
        sprite = looks[int(t / self.step_s) % len(looks)]
        standing = Mover([sprite], [(t, x0 + part * (x1 - x0), y0 + part * (y1 - y0))])
        return standing.draw(picture, t)

    def is_moving(self, t):
        """Always while in the picture."""
        return self.path[0][0] <= t <= self.path[-1][0]


def _walker(rng, low, high, seconds):
    x, drift = rng.uniform(120, WIDE - 120), rng.uniform(-60, 60)
    seed = int(rng.integers(1 << 30))
    path = [(START_S, x, 0.45 * HIGH + low), (START_S + seconds, x + drift, 0.45 * HIGH + high)]
    return Walker([], path, heights=(low, high), seed=seed)


def passers(number: int) -> List[Scene]:
    """The scenes of one round, one visitor each, every second in a sensor's noise."""
    rng = np.random.default_rng(SEED + 1000 * number)
    made = []

    def add(name, mover):
        noise = float(rng.uniform(6, 9) if len(made) % 2 else rng.uniform(1.5, 3))
        seed = int(rng.integers(1 << 30))
        scene = Scene("%s_%d" % (name, number), SECONDS, "people", seed, [mover])
        scene.noise = lambda t: noise
        scene.tuned = number < HELD_ROUND
        made.append(scene)

    for low, high in ((45, 100), (70, 160), (100, 230)):
        for i in range(2):
            near, far = high * rng.uniform(0.9, 1.1), low * rng.uniform(0.9, 1.1)
            add("comes_near_%d_%d" % (low, i), _walker(rng, far, near, rng.uniform(7, 13)))
            add("goes_away_%d_%d" % (low, i), _walker(rng, near, far, rng.uniform(7, 13)))
    for i in range(4):
        ends = (-90, WIDE + 90) if rng.random() < 0.5 else (WIDE + 90, -90)
        high, speed = int(rng.uniform(150, 300)), rng.uniform(280, 420)
        add("runs_%d" % i, walk(START_S, *ends, 460, high, speed, rng))
    for i in range(4):
        high, speed = int(rng.uniform(90, 200)), rng.uniform(450, 900)
        ends = np.array([-1.3 * high, WIDE + 1.3 * high])[:: 1 if rng.random() < 0.5 else -1]
        end = START_S + (WIDE + 2.6 * high) / speed
        path = [(START_S, float(ends[0]), 440), (end, float(ends[1]), 440)]
        add("drives_past_%d" % i, Mover(draw.car(high, rng), path))
    return made


def score(scene):
    """{source: tally} of one scene."""
    fields = sources.of_drawn(scene, matched=True)
    truth = scenes.spans(fields.moving, 1 / fields.fps)
    told = {}
    for source in fields.fields:
        told[source] = scoring.tally(fields.motions(source), truth, fields.seconds)
    return told


def main(argv=None):
    """Draw what is missing, score everything, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.passers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--held", action="store_true", help="the rounds that are only scored")
    options = parser.parse_args(argv)
    rows, first = {}, HELD_ROUND if options.held else 0
    for number in range(first, first + options.rounds):
        for scene in passers(number):
            kind = scene.name.rstrip("0123456789_")
            for source, tally in score(scene).items():
                rows.setdefault((kind, source), scoring.Tally()).add(tally)
            print("scored", scene.name, file=sys.stderr)
    print("| who | source | found | first motion inside | false |\n|---|---|---|---|---|")
    for (kind, source), tally in sorted(rows.items()):
        cells = kind, source, tally.found, tally.events, tally.inside, tally.false
        print("| %s | %s | %d/%d | %d | %d |" % cells)
    return 0


if __name__ == "__main__":
    sys.exit(main())
