"""What light does to a drawn picture: headlights, clouds, exposure, lamps, the infrared switch.

Each effect is called with (picture, t) and answers the lit picture. It repeats in rounds; every
round after the first has a strength, place and direction of its own.
"""

from __future__ import annotations

import numpy as np

from benchmarks.motion.draw import HIGH, WIDE, soft_noise

BEGIN_S = 3.0
ACROSS = np.arange(WIDE)[None, :].astype(np.float32)
DOWN = np.arange(HIGH)[:, None].astype(np.float32)
NIGHT_NOISE = 4.0


def effect(kind, rng, rounds, round_s):
    """The effect of one kind, and the deviation of the sensor's noise under it."""
    clouds = soft_noise(HIGH, WIDE * 3, 120, rng)
    plain = _EFFECTS[kind]
    strengths = [np.ones(3)] + [rng.uniform(0.75, 1.3, 3) for _ in range(rounds - 1)]

    def lit(picture, t):
        turn = int(max(0.0, t - BEGIN_S) // round_s)
        if turn >= rounds:
            return plain(picture, t - (rounds - 1) * round_s, strengths[0], clouds)
        return plain(picture, t - turn * round_s, strengths[turn], clouds)

    return lit, NIGHT_NOISE if kind == "ir_flicker" else 2.0


def _spot(x, y, wide, high):
    return np.exp(-(((ACROSS - x) / wide) ** 2) - ((DOWN - y) / high) ** 2)


def _sweep(picture, t, strength, glare):
    for start in (6, 12, 20):
        lasts = 2 * strength[1]
        if start <= t < start + lasts:
            x = -100 + (t - start) / lasts * 840
            x = x if strength[2] <= 1 else WIDE - x
            blob = _spot(x, 300 * strength[2], 90 * strength[0], 60 * strength[0])
            picture = picture * (1 + glare * 0.9 * blob) + glare * 35 * blob
    return picture


def _headlights(picture, t, strength, _clouds):
    return _sweep(picture, t, strength, 0.5)


def _glare(picture, t, strength, _clouds):
    return _sweep(picture, t, strength, 1.0)


def _cloud(picture, t, strength, clouds):
    at = (int(t * 40 * strength[1]) + np.arange(WIDE)) % clouds.shape[1]
    return picture * (0.78 + 0.16 * np.tanh(clouds[:, at]))


def _pump(picture, t, strength, _clouds):
    halves = round(17 * strength[1])
    return picture * (1 + 0.35 * strength[0] * np.sin(np.pi * halves * (t - BEGIN_S) / 25.5) ** 3)


def _step(picture, t, strength, _clouds):
    for start in (6, 13, 20):
        if 0 <= t - start < 1.5:
            picture = picture * (1 + 0.8 * strength[0] * np.exp(-(t - start) / 0.3))
    return picture


def _ir_switch(picture, t, strength, _clouds):
    if 8 <= t < 18:
        picture = 90 + 0.45 * (255 - picture) * np.exp(-(((ACROSS - 320) / 400) ** 2)) * 0.8
        if t < 9.5:
            picture = picture * (1 + 0.5 * strength[0] * (1 - (t - 8) / 1.5))
    elif 18 <= t < 19.2:
        picture = picture * (1.6 - 0.5 * (t - 18))
    return picture


def _lamp(picture, t, strength, _clouds):
    if int(t) % 8 >= 4 and t < 26:
        near = _spot(200 * strength[1], 200 * strength[2], 160, 140)
        picture = picture * (1 + 0.8 * strength[0] * near) + 10 * near
    return picture


def _mains(picture, t, strength, _clouds):
    return picture * (1 + 0.06 * strength[0] * np.sin(2 * np.pi * (DOWN / 240 + t * 3.3)))


def _glint(picture, t, strength, _clouds):
    if t < 26:
        bright = _spot(450 * strength[1], 380 * strength[2], 30 * strength[0], 30 * strength[0])
        picture = picture + 100 * bright * max(0.0, np.sin(2 * np.pi * t / 2.5))
    return picture


def _ir_flicker(picture, t, strength, _clouds):
    lamp = 1 + 0.3 * strength[0] * np.sin(2 * np.pi * 3.7 * t) * np.sin(2 * np.pi * 0.31 * t)
    return 16 + (picture - 16) * (0.25 + 0.6 * lamp * _spot(320, 260, 260, 200))


_EFFECTS = {
    "headlights": _headlights,
    "headlights_glare": _glare,
    "clouds": _cloud,
    "ae_pump": _pump,
    "ae_step": _step,
    "ir_cut": _ir_switch,
    "lamp": _lamp,
    "mains_flicker": _mains,
    "glint": _glint,
    "ir_flicker": _ir_flicker,
}


def night_with_lamps(movers):
    """Night; whatever moves has headlights before it that blind the camera."""

    def lit(picture, t):
        picture = 16 + (picture - 16) * 0.3
        for mover in movers:
            place = mover.place(t)
            if place is None:
                continue
            high, wide = mover.phases[0].alpha.shape
            ahead = place[0] + wide * 1.4, place[1] + high * 0.7
            picture = picture + 260 * _spot(*ahead, wide * 0.6, high * 0.5)
        return picture

    return lit


def white_wall(picture, _t):
    """The upper half is brighter than the sensor can tell."""
    picture[60:330, 100:600] = 300
