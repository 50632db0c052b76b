"""A real Chromium as wide as a phone, and a real daemon for it to look at."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
PHONE = {"width": 390, "height": 844, "pixelRatio": 1.0}


class Running:
    """The daemon under test: where it is, how to get in, and its cable."""

    def __init__(self, folder: Path) -> None:
        self.storage = folder / "stick"
        self.storage.mkdir()
        self.cable = folder / "cable-is-pulled"
        arguments = [self.storage, self.cable, folder / "web.json", "300"]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.house", *map(str, arguments)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        line = self.process.stdout.readline().split()
        assert line, (folder / "log").read_text()
        self.address, self.password = line

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    pytest.importorskip("tornado", reason="the page needs tornado")
    running = Running(tmp_path_factory.mktemp("daemon"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    selenium = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("needs chromium and chromedriver: apt install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, "--user-data-dir=%s" % tmp_path_factory.mktemp("profile")):
        options.add_argument(flag)
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {**PHONE, "touch": True, "mobile": True}}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    made.downloads = downloads
    yield made
    made.quit()
