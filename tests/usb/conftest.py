"""One resumed guest for the scenarios of a file, clean sticks for each of them."""

from __future__ import annotations

import os
import sys
from typing import Iterator

import pytest

from tests.roots.root import CannotBuildHere
from tests.usb import prepare
from tests.usb.car import Car
from tests.usb.guest import Disk
from tests.usb.qemu import Guest, accelerator

IS_FULL = bool(os.environ.get("DASHCAMD_USB_FULL"))
"""``make test-usb-full`` sets it; without it scenarios marked `full` are left out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("full") and not IS_FULL:
            item.add_marker(pytest.mark.skip(reason="a scenario of make test-usb-full"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what failed: the whole run takes minutes."""
    if report.failed:
        sys.stderr.write("\n%s\n" % report.longreprtext)


@pytest.fixture(scope="session")
def prepared() -> Disk:
    try:
        return prepare.ready()
    except CannotBuildHere as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def car(prepared: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Car]:
    folder = tmp_path_factory.mktemp("usb")
    disk = prepare.copy(prepared, folder)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        car = Car(guest, folder)
        yield car
        print(car.journal(200))


@pytest.fixture(autouse=True)
def no_stick_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each scenario ends with empty ports, whatever became of it."""
    yield
    if "car" in request.fixturenames:
        request.getfixturevalue("car").pull_all()
