"""The camera of the guest: a clip made without an encoder, every frame numbered.

`dashcamd.handmade` draws pictures that decode to their own number, so that a recording tells
which frames it holds; padding brings it to the bit rate of a real camera.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dashcamd.handmade import stream
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.mp4_writer import Mp4Writer

FPS = 10
SECONDS = 60
FRAME_BYTES = 10_000
"""0.8 Mbit/s at 10 frames a second."""


def make(path: Path) -> Path:
    """Write the clip."""
    frames = stream(("k" + "p" * (FPS - 1)) * SECONDS, fps=FPS, pad_bytes=FRAME_BYTES)
    disk = PosixDisk(str(path.parent))
    file = disk.create(path.name)
    writer = Mp4Writer(file, created_wall=0.0)
    for start in range(0, len(frames), FPS):
        writer.append(frames[start : start + FPS], None)
    writer.close()
    file.close()
    disk.close()
    return path


if __name__ == "__main__":
    make(Path(sys.argv[1]))
