"""Two pictures in, one motion field out: the light-compensated SAD of decoded luma.

Sources that see decoded pictures (files, RTSP, webcams, libcamera's lores stream) can do better
than an encoder: the SAD of each block is taken *after* scaling the older block to the brightness
of the newer one. Sun, cloud, headlights, lamps, auto-exposure and mains flicker change a block by
a factor; a thing that moves changes its pattern. On the labelled clips this lowers light changes
by two to four times and leaves the smallest walkers as they were (docs/design/motion.md).

Pictures are binned to about 320 columns first, which averages sensor noise away and makes the
cost independent of the recording's size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from dashcamd.core.cells import CELL, Binning, cell_sums, cells_at, mean_around, row_places
from dashcamd.core.shake import Shift, aligned, global_shift
from dashcamd.types import MOTION_DTYPE

BINNED_WIDTH = 320
"""Columns wanted after binning: a far walker (0.3 % of the picture) still fills three blocks."""

COMPENSATE_SAD = 672
"""Blocks up to it (2.6 grey levels a pixel) stay as they are: even at sensitivity 10 the detector
looks at nothing below 673."""


MAX_GAIN = 2.5
"""A block that changes its brightness by more is not the same thing under other light."""

WHITE = 224 * 4
WHITE_PIXELS = 2
"""A block with so many binned pixels this bright, in either picture, may be blinded: there light no
longer multiplies, and the texture it swallows looks like one that moved."""

LIT_SAD = 2048
LIT_PART = 0.3
MAX_LIT_SAD = 14000
"""A block that differs by at least the first and keeps at most this part is lit, not covered. What
differs by more than the last is not taken for glare: a sweep of headlights changes a block by up to
50 levels in 0.1 s, a hand before the sky by 100; a flash is too short to count."""

BLINDED_PART = 0.6
HALO_PART = 0.4
HALO_SMOOTH = 0.3
"""What is left in a blinded block is light too when it is below the first part of the difference,
when the second part of the blocks up to two away are lit, and when the block has changed about as
much as those around it: glare has a soft halo, a thing before a white sky has an edge."""

SHAKEN_NINTHS = 5
CHANGED_CELLS = 2
LEAST_CHANGED = CHANGED_CELLS * SHAKEN_NINTHS
"""A shift is looked for when so many ninths have two changed cells, believed when as many agree."""

SHIFT_GAIN = 0.75
"""How far a shift must lower the SAD of a ninth for it to agree."""

PATIENCE = 5
"""After so many searches in vain (the car drives) only every fifth field is searched."""

STEADY = Shift(0.0, 0.0)

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time


def _planes() -> Array:
    """Orthonormal constant, slope across and slope down of a cell, shape (CELL * CELL, 3)."""
    ramp = np.arange(CELL) - (CELL - 1) / 2
    planes = np.stack([np.ones(CELL * CELL), np.tile(ramp, CELL), np.repeat(ramp, CELL)], 1)
    unit: Array = (planes / np.sqrt((planes**2).sum(0))).astype(np.float32)
    return unit


PLANES = _planes()
PLANES_DOWN = np.ascontiguousarray(PLANES.T)
_LEAST_POWER = np.float32(1)
_LEAST_GAIN, _MOST_GAIN = np.float32(1 / MAX_GAIN), np.float32(MAX_GAIN)

AT_ONCE = 512
"""Cells compensated together: more of them leave the cache."""


class LumaField:
    """Makes motion fields of a stream of luma planes of one size.

    `width` and `height` are the picture's size in pixels; `scale` is the value for
    `MotionField.scale` and `rows`, `cols` the size of the grid. Which pictures are worth comparing
    says `pace.Turns`. One thread, any.
    """

    def __init__(self, width: int, height: int) -> None:
        size = max(1, round(width / BINNED_WIDTH))
        self._high, self._wide = height // size, width // size
        self.rows, self.cols = -(-self._high // CELL), -(-self._wide // CELL)
        self.scale = size / 2.0
        self._binning = Binning(size, self._high, self._wide)
        shape = self.rows * CELL, self.cols * CELL
        self._now, self._before = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
        self._compensation = Compensation(shape)
        self._is_first = True
        self._in_vain = 0

    def step(self, luma: Array) -> Optional[Array]:
        """The field between the last picture and this one, or None for the first.

        `luma` is uint8 of shape (height, width); strides are free. The answer has `MOTION_DTYPE`
        and shape (rows, cols + 1), SAD in 8-bit levels summed over 16x16 pixels; the vectors are
        all the same and say by how much the whole picture was shifted before it was compared.
        """
        now, before = self._before, self._now
        self._now, self._before = now, before
        self._binning.write(luma, now)
        if self._is_first:
            self._is_first = False
            return None
        field = np.zeros((self.rows, self.cols + 1), MOTION_DTYPE)
        sad = self._compensation.sad(now, before)
        shift = STEADY
        if self._compensation.changed >= LEAST_CHANGED and is_everywhere(sad):
            self._in_vain += 1
            if self._in_vain <= PATIENCE or self._in_vain % PATIENCE == 0:
                sad, shift = self._straightened(now, before, sad)
        field["sad"][:, :-1] = sad
        if shift:
            self._in_vain = 0
            field["x"], field["y"] = round(-2 * shift.x), round(-2 * shift.y)
        return field

    def _straightened(self, now: Array, before: Array, sad: Array) -> Tuple[Array, Shift]:
        """The SAD without what a shift of the whole picture explains, and that shift.

        When no shift explains most of the picture (a drive, a crowd), `sad` comes back as it was.
        """
        high, wide = self._high, self._wide
        shift = global_shift(now[:high, :wide], before[:high, :wide])
        if not shift:
            return sad, STEADY
        pair = aligned(now[:high, :wide], before[:high, :wide], shift, now.shape)
        straight = self._compensation.sad(*pair)
        return (straight, shift) if _explains(straight, sad) else (sad, STEADY)


class Compensation:
    """SAD of binned pictures of one `shape` (whole cells), without what light explains."""

    def __init__(self, shape: Tuple[int, int]) -> None:
        self._apart = np.empty(shape, np.uint16)
        self._places = row_places(*shape)
        self._pair = np.empty((2, AT_ONCE, CELL * CELL), np.float32)
        self._flat = np.empty((AT_ONCE, CELL * CELL), np.float32)
        self.changed = 0
        """How many cells of the last two pictures differed before light was taken out."""

    def sad(self, now: Array, before: Array) -> Array:
        """SAD per cell of two pictures in quarter grey levels, int32, never above 65535."""
        sad = cell_sums(self._difference(now, before))
        flat = sad.reshape(-1)
        (at,) = (flat > COMPENSATE_SAD).nonzero()
        self.changed = len(at)
        if not self.changed:
            return sad
        differs = flat[at]
        left = np.minimum(differs, self._residual(now, before, at))
        flat[at] = left
        blinded = left < BLINDED_PART * differs
        blinded &= left > COMPENSATE_SAD
        blinded &= differs < MAX_LIT_SAD
        (doubtful,) = blinded.nonzero()
        if len(doubtful):
            blinded[doubtful] = self._are_white(now, before, at[doubtful])
            if blinded.any():
                lit = (differs > LIT_SAD) & ((left < LIT_PART * differs) | blinded)
                flat[_in_glare(now, before, at[blinded], at[lit])] = COMPENSATE_SAD
        return sad

    def _difference(self, now: Array, before: Array) -> Array:
        """Quarter grey levels are below 1024, so that a signed word holds any difference."""
        apart = np.subtract(now, before, out=self._apart).view(np.int16)
        return np.abs(apart, out=apart).view(np.uint16)

    def _are_white(self, now: Array, before: Array, at: Array) -> Array:
        """Whether the cells `at` have so many white pixels that they may be blinded."""
        places = self._places.take(at, 0)
        brighter = np.maximum(cells_at(now, places), cells_at(before, places))
        enough: Array = (brighter >= WHITE).sum(1) >= WHITE_PIXELS
        return enough

    def _residual(self, now: Array, before: Array, at: Array) -> Array:
        """What is left of the difference of the cells `at` when their light is taken out, int32."""
        residual = np.empty(len(at), np.int32)
        for first in range(0, len(at), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            places = self._places.take(at[some], 0)
            pair = self._pair[:, : len(places)]
            pair[0], pair[1] = cells_at(now, places), cells_at(before, places)
            residual[some] = _unlit(pair, self._flat[: len(places)])
        return residual


def is_everywhere(sad: Array) -> bool:
    """Whether most ninths of the picture have changed: a visitor is in a few of them."""
    changed = sad > COMPENSATE_SAD
    if np.count_nonzero(changed) < LEAST_CHANGED:
        return False
    counts = np.bincount(_ninths(np.nonzero(changed), sad.shape), minlength=9)
    return int(np.count_nonzero(counts >= CHANGED_CELLS)) >= SHAKEN_NINTHS


def _ninths(at: Any, shape: Any) -> Array:
    """Number 0..8 of the ninth of the picture each cell lies in."""
    ninth: Array = at[0] * 3 // shape[0] * 3 + at[1] * 3 // shape[1]
    return ninth


def _explains(straight: Array, sad: Array) -> bool:
    """Whether the shift lowers the difference in most ninths, and not only where a car drives."""
    at = np.nonzero(sad > COMPENSATE_SAD)
    ninth = _ninths(at, sad.shape)
    was = np.bincount(ninth, sad[at], minlength=9)
    left = np.bincount(ninth, straight[at], minlength=9)
    return int(np.count_nonzero(left < SHIFT_GAIN * was)) >= SHAKEN_NINTHS


def _in_glare(now: Array, before: Array, at: Array, lit: Array) -> Array:
    """Those of the cells `at` that have cells `lit` around them and change as their neighbours."""
    shape = now.shape[0] // CELL, now.shape[1] // CELL
    is_lit = np.zeros(shape, np.float32)
    is_lit.reshape(-1)[lit] = 1
    at = at[mean_around(is_lit, 2).reshape(-1)[at] >= HALO_PART]
    if not len(at):
        return at
    change = (cell_sums(now) - cell_sums(before)).astype(np.float32)
    apart = np.abs(change - mean_around(change, 1))
    return at[(apart <= HALO_SMOOTH * np.abs(change)).reshape(-1)[at]]


def _unlit(pair: Array, planes: Array) -> Array:
    """What is left of the difference of a pair of cells when light is taken out, float32 of (n,).

    `pair` is float32 of (2, n, CELL * CELL), `planes` of the shape of its halves; both are used up.
    Light adds a plane (it falls off smoothly across a cell) and multiplies the texture that is
    left; the best such factor is found by least squares. The planes are taken out of the products
    and of the difference, which is less work than taking them out of both pictures.
    """
    now, before = pair
    flat = np.matmul(pair, PLANES)
    products = np.einsum("kij,ij->ki", pair, before)
    products -= np.einsum("kij,ij->ki", flat, flat[1])
    gain, power = products
    gain /= np.maximum(power, _LEAST_POWER, out=power)
    np.minimum(np.maximum(gain, _LEAST_GAIN, out=gain), _MOST_GAIN, out=gain)
    before *= gain[:, None]
    now -= before
    flat[1] *= gain[:, None]
    flat[0] -= flat[1]
    now -= np.matmul(flat[0], PLANES_DOWN, out=planes)
    left: Array = np.einsum("ij->i", np.abs(now, out=now))
    return left
