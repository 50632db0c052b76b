"""What a software camera costs: CPU seconds for each second of video, parts of a core in per cent.

Run: ``python benchmarks/software_camera.py [--seconds S] [FILE ...]``. Needs the ``media`` extra.
Baselines in the same run: decoding the same pictures without doing anything with them. A FILE is
played as ``media:FILE``, its row says whether it passes through.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from typing import Any, List, Tuple

from dashcamd.cameras import pyav
from dashcamd.cameras.media import MediaCamera
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.errors import EndOfStream
from dashcamd.types import CameraInfo, Frame, Sinks

SIZES = (("320x240", 24), ("640x480", 24), ("1280x720", 25), ("1920x1080", 25))


def play(camera: Any, limit: int) -> Tuple[CameraInfo, List[Frame], float]:
    """Info, frames and CPU seconds of at most `limit` frames, the start not counted."""
    frames: List[Frame] = []
    info = camera.start(Sinks(frames.append, lambda field: None, lambda jpeg: None), 0.0)
    began = time.process_time()
    try:
        for _ in range(limit):
            camera.pump()
    except EndOfStream:
        pass
    spent = time.process_time() - began
    camera.stop()
    return info, frames, spent


def decode_s(frames: List[Frame]) -> float:
    stream = io.BytesIO(b"".join(frame.data for frame in frames))
    began = time.process_time()
    with pyav.load().open(stream, format="h264") as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass
    return time.process_time() - began


def row(name: str, info: CameraInfo, frames: List[Frame], spent: float) -> None:
    seconds = frames[-1].ts - frames[0].ts + 1 / info.fps
    baseline = decode_s(frames)
    print(
        "%-34s%8d%10.2f%%%12.2f%%%9.1fx  %s"
        % (
            name,
            len(frames),
            100 * spent / seconds,
            100 * baseline / seconds,
            spent / baseline,
            info.description.rpartition(", ")[2],
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    print("%-34s%8s%11s%13s%10s" % ("", "frames", "of a core", "decode only", "ratio"))
    for resolution, fps in SIZES:
        config = CameraConfig(resolution=resolution, framerate=fps)
        camera = SyntheticCamera(config, clock=SimClock())
        row("synthetic " + resolution, *play(camera, fps * options.seconds))
    for path in options.files:
        camera = MediaCamera(path, CameraConfig(), SimClock())
        row(path.rpartition("/")[2], *play(camera, 1_000_000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
