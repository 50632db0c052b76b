"""The page's server beside the picamera recipe's, and the idle cost; HD is in ``hd.py``.

Run: ``python -m benchmarks.web [--seconds S]``. Needs the extras ``web`` and ``media``.

preview   40 KB pictures at 15 fps to 1, 10 and 50 clients on loopback, and to 10 of which one
          stalls. Both servers run as processes of their own, one after the other in the same run.
          The recipe is the one in picamera's manual: a threaded ``http.server``, a thread a
          client around one condition. Age: from the picture's making until the client met what
          makes a browser paint it, which is the next boundary.
idle      resident memory and CPU of a process that wired the house, with and without the page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from http import server as http_server
from socketserver import ThreadingMixIn
from typing import Any, Dict, List, Tuple

import psutil

FPS, PICTURE_BYTES = 15, 40_000
MARK, TAIL = b"\xff\xd8made", b"\xff\xd9"
WARM_S = 1.5


def picture() -> bytes:
    """Bytes like those of a JPEG, with the moment they were made in front."""
    head = MARK + struct.pack(">d", time.monotonic())
    return head + FILLING[len(head) + len(TAIL) :] + TAIL


FILLING = os.urandom(PICTURE_BYTES).replace(b"\xff", b"\0").replace(b"\r\n", b"\0\0")


# --- the two servers ---------------------------------------------------------------------------


def film(take: Any) -> None:
    """Hand over a picture 15 times a second, for ever."""
    due = time.monotonic()
    while True:
        due += 1 / FPS
        time.sleep(max(0.0, due - time.monotonic()))
        take(picture())


def serve_dashcamd() -> None:
    """Our server over a camera that is a thread."""
    from benchmarks.page import serving
    from dashcamd.types import Jpeg

    house, address, token = serving()
    told(address, token)
    film(lambda data: house.camera._sinks.jpeg(Jpeg(time.monotonic(), data)))


def serve_recipe() -> None:
    """The recipe of picamera's manual (web streaming), with pictures from a thread."""
    ready = threading.Condition()
    latest = [b""]

    class Streaming(http_server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=FRAME")
            self.end_headers()
            try:
                while True:
                    with ready:
                        ready.wait()
                        frame = latest[0]
                    self.wfile.write(b"--FRAME\r\n")
                    self.send_header("Content-Type", "image/jpeg")
                    self.send_header("Content-Length", str(len(frame)))
                    self.end_headers()
                    self.wfile.write(frame)
                    self.wfile.write(b"\r\n")
            except OSError:
                return

        def log_message(self, *words: Any) -> None:
            return

    class Server(ThreadingMixIn, http_server.HTTPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Streaming)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told("http://127.0.0.1:%d/" % server.server_address[1], "")

    def take(data: bytes) -> None:
        with ready:
            latest[0] = data
            ready.notify_all()

    film(take)


def idle(is_with: bool) -> None:
    """The house wired and, with the page, listening; nobody comes."""
    from dashcamd import app, world
    from dashcamd.config import Config

    folder = tempfile.mkdtemp()
    config = Config()
    web = replace(config.web, enabled=is_with, listen="127.0.0.1:0", state=folder + "/web.json")
    config = replace(config, web=web, storage=replace(config.storage, target=folder))
    house = app.build(config, world.real(config))
    if house.web is not None:
        house.web.step(0.0)
        while "address" not in house.board.snapshot().get("web", {}):
            time.sleep(0.05)
    told("idle", "")
    threading.Event().wait()


def told(address: str, token: str) -> None:
    print(json.dumps([address, token]), flush=True)


# --- the clients -------------------------------------------------------------------------------


async def watch(port: int, token: str, ages: List[float], until: float) -> None:
    """One browser: note the age of each picture when the boundary behind it has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /preview.mjpg?fps=30 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: dashcamd=%s\r\n\r\n"
        % (port, token.encode())
    )
    held = b""
    begin = time.monotonic() + WARM_S
    while time.monotonic() < until:
        held += await reader.read(1 << 16)
        while True:
            start = held.find(MARK)
            painted = held.find(b"\r\n\r\n", start + PICTURE_BYTES) if start >= 0 else -1
            if painted < 0:
                break
            (made,) = struct.unpack_from(">d", held, start + len(MARK))
            if time.monotonic() > begin:
                ages.append(time.monotonic() - made)
            held = held[painted + 2 :]
    writer.close()


async def stall(port: int, token: str, until: float) -> None:
    """A phone that went out of reach: asks and never reads."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(
        b"GET /preview.mjpg HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: dashcamd=%s\r\n\r\n"
        % (port, token.encode())
    )
    writer.transport.pause_reading()
    await asyncio.sleep(max(0.0, until - time.monotonic()))
    writer.transport.abort()


def measure(kind: str, clients: int, stalled: int, seconds: float) -> Dict[str, float]:
    """CPU, memory and ages of one server under one load."""
    with running(kind) as (process, address, token):
        port = int(address.rsplit(":", 1)[1].strip("/"))
        ages: List[float] = []

        async def load() -> float:
            until = time.monotonic() + WARM_S + seconds
            tasks = [watch(port, token, ages, until) for _ in range(clients)]
            tasks += [stall(port, token, until) for _ in range(stalled)]
            crowd = asyncio.gather(*tasks)
            await asyncio.sleep(WARM_S)
            before = cpu_s(process)
            await asyncio.sleep(seconds - 0.1)
            spent = cpu_s(process) - before
            await crowd
            return spent

        spent = asyncio.run(load())
        rss = process.memory_info().rss
    return {
        "cpu": 100 * spent / seconds,
        "rss": rss / 1e6,
        "p50": 1000 * statistics.median(ages),
        "p95": 1000 * sorted(ages)[len(ages) * 95 // 100],
        "fps": len(ages) / seconds / clients,
    }


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class running:  # noqa: N801 - reads as a verb
    """One of the servers as a process."""

    def __init__(self, kind: str, module: str = "benchmarks.web") -> None:
        self._kind, self._module = kind, module

    def __enter__(self) -> Any:
        arguments = [sys.executable, "-m", self._module, "--serve", self._kind]
        self._child = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._child.stdout is not None
        address, token = json.loads(self._child.stdout.readline())
        return psutil.Process(self._child.pid), address, token

    def __exit__(self, *error: Any) -> None:
        for process in (*psutil.Process(self._child.pid).children(), self._child):
            process.kill()
        self._child.wait()


# --- idle ---------------------------------------------------------------------------------------


def idle_cost(seconds: float) -> Tuple[float, float, float]:
    """With nobody there: MB without the page, MB with it, and then % of a core."""
    found = {}
    for kind in ("idle", "idle-with"):
        with running(kind) as (process, _, _):
            time.sleep(1.0)
            before = cpu_s(process)
            time.sleep(seconds)
            spent = cpu_s(process) - before
            found[kind] = process.memory_info().rss / 1e6, 100 * spent / seconds
    (rss, _), (rss_with, cpu) = found["idle"], found["idle-with"]
    return rss, rss_with, cpu


def tell_idle(rss: float, rss_with: float, cpu: float) -> None:
    """One line."""
    print("\nidle: %.1f MB without the page, %.1f MB with it: %.1f MB more, %.2f %% of a core"
          % (rss, rss_with, rss_with - rss, cpu))  # fmt: skip


def preview(seconds: float) -> None:
    """The table."""
    print("preview, 40 KB at 15 fps, ages in ms until a browser would paint")
    print("%-26s %8s %8s %8s %8s %8s" % ("", "CPU %", "RSS MB", "p50", "p95", "fps"))
    for clients, stalled in ((1, 0), (10, 0), (50, 0), (10, 1)):
        for kind in ("recipe", "dashcamd"):
            row = measure(kind, clients, stalled, seconds)
            name = "%s, %d clients%s" % (kind, clients, " + 1 stalled" if stalled else "")
            print(
                "%-26s %8.2f %8.1f %8.1f %8.1f %8.1f"
                % (name, row["cpu"], row["rss"], row["p50"], row["p95"], row["fps"])
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--serve", choices=("dashcamd", "recipe", "idle", "idle-with"))
    arguments = parser.parse_args()
    if arguments.serve == "dashcamd":
        from dashcamd.web import mjpeg

        mjpeg.PER_SESSION = 1000  # every client here is the same phone
        serve_dashcamd()
    elif arguments.serve == "recipe":
        serve_recipe()
    elif arguments.serve:
        idle(arguments.serve == "idle-with")
    else:
        preview(arguments.seconds)
        tell_idle(*idle_cost(arguments.seconds))


if __name__ == "__main__":
    main()
