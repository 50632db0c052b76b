"""CPU and memory of writing an hour of 1080p30 H.264 at 10 Mbit/s, against two baselines.

Run: ``python benchmarks/writer.py [--frames N] [--rounds N] [--dir DIR]``. Needs the ``media``
extra for the PyAV rows. Each contender writes the same access units to the same (memory-backed)
directory; rounds are interleaved and the best of each counts; syncs are left out on both sides
because they cost no CPU of ours. Numbers are scaled from N frames to an hour.

floor          plain ``open().write()`` of the same bytes, one call per GOP
dashcamd       `Mp4Writer`, one fragment per GOP, closed as an ordinary MP4
PyAV frag      PyAV's mp4 muxer, ``frag_keyframe``: one fragment per GOP
PyAV plain     PyAV's mp4 muxer, ordinary MP4
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Callable, Dict, List

from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.mp4_reader import inspect
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.testing import PPS, SPS, stream
from dashcamd.types import Frame

FPS, GOP, HOUR_FRAMES = 30, 30, 108_000
MEAN_BYTES = 10_000_000 // 8 // FPS


def make_frames(count: int) -> List[Frame]:
    """Access units with the sizes and the byte statistics of a real stream (random payload)."""
    source = random.Random(1)
    frames = []
    for number in range(count):
        is_key = number % GOP == 0
        size = int(MEAN_BYTES * (4 if is_key else 26 / 29) * source.uniform(0.8, 1.2))
        payload = source.getrandbits(8 * size).to_bytes(size, "big")
        payload = payload.replace(b"\0\0", b"\0\3")
        header = b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS if is_key else b""
        data = header + b"\0\0\0\1" + (b"\x65" if is_key else b"\x41") + payload + b"\x80"
        frames.append(Frame(1000 + number / FPS, is_key, data))
    return frames


def write_floor(frames: List[Frame], path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(frames), GOP):
            for frame in frames[start : start + GOP]:
                file.write(frame.data)


def write_dashcamd(frames: List[Frame], path: Path) -> None:
    disk = PosixDisk(str(path.parent))
    file = disk.create(path.name)
    writer = Mp4Writer(file)
    for start in range(0, len(frames), GOP):
        end = start + GOP
        writer.append(frames[start:end], frames[end].ts if end < len(frames) else None)
    writer.close()
    file.close()
    disk.close()


def mux_with_pyav(options: Dict[str, str]) -> Callable[[List[Frame], Path], None]:
    import av

    raw = io.BytesIO(b"".join(frame.data for frame in stream("kppp" * 8)))
    template = av.open(raw, format="h264").streams.video[0]

    def write(frames: List[Frame], path: Path) -> None:
        with av.open(str(path), "w", format="mp4", options=options) as container:
            track = container.add_stream_from_template(template)
            track.time_base = Fraction(1, 90_000)
            for number, frame in enumerate(frames):
                packet = av.Packet(frame.data)
                packet.stream = track
                packet.time_base = track.time_base
                packet.pts = packet.dts = number * (90_000 // FPS)
                packet.duration = 90_000 // FPS
                packet.is_keyframe = frame.key
                container.mux(packet)

    return write


def measure(write: Callable[[List[Frame], Path], None], frames: List[Frame], folder: Path) -> float:
    """CPU seconds of one run in this process, kernel included."""
    path = folder / "bench.mp4"
    before = time.process_time()
    write(frames, path)
    spent = time.process_time() - before
    path.unlink()
    return spent


def peak_growth_bytes(frames: List[Frame], folder: Path) -> int:
    """How far the writer pushes the peak of resident memory, in a child of its own."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        write_dashcamd(frames, folder / "rss.mp4")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(writer, str((after - before) * 1024).encode())
        os._exit(0)
    os.wait()
    (folder / "rss.mp4").unlink()
    return int(os.read(reader, 32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3600)
    parser.add_argument("--rounds", type=int, default=7)
    shared_memory = Path("/dev/shm")
    parser.add_argument("--dir", default=str(shared_memory) if shared_memory.is_dir() else None)
    arguments = parser.parse_args()
    frames = make_frames(arguments.frames)
    contenders = {"floor: open().write()": write_floor, "dashcamd Mp4Writer": write_dashcamd}
    try:
        contenders["PyAV, fragment per GOP"] = mux_with_pyav(
            {"movflags": "frag_keyframe+empty_moov"}
        )
        contenders["PyAV, plain MP4"] = mux_with_pyav({})
    except ImportError:
        print("PyAV is missing (pip install 'dashcamd[media]'): no rows for it")
    best = dict.fromkeys(contenders, float("inf"))
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        for _ in range(arguments.rounds):
            for label, write in contenders.items():
                best[label] = min(best[label], measure(write, frames, folder))
        growth = peak_growth_bytes(frames, folder)
        write_dashcamd(frames, folder / "checked.mp4")
        info = inspect(str(folder / "checked.mp4"))
    report(best, arguments.frames, growth)
    print("dashcamd's file: %s, %d frames, %.3f s" % (info.status, info.frames, info.duration_s))


def report(best: Dict[str, float], count: int, growth: int) -> None:
    scale = HOUR_FRAMES / count
    ours = best["dashcamd Mp4Writer"] * scale
    print("1 h of 1080p30 at 10 Mbit/s (%d frames, scaled x%.0f)" % (count, scale))
    print("%-24s %10s %12s %18s" % ("", "CPU s/h", "% of a core", "dashcamd / this"))
    for label, seconds in best.items():
        hour = seconds * scale
        print("%-24s %10.2f %12.3f %18.2f" % (label, hour, hour / 36, ours / hour))
    print("peak RSS grows by %.1f MB while dashcamd writes" % (growth / 1e6))


if __name__ == "__main__":
    main()
