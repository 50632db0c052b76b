"""The fixture room: what every test gets, and what no test may leave behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path
from typing import Dict, Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "long", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


REAL_LIBRARIES = {"legacy", "libcamera"}
"""Folders whose tests run on camera libraries with threads and files of their own."""


def open_files() -> Dict[str, str]:
    """Descriptors of this process and what they lead to."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found[descriptor.name] = str(descriptor.readlink())
        except OSError:
            continue
    return found


def is_of_the_test(target: str) -> bool:
    """Devices, and what libraries open once for good, are not a test's to give back."""
    return target.startswith("socket:") or (
        target.startswith("/")
        and not target.startswith(("/dev/", "/proc/", "/sys/", "/usr/"))
        and "/lib/" not in target
    )


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread or a descriptor behind."""
    if REAL_LIBRARIES & set(Path(str(request.node.fspath)).parts):
        yield
        return
    threads, files = set(threading.enumerate()), open_files()
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(2.0)
    left = [thread for thread in left if thread.is_alive()]
    assert not left, "threads left behind: %s" % left
    if kept(files):
        # A volume whose last user is gone closes itself; the test's fixtures are users.
        request.node.funcargs.clear()
        gc.collect()
    assert not kept(files), "files left open: %s" % kept(files)


def kept(before: Dict[str, str]) -> Dict[str, str]:
    return {
        descriptor: target
        for descriptor, target in open_files().items()
        if before.get(descriptor) != target and is_of_the_test(target)
    }


@pytest.fixture
def eight_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock is set to a zone without summer time, eight hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EAST-8")
        time.tzset()
        yield
    time.tzset()
