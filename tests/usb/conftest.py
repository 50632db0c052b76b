"""One resumed guest for the scenarios of a file, clean sticks for each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from tests.roots.root import CannotBuildHere
from tests.usb import images, prepare
from tests.usb.guest import Disk
from tests.usb.qemu import Guest, accelerator
from tests.usb.record_session import OPEN_PART


@pytest.fixture(scope="session")
def prepared() -> Disk:
    try:
        return prepare.ready()
    except CannotBuildHere as reason:
        pytest.skip(str(reason))


class Car:
    """The guest with dashcamd in it, as a person at the dashboard sees it."""

    def __init__(self, guest: Guest, folder: Path) -> None:
        self.guest = guest
        self.folder = folder

    def stick(self, name: str, fs: Any, **options: Any) -> Path:
        return images.stick(self.folder / (name + ".img"), fs, **options)

    @property
    def status(self) -> Dict[str, Any]:
        document: Dict[str, Any] = json.loads(self.guest.run("dashcamd status --json"))
        return document

    def wait_until_recording(self, timeout_s: float = 120.0) -> float:
        return self.guest.until(OPEN_PART, timeout_s, 0.3)

    def wait_for_fault(self, word: str, timeout_s: float = 60.0) -> float:
        """Guest seconds until a fault or hint with `word` is in the status."""
        return self.guest.until(status_has(word), timeout_s, 0.5)

    def pull(self, name: str) -> None:
        self.guest.pull(name)
        self.guest.until("! grep -q /run/dashcamd/volumes /proc/mounts", 60, 0.5)

    @property
    def process(self) -> str:
        return self.guest.run("systemctl show --value -p MainPID dashcamd").strip()


def status_has(text: str) -> str:
    """Shell that succeeds when the status has a line with `text`."""
    return "dashcamd status --json | grep -qF '%s'" % text


@pytest.fixture(scope="module")
def car(prepared: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Car]:
    folder = tmp_path_factory.mktemp("usb")
    disk = prepare.copy(prepared, folder)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        car = Car(guest, folder)
        yield car
        print(guest.run("journalctl -b -u dashcamd -o short-monotonic | tail -60", check=False))


@pytest.fixture(autouse=True)
def no_stick_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each scenario ends with empty ports, whatever became of it."""
    yield
    if "car" in request.fixturenames:
        car = request.getfixturevalue("car")
        for name in car.guest.plugged:
            car.guest.pull(name)
