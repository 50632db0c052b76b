"""What every test against the emulated VideoCore gets: a fresh chip, and a look at what is left."""

from __future__ import annotations

import gc
import threading

import pytest

SPEED = 3
"""Faster, and a hiccup of a busy machine would be a camera that fell silent for 3 s."""

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
    """A picamera back-end on the chip, three times as fast as life, with sinks that remember."""
    from tests.legacy.rig import Rig

    chip.set_speed(SPEED)
    made = Rig()
    yield made
    made.camera.stop()
