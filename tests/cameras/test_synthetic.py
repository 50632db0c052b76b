"""The synthetic camera: the contract, its settings, and motion when the script says so."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import numpy as np
import pytest

pytest.importorskip("av", reason="the synthetic camera needs PyAV")

from dashcamd.cameras.scene import Script, read_counter
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.types import MotionField
from tests.cameras.contract import START_TS, Delivered, PumpedContract, decoded_lumas, kinds
from tests.daemon import Daemon

CONFIG = CameraConfig(
    source="synthetic", resolution="128x96", framerate=10, keyframe_s=1.0, bitrate=400_000
)


def record(config: CameraConfig = CONFIG, frames: int = 12, script: str = ".ww") -> Delivered:
    camera = SyntheticCamera(config, Script(script), SimClock())
    delivered = PumpedContract().run(camera, frames)
    camera.stop()
    return delivered


def moving(field: MotionField) -> int:
    without_counter = field.blocks["sad"][:-2, :-1]
    return int((without_counter > 1600).sum())


class TestContract(PumpedContract):
    def make_camera(self) -> SyntheticCamera:
        return SyntheticCamera(CONFIG, Script(".ww"), SimClock())


def test_frame_n_lies_n_periods_behind_the_start() -> None:
    stamps = [frame.ts for frame in record(frames=25).frames]
    assert stamps == [START_TS + number / 10 for number in range(25)]


def test_pictures_that_are_skipped_leave_a_hole_in_the_stamps_but_none_in_the_counter() -> None:
    config = replace(CONFIG, resolution="320x240", annotate_text="")
    camera, delivered = SyntheticCamera(config, Script("."), SimClock()), Delivered()
    camera.start(delivered.sinks(), START_TS)
    camera.pump()
    camera.pump()
    assert camera.skip(START_TS + 0.1) == 0, "they are delivered already"
    assert camera.skip(START_TS + 2.5) == 23
    assert camera.next_ts() == START_TS + 2.5, "not before it"
    for _ in range(3):
        camera.pump()
    camera.stop()
    stamps = [frame.ts - START_TS for frame in delivered.frames]
    assert stamps == pytest.approx([0.0, 0.1, 2.5, 2.6, 2.7])
    assert [frame.key for frame in delivered.frames] == [True, False, True, False, False]
    assert [read_counter(luma) for luma in decoded_lumas(delivered.frames)] == [0, 1, 2, 3, 4]


def test_on_simulated_time_nothing_is_skipped() -> None:
    daemon = Daemon(SyntheticCamera(CONFIG, Script("."), SimClock())).run(10.05)
    assert daemon.status["camera"]["frames_skipped"] == 0
    assert daemon.status["counters"]["frames_captured"] == pytest.approx(101, abs=10)
    daemon.close()


def test_the_scene_goes_on_while_pictures_are_skipped() -> None:
    def luma(skip_s: float, frames: int) -> np.ndarray:
        config = replace(CONFIG, resolution="320x240", annotate_text="", quality=10)
        camera, delivered = SyntheticCamera(config, Script(".wwwww"), SimClock()), Delivered()
        camera.start(delivered.sinks(), START_TS)
        camera.skip(START_TS + skip_s)
        for _ in range(frames):
            camera.pump()
        return decoded_lumas(delivered.frames)[-1][:220].astype(int)

    assert np.abs(luma(3.0, 1) - luma(0.0, 31)).mean() < 2


def test_every_frame_number_is_read_back_at_the_lowest_bitrate() -> None:
    config = replace(CONFIG, bitrate=100_000, resolution="320x240")
    lumas = decoded_lumas(record(config, 30).frames)
    assert [read_counter(luma) for luma in lumas] == list(range(30))


@pytest.mark.parametrize(("keyframe_s", "apart"), [(1.0, 10), (0.5, 5), (2.0, 20)])
def test_keyframes_come_at_the_configured_distance(keyframe_s: float, apart: int) -> None:
    frames = record(replace(CONFIG, keyframe_s=keyframe_s), 41).frames
    assert [number for number, frame in enumerate(frames) if frame.key] == list(range(0, 41, apart))


def test_a_picture_is_one_slice() -> None:
    for frame in record().frames:
        assert sum(kind in (1, 5) for kind in kinds(frame.data)) == 1


def test_fields_show_motion_exactly_when_the_script_says_so() -> None:
    config = replace(CONFIG, resolution="320x240", framerate=12, annotate_text="")
    fields = record(config, 72, "..ww..").fields
    seconds: List[List[int]] = [[] for _ in range(6)]
    for field in fields:
        seconds[int(field.ts - START_TS + 1e-6)].append(moving(field))
    assert [np.median(one) >= 4 for one in seconds] == [False, False, True, True, False, False]
    assert max(seconds[1]) == 0


def test_wide_pictures_are_analysed_small() -> None:
    delivered = record(replace(CONFIG, resolution="1280x720"), 3)
    assert {(field.scale, field.blocks.shape) for field in delivered.fields} == {(2.0, (23, 41))}


def test_a_constant_quality_spends_what_it_needs() -> None:
    def size(quality: int) -> int:
        config = replace(CONFIG, quality=quality)
        return sum(len(frame.data) for frame in record(config).frames)

    assert size(10) > 2 * size(30)


def test_the_bitrate_is_never_exceeded_for_long() -> None:
    config = replace(CONFIG, resolution="320x240", bitrate=100_000)
    frames = record(config, 50, "wwwww").frames
    assert sum(len(frame.data) for frame in frames) * 8 / 5 < 130_000


def test_lens_settings_change_the_picture() -> None:
    plain = decoded_lumas(record(frames=1).frames)[0].astype(int)
    bright = decoded_lumas(record(replace(CONFIG, brightness=70), 1).frames)[0].astype(int)
    mirrored = decoded_lumas(record(replace(CONFIG, hflip=True, annotate_text=""), 1).frames)[0]
    upright = decoded_lumas(record(replace(CONFIG, annotate_text=""), 1).frames)[0]
    assert bright[40:80].mean() > plain[40:80].mean() + 30
    difference = np.abs(mirrored[:70, ::-1].astype(int) - upright[:70])
    assert difference.mean() < 4
    assert read_counter(mirrored) == 0, "the counter stays readable"


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_picture_keeps_the_configured_size(rotation: int) -> None:
    delivered = record(replace(CONFIG, rotation=rotation), 2)
    assert decoded_lumas(delivered.frames)[0].shape == (96, 128)


def test_the_text_follows_simulated_time() -> None:
    config = replace(
        CONFIG, annotate_text="%H:%M:%S", annotate_size=18, annotate_background="#000000"
    )
    lumas = decoded_lumas(record(config, 22, ".").frames)
    text = [luma[:18, 16:-16].astype(int) for luma in lumas]
    assert np.abs(text[9] - text[1]).max() < 60
    assert np.abs(text[11] - text[9]).max() > 120


def test_apply_changes_the_running_picture_and_names_the_rest() -> None:
    camera = SyntheticCamera(CONFIG, Script("."), SimClock())
    delivered = PumpedContract().run(camera, 2)
    refused = camera.apply(
        replace(CONFIG, brightness=90, sharpness=20, framerate=30.0, awb_mode="sunlight")
    )
    assert set(refused) == {"sharpness", "framerate", "awb_mode"}
    PumpedContract().run(camera, 1, delivered)
    lumas = decoded_lumas(delivered.frames)
    assert lumas[2][40:80].mean() > lumas[1][40:80].mean() + 50
    assert camera.apply(CONFIG) == ()
    camera.stop()
