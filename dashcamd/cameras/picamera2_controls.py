"""The settings of ``[camera]`` as libcamera's controls: a table of pure functions.

Each row turns one setting into the controls that mean it, or says that nothing does (None). What
the camera does not advertise is left out, because picamera2 raises on it; a setting that differs
from its default and cannot be honoured is *refused by name*, never dropped silently.

Names, enumerations and neutral values: libcamera's ``control_ids_core.yaml``; the ranges of the
settings are picamera's. ``tests/libcamera/test_controls.py`` compares with the real library.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from dashcamd.config import CameraConfig

Controls = Dict[str, Any]
Limits = Tuple[Any, Any, Any]
"""Least, most and default value of a control, as picamera2's ``camera_controls`` gives them."""

STRONGEST = 4.0
"""What 100 means for contrast, saturation and sharpness, whose neutral value is 1.

libcamera accepts more (contrast to 32, sharpness to 16), but nothing there looks like a picture.
"""

AE_EXPOSURE_MODES = {
    "auto": 0,  # Normal
    "fixedfps": 0,  # the frame duration is fixed anyway
    "sports": 1,  # Short
    "antishake": 1,
    "night": 2,  # Long
    "nightpreview": 2,
    "verylong": 2,
    "fireworks": 2,
}
AWB_MODES = {
    "auto": 0,
    "incandescent": 1,
    "tungsten": 2,
    "fluorescent": 3,
    "sunlight": 5,  # Daylight
    "cloudy": 6,
}
AE_METERING_MODES = {"average": 0, "spot": 1, "matrix": 2}
"""``average`` is centre-weighted in picamera's firmware, and so is libcamera's default."""

NOISE_REDUCTION_FAST, NOISE_REDUCTION_HIGH_QUALITY = 1, 2
AF_CONTINUOUS = 2

FIXED_SETTINGS = (
    "source",
    "resolution",
    "framerate",
    "bitrate",
    "quality",
    "keyframe_s",
    "rotation",
    "hflip",
    "vflip",
)
"""Fixed when the camera starts; a change waits for the next start."""


class Translation(NamedTuple):
    """`controls` to set, and the names of settings that this camera cannot honour."""

    controls: Controls
    refused: Tuple[str, ...]


def frame_duration_limits(framerate: float) -> Controls:
    """A constant frame rate: least and most duration of a frame in microseconds."""
    duration_us = round(1_000_000 / framerate)
    return {"FrameDurationLimits": (duration_us, duration_us)}


def flips(config: CameraConfig) -> Tuple[bool, bool]:
    """The hflip and vflip of libcamera's Transform: half a turn is both."""
    is_turned = config.rotation == 180
    return config.hflip != is_turned, config.vflip != is_turned


def translate(config: CameraConfig, advertised: Mapping[str, Limits]) -> Translation:
    """All controls that `config` asks for, kept to what the camera advertises.

    Half a turn is a Transform (`flips`); a quarter turn would need a GPU and is refused.
    """
    controls: Controls = {}
    refused = ["rotation"] if config.rotation % 180 else []
    for setting, meaning in TABLE.items():
        meant = meaning(config, advertised)
        honoured = {name: value for name, value in (meant or {}).items() if name in advertised}
        controls.update({name: clip(value, advertised[name]) for name, value in honoured.items()})
        if not honoured and getattr(config, setting) != getattr(_DEFAULTS, setting):
            refused.append(setting)
    if "AfMode" in advertised:
        controls["AfMode"] = AF_CONTINUOUS
    return Translation(controls, tuple(refused))


def clip(value: Any, limits: Limits) -> Any:
    """A number inside what the camera advertises; 0 stays 0, which means automatic."""
    least, most, _ = limits
    is_number = isinstance(value, float) and isinstance(least, (int, float))
    if not is_number or not isinstance(most, (int, float)) or value == 0:
        return value
    return min(max(value, float(least)), float(most))


def changed_fixed(before: CameraConfig, after: CameraConfig) -> Tuple[str, ...]:
    """Settings of `FIXED_SETTINGS` that differ."""
    return tuple(name for name in FIXED_SETTINGS if getattr(before, name) != getattr(after, name))


def _gain_around_one(percent: int) -> float:
    """-100 is none, 0 is neutral, 100 is `STRONGEST`."""
    return 1 + percent / 100 * (STRONGEST - 1 if percent > 0 else 1)


def _brightness(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"Brightness": (config.brightness - 50) / 50}


def _contrast(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"Contrast": _gain_around_one(config.contrast)}


def _saturation(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"Saturation": _gain_around_one(config.saturation)}


def _sharpness(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"Sharpness": _gain_around_one(config.sharpness)}


def _iso(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"AnalogueGain": config.iso / 100}


def _exposure_compensation(config: CameraConfig, _: Mapping[str, Limits]) -> Controls:
    return {"ExposureValue": config.exposure_compensation / 6}


def _exposure_mode(config: CameraConfig, _: Mapping[str, Limits]) -> Optional[Controls]:
    if config.exposure_mode == "off":
        return {"AeEnable": False}
    mode = AE_EXPOSURE_MODES.get(config.exposure_mode)
    return None if mode is None else {"AeEnable": True, "AeExposureMode": mode}


def _awb_mode(config: CameraConfig, _: Mapping[str, Limits]) -> Optional[Controls]:
    if config.awb_mode == "off":
        return {"AwbEnable": False}
    mode = AWB_MODES.get(config.awb_mode)
    return None if mode is None else {"AwbEnable": True, "AwbMode": mode}


def _meter_mode(config: CameraConfig, _: Mapping[str, Limits]) -> Optional[Controls]:
    mode = AE_METERING_MODES.get(config.meter_mode)
    return None if mode is None else {"AeMeteringMode": mode}


def _image_effect(config: CameraConfig, _: Mapping[str, Limits]) -> Optional[Controls]:
    if config.image_effect == "denoise":
        return {"NoiseReductionMode": NOISE_REDUCTION_HIGH_QUALITY}
    return {"NoiseReductionMode": NOISE_REDUCTION_FAST} if config.image_effect == "none" else None


def _video_stabilization(config: CameraConfig, _: Mapping[str, Limits]) -> Optional[Controls]:
    return None


def _crop(config: CameraConfig, advertised: Mapping[str, Limits]) -> Optional[Controls]:
    """A part of the field of view that the camera has without a crop, which keeps the aspect."""
    if "ScalerCrop" not in advertised:
        return None
    left, top, width, height = advertised["ScalerCrop"][2]
    x, y, wide, high = config.crop
    part = (
        round(left + x * width),
        round(top + y * height),
        max(2, round(wide * width)),
        max(2, round(high * height)),
    )
    if "ScalerCrops" in advertised:
        return {"ScalerCrops": [part, part]}
    return {"ScalerCrop": part}


Meaning = Callable[[CameraConfig, Mapping[str, Limits]], Optional[Controls]]

TABLE: Dict[str, Meaning] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "sharpness": _sharpness,
    "iso": _iso,
    "exposure_mode": _exposure_mode,
    "exposure_compensation": _exposure_compensation,
    "awb_mode": _awb_mode,
    "meter_mode": _meter_mode,
    "image_effect": _image_effect,
    "video_stabilization": _video_stabilization,
    "crop": _crop,
}
"""What each setting means to libcamera; the order in which they are set."""

_DEFAULTS = CameraConfig()
