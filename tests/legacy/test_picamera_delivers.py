"""What the back-end makes of unmodified picamera: frames, fields and previews."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

from dashcamd.types import MOTION_DTYPE, Frame, MotionField
from tests.legacy.conftest import REASON

pytest.importorskip("tests.legacy.videocore", reason=REASON)

from tests.legacy.videocore import Street

COUNTER_BLOCKS = 2
"""Macroblocks of the burnt-in frame counter, which changes in every picture."""

START_CODE = b"\0\0\0\1"
SPS = START_CODE + b"\x67"


def nal_types(frame: Frame) -> list:
    return [unit[0] & 31 for unit in frame.data.split(START_CODE)[1:]]


@pytest.mark.parametrize("chunk_bytes", [65536, 1024])
def test_frames_are_whole_access_units_however_the_encoder_cuts_them(rig, chip, chunk_bytes):
    chip.chunk_bytes = chunk_bytes
    info = rig.start()
    rig.run(frames=60)
    rig.camera.stop()
    frames = rig.frames
    assert (info.width, info.height, info.fps, info.gop_s) == (320, 240, 24.0, 1.0)
    assert [f.key for f in frames[:49]] == [n % 24 == 0 for n in range(49)]
    assert all(nal_types(f) == ([7, 8, 5] if f.key else [1]) for f in frames)
    assert any(len(f.data) > chunk_bytes for f in frames) == (chunk_bytes == 1024)
    assert rig.pictures() == list(range(len(frames)))


@pytest.mark.parametrize("chunk_bytes", [65536, 1024])
def test_stamps_are_the_moments_of_exposure_on_the_monotonic_clock(rig, chip, chunk_bytes):
    chip.chunk_bytes = chunk_bytes
    before = rig.clock.monotonic()
    rig.start()
    rig.run(frames=60)
    steps = np.diff([f.ts for f in rig.frames])
    assert abs(steps - 1 / 24).max() < 1e-4
    assert before < rig.frames[0].ts < rig.frames[-1].ts < rig.clock.monotonic()


def test_a_firmware_that_counts_from_elsewhere_is_anchored_on_arrival(rig, chip, monkeypatch):
    from dashcamd.cameras.picamera_outputs import CameraTime

    monkeypatch.setattr(CameraTime, "_reading", lambda self, camera: (0.0, -5000.0))
    before = rig.clock.monotonic()
    rig.start()
    rig.run(frames=30)
    assert before < rig.frames[0].ts < rig.frames[-1].ts
    assert abs(np.diff([f.ts for f in rig.frames]) - 1 / 24).max() < 1e-4


def test_stamps_follow_a_monotonic_clock_that_ntp_slewed(rig, chip):
    slewed_s = 0.0
    rig.clock.monotonic = lambda: chip.now() + slewed_s
    rig.start()
    rig.run(frames=24)
    slewed_s = 0.2
    for _ in range(24):
        for _ in range(15):
            rig.camera.check()
        rig.run(frames=1)
    now_us = rig.camera._camera.timestamp
    assert rig.camera._time.to_ts(now_us) == pytest.approx(rig.clock.monotonic(), abs=0.05)
    assert np.diff([f.ts for f in rig.frames]).min() > 0


def test_a_field_follows_its_frame_and_keyframes_have_none(rig, chip):
    chip.scene = Street(moves=lambda n: True)
    rig.start()
    rig.run(frames=60)
    for before, item in zip(rig.delivered, rig.delivered[1:]):
        if isinstance(item, MotionField):
            assert isinstance(before, Frame)
            assert not before.key
            assert item.ts == before.ts
    assert len(rig.fields) >= len([f for f in rig.frames if not f.key]) - 1


def test_fields_show_the_car_and_nothing_else(rig, chip):
    chip.scene = Street(moves=lambda n: 24 <= n < 48)
    rig.start()
    rig.run(frames=72)
    field = rig.fields[0]
    assert (field.source, field.scale) == ("videocore", 1.0)
    assert (field.blocks.dtype, field.blocks.shape) == (MOTION_DTYPE, (15, 21))
    first = rig.frames[0].ts
    moving = {round((f.ts - first) * 24): int((f.blocks["x"] == -6).sum()) for f in rig.fields}
    # A busy machine may cost the emulated camera a picture, and keyframes have no field.
    seen = [moving[n] for n in range(26, 39) if n in moving]
    assert len(seen) >= 9
    assert min(seen) >= 10
    assert max(count for n, count in moving.items() if n < 24 or n > 49) == 0
    assert all((f.blocks["x"] % 2 == 0).all() for f in rig.fields)


def test_the_ring_is_picameras_own_and_keeps_to_its_size(rig):
    import picamera

    rig.start()
    rig.run(frames=60)
    ring = rig.camera._ring
    assert isinstance(ring, picamera.PiCameraCircularIO)
    rig.camera._camera.stop_recording()
    held = ring.getvalue() if hasattr(ring, "getvalue") else ring.readall()
    assert held.startswith(SPS)
    assert len(held) <= ring.size == 1 << 20


def test_previews_come_only_while_they_are_wanted(rig, chip):
    import av

    rig.config = rig.camera._config = type(rig.config)(
        resolution="1280x720", framerate=10.0, bitrate=2_000_000
    )
    chip.set_speed(2)
    rig.start()
    rig.run(frames=12)
    assert rig.jpegs == []
    rig.camera.want_jpegs(5)
    rig.until(lambda: len(rig.jpegs) >= 6)
    with av.open(io.BytesIO(rig.jpegs[0].data), format="mjpeg") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (640, 360)
    steps = np.diff([j.ts for j in rig.jpegs])
    assert steps.min() > 0.09
    assert 0.15 < steps.mean() < 0.25
    assert abs(rig.jpegs[-1].ts - rig.frames[-1].ts) < 0.5
    rig.camera.want_jpegs(0)
    seen = len(rig.jpegs)
    rig.run(frames=15)
    assert len(rig.jpegs) == seen


def test_an_unwatched_preview_is_closed_after_a_while_and_the_recording_goes_on(rig, chip):
    rig.start()
    rig.camera.want_jpegs(5)
    rig.until(lambda: len(rig.jpegs) >= 2)
    rig.camera.want_jpegs(0)
    rig.until(lambda: len(rig.camera._camera._encoders) == 1)
    rig.camera.want_jpegs(5)
    seen = len(rig.jpegs)
    rig.until(lambda: len(rig.jpegs) > seen)
    rig.camera.stop()
    assert rig.pictures() == list(range(len(rig.frames)))


def test_the_clock_in_the_picture_is_not_motion(chip, rig):
    rig.config = dataclasses.replace(rig.config, annotate_text="%H:%M:%S", annotate_size=20)
    rig.renew()
    rig.start()
    rig.run(frames=80)
    assert max(int((f.blocks["sad"] > 500).sum()) for f in rig.fields) <= COUNTER_BLOCKS
    rig.camera.apply(dataclasses.replace(rig.config, annotate_text=""))
    rig.run(frames=5)
    assert rig.camera._fields.hidden_rows == 0
