"""Why picamera does not work, in one sentence that says what to do."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from dashcamd.cameras import picamera
from dashcamd.cameras.picamera import PiCameraCamera
from dashcamd.cameras.picamera_library import explain
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError


class NoFirmware:
    """An import hook under which picamera fails as it does on a machine without a VideoCore."""

    def find_spec(self, name, path=None, target=None):
        if name == "picamera":
            raise OSError("libbcm_host.so: cannot open shared object file")


def test_a_missing_picamera_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera", None)
    with pytest.raises(CameraError, match="apt install python3-picamera"):
        PiCameraCamera(CameraConfig(), SimClock())


def test_a_machine_without_firmware_says_which_systems_have_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "picamera", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoFirmware(), *sys.meta_path])
    with pytest.raises(CameraError, match=r"libbcm_host.*Raspberry Pi OS 11"):
        PiCameraCamera(CameraConfig(), SimClock())


def test_a_camera_that_never_started_can_be_checked_changed_and_stopped(monkeypatch):
    monkeypatch.setattr(picamera, "load_library", lambda: SimpleNamespace(PiCameraError=OSError))
    monkeypatch.setattr(picamera, "check_presence", lambda library: None)
    camera = PiCameraCamera(CameraConfig(), SimClock())
    camera.check()
    assert camera.apply(CameraConfig(brightness=60, resolution="640x480")) == ()
    camera.want_jpegs(5)
    camera.stop()
    camera.stop()


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        ("Camera is not enabled. Try running 'sudo raspi-config'", "ribbon cable at both ends"),
        ("Failed to enable connection: Out of resources", "in use by another program"),
        ("Failed to create MMAL component: Out of memory", "gpu_mem=128"),
        ("No data recevied from sensor. Check all connections", "check the ribbon cable"),
        ("Something\nnew", "picamera failed: Something new"),
        ("", "picamera failed: RuntimeError"),
    ],
)
def test_causes_are_explained_in_one_line(raised, says):
    assert says in explain(RuntimeError(raised))


def test_our_own_errors_are_passed_on_as_they_are():
    assert explain(CameraError("the ring is full")) == "the ring is full"
