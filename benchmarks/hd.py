"""HD live beside pistreaming's way, 640x480 at 24 fps, both as processes in the same run.

Run: ``python -m benchmarks.hd [--seconds S]``. Needs the extras ``web`` and ``media``, and ffmpeg.

work      one frame into a fragment, against encoding it to MPEG-1; in this process.
process   pistreaming's way: raw pictures into ``ffmpeg -f mpeg1video``, what comes out of it to
          everybody who watches. Ours: the camera's own H.264 through the page's server. What both
          cost with no viewer, with one, and with one that watches beside one that has stalled; the
          CPU is that of the process and its children. Cameras cost nothing here: raw pictures and
          H.264 are made beforehand, as a Pi's firmware makes both.
age       from the moment the camera handed a frame over until a viewer had its bytes (ours only:
          MPEG-1 has no place for a stamp).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from fractions import Fraction
from typing import Any, Callable, Dict, List, Tuple

from benchmarks.web import WARM_S, cpu_s, running, told

WIDTH, HEIGHT, FPS = 640, 480, 24
FILM_FRAMES = 240
COLUMNS = {"cpu": "CPU %", "rss": "RSS MB", "rate": "kB/s", "p50": "p50 ms", "p95": "p95 ms"}
MARK = b"handed over at "
STAMP_CHARS = 17
SEI = b"\0\0\0\1\x06\x05"
"""Supplemental information a decoder passes over (ITU-T H.264, 7.3.2.3): here, our stamp."""


def pictures() -> List[Any]:
    """The drawn scene as PyAV pictures."""
    from dashcamd.cameras.pyav import picture_of
    from dashcamd.cameras.scene import DEFAULT_SCRIPT, Scene, Script

    scene = Scene(WIDTH, HEIGHT, float(FPS), Script(DEFAULT_SCRIPT), 1)
    return [picture_of(scene.planes(200 + number)) for number in range(FILM_FRAMES)]


def film() -> List[Tuple[bool, bytes]]:
    """The same as H.264 with a keyframe a second: keyframe or not, bytes."""
    from dashcamd.cameras.encoder import H264Encoder

    encoder = H264Encoder(WIDTH, HEIGHT, float(FPS), 1.0, 4_000_000, 0)
    encoded = [encoder.encode(shown, number / FPS) for number, shown in enumerate(pictures())]
    return [(one.key, one.data) for one in encoded]


def work() -> Tuple[float, float]:
    """Seconds of work a frame: into a fragment, to MPEG-1."""
    import av

    from dashcamd.types import Frame
    from dashcamd.web.live import Muxer

    shown, encoded = pictures(), film()
    muxer = Muxer()
    begin = time.process_time()
    for number, (key, data) in enumerate(encoded):
        muxer.fragment(Frame(number / FPS, key, data))
    mux_s = (time.process_time() - begin) / FILM_FRAMES

    context = av.CodecContext.create("mpeg1video", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    context.bit_rate, context.thread_count = 1_500_000, 1
    for number, picture in enumerate(shown):
        picture.pts, picture.time_base = number, Fraction(1, FPS)
    begin = time.process_time()
    size = sum(len(bytes(packet)) for picture in shown for packet in context.encode(picture))
    mpeg_s = (time.process_time() - begin) / FILM_FRAMES
    assert size
    return mux_s, mpeg_s


def tell_work(mux_s: float, mpeg_s: float) -> None:
    """The table of work a frame."""
    print("HD, work a frame at %dx%d (%d frames)" % (WIDTH, HEIGHT, FILM_FRAMES))
    print("  fragment of H.264   %8.4f ms" % (mux_s * 1000))
    print("  encoding to MPEG-1  %8.4f ms   %.0f times as much" % (mpeg_s * 1000, mpeg_s / mux_s))


# --- the two servers ---------------------------------------------------------------------------


def each_frame(take: Callable[[int], None]) -> None:
    """Call `take` with 0, 1, 2 ... 24 times a second, for ever."""
    due = time.monotonic()
    for number in itertools.count():
        due += 1 / FPS
        time.sleep(max(0.0, due - time.monotonic()))
        take(number)


def serve_pistreaming() -> None:
    """Raw pictures through an MPEG-1 encoder to everybody, one after the other."""
    raw = [picture.to_ndarray(format="yuv420p").tobytes() for picture in pictures()[:48]]
    size = "%dx%d" % (WIDTH, HEIGHT)
    command = ["ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size,
               "-r", str(FPS), "-i", "-", "-f", "mpeg1video", "-b:v", "800k", "-"]  # fmt: skip
    encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    listener = socket.create_server(("127.0.0.1", 0))
    viewers: List[socket.socket] = []

    def accept() -> None:
        while True:
            viewers.append(listener.accept()[0])

    def broadcast() -> None:
        assert encoder.stdout is not None
        while True:
            data = encoder.stdout.read1(32768)  # type: ignore[attr-defined]
            for viewer in list(viewers):
                try:
                    viewer.sendall(data)
                except OSError:
                    viewers.remove(viewer)

    for act in (accept, broadcast):
        threading.Thread(target=act, daemon=True).start()
    told("http://127.0.0.1:%d/" % listener.getsockname()[1], "")
    assert encoder.stdin is not None
    each_frame(lambda number: encoder.stdin.write(raw[number % len(raw)]) and None)  # type: ignore[union-attr]


def serve_dashcamd() -> None:
    """Our server over a camera that hands over frames made beforehand."""
    from benchmarks.page import serving
    from dashcamd.types import Frame

    encoded = film()
    house, address, token = serving()
    sinks = house.camera._sinks

    def take(number: int) -> None:
        key, data = encoded[number % len(encoded)]
        now = time.monotonic()
        stamp = MARK + b"%017.6f" % now
        sinks.frame(Frame(now, key, data + SEI + bytes([len(stamp)]) + stamp + b"\x80"))
        if number == 0:
            told(address, token)

    each_frame(take)


# --- the viewers -------------------------------------------------------------------------------


async def connect(port: int, token: str, limit: int) -> Tuple[Any, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    writer.write(
        b"GET /live.mp4 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: dashcamd=%s\r\n\r\n"
        % (port, token.encode())
    )
    return reader, writer


async def watch(port: int, token: str, ages: List[float], until: float) -> int:
    """Read all there is and note the ages; the bytes that came."""
    reader, writer = await connect(port, token, 1 << 20)
    begin, held, size = time.monotonic() + WARM_S, b"", 0
    while time.monotonic() < until:
        try:
            data = await asyncio.wait_for(reader.read(1 << 16), 0.5)
        except asyncio.TimeoutError:
            continue
        now = time.monotonic()
        size += len(data) if now > begin else 0
        *stamped, held = (held + data).split(MARK)
        pieces = [*stamped[1:], held] if stamped else []
        for piece in pieces:
            if len(piece) >= STAMP_CHARS and now > begin:
                ages.append(now - float(piece[:STAMP_CHARS]))
        held = b"" if pieces and len(pieces[-1]) >= STAMP_CHARS else MARK * bool(stamped) + held
    writer.close()
    return size


async def stall(port: int, token: str, until: float) -> int:
    """A phone that went out of reach: asks and never reads."""
    _, writer = await connect(port, token, 1)
    writer.transport.pause_reading()
    await asyncio.sleep(max(0.0, until - time.monotonic()))
    writer.transport.abort()
    return 0


def measure(kind: str, viewers: int, stalled: int, seconds: float) -> Dict[str, float]:
    """CPU, rate and ages of one server under one load."""
    with running(kind, "benchmarks.hd") as (process, address, token):
        port = int(address.rsplit(":", 1)[1].strip("/"))
        ages: List[float] = []

        async def load() -> Tuple[float, int]:
            until = time.monotonic() + WARM_S + seconds
            tasks = [stall(port, token, until) for _ in range(stalled)]
            tasks += [watch(port, token, ages, until) for _ in range(viewers)]
            crowd = asyncio.gather(*tasks)
            await asyncio.sleep(WARM_S)
            before = cpu_with_children_s(process)
            await asyncio.sleep(seconds - 0.1)
            spent = cpu_with_children_s(process) - before
            return spent, sum(await crowd)

        spent, size = asyncio.run(load())
        rss = sum(one.memory_info().rss for one in (process, *process.children()))
    return {
        "cpu": 100 * spent / seconds,
        "rss": rss / 1e6,
        "rate": size / seconds / 1e3,
        "p50": 1e3 * statistics.median(ages) if ages else float("nan"),
        "p95": 1e3 * sorted(ages)[len(ages) * 95 // 100] if ages else float("nan"),
    }


def cpu_with_children_s(process: Any) -> float:
    return sum(cpu_s(one) for one in (process, *process.children()))


def processes(seconds: float) -> None:
    """The table of processes."""
    print("\nHD, whole server process at %dx%d, %d fps" % (WIDTH, HEIGHT, FPS))
    print("%-38s" % "", *("%8s" % name for name in COLUMNS.values()))
    for viewers, stalled in ((0, 0), (1, 0), (1, 1)):
        cpu = {}
        for kind in ("pistreaming", "dashcamd"):
            row = measure(kind, viewers, stalled, seconds)
            cpu[kind] = row["cpu"]
            name = "%s, %d viewers%s" % (kind, viewers, " + 1 stalled" if stalled else "")
            print("%-38s" % name, *("%8.1f" % row[key] for key in COLUMNS))
        ratio = cpu["pistreaming"] / max(cpu["dashcamd"], 0.01)
        print("%-38s %8.1f times less" % ("", ratio))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", choices=("dashcamd", "pistreaming"))
    arguments = parser.parse_args()
    if arguments.serve == "dashcamd":
        serve_dashcamd()
    elif arguments.serve == "pistreaming":
        serve_pistreaming()
    else:
        tell_work(*work())
        if shutil.which("ffmpeg") is None:
            sys.exit("the processes need ffmpeg: apt install ffmpeg")
        processes(arguments.seconds)


if __name__ == "__main__":
    main()
