"""What tests on libcamera's virtual camera get: a stage, a rig, and a look at what is left."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.libcamera.stage import ACCIDENTS, Stage

VIRTUAL_CAMERA = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
SCRIPT = "...www...."
REASON = "no libcamera with a virtual camera here; `make test-libcamera` builds a system that has"


def pytest_configure(config):
    """Threads are started with setDaemon() there; that is not ours to fix."""
    config.addinivalue_line("filterwarnings", "ignore:setDaemon:DeprecationWarning")


@pytest.fixture(scope="session")
def sensor(tmp_path_factory):
    """The virtual sensor: 25 pictures a second of a scene in which somebody walks at second 3."""
    if not VIRTUAL_CAMERA.exists():
        pytest.skip(REASON)
    from tests.libcamera import virtual

    return virtual.install(Stage(tmp_path_factory.mktemp("stage"), 25.0, SCRIPT))


@pytest.fixture
def stage(sensor):
    """The accidents; all are over afterwards."""
    yield sensor.stage
    for accident in ACCIDENTS:
        if sensor.stage.has(accident):
            sensor.stage.end(accident)


@pytest.fixture
def rig(stage):
    """A camera on the stage, closed at the end whatever the test did to it."""
    from tests.libcamera.rig import Rig

    made = Rig()
    yield made
    for accident in ACCIDENTS:
        if stage.has(accident):
            stage.end(accident)
    made.close()


def open_descriptors():
    """How many files, pipes and memory files this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers alone


def thread_names():
    """Names of all live threads."""
    return sorted(thread.name for thread in threading.enumerate())
