"""Settings for picamera that need no picamera: levels, encoder options, the annotation."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dashcamd.cameras import picamera_settings as translate
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import BLOCK_PX


@pytest.mark.parametrize(
    ("resolution", "fps", "level"),
    [("640x480", 25, "4"), ("1920x1080", 30, "4"), ("1920x1080", 31, "4.2"), ("1280x720", 60, "4")],
)
def test_the_level_is_the_lowest_that_fits(resolution, fps, level):
    options = translate.encoder_options(CameraConfig(resolution=resolution, framerate=float(fps)))
    assert options["level"] == level


def test_more_than_the_encoder_can_is_refused_in_words():
    with pytest.raises(CameraError, match="2592x1944 at 30 pictures"):
        translate.level_for(2592, 1944, 30)


def test_keyframes_are_placed_by_seconds_and_headers_are_inline():
    options = translate.encoder_options(CameraConfig(framerate=25.0, keyframe_s=2.0))
    assert options["intra_period"] == 50
    assert options["inline_headers"] is True
    assert translate.keyframe_distance(CameraConfig(framerate=1.0, keyframe_s=0.2)) == 1


def test_a_quality_takes_the_place_of_the_bitrate():
    assert translate.encoder_options(CameraConfig(bitrate=3_000_000))["bitrate"] == 3_000_000
    options = translate.encoder_options(CameraConfig(quality=22))
    assert (options["quality"], options["bitrate"]) == (22, 0)


def test_every_camera_setting_is_live_or_fixed_or_known_to_be_something_else():
    names = {field.name for field in dataclasses.fields(CameraConfig)}
    elsewhere = {"media_loop", "annotate_text"}
    assert set(translate.LIVE) | set(translate.FIXED) | elsewhere == names
    assert not set(translate.LIVE) & set(translate.FIXED)


def test_the_annotation_is_the_wall_clock_in_ascii():
    wall = 1_700_000_000.0
    expected = time.strftime("%H:%M:%S", time.localtime(wall))
    assert translate.annotation("%H:%M:%S", wall) == expected
    assert translate.annotation("", wall) == ""
    assert translate.annotation("Tür", wall) == "T?r"
    assert len(translate.annotation("x" * 400, wall)) == 255


@pytest.mark.parametrize("resolution", ["64x64", "320x240", "640x480", "1920x1080"])
@pytest.mark.parametrize("size", [6, 24, 160])
def test_text_leaves_most_of_the_picture_to_the_detector(resolution, size):
    settings = CameraConfig(annotate_text="%H", annotate_size=size, resolution=resolution)
    rows = -(-settings.size[1] // BLOCK_PX)
    assert translate.annotated_rows(settings) <= rows / 2

    class Firmware:
        annotate_text_size = 0

    translate.set_live(Firmware, settings, ["annotate_size"])
    written_px = Firmware.annotate_text_size
    assert 6 <= written_px <= size, "the firmware takes 6 to 160"
    assert written_px * 1.5 <= translate.annotated_rows(settings) * BLOCK_PX


def test_text_is_as_tall_as_asked_where_the_picture_is_large_enough():
    class Firmware:
        annotate_text_size = 0

    translate.set_live(Firmware, CameraConfig(annotate_size=160), ["annotate_size"])
    assert Firmware.annotate_text_size == 160


@pytest.mark.parametrize(
    ("text", "size", "rows"), [("", 24, 0), ("%H", 24, 3), ("%H", 6, 1), ("%H", 160, 15)]
)
def test_the_rows_that_the_text_may_touch_are_known(text, size, rows):
    settings = CameraConfig(annotate_text=text, annotate_size=size)
    assert translate.annotated_rows(settings) == rows
