"""Scripted motion fields: noise, patches that move, no camera needed."""

import numpy as np

from dashcamd.types import MOTION_DTYPE, MotionField

ROWS, COLS = 30, 40


def field(ts, noise=300, patches=(), source="lores", rows=ROWS, cols=COLS, seed=None):
    """A field of sensor noise; each patch is (row, col, high, wide, sad) or with (x, y) added."""
    rng = np.random.default_rng(int(ts * 1000) if seed is None else seed)
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    blocks["sad"][:, :-1] = rng.poisson(noise, (rows, cols))
    for row, col, high, wide, sad, *vector in patches:
        place = blocks[max(0, row) : row + high, max(0, col) : min(col + wide, cols)]
        place["sad"] = sad
        if vector:
            place["x"], place["y"] = vector
    return MotionField(ts, blocks, 1.0, source)


def walk(start, seconds, fps=10, speed=4.0, **rules):
    """A person, three blocks high and two wide, who crosses from the left."""
    return [
        field(start + i / fps, patches=[(12, int(speed * i / fps), 3, 2, 6000, 4, 0)], **rules)
        for i in range(int(seconds * fps))
    ]


def still(start, seconds, fps=10, **rules):
    """Nothing but noise."""
    return [field(start + i / fps, **rules) for i in range(int(seconds * fps))]
