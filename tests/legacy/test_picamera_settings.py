"""Every setting reaches picamera's attribute, at the start and while it records, or is refused."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dashcamd.cameras import picamera_settings as translate
from dashcamd.config import CameraConfig
from tests.legacy.conftest import REASON, SPEED

pytest.importorskip("tests.legacy.videocore", reason=REASON)

from picamera import mmal

from tests.legacy.rig import Rig

CHOSEN = {
    "rotation": 180,
    "hflip": True,
    "vflip": True,
    "brightness": 60,
    "contrast": -20,
    "saturation": 30,
    "sharpness": 15,
    "iso": 400,
    "exposure_mode": "night",
    "exposure_compensation": 6,
    "awb_mode": "cloudy",
    "meter_mode": "spot",
    "image_effect": "denoise",
    "video_stabilization": True,
    "crop": (0.25, 0.25, 0.5, 0.5),
    "annotate_size": 40,
    "annotate_foreground": "#808080",
    "annotate_background": "#000000",
}
"""A value for every live setting that is not picamera's default."""


def read(rig, name):
    """What picamera now says of the attribute behind `name`."""
    return getattr(rig.camera._camera, translate.LIVE[name][0])


def expected(name):
    if name == "annotate_foreground":
        # The firmware takes the brightness of the colour only.
        return pytest.approx(0.5, abs=0.02)
    return pytest.approx(CHOSEN[name], abs=0.001) if name == "crop" else CHOSEN[name]


def seen(rig, name):
    value = read(rig, name)
    if name == "annotate_foreground":
        return value.yuv[0]
    return "#%02x%02x%02x" % value.rgb_bytes if name == "annotate_background" else value


def test_the_list_of_chosen_values_is_complete():
    assert set(CHOSEN) == set(translate.LIVE)


def test_all_settings_are_set_at_the_start(chip):
    rig = Rig(**CHOSEN)
    rig.start()
    assert {n: seen(rig, n) == expected(n) for n in CHOSEN} == dict.fromkeys(CHOSEN, True)
    assert rig.camera.apply(rig.config) == ()
    rig.camera.stop()


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_a_setting_is_changed_while_it_records_and_back(rig, name):
    rig.start()
    before = seen(rig, name) if name != "annotate_background" else read(rig, name)
    changed = dataclasses.replace(rig.config, **{name: CHOSEN[name]})
    assert rig.camera.apply(changed) == ()
    assert seen(rig, name) == expected(name)
    assert rig.camera.apply(rig.config) == ()
    after = seen(rig, name) if name != "annotate_background" else read(rig, name)
    assert after == before
    rig.run(frames=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", "640x480"),
        ("framerate", 12.0),
        ("bitrate", 500_000),
        ("quality", 25),
        ("keyframe_s", 2.0),
    ],
)
def test_what_only_a_new_recording_can_take_is_named_until_then(rig, name, value):
    rig.start()
    changed = dataclasses.replace(rig.config, **{name: value})
    assert rig.camera.apply(changed) == (name,)
    assert rig.camera.apply(changed) == (name,)
    rig.camera.stop()
    rig.start()
    assert rig.camera.apply(changed) == ()
    rig.run(frames=2)


def test_a_value_that_picamera_does_not_know_is_refused_by_name(chip):
    rig = Rig(awb_mode="greyworld", brightness=70)
    rig.start()
    assert rig.camera.apply(rig.config) == ("awb_mode",)
    assert read(rig, "brightness") == 70
    assert rig.camera.apply(dataclasses.replace(rig.config, awb_mode="auto")) == ()
    rig.camera.stop()


def test_what_has_no_meaning_here_is_refused_by_name(rig):
    rig.start()
    changed = dataclasses.replace(rig.config, media_loop=True, annotate_text="%H:%M")
    assert rig.camera.apply(changed) == ("media_loop",)


def test_bitrate_quality_and_keyframes_reach_the_encoder(chip):
    rig = Rig(quality=22, keyframe_s=0.5)
    rig.start()
    (encoder,) = chip.components("vc.ril.video_encode")
    set_to = encoder.outs[0].parameters
    assert encoder.outs[0].format.bitrate == 0
    assert set_to[mmal.MMAL_PARAMETER_VIDEO_ENCODE_INITIAL_QUANT] == 22
    assert set_to[mmal.MMAL_PARAMETER_INTRAPERIOD] == 12
    assert set_to[mmal.MMAL_PARAMETER_VIDEO_ENCODE_INLINE_HEADER] == 1
    rig.camera.stop()


def test_1080p30_is_recorded(chip):
    rig = Rig(resolution="1920x1080", framerate=30.0, bitrate=10_000_000)
    info = rig.start()
    rig.camera.stop()
    assert (info.width, info.height, info.fps, info.gop_s) == (1920, 1080, 30.0, 1.0)


def test_the_time_in_the_picture_follows_the_wall_clock(chip):
    chip.set_speed(SPEED)
    rig = Rig(annotate_text="%H:%M:%S door")
    before = rig.clock.wall()
    rig.start()
    after = rig.clock.wall()
    rig.run(frames=110)
    (camera,) = chip.components("vc.ril.camera")
    texts = [bytes(a.text).decode() for a in camera.annotations]
    rig.camera.stop()
    written = sorted({text for text in texts if text.endswith(" door")})
    assert len(written) >= 4
    while_it_started = (before + s for s in range(int(after) - int(before) + 1))
    assert written[0] in [
        time.strftime("%H:%M:%S door", time.localtime(s)) for s in while_it_started
    ]


def test_no_annotation_is_written_when_none_is_wanted(chip):
    rig = Rig(annotate_text="")
    rig.start()
    rig.run(frames=2)
    (camera,) = chip.components("vc.ril.camera")
    assert {bytes(a.text) for a in camera.annotations} == {b""}
    rig.camera.stop()


def test_every_setting_of_the_camera_section_is_covered():
    names = {field.name for field in dataclasses.fields(CameraConfig)}
    assert names - set(CHOSEN) - set(translate.FIXED) == {"annotate_text", "media_loop"}
