"""Each setting's meaning for libcamera, as a table; no library needed."""

from dataclasses import fields, replace

import pytest

from dashcamd.cameras.picamera2_controls import (
    FIXED_SETTINGS,
    TABLE,
    changed_fixed,
    flips,
    frame_duration_limits,
    translate,
)
from dashcamd.config import AWB_MODES, EXPOSURE_MODES, IMAGE_EFFECTS, METER_MODES, CameraConfig

# As an IMX708 advertises them under Raspberry Pi OS 12.
ADVERTISED = {
    "AeEnable": (False, True, None),
    "AeExposureMode": (0, 3, 0),
    "AeMeteringMode": (0, 3, 0),
    "AfMode": (0, 2, 0),
    "AnalogueGain": (1.123, 16.0, 1.0),
    "AwbEnable": (False, True, None),
    "AwbMode": (0, 7, 0),
    "Brightness": (-1.0, 1.0, 0.0),
    "Contrast": (0.0, 32.0, 1.0),
    "ExposureValue": (-8.0, 8.0, 0.0),
    "NoiseReductionMode": (0, 4, 0),
    "Saturation": (0.0, 32.0, 1.0),
    "ScalerCrop": ((0, 0, 64, 64), (0, 0, 4608, 2592), (0, 0, 4608, 2592)),
    "Sharpness": (0.0, 16.0, 1.0),
}
DEFAULT = CameraConfig()

VALUES = [
    ({"brightness": 0}, "Brightness", -1.0),
    ({"brightness": 50}, "Brightness", 0.0),
    ({"brightness": 100}, "Brightness", 1.0),
    ({"contrast": -100}, "Contrast", 0.0),
    ({"contrast": 0}, "Contrast", 1.0),
    ({"contrast": 100}, "Contrast", 4.0),
    ({"saturation": -100}, "Saturation", 0.0),
    ({"saturation": -25}, "Saturation", 0.75),
    ({"sharpness": 50}, "Sharpness", 2.5),
    ({"iso": 0}, "AnalogueGain", 0.0),
    ({"iso": 100}, "AnalogueGain", 1.123),
    ({"iso": 800}, "AnalogueGain", 8.0),
    ({"exposure_compensation": -12}, "ExposureValue", -2.0),
    ({"exposure_mode": "auto"}, "AeExposureMode", 0),
    ({"exposure_mode": "sports"}, "AeExposureMode", 1),
    ({"exposure_mode": "night"}, "AeExposureMode", 2),
    ({"exposure_mode": "night"}, "AeEnable", True),
    ({"exposure_mode": "off"}, "AeEnable", False),
    ({"awb_mode": "cloudy"}, "AwbMode", 6),
    ({"awb_mode": "off"}, "AwbEnable", False),
    ({"meter_mode": "spot"}, "AeMeteringMode", 1),
    ({"image_effect": "denoise"}, "NoiseReductionMode", 2),
    ({"image_effect": "none"}, "NoiseReductionMode", 1),
    ({"crop": (0.25, 0.5, 0.5, 0.5)}, "ScalerCrop", (1152, 1296, 2304, 1296)),
]


@pytest.mark.parametrize(("setting", "control", "value"), VALUES)
def test_setting_becomes_control(setting, control, value):
    translation = translate(replace(DEFAULT, **setting), ADVERTISED)
    assert translation.controls[control] == value
    assert translation.refused == ()


@pytest.mark.parametrize(
    "setting",
    [
        {"exposure_mode": "beach"},
        {"awb_mode": "greyworld"},
        {"meter_mode": "backlit"},
        {"image_effect": "sketch"},
        {"video_stabilization": True},
        {"rotation": 90},
    ],
)
def test_setting_without_equivalent_is_refused_by_name(setting):
    assert translate(replace(DEFAULT, **setting), ADVERTISED).refused == tuple(setting)


@pytest.mark.parametrize("row", sorted({next(iter(setting)) for setting, _, _ in VALUES}))
def test_setting_that_the_camera_does_not_advertise_is_refused_by_name(row):
    """picamera2 raises on a control that is not advertised; a bare camera gets none."""
    other = next(s for s, _, _ in VALUES if row in s and s[row] != getattr(DEFAULT, row))
    translation = translate(replace(DEFAULT, **other), {})
    assert translation.controls == {}
    assert translation.refused == (row,)


def test_defaults_are_never_refused_and_neutral():
    assert translate(DEFAULT, {}) == ({}, ())
    controls = translate(DEFAULT, ADVERTISED).controls
    for name in ("Brightness", "Contrast", "Saturation", "Sharpness", "ExposureValue"):
        assert controls[name] == ADVERTISED[name][2]
    assert controls["ScalerCrop"] == ADVERTISED["ScalerCrop"][2]


def test_focus_follows_what_is_seen_where_the_lens_moves():
    assert translate(DEFAULT, ADVERTISED).controls["AfMode"] == 2
    assert "AfMode" not in translate(DEFAULT, {}).controls


def test_crop_sets_both_streams_on_a_pi_5():
    advertised = dict(ADVERTISED, ScalerCrops=([(0, 0, 64, 64)], [], []))
    controls = translate(replace(DEFAULT, crop=(0.0, 0.0, 0.5, 0.5)), advertised).controls
    assert controls["ScalerCrops"] == [(0, 0, 2304, 1296)] * 2
    assert "ScalerCrop" not in controls


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, (False, False)),
        ({"hflip": True}, (True, False)),
        ({"rotation": 180}, (True, True)),
        ({"rotation": 180, "vflip": True}, (True, False)),
    ],
)
def test_half_a_turn_is_both_flips(setting, expected):
    assert flips(replace(DEFAULT, **setting)) == expected


def test_frame_rate_is_a_constant_frame_duration():
    assert frame_duration_limits(25) == {"FrameDurationLimits": (40000, 40000)}


def test_what_is_fixed_at_the_start_waits():
    after = replace(DEFAULT, framerate=10.0, brightness=60, vflip=True)
    assert changed_fixed(DEFAULT, after) == ("framerate", "vflip")


def test_every_setting_has_a_meaning():
    elsewhere = {name for name in (f.name for f in fields(CameraConfig)) if "annotate" in name}
    known = set(TABLE) | set(FIXED_SETTINGS) | elsewhere | {"media_loop"}
    assert known == {field.name for field in fields(CameraConfig)}


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("exposure_mode", EXPOSURE_MODES),
        ("awb_mode", AWB_MODES),
        ("meter_mode", METER_MODES),
        ("image_effect", IMAGE_EFFECTS),
    ],
)
def test_every_choice_is_set_or_refused(name, choices):
    for choice in choices:
        config = replace(DEFAULT, **{name: choice})
        is_refused = translate(config, ADVERTISED).refused == (name,)
        assert is_refused == (TABLE[name](config, ADVERTISED) is None)
