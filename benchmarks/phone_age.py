"""How old the picture is when a browser has painted it: JPEG preview and HD, in a real Chromium.

Run: ``python -m benchmarks.phone_age [--seconds S]``. Needs chromium, chromedriver, selenium and
the extras. The drawn scene burns the number of each frame into the picture; the page's own pixels
are read 20 times a second and compared with the moment that frame was due. Daemon, browser and
this script share one machine and one clock, so the age holds everything but a radio link.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, List

import numpy as np
from PIL import Image

from dashcamd.cameras.scene import read_counter
from tests.browser.conftest import FLAGS, PHONE, Running
from tests.browser.test_phone import PRESS_GO

FPS = 25.0

LOOK = """
const node = document.getElementById(arguments[0]), done = arguments[1];
requestAnimationFrame(() => setTimeout(() => {
    const width = node.videoWidth || node.naturalWidth;
    const height = node.videoHeight || node.naturalHeight;
    if (!width) { done(null); return; }
    const canvas = document.createElement('canvas');
    canvas.width = 64; canvas.height = 16;
    const at = Date.now() / 1000;
    const top = Math.floor((height - 8) / 16) * 16;
    canvas.getContext('2d').drawImage(node, 0, top, 64, 16, 0, 0, 64, 16);
    done([at, canvas.toDataURL('image/png')]);
}, 0));
"""


def sign_in(browser: Any, daemon: Running) -> None:
    browser.get(daemon.address)
    browser.find_element("id", "password").send_keys(daemon.password)
    browser.execute_script(PRESS_GO)
    time.sleep(3)


def ages(browser: Any, name: str, begin: float, seconds: float) -> List[float]:
    """Ages of the pictures shown in element `name`; `begin` is the stamp of frame 0."""
    wall_minus_monotonic = time.time() - time.monotonic()
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        looked = browser.execute_async_script(LOOK, name)
        if looked is None:
            continue
        at, data = looked
        picture = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))
        try:
            number = read_counter(np.asarray(picture.convert("L")))
        except ValueError:
            continue
        found.append(at - wall_minus_monotonic - (begin + number / FPS))
    return found


def tell(name: str, found: List[float]) -> None:
    if not found:
        print("%-8s nothing was seen" % name)
        return
    found.sort()
    print(
        "%-8s %4d looks   p50 %4.0f ms   p95 %4.0f ms"
        % (name, len(found), 1e3 * statistics.median(found), 1e3 * found[len(found) * 95 // 100])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    try:
        from selenium import webdriver
    except ImportError:
        sys.exit("pip install selenium")
    folder = Path(tempfile.mkdtemp(prefix="dashcamd-age-"))
    daemon = Running(folder)
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--user-data-dir=%s" % (folder / "profile")):
        options.add_argument(flag)
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": {**PHONE, "mobile": True}})
    options.binary_location = shutil.which("chromium") or ""
    driver = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=driver)
    try:
        sign_in(browser, daemon)
        begin = float((folder / "cable-is-pulled.begin").read_text())
        tell("preview", ages(browser, "picture", begin, seconds))
        browser.find_element("id", "hd-button").click()
        time.sleep(4)
        tell("HD", ages(browser, "hd", begin, seconds))
    finally:
        browser.quit()
        daemon.stop()


if __name__ == "__main__":
    main()
