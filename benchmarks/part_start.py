"""How soon a part of 120 s shows its first picture in Chromium over a link of 16 Mbit/s.

Run: ``python -m benchmarks.part_start [--mbit 16] [--times 5]``. Needs the extras, selenium, and
chromium + chromedriver. The part is 1080p of the default bit rate, once finished and once as if it
were still being written; it is opened as a person does, by a tap on the page over the link
(`benchmarks/slow_link.py`). Each tap is on another event, so that nothing is in the browser's
cache. Requests are counted as they pass the link. Bars: first picture below 0.5 s (p50), at most 4
requests for the file by then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from benchmarks.clip import encode
from benchmarks.phone_age import sign_in
from benchmarks.slow_link import SlowLink
from dashcamd.config import Config
from dashcamd.core.timeline import Moment
from dashcamd.storage import sidecar
from dashcamd.storage.disk import PosixDisk, replace_file
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.types import Frame
from tests.browser import browsers
from tests.browser.conftest import Running
from tests.storage.events import write_part

PART_S = 120
STEM = "120000_p00"
FPS = 25
NOISE = 40
"""Grey levels, so that an encoded second weighs about what a busy street does."""

BAR_S, BAR_REQUESTS = 0.5, 4

OPEN = """
const done = arguments[1], video = document.getElementById('video-a'), began = performance.now();
video.requestVideoFrameCallback(() => done((performance.now() - began) / 1000));
document.querySelectorAll('button.event')[arguments[0]].click();
"""


def frames(bits_per_s: int) -> List[Frame]:
    """Two minutes out of one second, encoded when the rate had settled, repeated."""
    clip = encode(4 * FPS, width=1920, height=1080, fps=FPS, bitrate=bits_per_s, noise=NOISE)
    units = clip.units[-FPS:] * PART_S
    return [Frame(place / FPS, key, data) for place, (key, data) in enumerate(units)]


def write_events(folder: Path, made: List[Frame], times: int) -> None:
    """As many events with the part finished, and then newer ones with it still open."""
    volume = Volume(PosixDisk(str(folder)), str(folder), "benchmark")
    try:
        for is_finished in (True, False):
            first: Optional[Path] = None
            for _ in range(times):
                moment = Moment(0.0, time.time() - PART_S, 1.0, "ntp")
                number, name = volume.new_event("manual", moment, 0.0)
                facts = EventFacts(
                    number, "manual", volume.boot, volume.boot_id, 0.0, moment, 0.0, float(PART_S)
                )
                if first is None:
                    part = write_part(volume.disk, name.path, STEM, made, finish=is_finished)
                    first = next((folder / name.path).glob(STEM + "*"))
                else:
                    os.link(first, folder / name.path / first.name)
                if part is not None:
                    facts = replace(facts.with_part(part), is_closed=True)
                replace_file(volume.disk, name.path + "/event.json", sidecar.to_bytes(facts))
    finally:
        volume.close()


def first_picture(browser: Any, link: SlowLink, row: int) -> Tuple[float, int]:
    """Seconds from the tap to the first picture of the event in that row, and requests so far."""
    link.requests.clear()
    seconds = float(browser.execute_async_script(OPEN, row))
    asked = sum(line.startswith(b"GET /media/") for line in link.requests)
    browser.execute_script("document.getElementById('player-close').click()")
    time.sleep(1)
    return seconds, asked


def tell(name: str, taken: List[Tuple[float, int]]) -> None:
    """One line, and whether the bars hold."""
    waits, requests = sorted(seconds for seconds, _ in taken), max(asked for _, asked in taken)
    middle = statistics.median(waits)
    holds = middle < BAR_S and requests <= BAR_REQUESTS
    print(
        "%-14s first picture p50 %.2f s, worst %.2f s, at the very first tap %.2f s; at most %d "
        "requests: %s"
        % (name, middle, waits[-1], taken[0][0], requests, "holds" if holds else "MISSED"),
        flush=True,
    )


def measure(mbit: float, times: int) -> Dict[str, List[Tuple[float, int]]]:
    """Both parts over one link: seconds and requests of each tap."""
    folder = Path(tempfile.mkdtemp(prefix="dashcamd-part-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, True)
        daemon = Running(folder)
        stack.callback(daemon.stop)
        made = frames(Config().camera.bitrate)
        size = sum(len(frame.data) for frame in made)
        print("%d s, %.0f MB, link of %g Mbit/s" % (PART_S, size / 1e6, mbit), flush=True)
        write_events(daemon.storage, made, times)
        port = int(daemon.address.rstrip("/").rpartition(":")[2])
        link = stack.enter_context(SlowLink(port, mbit * 1e6))
        browser = browsers.start("chromium", folder)
        stack.callback(browser.quit)
        browser.set_script_timeout(60)
        sign_in(browser, "http://127.0.0.1:%d/" % link.port, daemon.password)
        found = {}
        for place, name in enumerate(("still written", "finished")):
            rows = range(place * times, (place + 1) * times)
            found[name] = [first_picture(browser, link, row) for row in rows]
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mbit", type=float, default=16.0)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    why = browsers.missing("chromium")
    if why:
        print("chromium: %s" % why)
    else:
        for name, taken in measure(arguments.mbit, arguments.times).items():
            tell(name, taken)


if __name__ == "__main__":
    main()
