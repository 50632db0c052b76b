"""What the peers do, written anew from their description: the marks to beat.

Pixel rules see every decoded picture; vector rules see FFmpeg's vectors or VideoCore-like fields.
Each answers per picture whether it would record now. Their own waiting times are kept; pre- and
post-roll are not part of it.
"""

from __future__ import annotations

import importlib.util
from collections import deque

import numpy as np

NO_OPENCV = "MOG2 is left out, it needs OpenCV: pip install '.[bench]'"


def has_opencv():
    """Whether MOG2 can be scored."""
    return importlib.util.find_spec("cv2") is not None


def pixel_rules():
    """Fresh pixel rules by name; MOG2 only where OpenCV is installed."""
    rules = {
        "framediff": FrameDifference(),
        "motion_style": MotionStyle(),
        "frigate_style": FrigateStyle(),
    }
    if has_opencv():
        import cv2

        cv2.setNumThreads(1)
        rules["mog2"] = Mog2(cv2)
    return rules


def _grey(luma, wide):
    """Box-binned to about `wide` columns."""
    size = max(1, round(luma.shape[1] / wide))
    high = luma.shape[0] // size * size
    across = luma.shape[1] // size * size
    rows = luma[:high:size, :across].astype(np.uint16)
    for k in range(1, size):
        rows += luma[k:high:size, :across]
    total = rows[:, 0::size].astype(np.uint32)
    for k in range(1, size):
        total += rows[:, k::size]
    return (total // (size * size)).astype(np.uint8)


class _Rule:
    def __init__(self):
        self.flags = []

    def see(self, t, luma):
        """Note whether this picture would be recorded."""
        self.flags.append(bool(self.verdict(t, luma)))


class FrameDifference(_Rule):
    """Two-frame difference on 320-wide grey: more than 25 levels in more than 0.1 % of pixels."""

    def __init__(self):
        super().__init__()
        self._before = None

    def verdict(self, _t, luma):
        """Compare with the picture before."""
        now, before = _grey(luma, 320), self._before
        self._before = now
        if before is None:
            return False
        apart = np.maximum(now, before) - np.minimum(now, before)
        return np.count_nonzero(apart > 25) > 0.001 * now.size


class Mog2(_Rule):
    """OpenCV's MOG2 with its defaults, opened 3x3, more than 0.1 % of a 320-wide picture."""

    def __init__(self, cv2):
        super().__init__()
        self._cv2 = cv2
        self._model = cv2.createBackgroundSubtractorMOG2(detectShadows=True)
        self._kernel = np.ones((3, 3), np.uint8)

    def verdict(self, t, luma):
        """Ask the model."""
        mask = self._model.apply(_grey(luma, 320))
        mask = self._cv2.morphologyEx(
            (mask == 255).astype(np.uint8), self._cv2.MORPH_OPEN, self._kernel
        )
        return t > 1 and np.count_nonzero(mask) > 0.001 * mask.size


def _grown(mask):
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    side = out.copy()
    side[:, 1:] |= out[:, :-1]
    side[:, :-1] |= out[:, 1:]
    return side


class MotionStyle(_Rule):
    """Motion's rule: reference picture, noise level with tuning, despeckle EedDl, 1500 pixels."""

    def __init__(self):
        super().__init__()
        self._reference = None
        self._still = None
        self._noise = 32.0

    def verdict(self, t, luma):
        """Compare with the reference, despeckle, count."""
        if self._reference is None:
            self._reference = luma.copy()
            self._static = np.zeros(luma.shape, np.uint8)
            return False
        apart = np.maximum(luma, self._reference)
        apart -= np.minimum(luma, self._reference)
        changed = apart > self._noise
        there = apart[changed]
        quiet = apart.size - there.size
        if quiet:
            mean = (float(apart.sum(dtype=np.int64)) - float(there.sum(dtype=np.int64))) / quiet
            self._noise = 4 + (self._noise + mean) / 2
        kept = ~_grown(~changed)
        if not kept.any():
            self._static[...] = 0
            self._join(luma, changed, changed)
            return False
        kept = _grown(kept & _shrunk_cross(kept))
        blob = changed & _grown(_grown(kept))
        self._learn(luma, changed, blob)
        wanted = 1500 * luma.size / (640 * 480)
        return t > 1 and bool(kept.any()) and wanted < np.count_nonzero(blob) < 1.5 * luma.size

    def _learn(self, now, changed, blob):
        """Still pixels are copied, differing ones averaged in, moving ones after a while."""
        self._static = np.where(blob, np.minimum(self._static, 249) + 1, 0).astype(np.uint8)
        self._join(now, changed, changed & (~blob | (self._static > 200)))

    def _join(self, now, changed, joins):
        self._reference = np.where(changed, self._reference, now)
        both = self._reference[joins].astype(np.uint16) + now[joins]
        self._reference[joins] = both // 2


def _shrunk_cross(mask):
    out = mask.copy()
    out[1:] &= mask[:-1]
    out[:-1] &= mask[1:]
    out[:, 1:] &= mask[:, :-1]
    out[:, :-1] &= mask[:, 1:]
    return out


class FrigateStyle(_Rule):
    """Frigate's rule at 5 pictures a second: 100 rows, stretched contrast, running average, 30."""

    def __init__(self):
        super().__init__()
        self._average = None
        self._ranges = deque(maxlen=50)
        self._next = 0.0
        self._last = False
        self._busy = 0
        self._calibrating = True

    def verdict(self, t, luma):
        """Compare with the average, five times a second."""
        if t < self._next:
            return self._last
        self._next = t + 0.199
        small = _grey(luma, luma.shape[1] * 100 / luma.shape[0]).astype(np.float32)
        self._ranges.append(np.percentile(small[::2, ::2], (4, 96)))
        low, high = np.mean(self._ranges, 0)
        small = np.clip((small - low) * 255 / max(high - low, 1), 0, 255)
        small = _blurred(small)
        if self._average is None:
            self._average = small.copy()
            return False
        hot = np.abs(small - self._average) > 30
        share = hot.mean()
        grown = _grown(hot)
        moving = self._contours(grown)
        if share > 0.8:
            self._calibrating = True
        elif self._calibrating and share < 0.05:
            self._calibrating = False
        self._busy = self._busy + 1 if moving else 0
        if not moving or self._busy > 10 or self._calibrating:
            self._average += (0.2 if self._calibrating else 0.01) * (small - self._average)
        self._last = moving and t > 1
        return self._last

    @staticmethod
    def _contours(mask):
        if np.count_nonzero(mask) <= 10:
            return False
        from dashcamd.core.clusters import groups

        return groups(mask).size > 10


def _blurred(plane):
    for axis in (0, 1):
        plane = 0.5 * plane + 0.25 * (np.roll(plane, 1, axis) + np.roll(plane, -1, axis))
    return plane


# ---- vector rules: `run(fields, fps) -> [(ts, recording now)]`


def _parts(field):
    blocks = field.blocks[:, :-1]
    return blocks["x"].astype(np.int32), blocks["y"].astype(np.int32)


def picamera_recipe(fields, _fps):
    """Picamera's documented example: more than 10 blocks with a vector longer than 60."""
    for field in fields:
        x, y = _parts(field)
        yield field.ts, np.count_nonzero(np.sqrt(x * x + y * y).clip(0, 255) > 60) > 10


def picamera_recipe_quarter(fields, fps):
    """The same in quarter pixels, the unit in which it was perhaps meant."""
    for field in fields:
        x, y = _parts(field)
        yield field.ts, np.count_nonzero(4 * np.sqrt(x * x + y * y) > 60) > 10


def raspimjpeg(fields, fps):
    """raspimjpeg: IIR of |x| + |y| over blocks with moving neighbours, 250, 3 frames, 6 s off."""
    level, above, below, on = 0.0, 0, 0, False
    for field in fields:
        x, y = _parts(field)
        nonzero = x != 0
        inner = nonzero[:-2, 1:-1] & nonzero[2:, 1:-1] & nonzero[1:-1, :-2] & nonzero[1:-1, 2:]
        total = min(int((np.abs(x) + np.abs(y))[1:-1, 1:-1][inner].sum()), 2 * 250)
        level = level * 10 / 11 + total / 11
        above, below = (above + 1, 0) if level >= 250 else (0, below + 1)
        if above >= 3:
            on = True
        elif level < 250:
            on = False
        yield field.ts, on


def pikrellcam(fields, fps):
    """Pikrellcam's direction test at 6 Hz with its confirm window of 4 s, and its burst test."""
    next_ts, limit, average, burst, armed = 3.0, 4, 0.0, 0, -10.0
    verdict = False
    for field in fields:
        if field.ts < next_ts:
            yield field.ts, verdict and field.ts >= 3
            continue
        next_ts = field.ts + 0.16
        x, y = _parts(field)
        x, y = x[1:-1, 1:-1], y[1:-1, 1:-1]
        kept = x * x + y * y >= 25
        grown = np.zeros((kept.shape[0] + 2, kept.shape[1] + 2), np.int8)
        grown[1:-1, 1:-1] = kept
        three = grown[:-2] + grown[1:-1] + grown[2:]
        lonely = kept & (three[:, :-2] + three[:, 1:-1] + three[:, 2:] <= 1)
        sparkles = int(lonely.sum())
        kept &= ~lonely
        need = min(15, limit + 2 * sparkles // 3)
        passed, count, rejects = _direction(x, y, kept, need)
        total = count + rejects
        burst = min(3, burst + 1) if total > 400 + average else max(0, burst - 1)
        if not total:
            average += 0.02 * (sparkles - average)
        confirmed = passed and field.ts - armed <= 4.0
        if passed:
            armed = field.ts
        verdict = confirmed or burst >= 3
        yield field.ts, verdict


def _direction(x, y, kept, need):
    """Whether the kept vectors agree and lie close together; how many do and do not."""
    count = int(kept.sum())
    if count < need:
        return False, 0, count
    mx, my = x[kept].mean(), y[kept].mean()
    dot = x * mx + y * my
    same = kept & (dot > 0) & (100 * dot * dot >= 82 * (x * x + y * y) * (mx * mx + my * my))
    agree, rejects = int(same.sum()), count - int(same.sum())
    if agree < need:
        return False, agree, rejects
    rows, cols = np.nonzero(same)
    cy, cx = rows.mean(), cols.mean()
    half = 2
    while (2 * half) ** 2 <= 2 * agree:
        half += 1
    inside = int(((np.abs(rows - cy) <= half) & (np.abs(cols - cx) <= half)).sum())
    share = inside / agree
    if agree < 15:
        slow = (x[same] ** 2 + y[same] ** 2).mean() < 5 * 25
        return bool(share > 0.8 and slow and rejects < 0.5 * agree), agree, rejects
    return bool(share > 0.7 or (share > 0.5 and rejects < 0.4 * agree)), agree, rejects


VECTOR_RULES = {
    "picamera_recipe": picamera_recipe,
    "picamera_recipe_qpel": picamera_recipe_quarter,
    "raspimjpeg": raspimjpeg,
    "pikrellcam": pikrellcam,
}
