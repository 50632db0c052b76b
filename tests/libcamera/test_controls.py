"""Our table of settings against libcamera's own names, numbers and types."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from dashcamd.cameras import picamera2_controls as table
from dashcamd.config import CameraConfig
from tests.cameras.test_picamera2_controls import ADVERTISED

pytestmark = pytest.mark.usefixtures("sensor")

ENUMERATIONS = [
    ("AeExposureModeEnum", table.AE_EXPOSURE_MODES["auto"], "Normal"),
    ("AeExposureModeEnum", table.AE_EXPOSURE_MODES["sports"], "Short"),
    ("AeExposureModeEnum", table.AE_EXPOSURE_MODES["night"], "Long"),
    ("AeMeteringModeEnum", table.AE_METERING_MODES["average"], "CentreWeighted"),
    ("AeMeteringModeEnum", table.AE_METERING_MODES["spot"], "Spot"),
    ("AeMeteringModeEnum", table.AE_METERING_MODES["matrix"], "Matrix"),
    ("AwbModeEnum", table.AWB_MODES["auto"], "Auto"),
    ("AwbModeEnum", table.AWB_MODES["incandescent"], "Incandescent"),
    ("AwbModeEnum", table.AWB_MODES["tungsten"], "Tungsten"),
    ("AwbModeEnum", table.AWB_MODES["fluorescent"], "Fluorescent"),
    ("AwbModeEnum", table.AWB_MODES["sunlight"], "Daylight"),
    ("AwbModeEnum", table.AWB_MODES["cloudy"], "Cloudy"),
    ("AfModeEnum", table.AF_CONTINUOUS, "Continuous"),
]
UNUSUAL = {
    "brightness": 70,
    "contrast": 30,
    "saturation": -30,
    "sharpness": 10,
    "iso": 200,
    "exposure_mode": "sports",
    "exposure_compensation": 6,
    "awb_mode": "cloudy",
    "meter_mode": "spot",
    "image_effect": "denoise",
    "crop": (0.25, 0.25, 0.5, 0.5),
}


@pytest.mark.parametrize(("enumeration", "number", "name"), ENUMERATIONS)
def test_numbers_are_libcameras(enumeration, number, name):
    import libcamera

    assert int(getattr(getattr(libcamera.controls, enumeration), name)) == number


def test_noise_reduction_is_libcameras():
    import libcamera

    modes = libcamera.controls.draft.NoiseReductionModeEnum
    assert int(modes.Fast) == table.NOISE_REDUCTION_FAST
    assert int(modes.HighQuality) == table.NOISE_REDUCTION_HIGH_QUALITY


def identifier_of(name):
    """libcamera's object for a control."""
    from libcamera import controls

    return getattr(controls, name, None) or getattr(controls.draft, name)


def test_values_are_of_the_types_that_libcamera_takes(rig):
    """The virtual camera advertises little, so each control is asked of libcamera by its name.

    A value of the wrong type raises in picamera2's camera thread, which ends it. ScalerCrops of
    the Pi 5 is missing: Debian builds libcamera without the Pi's own controls.
    """
    from picamera2.controls import Controls

    rig.start()
    camera = rig.device
    request = camera.camera.create_request(0)
    whole = (0, 0, 4608, 2592)
    advertised = dict.fromkeys(ADVERTISED, (None, None, whole))
    controls, refused = table.translate(replace(CameraConfig(), **UNUSUAL), advertised)
    assert refused == ()
    assert set(controls) == set(advertised)
    camera.camera_ctrl_info = {name: (identifier_of(name), None) for name in controls}
    for identifier, value in Controls(camera, controls).get_libcamera_controls().items():
        request.set_control(identifier, value)


def test_every_change_reaches_a_request_while_recording(rig, monkeypatch):
    import libcamera

    seen = []
    set_control = libcamera.Request.set_control

    def watched(self, identifier, value):
        if identifier.name == "Brightness":
            seen.append(value)
        set_control(self, identifier, value)

    monkeypatch.setattr(libcamera.Request, "set_control", watched)
    rig.start()
    limits = SimpleNamespace(min=-1.0, max=1.0, default=0.0)
    rig.device.camera_ctrl_info["Brightness"] = (libcamera.controls.Brightness, limits)
    for brightness in range(100):
        config = CameraConfig(resolution="640x480", annotate_text="", brightness=brightness)
        assert rig.camera.apply(config) == ()
        rig.wait_for_frames(2)
    rig.camera.check()
    assert [round(50 + 50 * value) for value in seen] == list(range(100))
