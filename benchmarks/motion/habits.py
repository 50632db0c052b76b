"""``python -m benchmarks.motion.habits``: what moves at one place all the time, and who passes it.

*Restless* scenes hold a television, a flag, a fan, a sign, a bush or a curtain; fourteen minutes
without anybody, then six visitors before it, behind it and beside it. *Busy* scenes hold places
where people or cars come again and again, and somebody who works at one place: none of that may be
taken for a habit. All are tuned on; rounds from `HELD_ROUND` on are only scored.

Drawn at ten pictures a second straight to ``lores`` fields, without an encoder; ``--matched``
seconds of each become VideoCore-like fields, too.
"""

from __future__ import annotations

import argparse
import bisect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import numpy as np

from benchmarks.motion import draw, scenes, scoring, sources
from benchmarks.motion.draw import HIGH, Mover
from dashcamd.core.detector import Detector
from dashcamd.core.habit import NO_HABIT
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker

SEED = 900000
HELD_ROUND = 50
QUIET_S = 840.0
RESTLESS_S = QUIET_S + 165
EARLY_S, LEARNT_S = 120.0, 420.0
BUSY_S = 780.0
JOIN_S = 2.0
SPANS = {"early": (0.0, EARLY_S), "middle": (EARLY_S, LEARNT_S), "late": (LEARNT_S, 1e9)}


@dataclass
class Habit:
    """One script: the scene and whether its movers count minute by minute (one who stays)."""

    scene: scenes.Scene
    is_busy: bool = False
    visits: List[Tuple[float, float]] = field(default_factory=list)


def _switches(rng, seconds, on, off):
    """Random stretches [(start, end)] of `on` (least, most) seconds, `off` seconds apart."""
    made, t = [], float(rng.uniform(0, off[1]))
    while t < seconds:
        end = t + float(rng.uniform(*on))
        made.append((t, end))
        t = end + float(rng.uniform(*off))
    return made


def _force(stretches, t, rise=0.8):
    """0..1: how strongly it blows at `t`, with soft starts and ends."""
    i = bisect.bisect(stretches, (t, 1e9)) - 1
    if i < 0 or t > stretches[i][1]:
        return 0.0
    start, end = stretches[i]
    return float(min(1.0, (t - start) / rise, (end - t) / rise))


def television(rng, left, top, wide, high, shot_s):
    """Shots of random length: pans, a figure that moves, or still; each with its own light."""
    rolls = [
        np.clip(draw.texture(high, 3 * wide, rng, rng.uniform(1, 3), level), 16, 235)
        for level in rng.uniform(40, 180, 9)
    ]
    figures = [draw.ellipse(max(6, high * n // 10), max(6, wide * n // 16)) for n in (4, 7)]
    cuts = np.cumsum(rng.uniform(*shot_s, 2000))
    kinds = rng.integers(0, 4, 2001)
    paces = rng.uniform(8, 60, 2001) * wide / 100

    def effect(picture, t):
        n = int(cuts.searchsorted(t))
        since = t - (cuts[n - 1] if n else 0.0)
        moved = int(paces[n] * since) % (2 * wide) if kinds[n] == 0 else 7 * n % wide
        part = rolls[n % len(rolls)][:, moved : moved + wide].copy()
        if kinds[n] in (1, 2):
            figure = figures[kinds[n] - 1]
            tall, broad = figure.shape
            x = int((wide - broad) * (0.5 + 0.45 * np.sin(since * paces[n] / wide * 4)))
            y = int((high - tall) * (0.5 + 0.3 * np.sin(since * 2.3 + n)))
            part[y : y + tall, x : x + broad] += figure * (230 - 2 * part.mean())
        picture[top : top + high, left : left + wide] = np.clip(part, 16, 235)

    return effect


def cloth(rng, left, top, wide, high, stretches, pixels, fixed):
    """A flag or a curtain: waves run along it while it blows; `fixed` is the side that holds."""
    plain = draw.texture(high + 40, wide + 40, rng, 0.8, 120)
    plain += 45 * np.sign(np.sin(np.arange(high + 40) / high * 12))[:, None]
    across = np.arange(wide)[None, :] / wide
    down = np.arange(high)[:, None] / high
    free = across if fixed == "left" else down
    ridge = (across * 9 if fixed == "left" else across * 14 + down * 2) + 0 * down

    def effect(picture, t):
        force = _force(stretches, t)
        wave = force * pixels * free * np.sin(ridge - 7 * t * (0.8 + 0.2 * force))
        rows = (20 + np.arange(high)[:, None] + wave).astype(np.intp)
        cols = (20 + np.arange(wide)[None, :] + 0.6 * wave).astype(np.intp)
        lit = plain[rows, cols] + 12 * force * np.cos(ridge - 7 * t)
        picture[top : top + high, left : left + wide] = np.clip(lit, 16, 235)

    return effect


def fan(x, y, radius):
    """Blades that turn, on a head that swings."""
    down, across = np.mgrid[-radius : radius + 1, -radius - 14 : radius + 15]

    def effect(picture, t):
        aside = 13 * np.sin(0.8 * t)
        turned = np.arctan2(down, across - aside) * 3 - 11 * t
        disc = np.hypot(down, across - aside) < radius
        part = picture[y - radius : y + radius + 1, x - radius - 14 : x + radius + 15]
        part += disc * (110 + 60 * np.tanh(3 * np.sin(turned)) - part)

    return effect


def sign(rng, left, top, wide, high):
    """Lamps: letters that run, then blink, then stand."""
    letters = np.kron(rng.random((high // 5, 400)) > 0.55, np.ones((5, 5))) * 170 + 30

    def effect(picture, t):
        turn, phase = divmod(t, 11.0)
        moved = int(45 * min(phase, 5.0) + 13 * turn) % (letters.shape[1] - wide)
        part = letters[:, moved : moved + wide]
        if 5.0 <= phase < 8.0 and int(phase * 3) % 2:
            part = np.full_like(part, 30)
        picture[top : top + len(part), left : left + wide] = part

    return effect


def bush(rng, left, top, wide, high, stretches, pixels):
    """Twigs with phases of their own; each gust runs through from one side to the other."""
    leaves = np.clip(draw.texture(high + 30, wide + 30, rng, 2.2, 85), 16, 235)
    phase = rng.uniform(0, 6.3, (high // 8 + 1, wide // 8 + 1))
    phase = np.kron(phase, np.ones((8, 8)))[:high, :wide]
    limp = np.kron(rng.uniform(0.3, 1, phase.shape), 1)[:high, :wide]
    late = np.arange(wide) / wide * 0.9

    def effect(picture, t):
        force = np.array([_force(stretches, t - late[i]) for i in range(0, wide, 8)])
        force = pixels * np.repeat(force, 8)[:wide][None, :] * limp
        rows = 15 + np.arange(high)[:, None] + force * np.sin(4.1 * t + phase)
        cols = 15 + np.arange(wide)[None, :] + force * np.sin(3.3 * t + 2 * phase)
        part = leaves[rows.astype(np.intp), cols.astype(np.intp)]
        picture[top : top + high, left : left + wide] = part

    return effect


def visitors(rng, x, y, start=QUIET_S):
    """Six: before it, beside it, standing at it, far away, and an animal. (x, y): its foot."""
    foot = min(HIGH - 5, y + 60)
    return [
        scenes.walk(start + 5, -40, 690, foot + 20, 150, 120, rng),
        scenes.walk(start + 30, 680, -40, y + 25, 80, 90, rng, dark=False),
        Mover(
            draw.person(130, rng),
            [(start + 55, -30, foot), (start + 61, x, foot), (start + 69, x, foot),
             (start + 75, -30, foot)],
        ),
        scenes.walk(start + 95, -20, 660, max(150, y - 20), 48, 55, rng),
        Mover(draw.cat(26, rng), [(start + 125, -30, foot + 10), (start + 132, 670, foot + 10)]),
        Mover(
            draw.person(110, rng),
            [(start + 145, 680, foot), (start + 150, x + 40, foot), (start + 155, 680, foot)],
        ),
    ]  # fmt: skip


def _restless(name, seed, rng, effect, place, is_before=False):
    scene = scenes.Scene(name, RESTLESS_S, "habit", seed, visitors(rng, *place))
    (scene.before if is_before else scene.behind).append(effect)
    return Habit(scene)


def _windy(rng, on=(4, 9), off=(6, 18)):
    return _switches(rng, RESTLESS_S, on, off)


RESTLESS: Dict[str, Callable] = {
    "tv_small": lambda rng: (television(rng, 430, 210, 56, 40, (2, 5)), (458, 320)),
    "tv": lambda rng: (television(rng, 250, 180, 120, 72, (1, 4)), (310, 330)),
    "tv_large": lambda rng: (television(rng, 180, 140, 220, 130, (1.5, 6)), (290, 330)),
    "tv_calm": lambda rng: (television(rng, 360, 190, 110, 66, (6, 14)), (415, 330)),
    "flag": lambda rng: (cloth(rng, 300, 90, 120, 76, _windy(rng), 9, "left"), (360, 300)),
    "curtain": lambda rng: (
        cloth(rng, 400, 110, 80, 170, _windy(rng, (3, 8), (5, 12)), 8, "top"), (440, 320)),
    "fan": lambda rng: (fan(240, 270, 36), (240, 330)),
    "sign": lambda rng: (sign(rng, 330, 150, 140, 30), (400, 310)),
    "bush": lambda rng: (
        bush(rng, 380, 150, 180, 160, _windy(rng, (4, 8), (5, 14)), 4), (470, 350)),
    "bush_front": lambda rng: (
        bush(rng, 80, 260, 220, 190, _windy(rng, (5, 10), (5, 12)), 5), (200, 400)),
    "flag_seldom": lambda rng: (
        cloth(rng, 300, 90, 120, 76, _windy(rng, (4, 8), (30, 60)), 9, "left"), (360, 300)),
}  # fmt: skip


def _door(rng):
    """About once a minute somebody comes out of the door, or goes in; the door swings."""
    movers, swings, visits, t = [], [], [], 20.0
    while t < BUSY_S - 20:
        way = [(t, 300, 330), (t + 1.5, 300, 335), (t + 7, -40, 450)]
        if rng.random() < 0.5:
            way = [(t, 680, 440), (t + 5, 300, 335), (t + 7, 300, 330)]
        movers.append(Mover(draw.person(110, rng, dark=bool(rng.integers(2))), way))
        swing = (t - 1.0, t + 3) if way[0][1] == 300 else (t + 4.5, t + 8)
        swings.append(swing)
        visits.append((min(t, swing[0]), max(t + 7, swing[1])))
        t += float(rng.uniform(45, 70))

    def leaf(picture, t):
        wide = int(46 * _force(swings, t))
        if wide:
            picture[220:330, 322 - wide : 322] = 35

    return movers, [leaf], [], visits


def _fidget(rng, start, end, x, y, share):
    """Knots of somebody who stays and works: small ways, small rests."""
    knots, t = [], start
    while t < end:
        knots.append((t, x + rng.integers(-7, 8), y + rng.integers(-4, 5)))
        t += float(rng.uniform(0.4, 2.5))
        if rng.random() > share:
            knots.append((t, *knots[-1][1:]))
            t += float(rng.uniform(0.5, 6))
    return knots


def _desk(rng, arrives=20.0):
    """Somebody comes, works for over ten minutes at one place, and leaves."""
    leaves = BUSY_S - 20
    path = [] if arrives is None else [(arrives, -30, 430), (arrives + 6, 340, 420)]
    begin = 0.0 if arrives is None else arrives + 6.5
    path += _fidget(rng, begin, leaves - 1, 340, 420, 0.6)
    path += [(leaves, 340, 420), (leaves + 6, -30, 430)]
    mover = Mover(draw.person(150, rng), path)
    minutes = [(a, min(a + 60, leaves)) for a in np.arange(begin, leaves, 60.0)]
    comes = [] if arrives is None else [(arrives, arrives + 6)]
    return [mover], [], [], [*comes, *minutes, (leaves, leaves + 6)]


def _till(rng):
    """One customer after the other walks up, stands for half a minute, and goes."""
    movers, t = [], 10.0
    while t < BUSY_S - 40:
        stays = float(rng.uniform(18, 32))
        path = [(t, -30, 440), (t + 4, 350, 400)]
        path += _fidget(rng, t + 4.5, t + 4 + stays, 350, 400, 0.5)
        path += [(t + 5 + stays, 350, 400), (t + 9 + stays, 680, 440)]
        movers.append(Mover(draw.person(140, rng, dark=bool(rng.integers(2))), path))
        t += stays + float(rng.uniform(3, 12)) + 9
    return movers, [], [], None


def _window(left, top, right, bottom):
    """An effect that puts the background back everywhere but in this window."""
    kept = {}

    def keep(picture, _t):
        kept["plain"] = picture.copy()

    def cover(picture, _t):
        part = picture[top:bottom, left:right].copy()
        picture[...] = kept["plain"]
        picture[top:bottom, left:right] = part

    return keep, cover


def _lane(rng, window, high, pace, apart):
    """Cars that are seen through a window only, one way or the other."""
    left, _, right, bottom = window
    movers, t, half = [], 5.0, high * 5 // 4
    while t < BUSY_S - 10:
        speed = float(rng.uniform(*pace))
        ends = [left - half, right + half]
        if rng.random() < 0.4:
            ends.reverse()
        tall = int(high * rng.uniform(0.8, 1.2))
        lasts = abs(ends[1] - ends[0]) / speed
        movers.append(
            Mover(draw.car(tall, rng), [(t, ends[0], bottom - 4), (t + lasts, ends[1], bottom - 4)])
        )
        t += lasts + float(rng.uniform(*apart))
    keep, cover = _window(*window)
    return movers, [keep], [cover], None


BUSY: Dict[str, Callable] = {
    "door": _door,
    "desk": _desk,
    "desk_began": lambda rng: _desk(rng, None),
    "till": _till,
    "road_edge": lambda rng: _lane(rng, (0, 360, 120, 440), 60, (150, 300), (1, 6)),
    "road_dense": lambda rng: _lane(rng, (520, 300, 640, 360), 44, (120, 220), (0.3, 3)),
    "gap": lambda rng: _lane(rng, (300, 290, 350, 350), 40, (160, 320), (0.6, 4)),
}


def habits(number: int) -> Iterator[Habit]:
    """One scene a script; every `number` has seeds, shots, gusts and visitors of its own."""
    for i, (name, make) in enumerate(RESTLESS.items()):
        seed = SEED + 1000 * number + 10 * i
        rng = np.random.default_rng(seed)
        effect, place = make(rng)
        label = "habit_%s_%d" % (name, number)
        yield _sensed(_restless(label, seed, rng, effect, place, name == "bush_front"), rng)
    for i, (name, make) in enumerate(BUSY.items()):
        seed = SEED + 500 + 1000 * number + 10 * i
        rng = np.random.default_rng(seed)
        movers, behind, before, visits = make(rng)
        scene = scenes.Scene("busy_%s_%d" % (name, number), BUSY_S, "habit", seed, movers)
        scene.behind, scene.before = behind, before
        yield _sensed(Habit(scene, True, visits or []), rng)


def _sensed(habit, rng):
    noise = float(rng.uniform(1.5, 4))
    habit.scene.noise = lambda t: noise
    habit.scene.contrast = float(rng.uniform(0.6, 1.1))
    habit.visits = habit.visits or [(one.path[0][0], one.path[-1][0]) for one in habit.scene.movers]
    return habit


@dataclass
class Told:
    """Numbers of one scene: events in quiet time, visits found, how much of them, and masked."""

    early: int = 0
    early_s: float = 0.0
    middle: int = 0
    middle_s: float = 0.0
    late: int = 0
    late_s: float = 0.0
    visits: int = 0
    found: int = 0
    covered: float = 0.0
    masked: float = 0.0

    def as_json(self):
        """All of them."""
        return dict(vars(self))


class _Masking(Detector):
    """Remembers the largest part of the picture that was masked."""

    most = 0.0

    def judge(self, field, is_told=False):
        score = super().judge(field, is_told)
        self.most = max(self.most, self.masked_part)
        return score


def score(habit, fields, source, part=None):
    """What a detector says of one scene; `part` turns `habit_part`."""
    detector = _Masking(expert={} if part is None else {"habit_part": part})
    seen = replay_fields(fields.pooled(source), detector, Tracker(), lambda: 0.0)
    spans = scoring.merged([(one.first, one.last) for one in seen.motions], JOIN_S)
    end = float(fields.fields[source][0][-1])
    visits = [one for one in habit.visits if one[1] <= end]
    told = Told(visits=len(visits), masked=detector.most)
    near = [(a - scoring.LATE_S, b + scoring.AFTER_S) for a, b in habit.visits]
    starts = [a for a, b in spans if b > scoring.WARM_UP_S]
    quiet = np.arange(scoring.WARM_UP_S, end, 0.5)
    for name, (since, until) in SPANS.items():
        setattr(told, name, sum(_is_quiet(t, since, until, near) for t in starts))
        setattr(told, name + "_s", 0.5 * sum(_is_quiet(t, since, until, near) for t in quiet))
    shares = [_share(one, spans) for one in visits]
    told.found = sum(bool(share > 0) for share in shares)
    told.covered = float(np.mean(shares)) if shares else 0.0
    return told


def _is_quiet(t, since, until, near):
    return bool(since <= t < until and not any(a <= t < b for a, b in near))


def _share(visit, spans):
    return sum(max(0.0, min(b, visit[1]) - max(a, visit[0])) for a, b in spans) / (
        visit[1] - visit[0]
    )


def an_hour(count, seconds):
    """As text; a dash where no time was quiet."""
    return "%.0f" % (3600 * count / seconds) if seconds >= 10 else "-"


def table(board):
    """Markdown: before and after a scene, then the sums of restless and of busy ones."""
    lines = [
        "| scene | source | habits | events/h in minutes 0-2 | 2-7 | later | visits found |"
        " of their time | masked % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    sums: Dict[Tuple[str, str, str], Told] = {}
    for name, row in board.items():
        for key, one in row.items():
            source, what = key.split("/")
            lines.append(_line(name, source, what, one))
            total = sums.setdefault((name.split("_")[0], source, what), Told())
            share = total.covered * total.visits + one.covered * one.visits
            for item in ("visits", "found", *SPANS, *(span + "_s" for span in SPANS)):
                setattr(total, item, getattr(total, item) + getattr(one, item))
            total.covered = share / max(1, total.visits)
            total.masked = max(total.masked, one.masked)
    lines += [_line("all " + key[0], *key[1:], one) for key, one in sums.items()]
    return "\n".join(lines)


def _line(name, source, what, one):
    rates = (an_hour(getattr(one, span), getattr(one, span + "_s")) for span in SPANS)
    cells = (name, source, what, *rates)
    counts = one.found, one.visits, 100 * one.covered, 100 * one.masked
    return "| %s | %s | %s | %s | %s | %s | %d/%d | %.0f %% | %.1f |" % (*cells, *counts)


def main(argv=None):
    """Draw what is missing, score everything with and without habits, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.habits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="scenes a script")
    parser.add_argument("--held", action="store_true", help="the rounds that are only scored")
    parser.add_argument("--only", help="scenes whose name holds this")
    parser.add_argument("--matched", type=float, default=0.0, help="VideoCore-like seconds a scene")
    parser.add_argument("--draw", action="store_true", help="only draw what is missing")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    board, first = {}, HELD_ROUND if options.held else 0
    for number in range(first, first + options.rounds):
        for habit in habits(number):
            label = habit.scene.name
            if options.only and options.only not in label:
                continue
            fields = sources.of_quiet(habit.scene, options.matched)
            if options.draw:
                print("drew", label, file=sys.stderr, flush=True)
                continue
            row = board.setdefault(label, {})
            for source in fields.fields:
                row[source + "/without"] = score(habit, fields, source, NO_HABIT)
                row[source + "/with"] = score(habit, fields, source)
    print(table(board))
    if options.json:
        scoring.save(board, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
