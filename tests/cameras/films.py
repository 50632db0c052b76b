"""Little films drawn for a test: every codec and oddity, each frame with its number burnt in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional

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
    fps: int = FPS,
    first: int = 0,
) -> Path:
    """Write `frames` pictures that count from `first`; `ticks` are their stamps in 1/100 s."""
    scene = Scene(size[0] + size[0] % 2, size[1] + size[1] % 2, FPS, SCRIPT)
    stamps = list(range(frames)) if ticks is None else list(ticks)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], pix_fmt
        stream.codec_context.time_base = Fraction(1, fps if ticks is None else 100)
        default = NO_B_FRAMES if codec == "libx264" else {}
        stream.codec_context.options = default if options is None else options
        if codec == "mpeg4":
            stream.codec_context.bit_rate = 2_000_000
        for number, stamp in enumerate(stamps[:frames]):
            picture = _picture(scene, first + number, size, pix_fmt)
            picture.pts = stamp
            picture.time_base = stream.codec_context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_late_b_frames(path: Path, frames: int) -> Path:
    """A transport stream of `frames` pictures without B frames and as many with them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        late = av.CodecContext.create("libx264", "w")
        for first, context in ((0, stream.codec_context), (frames, late)):
            _set(context, B_FRAMES if first else NO_B_FRAMES)
            for packet in _packets(context, first, frames):
                packet.stream = stream
                packet.pts += 2 if first else 0
                packet.dts += 2 if first else 0
                container.mux(packet)
    return path


def write_joined(path: Path) -> Path:
    """A stream joined behind a keyframe: seven pictures, then the next one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        context = _set(stream.codec_context, NO_B_FRAMES)
        packets = _packets(context, 0, 24)
        next(packets)
        for packet in packets:
            packet.stream = stream
            container.mux(packet)
    return path


def write_reordered(path: Path) -> Path:
    """Pictures that are shown in another order than decoded, though none is a B picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        context = _set(stream.codec_context, NO_B_FRAMES)
        for number, packet in enumerate(_packets(context, 0, 24)):
            packet.stream = stream
            packet.pts += 2 + {3: 1, 4: -1}.get(number % 8, 0)
            container.mux(packet)
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


def _set(context: Any, options: Any) -> Any:
    """Make it one of small pictures."""
    context.width, context.height, context.pix_fmt = 96, 80, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.options = options
    return context


def _packets(context: Any, first: int, frames: int) -> Iterator[Any]:
    scene = Scene(96, 80, FPS, SCRIPT)
    for number in range(first, first + frames):
        picture = _picture(scene, number, (96, 80), "yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, FPS)
        yield from context.encode(picture)
    yield from context.encode(None)
