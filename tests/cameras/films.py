"""Little films drawn for a test: every codec and oddity, each frame with its number burnt in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Iterable, List, Optional

import av
import numpy as np

from dashcamd.cameras import pyav
from dashcamd.cameras.scene import Scene, Script, draw_counter, read_counter

FPS = 10
SCRIPT = Script(".ww", repeats=True)

NO_B_FRAMES = {"preset": "ultrafast", "bf": "0", "g": "8", "x264-params": "scenecut=0"}
B_FRAMES = {
    "preset": "fast",
    "bf": "2",
    "g": "8",
    "x264-params": "scenecut=0:b-adapt=0:threads=1:sync-lookahead=0:rc-lookahead=4",
}


def write_film(
    path: Path,
    codec: str = "libx264",
    frames: int = 26,
    size: tuple = (96, 80),
    options: Optional[dict] = None,
    ticks: Optional[Iterable[int]] = None,
    pix_fmt: str = "yuv420p",
    container_format: Optional[str] = None,
) -> Path:
    """Write `frames` pictures; `ticks` their stamps in 1/100 s, even at `FPS` without them."""
    scene = Scene(size[0] + size[0] % 2, size[1] + size[1] % 2, FPS, SCRIPT)
    stamps = list(ticks) if ticks is not None else [number * 100 // FPS for number in range(frames)]
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], pix_fmt
        stream.codec_context.time_base = Fraction(1, 100 if ticks is not None else FPS)
        default = NO_B_FRAMES if codec == "libx264" else {}
        stream.codec_context.options = default if options is None else options
        if codec == "mpeg4":
            stream.codec_context.bit_rate = 2_000_000
        for number, stamp in enumerate(stamps[:frames]):
            picture = _picture(scene, number, size, pix_fmt)
            picture.pts = stamp if ticks is not None else number
            picture.time_base = stream.codec_context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """An audio file without any picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def counters(lumas: List[np.ndarray]) -> List[int]:
    return [read_counter(luma) for luma in lumas]


def _picture(scene: Scene, number: int, size: tuple, pix_fmt: str) -> Any:
    planes = scene.planes(number)
    draw_counter(planes[0], number)
    picture = pyav.picture_of(planes)
    return picture.reformat(size[0], size[1], pix_fmt)
