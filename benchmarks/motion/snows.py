"""``python -m benchmarks.motion.snows``: nine kinds of snow and rain, then visitors; tuned on.

A minute without anybody, so that flakes have been seen for as long as they ever will, then four
visitors while it snows on. The flakes, their ways and the seeds have nothing in common with
`draw.snow`, which the plain and the held-out scenes use: that is what they are for. Rounds from
`HELD_ROUND` on are only scored.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, Tuple

import numpy as np

from benchmarks.motion import draw, scenes, scoring, sources
from benchmarks.motion.draw import HIGH, WIDE, Mover
from dashcamd.core.detector import Detector
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker

SEED = 800000
QUIET_S = 60.0
EXPOSURE_S = 0.02
HELD_ROUND = 50
DECODED = ("ffmpeg", "lores")


@dataclass(frozen=True)
class Layer:
    """Flakes at about one distance: sizes in pixels, pace and wind in pixels a second."""

    count: int
    pixels: Tuple[float, float]
    pace: Tuple[float, float]
    wind: float = 0.0
    sway: float = 10.0
    bright: float = 80.0


KINDS: Dict[str, Tuple[Layer, ...]] = {
    "far": (Layer(320, (1.5, 4), (35, 80)),),
    "mixed": (Layer(150, (2, 5), (50, 110), 15), Layer(30, (5, 9), (110, 200), 30)),
    "near": (Layer(120, (2, 4), (50, 90)), Layer(22, (8, 15), (180, 330), 40, 25, 60)),
    "clumps": (Layer(60, (2, 6), (60, 140)), Layer(7, (15, 26), (260, 480), -60, 30, 50)),
    "slow": (Layer(90, (3, 8), (30, 70), 8, 22, 90), Layer(14, (8, 12), (60, 120), 15, 30, 70)),
    "driven": (Layer(220, (2, 5), (70, 140), 160), Layer(24, (6, 12), (150, 260), 380, 12, 70)),
    "few": (Layer(6, (12, 24), (200, 420), 30, 25, 60),),
    "rain": (),
    "sparse": (Layer(90, (2, 4), (40, 100)), Layer(5, (6, 10), (60, 140))),
}
RAIN_DROPS, RAIN_PIXELS = 260, 30


def flakes(rng, layer):
    """An effect for `Scene.before`: soft dots that fall, are blown and sway, new ones each time."""
    near = rng.random(layer.count)
    low, high = layer.pixels
    sizes = np.rint(low + (high - low) * near**2).astype(int)
    paces = (layer.pace[0] + (layer.pace[1] - layer.pace[0]) * near) * rng.uniform(
        0.85, 1.15, layer.count
    )
    winds = layer.wind * (0.5 + near)
    starts, phase = rng.random((layer.count, 2)), rng.random((layer.count, 2)) * 6
    glow = layer.bright * rng.uniform(0.6, 1.3, layer.count)
    dots = [
        draw.ellipse(max(2, size + int(pace * EXPOSURE_S)), max(2, size))
        for size, pace in zip(sizes, paces)
    ]

    def effect(picture, t):
        for i, dot in enumerate(dots):
            tall, wide = dot.shape
            fallen = starts[i, 1] * (HIGH + tall) + paces[i] * t
            turn, y = divmod(fallen, HIGH + tall)
            gust = winds[i] * (1 + 0.4 * np.sin(0.5 * t + phase[i, 1] / 6))
            sway = layer.sway * np.sin((0.9 + 0.2 * phase[i, 1]) * t + phase[i, 0])
            x = (starts[i, 0] + 0.618 * turn) * (WIDE + wide) + gust * t + sway
            _add(picture, glow[i] * dot, int(x % (WIDE + wide)) - wide, int(y) - tall)

    return effect


def _add(picture, dot, left, top):
    tall, wide = dot.shape
    y0, y1, x0, x1 = max(0, top), min(HIGH, top + tall), max(0, left), min(WIDE, left + wide)
    if y0 < y1 and x0 < x1:
        picture[y0:y1, x0:x1] += dot[y0 - top : y1 - top, x0 - left : x1 - left]


def _visitors(number, rng):
    """Near and far, dark and light, across and towards the camera; a car or a cat."""
    start = QUIET_S + 2
    if number % 2:
        return [
            Mover(draw.person(90, rng), [(start, 330, 330), (start + 7, 300, 470)]),
            scenes.walk(start + 13, -12, 200, 322, 40, 38, rng),
            Mover(draw.cat(24, rng), [(start + 25, 670, 430), (start + 31, -30, 430)]),
            scenes.walk(start + 37, -40, 420, 450, 160, 90, rng, dark=False),
        ]
    return [
        scenes.walk(start, -30, 420, 430, 130, 100, rng),
        scenes.walk(start + 11, 656, 430, 325, 48, 32, rng),
        Mover(draw.person(70, rng), [(start + 24, 210, 400), (start + 32, 230, 310)]),
        Mover(draw.car(60, rng), [(start + 40, -90, 390), (start + 43.5, 730, 390)]),
    ]


def snows(number: int) -> Iterator[scenes.Scene]:
    """One scene a kind of snow; every `number` has seeds, strengths and visitors of its own."""
    for i, (kind, layers) in enumerate(KINDS.items()):
        seed = SEED + 1000 * number + 10 * i
        rng = np.random.default_rng(seed)
        name = "snow_%s_%d" % (kind, number)
        made = scenes.Scene(name, QUIET_S + 52, "weather", seed, _visitors(number + i, rng))
        made.before = [flakes(rng, layer) for layer in layers]
        if kind == "rain":
            made.before = [draw.rain(rng, RAIN_DROPS, RAIN_PIXELS)]
        noise = float(rng.uniform(1.5, 4))
        made.noise = lambda t, noise=noise: noise
        made.contrast = float(rng.uniform(0.6, 1.1))
        yield made


def score(scene):
    """{source: tally} of the decoded sources."""
    fields = sources.of_scene(scene, layers=("fields",))
    truth = scenes.spans(fields.moving)
    told = {}
    for source in DECODED:
        seen = replay_fields(fields.stream(source), Detector(), Tracker(), lambda: 0.0)
        spans = [(one.first, one.last) for one in seen.motions]
        told[source] = scoring.tally(spans, truth, fields.seconds)
    return told


def table(board):
    """Markdown: found, inside, false alarms and when, by scene and source; then the sums."""
    lines = ["| scene | source | found | inside | false | at |", "|---|---|---|---|---|---|"]
    sums = {source: scoring.Tally() for source in DECODED}
    for name, row in board.items():
        for source, one in row.items():
            sums[source].add(one)
            cells = name, source, one.found, one.events, one.inside, one.false, one.false_at
            lines.append("| %s | %s | %d/%d | %d | %d | %s |" % cells)
    for source, one in sums.items():
        cells = source, one.found, one.events, one.inside, one.false, one.quiet_s / 60
        lines.append("| all | %s | %d/%d | %d | %d | in %.1f min |" % cells)
    return "\n".join(lines)


def main(argv=None):
    """Draw what is missing, score everything, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.snows", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="scenes a kind")
    parser.add_argument("--held", action="store_true", help="the rounds that are only scored")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    board, first = {}, HELD_ROUND if options.held else 0
    for number in range(first, first + options.rounds):
        for scene in snows(number):
            board[scene.name] = score(scene)
            print("scored", scene.name, file=sys.stderr)
    print(table(board))
    if options.json:
        scoring.save(board, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
