"""What every test against the emulated VideoCore gets: a fresh chip, and a look at what is left."""

from __future__ import annotations

import gc
import threading

import pytest

REASON = "picamera 1.13 and PyAV are not installed here; `make test-legacy` has them"


@pytest.fixture
def chip():
    """The chip as after power-on; afterwards no component, pool, tunnel or thread may be left."""
    from tests.legacy.videocore import CHIP

    CHIP.live.clear()
    CHIP.reset()
    yield CHIP
    CHIP.reset()
    gc.collect()
    assert CHIP.leaks() == {}
    assert [t.name for t in threading.enumerate() if t.name.startswith("vc.")] == []


@pytest.fixture
def rig(chip):
    """A picamera back-end on the chip, eight times as fast as life, with sinks that remember."""
    from tests.legacy.rig import Rig

    chip.set_speed(8)
    made = Rig()
    yield made
    made.camera.stop()
