"""What a machine without picamera2, or without a camera, is told."""

import os
import sys
from types import SimpleNamespace

import pytest

from dashcamd.cameras.picamera2 import PiCamera2Camera
from dashcamd.cameras.picamera2_library import find_camera, open_device
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError


def test_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "libcamera", None)
    with pytest.raises(CameraError, match="apt install python3-picamera2"):
        PiCamera2Camera(CameraConfig(), SimClock())


def test_no_camera_says_where_to_look():
    library = SimpleNamespace(Picamera2=SimpleNamespace(global_camera_info=lambda: []))
    with pytest.raises(CameraError, match="ribbon cable"):
        find_camera(library)


def test_failed_opening_gives_back_the_descriptors():
    """picamera2's constructor opens a pipe before it acquires the camera, and leaves it open."""
    made = []

    class Busy:
        def __init__(self, number):
            made.append(self)
            reader, self.notifyme_w = os.pipe()
            self.notifymeread = os.fdopen(reader, "rb")
            raise RuntimeError("Camera __init__ sequence did not complete.")

    with pytest.raises(CameraError, match=r"imx708 cannot be opened: Camera __init__"):
        open_device(SimpleNamespace(Picamera2=Busy), "imx708")
    assert made[0].notifymeread.closed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0].notifyme_w)
