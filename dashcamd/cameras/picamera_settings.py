"""How our settings reach picamera 1.13: its attributes, its encoder options, its annotation.

``docs/reference/camera-settings.md`` has the same table for people, beside those of the other
cameras.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, List, Mapping, Tuple

from dashcamd.cameras.overlay import expand
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import BLOCK_PX

Converter = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _colour(value: str) -> Any:
    return importlib.import_module("picamera").Color(value) if value else None


LIVE: Mapping[str, Tuple[str, Converter]] = {
    "rotation": ("rotation", _same),
    "hflip": ("hflip", _same),
    "vflip": ("vflip", _same),
    "brightness": ("brightness", _same),
    "contrast": ("contrast", _same),
    "saturation": ("saturation", _same),
    "sharpness": ("sharpness", _same),
    "iso": ("iso", _same),
    "exposure_mode": ("exposure_mode", _same),
    "exposure_compensation": ("exposure_compensation", _same),
    "awb_mode": ("awb_mode", _same),
    "meter_mode": ("meter_mode", _same),
    "image_effect": ("image_effect", _same),
    "video_stabilization": ("video_stabilization", _same),
    "crop": ("zoom", tuple),
    "annotate_size": ("annotate_text_size", _same),
    "annotate_foreground": ("annotate_foreground", _colour),
    "annotate_background": ("annotate_background", _colour),
}
"""Our setting -> picamera's attribute, which may change while it records, and its form."""

FIXED = ("source", "resolution", "framerate", "bitrate", "quality", "keyframe_s")
"""Settings that picamera takes only before a recording starts."""

LEVELS = (("4", 245_760, 8192), ("4.2", 522_240, 8704))
"""H.264 levels: name, most macroblocks a second, most in a picture (H.264, table A-1)."""

VIDEO_PORT, PREVIEW_PORT = 1, 2
"""Splitter ports of recording and preview; picamera takes stills from 0."""

ANNOTATION_MAX = 255
"""Most characters the firmware takes."""

ANNOTATION_SHARE = 4
"""Text is at most this part of the picture's height: the detector sees nothing where it stands."""


def set_live(camera: Any, settings: CameraConfig, names: Iterable[str]) -> Tuple[str, ...]:
    """Set the attributes behind `names`; returns the names that picamera refuses the value of."""
    refused: List[str] = []
    settings = replace(settings, annotate_size=annotation_px(settings))
    for name in names:
        attribute, convert = LIVE[name]
        try:
            setattr(camera, attribute, convert(getattr(settings, name)))
        except ValueError:
            refused.append(name)
    return tuple(refused)


def changed(before: CameraConfig, after: CameraConfig, names: Iterable[str]) -> Tuple[str, ...]:
    """Those of `names` whose value differs."""
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def keyframe_distance(settings: CameraConfig) -> int:
    """Pictures from one keyframe to the next."""
    return max(1, round(settings.keyframe_s * settings.framerate))


def encoder_options(settings: CameraConfig) -> Dict[str, Any]:
    """Arguments of ``start_recording``. Raises `CameraError` when H.264 on a Pi cannot do it."""
    return {
        "format": "h264",
        "profile": "high",
        "level": level_for(*settings.size, settings.framerate),
        "intra_period": keyframe_distance(settings),
        "inline_headers": True,
        # 0 leaves the encoder to the quality alone.
        "bitrate": 0 if settings.quality else settings.bitrate,
        "quality": settings.quality,
    }


def level_for(width: int, height: int, fps: float) -> str:
    """The lowest level the hardware decoders of phones know that fits. Raises `CameraError`."""
    blocks = -(-width // 16) * -(-height // 16)
    for name, blocks_a_second, blocks_a_picture in LEVELS:
        if blocks <= blocks_a_picture and blocks * fps <= blocks_a_second:
            return name
    raise CameraError(
        "the Pi's H.264 encoder cannot record %dx%d at %g pictures a second; "
        "1920x1080 at 30 or 1280x720 at 60 is its limit, set [camera] resolution or framerate lower"
        % (width, height, fps)
    )


def annotated_rows(settings: CameraConfig) -> int:
    """Macroblock rows from the top in which the firmware may write: the text and half a line more.

    A clock that ticks there would be motion each second.
    """
    if not settings.annotate_text:
        return 0
    return -(-annotation_px(settings) * 3 // (2 * BLOCK_PX))


def annotation_px(settings: CameraConfig) -> int:
    """How tall the text becomes: as asked, made smaller where the picture is too low for it."""
    return min(settings.annotate_size, settings.size[1] // ANNOTATION_SHARE)


def annotation(pattern: str, wall: float) -> str:
    """The text to burn in at Unix second `wall`: ASCII, no longer than the firmware takes."""
    return expand(pattern, wall).encode("ascii", "replace").decode("ascii")[:ANNOTATION_MAX]
