"""Accidents on the real picamera2: what is raised, how soon, and what is left for the next try."""

import gc
import os
import subprocess
import sys
import threading

import pytest

from dashcamd.errors import CameraError, DeadCameraError
from tests.libcamera.conftest import open_descriptors

FAULT_LIMIT_S = 5.0
ATTEMPTS = 50


@pytest.mark.parametrize("accident", ["frozen", "encoder-silence"])
def test_silence_ends_the_process_and_never_waits(rig, stage, accident):
    rig.start()
    rig.wait_for_frames(10)
    stage.begin(accident)
    error = rig.error_within(FAULT_LIMIT_S)
    assert isinstance(error, DeadCameraError)
    rig.camera.stop()
    with pytest.raises(DeadCameraError, match="process must end"):
        rig.start()


def test_encoder_error_is_survived_and_the_camera_opened_again(rig, stage):
    from tests.libcamera.rig import counters

    rig.start()
    rig.wait_for_frames(10)
    stage.begin("encoder-error")
    error = rig.error_within(FAULT_LIMIT_S)
    assert not isinstance(error, DeadCameraError)
    assert "the H.264 encoder failed: OSError" in str(error)
    rig.camera.stop()
    stage.end("encoder-error")
    rig.frames.clear()
    rig.start()
    rig.wait_for_frames(10)
    rig.camera.stop()
    numbers = counters(rig.frames)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize(
    ("sink", "doing"),
    [
        ("frame", "taking over a frame"),
        ("field", "making a motion field or a preview"),
        ("jpeg", "making a motion field or a preview"),
    ],
)
def test_broken_sink_is_a_fault_and_not_a_dead_camera(rig, sink, doing):
    def broken(thing):
        raise ZeroDivisionError("in the %s sink" % sink)

    rig.sinks = rig.sinks.__class__(
        **{name: getattr(rig.sinks, name) for name in ("frame", "field", "jpeg")} | {sink: broken}
    )
    rig.start()
    rig.camera.want_jpegs(10)
    error = rig.error_within(FAULT_LIMIT_S)
    assert not isinstance(error, DeadCameraError)
    assert "%s failed: ZeroDivisionError: in the %s sink" % (doing, sink) in str(error)


@pytest.mark.parametrize(
    ("accident", "says"),
    [("busy", "resource busy; another program may be using it"), ("absent", "ribbon cable")],
)
def test_camera_that_cannot_be_opened_costs_nothing_and_is_found_later(rig, stage, accident, says):
    stage.begin(accident)
    with pytest.raises(CameraError, match=says):
        rig.start()
    gc.collect()
    before = open_descriptors()
    for _ in range(ATTEMPTS):
        with pytest.raises(CameraError):
            rig.start()
    gc.collect()
    assert open_descriptors() == before
    stage.end(accident)
    rig.start()
    rig.wait_for_frames(10)


def test_second_camera_in_this_process_is_busy(rig):
    """libcamera's own answer, not an injected one."""
    from tests.libcamera.rig import Rig

    rig.start()
    rig.wait_for_frames(3)
    second = Rig()
    with pytest.raises(CameraError, match="cannot be opened"):
        second.start()
    rig.wait_for_frames(10)


def test_stop_is_safe_twice_and_without_a_start(rig):
    from dashcamd.cameras.picamera2 import PiCamera2Camera
    from dashcamd.config import CameraConfig

    camera = PiCamera2Camera(CameraConfig(), rig.clock)
    camera.stop()
    camera.check()
    rig.start()
    rig.camera.stop()
    rig.camera.stop()
    rig.camera.check()
    rig.camera.want_jpegs(5)


def test_stop_gives_up_on_a_library_that_hangs(rig, monkeypatch):
    rig.start()
    rig.wait_for_frames(10)
    released = threading.Event()
    monkeypatch.setattr(type(rig.device), "stop", lambda self: released.wait(30))
    rig.camera.stop()
    with pytest.raises(DeadCameraError, match="did not close within"):
        rig.start()
    released.set()
    next(thread for thread in threading.enumerate() if thread.name == "camera-close").join(10)
    monkeypatch.undo()


LOSE_CAMERA = """
import sys
from pathlib import Path
from tests.libcamera import virtual
from tests.libcamera.stage import Stage
stage = Stage(Path(sys.argv[1]))
virtual.install(stage)
from tests.libcamera.rig import Rig
rig = Rig()
rig.start()
rig.wait_for_frames(10)
stage.begin(sys.argv[2])
print(type(rig.error_within(5.0)).__name__)
rig.camera.stop()
sys.exit(3)
"""


@pytest.mark.parametrize("accident", ["disconnected", "frozen"])
def test_process_can_end_with_a_camera_that_cannot_be_closed(sensor, tmp_path, accident):
    """On a lost device picamera2's thread ends, on a frozen sensor it waits for ever."""
    done = subprocess.run(
        [sys.executable, "-c", LOSE_CAMERA, str(tmp_path / "stage"), accident],
        stdout=subprocess.PIPE,
        text=True,
        timeout=40,
        env=dict(os.environ),
    )
    assert (done.stdout.split()[-1], done.returncode) == ("DeadCameraError", 3)
