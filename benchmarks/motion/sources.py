"""One scene or clip, three kinds of fields: lores, decoded H.264, VideoCore-like; cached.

* ``ffmpeg``: the picture as libx264 leaves it (ultrafast, crf 26, no B frames, 1 s GOP), through
  `LumaField` as the software cameras do;
* ``lores``: the uncoded picture at half size, as libcamera's second stream delivers it;
* ``videocore``: whole even-pixel vectors found at half size, SAD at the matched place, nothing on
  I frames, every picture: what the legacy firmware is documented to give;
* ``vectors``: FFmpeg's exported vectors with the plain SAD, food for the peers' vector rules.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np

from benchmarks.motion import baselines, draw, scenes
from dashcamd.core import luma, shake
from dashcamd.core.fields import block_sad, vector_blocks
from dashcamd.core.luma import LumaField
from dashcamd.types import MOTION_DTYPE, MotionField

CACHE = Path(os.environ.get("DASHCAMD_BENCH_CACHE", Path(tempfile.gettempdir()) / "dashcamd-bench"))
REACH = 8
ZERO_BIAS = 96
GOP = 20
EXTRACTION = 1
"""Raise it when this module or the pixel rules change what a cached file would hold."""
SOURCES = ("ffmpeg", "lores", "videocore")


@dataclass
class Fields:
    """All that a scene or clip came to: stamps, truth flags, fields by source, pixel verdicts."""

    name: str
    fps: float
    moving: np.ndarray
    fields: Dict[str, Tuple[np.ndarray, np.ndarray]]
    pixels: Dict[str, np.ndarray]

    def stream(self, source) -> Iterator[MotionField]:
        """The fields of one source as the detector gets them."""
        stamps, blocks = self.fields[source]
        for ts, one in zip(stamps, blocks):
            yield MotionField(float(ts), one, 1.0, source)

    @property
    def seconds(self):
        """Length of the scene."""
        return len(self.moving) / self.fps


def of_scene(scene, refresh=False) -> Fields:
    """The fields of `scene`, from the cache when neither scene nor extraction has changed."""
    return _cached(scene.name, _digest(scene.name), lambda: _extract_scene(scene), refresh)


def of_clip(path, name, fps, refresh=False) -> Fields:
    """The fields of a video file (no truth flags, no uncoded picture)."""
    key = _digest(name) + str(Path(path).stat().st_size)
    return _cached(name, key, lambda: _extract_clip(path, name, fps), refresh)


def _digest(name):
    text = name + str(EXTRACTION)
    for module in (draw, scenes, luma, shake):
        text += inspect.getsource(module)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cached(name, key, make, refresh) -> Fields:
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / (name + "." + hashlib.sha256(key.encode()).hexdigest()[:12] + ".npz")
    if refresh or not path.exists():
        made = make()
        arrays = {"moving": made.moving, "fps": np.array(made.fps)}
        for source, (stamps, blocks) in made.fields.items():
            arrays["t." + source], arrays["f." + source] = stamps, blocks
        for rule, verdict in made.pixels.items():
            arrays["p." + rule] = verdict
        for old in CACHE.glob(name + ".*.npz"):
            old.unlink()
        np.savez(path, **arrays)
    with np.load(path) as held:
        fields = {k[2:]: (held["t." + k[2:]], held[k]) for k in held.files if k.startswith("f.")}
        pixels = {k[2:]: held[k] for k in held.files if k.startswith("p.")}
        return Fields(name, float(held["fps"]), held["moving"], fields, pixels)


class _Gather:
    """Collects the fields of each source while the pictures pass."""

    def __init__(self):
        self._held: Dict[str, Tuple[List[float], List[np.ndarray]]] = {}

    def add(self, source, ts, blocks):
        if blocks is not None:
            stamps, all_blocks = self._held.setdefault(source, ([], []))
            stamps.append(ts)
            all_blocks.append(blocks)

    def arrays(self):
        return {source: (np.array(t), np.array(b)) for source, (t, b) in self._held.items()}


def _extract_scene(scene) -> Fields:
    import av

    gather, moving = _Gather(), []
    pixel_rules = baselines.pixel_rules()
    lores, coded = LumaField(draw.WIDE // 2, draw.HIGH // 2), LumaField(draw.WIDE, draw.HIGH)
    before_half = before = None
    encoder = _encoder()
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"flags2": "+export_mvs", "skip_loop_filter": "all"}
    decoder.thread_type = "SLICE"
    stamps = []

    def decoded(packets):
        nonlocal before
        for packet in packets:
            for frame in decoder.decode(packet):
                before = _seen(gather, pixel_rules, coded, frame, stamps.pop(0), before)

    for i, (t, picture, is_moving) in enumerate(scene.frames()):
        moving.append(is_moving)
        stamps.append(t)
        half = _halved(picture)
        gather.add("lores", t, lores.step(t, half))
        if before_half is not None and i % GOP:
            gather.add("videocore", t, videocore_blocks(half, before_half))
        before_half = half
        decoded(encoder.encode(_frame(picture, i)))
    decoded(encoder.encode(None))
    decoded([None])
    verdicts = {name: np.array(rule.flags) for name, rule in pixel_rules.items()}
    return Fields(scene.name, scenes.FPS, np.array(moving), gather.arrays(), verdicts)


def _seen(gather, pixel_rules, coded, frame, t, before):
    """One decoded picture: its fields and what the pixel rules say."""
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]
    gather.add("ffmpeg", t, coded.step(t, luma))
    vectors = frame.side_data.get("MOTION_VECTORS")
    if vectors is not None and before is not None:
        gather.add("vectors", t, vector_blocks(vectors.to_ndarray(), block_sad(before, luma)))
    for rule in pixel_rules.values():
        rule.see(t, luma)
    return luma.copy()


def _extract_clip(path, name, fps) -> Fields:
    import av

    gather, pixel_rules, before, count = _Gather(), baselines.pixel_rules(), None, 0
    coded = half = before_half = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"flags2": "+export_mvs", "skip_loop_filter": "all"}
        for frame in container.decode(stream):
            t = count / fps
            coded = coded or LumaField(frame.width, frame.height)
            before = _seen(gather, pixel_rules, coded, frame, t, before)
            half = _halved(before)
            if before_half is not None and not frame.key_frame:
                gather.add("videocore", t, videocore_blocks(half, before_half))
            before_half = half
            count += 1
    verdicts = {rule: np.array(one.flags) for rule, one in pixel_rules.items()}
    return Fields(name, fps, np.zeros(count, bool), gather.arrays(), verdicts)


def _encoder():
    import av

    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = draw.WIDE, draw.HIGH, "yuv420p"
    from fractions import Fraction

    context.time_base = Fraction(1, scenes.FPS)
    context.gop_size = GOP
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "26",
        "x264-params": "bframes=0:ref=1:scenecut=0:threads=1",
    }
    return context


def _frame(luma, number):
    import av

    high, wide = luma.shape
    grey = np.full((high // 2, wide), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, grey]), format="yuv420p")
    frame.pts = number
    return frame


def _halved(luma):
    high, wide = luma.shape
    luma = luma[: high // 2 * 2, : wide // 2 * 2]
    rows = luma[0::2].astype(np.uint16) + luma[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2]) >> 2).astype(np.uint8)


def videocore_blocks(now, before):
    """Coarse matching at half size: the best of 81 even-pixel places for each macroblock."""
    high, wide = now.shape
    rows, cols = -(-high // 8), -(-wide // 8)
    spare = (0, rows * 8 - high), (0, cols * 8 - wide)
    now = np.pad(now, spare, mode="edge")
    reach = REACH // 2
    wider = np.pad(np.pad(before, spare, mode="edge"), reach, mode="edge")
    places = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    places.sort(key=lambda place: place[0] ** 2 + place[1] ** 2)
    best = np.full((rows, cols), 65535, np.int32)
    x_best, y_best = np.zeros((rows, cols), np.int8), np.zeros((rows, cols), np.int8)
    for y, x in places:
        there = wider[reach + y : reach + y + rows * 8, reach + x : reach + x + cols * 8]
        apart = np.maximum(now, there)
        apart -= np.minimum(now, there)
        lines = apart.reshape(rows, 8, cols * 8).sum(1, dtype=np.uint16)
        sad = lines.reshape(rows, cols, 8).sum(2, dtype=np.int32) * 4
        cost = sad + (ZERO_BIAS if (x or y) else 0)
        better = cost < best
        best[better] = cost[better]
        x_best[better], y_best[better] = 2 * x, 2 * y
    blocks = np.zeros((rows, cols + 1), MOTION_DTYPE)
    blocks["x"][:, :-1], blocks["y"][:, :-1] = x_best, y_best
    moved = (x_best != 0) | (y_best != 0)
    blocks["sad"][:, :-1] = np.minimum(best - ZERO_BIAS * moved, 65535)
    return blocks
