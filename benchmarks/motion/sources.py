"""One scene or clip, three kinds of fields: lores, decoded H.264, VideoCore-like; cached.

* ``ffmpeg``: the picture as libx264 leaves it (ultrafast, crf 26, no B frames, 1 s GOP), through
  `PictureFields` as the software cameras do;
* ``lores``: the uncoded picture at half size, ten a second, as libcamera's second stream delivers;
* ``videocore``: whole even-pixel vectors found at half size, SAD at the matched place, nothing on
  I frames, every picture: what the legacy firmware is documented to give;
* ``vectors``: FFmpeg's exported vectors with the plain SAD, food for the peers' vector rules.

Four layers are kept a scene. The *footage*, its encoded and (losslessly) its halved pictures, is
what drawing costs; of it come *fields*, anew when `dashcamd.core.luma` or `shake` has changed,
*videocore* matches, and for the *peers* FFmpeg's vectors and the verdicts of the pixel rules.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import os
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np

from benchmarks.motion import baselines, draw, scenes
from benchmarks.motion.matching import halved, videocore_blocks
from dashcamd.cameras import analysis
from dashcamd.cameras.analysis import PictureFields
from dashcamd.core import cells, luma, pace, shake
from dashcamd.core.detector import Detector
from dashcamd.core.fields import block_sad, vector_blocks
from dashcamd.core.pooling import Pool
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker
from dashcamd.types import MotionField

CACHE = Path(os.environ.get("DASHCAMD_BENCH_CACHE", Path(tempfile.gettempdir()) / "dashcamd-bench"))
GOP = 20
HALF = (draw.WIDE // 2, draw.HIGH // 2)
DRAWING = 2
"""Raise it when what is drawn, encoded, matched, or a pixel rule changes: all is made anew."""
SOURCES = ("ffmpeg", "lores", "videocore")

X264 = {"preset": "ultrafast", "tune": "zerolatency"}
CODED = {**X264, "crf": "26", "x264-params": "bframes=0:ref=1:scenecut=0:threads=1"}
LOSSLESS = {**X264, "qp": "0", "x264-params": "bframes=0:ref=1:scenecut=0:threads=1"}


@dataclass
class Fields:
    """All that a scene or clip came to: stamps, truth flags, fields by source, pixel verdicts."""

    name: str
    fps: float
    moving: np.ndarray
    fields: Dict[str, Tuple[np.ndarray, np.ndarray]]
    pixels: Dict[str, np.ndarray]

    def stream(self, source) -> Iterator[MotionField]:
        """The fields of one source as it gives them."""
        stamps, blocks = self.fields[source]
        for ts, one in zip(stamps, blocks):
            yield MotionField(float(ts), one, 1.0, source)

    def pooled(self, source) -> Iterator[MotionField]:
        """The same as the detector gets them."""
        yield from filter(None, map(Pool().step, self.stream(source)))

    def motions(self, source) -> List[Tuple[float, float]]:
        """First and last stamp of each motion that the detector tells, as it is set by default."""
        seen = replay_fields(self.pooled(source), Detector(), Tracker(), time.perf_counter)
        return [(one.first, one.last) for one in seen.motions]

    @property
    def seconds(self):
        """Length of the scene."""
        return len(self.moving) / self.fps


LAYERS = ("fields", "videocore", "peers")


def of_scene(scene, refresh=False, layers=LAYERS) -> Fields:
    """The fields of `scene`, from the cache where neither drawing nor comparing has changed."""
    key = _key(DRAWING, scene.seed)
    footage = footage_of(scene, refresh)
    makers = {"fields": _scene_fields, "videocore": _scene_matches, "peers": _scene_peers}
    return _with_layers(scene.name, footage, key, makers, refresh, layers)


def footage_of(scene, refresh=False):
    """The encoded and the halved pictures of `scene`, drawn when they are not in the cache."""
    return _kept(scene.name, "footage", _key(DRAWING, scene.seed), lambda: film(scene), refresh)


def of_quiet(scene, matched_s, refresh=False) -> Fields:
    """Lores fields of `scene`, and VideoCore-like ones of its first `matched_s` seconds."""
    held = _kept(scene.name, "quiet", _quiet_key(scene), lambda: _drawn_lores(scene), refresh)
    if matched_s:
        key, make = _matched(scene, matched_s)
        held = {**held, **_kept(scene.name, "matched", key, make, refresh)}
    fields = {k[2:]: (held["t." + k[2:]], held[k]) for k in held if k.startswith("f.")}
    moving = np.zeros(int(scene.seconds * scenes.FPS), bool)
    return Fields(scene.name, scenes.FPS, moving, fields, {})


def of_drawn(scene, refresh=False, matched=False) -> Fields:
    """Lores fields of `scene` with its truth, ten a second, without an encoder between.

    `matched` adds VideoCore-like fields, twenty a second.
    """
    held = _kept(scene.name, "drawn", _quiet_key(scene), lambda: _drawn_lores(scene), refresh)
    fields = {"lores": (held["t.lores"], held["f.lores"])}
    if matched:
        key, make = _matched(scene, scene.seconds)
        more = _kept(scene.name, "matched", key, make, refresh)
        fields["videocore"] = more["t.videocore"], more["f.videocore"]
    return Fields(scene.name, scenes.FPS / 2, held["moving"], fields, {})


def _matched(scene, seconds):
    """The key of the first `seconds` of `scene` as VideoCore-like fields, and what makes them."""
    key = _key(DRAWING, scene.seed, seconds)
    return key, functools.partial(_quiet_matches, scene, seconds)


def is_kept(scene) -> bool:
    """Whether `of_quiet` needs not draw for lores fields."""
    return (CACHE / ("%s.quiet.%s.npz" % (scene.name, _quiet_key(scene)))).exists()


def _quiet_key(scene):
    return _key(DRAWING, scene.seed, scene.seconds, *_luma_sources())


def _drawn_lores(scene):
    gather, fields, moving = _Gather(), PictureFields(), []
    for t, picture, is_moving in scene.frames(every=2):
        moving.append(is_moving)
        gather.add("lores", t, _blocks(fields.of_luma(t, halved(picture))))
    return {**gather.arrays(), "moving": np.array(moving)}


def _quiet_matches(scene, matched_s):
    frames = itertools.takewhile(lambda frame: frame[0] < matched_s, scene.frames())
    halves = (halved(picture) for _, picture, _ in frames)
    return _matches(((half, i % GOP == 0) for i, half in enumerate(halves)), scenes.FPS)


def of_clip(path, name, fps, refresh=False, layers=LAYERS) -> Fields:
    """The fields of a video file (no truth flags, no uncoded picture)."""
    key = _key(DRAWING, Path(path).stat().st_size)
    stamps = {"path": str(path), "fps": np.array(fps)}
    footage = _kept(name, "footage", key, lambda: _clip_facts(stamps), refresh)
    makers = {"fields": _clip_fields, "videocore": _clip_matches, "peers": _clip_peers}
    return _with_layers(name, {**footage, **stamps}, key, makers, refresh, layers)


def _with_layers(name, footage, key, makers, refresh, layers):
    arrays = dict(footage)
    for layer in layers:
        own = _key(key, *_luma_sources()) if layer == "fields" else key
        make = functools.partial(makers[layer], footage)
        arrays.update(_kept(name, layer, own, make, refresh))
    fields = {k[2:]: (arrays["t." + k[2:]], arrays[k]) for k in arrays if k.startswith("f.")}
    pixels = {k[2:]: arrays[k] for k in arrays if k.startswith("p.")}
    return Fields(name, float(footage["fps"]), footage["moving"], fields, pixels)


def _luma_sources():
    return tuple(inspect.getsource(one) for one in (analysis, cells, luma, pace, shake))


def _key(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _kept(name, layer, key, make, refresh):
    """The arrays that `make` answers, from the cache when they are there under `key`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / ("%s.%s.%s.npz" % (name, layer, key))
    if refresh or not path.exists():
        made = make()
        for old in CACHE.glob("%s.%s.*.npz" % (name, layer)):
            old.unlink()
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **made)
        part.rename(path)
    with np.load(path) as held:
        return dict(held)


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
        made = {}
        for source, (stamps, blocks) in self._held.items():
            made["t." + source], made["f." + source] = np.array(stamps), np.array(blocks)
        return made


def film(scene):
    """Draw and encode a scene: the layer that the others are made of."""
    moving = []
    coded, lossless = _Film(draw.WIDE, draw.HIGH, CODED), _Film(*HALF, LOSSLESS)
    for _, picture, is_moving in scene.frames():
        moving.append(is_moving)
        lossless.add(halved(picture))
        coded.add(picture)
    return {
        "moving": np.array(moving),
        "fps": np.array(scenes.FPS),
        **coded.arrays("coded"),
        **lossless.arrays("lossless"),
    }


def _scene_fields(footage):
    """Our fields of the pictures that were kept."""
    gather = _Gather()
    for source, film in (("ffmpeg", "coded"), ("lores", "lossless")):
        fields = PictureFields()
        for i, frame in enumerate(_Film.kept(footage, film)):
            ts = i / scenes.FPS
            gather.add(source, ts, _blocks(fields.of_luma(ts, _luma_of(frame))))
    return gather.arrays()


def _scene_matches(footage):
    halves = (_luma_of(frame) for frame in _Film.kept(footage, "lossless"))
    return _matches(((half, i % GOP == 0) for i, half in enumerate(halves)), scenes.FPS)


def _scene_peers(footage):
    return _peers(_Film.kept(footage, "coded"), scenes.FPS)


def _matches(pictures, fps):
    """VideoCore-like fields of (halved picture, whether an I frame)."""
    gather, before = _Gather(), None
    for i, (half, is_key) in enumerate(pictures):
        if before is not None and not is_key:
            gather.add("videocore", i / fps, videocore_blocks(half, before))
        before = half.copy()
    return gather.arrays()


def _peers(frames, fps):
    """FFmpeg's vectors, and what the pixel rules say of decoded frames."""
    gather, before, rules = _Gather(), None, baselines.pixel_rules()
    for i, frame in enumerate(frames):
        plane = _luma_of(frame).copy()
        vectors = frame.side_data.get("MOTION_VECTORS")
        if vectors is not None and before is not None:
            sad = block_sad(before, plane)
            gather.add("vectors", i / fps, vector_blocks(vectors.to_ndarray(), sad))
        for rule in rules.values():
            rule.see(i / fps, plane)
        before = plane
    verdicts = {"p." + name: np.array(rule.flags) for name, rule in rules.items()}
    return {**gather.arrays(), **verdicts}


def _clip_frames(footage):
    import av

    with av.open(footage["path"]) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"flags2": "+export_mvs", "skip_loop_filter": "all"}
        yield from container.decode(stream)


def _clip_facts(footage):
    count = sum(1 for _ in _clip_frames(footage))
    return {"moving": np.zeros(count, bool), "fps": footage["fps"]}


def _clip_fields(footage):
    gather, fields, fps = _Gather(), PictureFields(), float(footage["fps"])
    for i, frame in enumerate(_clip_frames(footage)):
        gather.add("ffmpeg", i / fps, _blocks(fields.of_frame(i / fps, frame)))
    return gather.arrays()


def _blocks(field):
    return None if field is None else field.blocks


def _clip_matches(footage):
    pictures = ((halved(_luma_of(frame)), frame.key_frame) for frame in _clip_frames(footage))
    return _matches(pictures, float(footage["fps"]))


def _clip_peers(footage):
    return _peers(_clip_frames(footage), float(footage["fps"]))


class _Film:
    """Encoded pictures of one size: add luma planes; kept as two arrays."""

    def __init__(self, wide, high, options):
        self._encoder = _encoder(wide, high, options)
        self._packets: List[bytes] = []
        self._count = 0

    def add(self, luma):
        """Encode the next picture."""
        self._packets += map(bytes, self._encoder.encode(_frame(luma, self._count)))
        self._count += 1

    def arrays(self, name):
        """What to keep. No picture can be added afterwards."""
        self._packets += map(bytes, self._encoder.encode(None))
        sizes = np.array([len(one) for one in self._packets])
        return {name: np.frombuffer(b"".join(self._packets), np.uint8), name + ".sizes": sizes}

    @staticmethod
    def kept(arrays, name):
        """Decode the frames that `arrays` hold under `name`."""
        import av

        decoder = _decoder()
        data, sizes = arrays[name], arrays[name + ".sizes"]
        for end, size in zip(np.cumsum(sizes), sizes):
            yield from decoder.decode(av.Packet(data[end - size : end].tobytes()))
        yield from decoder.decode(None)


def _decoder():
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"flags2": "+export_mvs", "skip_loop_filter": "all"}
    decoder.thread_type = "SLICE"
    return decoder


def _encoder(wide, high, options):
    import av

    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = wide, high, "yuv420p"
    context.time_base = Fraction(1, scenes.FPS)
    context.gop_size = GOP
    context.options = options
    return context


def _luma_of(frame):
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def _frame(luma, number):
    import av

    high, wide = luma.shape
    grey = np.full((high // 2, wide), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, grey]), format="yuv420p")
    frame.pts = number
    return frame
