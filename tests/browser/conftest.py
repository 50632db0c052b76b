"""A real Chromium as wide as a phone, and a real daemon for it to look at."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from tests.browser import browsers, network
from tests.browser.house import SEEN

ROOT = Path(__file__).parent.parent.parent


class Running:
    """The daemon under test: where it is, how to get in, and its cable."""

    def __init__(
        self,
        folder: Path,
        seconds: float = 1200,
        *more: str,
        fill: Callable[[Path], object] = lambda stick: None,
    ) -> None:
        self.storage = folder / "stick"
        self.storage.mkdir()
        fill(self.storage)
        self.cable = folder / "cable-is-pulled"
        self.pulled = folder / "stick-is-pulled"
        self.seen_pulled = folder / SEEN
        self.vault = folder / "web.json"
        self._log = folder / "log"
        self._arguments = [self.storage, self.cable, self.vault, seconds, *more]
        self.address, self.password = self._started()

    def _started(self, *more: str) -> List[str]:
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.house", *map(str, self._arguments), *more],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        line = self.process.stdout.readline().split()
        assert line, self._log.read_text()
        return line

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Stopped, and started at the same address afterwards."""
        self.stop()
        try:
            yield
        finally:
            self._started("port=%d" % self.port)

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Without its camera for a while, however the test ends."""
        self.cable.touch()
        try:
            yield
        finally:
            self.cable.unlink()

    def files_open_on_the_stick(self) -> List[str]:
        """What would keep it from being unmounted."""
        held = Path("/proc/%d/fd" % self.process.pid).iterdir()
        places = [str(descriptor.readlink()) for descriptor in held]
        return [place for place in places if place.startswith(str(self.storage))]

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module", autouse=True)
def why_connected():
    """Daemon and browsers run without a network; why not, where that takes rights we lack."""
    with network.cut() as why:
        yield why


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, why_connected):
    pytest.importorskip("tornado", reason="the page needs tornado")
    running = Running(tmp_path_factory.mktemp("daemon"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory, why_connected):
    with browsers.started("chromium", tmp_path_factory.mktemp("chromium")) as made:
        yield made
