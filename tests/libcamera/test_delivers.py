"""The back-end on the real picamera2: what it delivers, in which order, with which settings."""

import io
import os

import numpy as np
import pytest

from dashcamd.config import CameraConfig
from dashcamd.core.detector import Detector
from dashcamd.core.h264 import is_keyframe, parameter_sets
from dashcamd.types import Frame, MotionField
from tests.libcamera.conftest import open_descriptors, thread_names

RESTARTS = int(os.environ.get("DASHCAMD_RESTARTS", "40"))


def test_frames_keep_the_contract(rig):
    info = rig.start(keyframe_s=0.4)
    rig.wait_for_frames(60)
    rig.camera.stop()
    frames = rig.frames
    assert (info.width, info.height, info.fps, info.gop_s) == (640, 480, 25.0, 0.4)
    assert [frame.key for frame in frames[:60]] == [n % 10 == 0 for n in range(60)]
    assert all(frame.key == is_keyframe(frame.data) for frame in frames)
    assert all(all(parameter_sets(frame.data)) for frame in frames if frame.key)
    assert all(a.ts < b.ts for a, b in zip(frames, frames[1:]))
    assert 0 <= rig.clock.monotonic() - frames[-1].ts < 5


def test_every_picture_is_delivered_once_and_in_order(rig):
    from tests.libcamera.rig import counters

    rig.start()
    rig.wait_for_frames(100)
    rig.camera.stop()
    numbers = counters(rig.frames)
    assert len(numbers) == len(rig.frames)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_stamps_are_the_sensors_on_the_monotonic_clock(rig):
    rig.start()
    rig.wait_for_frames(30)
    request = rig.device.captured_request(wait=5)
    with request as taken:
        sensor_s = taken.get_metadata()["SensorTimestamp"] / 1e9
    rig.wait_for_frames(5)
    assert any(abs(frame.ts - sensor_s) < 2e-6 for frame in rig.frames)


def test_each_field_follows_its_frame(rig):
    rig.start()
    rig.wait_until(lambda: len(rig.fields) >= 10)
    rig.camera.stop()
    delivered = set()
    for thing in rig.order:
        if isinstance(thing, Frame):
            delivered.add(thing.ts)
        elif isinstance(thing, MotionField):
            assert thing.ts in delivered
    assert {field.source for field in rig.fields} == {"lores"}
    assert rig.fields[0].blocks.shape == (30, 41)


def test_fields_show_who_walks_by(rig):
    """Ten seconds of a scene that repeats every ten and in which somebody walks for three."""
    rig.start()
    begin = rig.clock.monotonic()
    rig.wait_until(lambda: rig.fields and rig.fields[-1].ts > begin + 10)
    detector = Detector(warm_up_s=0.0)
    scores = [detector.judge(field) for field in rig.fields]
    fields_a_second = len(scores) / 10
    assert 2.3 < sum(score.is_moving for score in scores) / fields_a_second < 3.7
    inside = [
        field.blocks["x"]
        for field, score in zip(rig.fields, scores)
        if score.is_moving and score.place[0] > 0 and score.place[2] < 1
    ]
    assert len(inside) / fields_a_second > 1.5
    assert all(np.count_nonzero(across) > 20 for across in inside)
    back, on = (sum(int((sign * across > 0).sum()) for across in inside) for sign in (-1, 1))
    assert back > 1.5 * on, "vectors point to where he was"


def test_previews_come_while_wanted_and_not_otherwise(rig):
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with picamera2")
    rig.start()
    rig.wait_for_frames(10)
    assert rig.jpegs == []
    rig.camera.want_jpegs(10)
    rig.wait_until(lambda: len(rig.jpegs) >= 5)
    rig.camera.want_jpegs(0)
    rig.wait_for_frames(5)
    count = len(rig.jpegs)
    rig.wait_for_frames(20)
    assert len(rig.jpegs) == count
    assert image.open(io.BytesIO(rig.jpegs[-1].data)).size == (640, 480)
    assert rig.jpegs[-1].ts in {frame.ts for frame in rig.frames}


def test_annotation_is_in_the_recording_and_never_in_the_motion(rig):
    from tests.libcamera.rig import pictures

    rig.start(annotate_text="%S", annotate_size=32, annotate_background="#000000")
    rig.wait_for_frames(30)
    rig.camera.stop()
    with_text = pictures(rig.frames)[-1][:32, 290:350]
    assert with_text.max() > 215
    assert with_text.min() < 30
    top = [field.blocks["sad"][:2, 18:22].max() for field in rig.fields]
    assert max(top) < 1800


def test_annotation_changes_while_recording(rig):
    from tests.libcamera.rig import pictures

    rig.start()
    rig.wait_for_frames(10)
    plain = CameraConfig(resolution="640x480", annotate_text="HHHHHHHH", annotate_size=60)
    assert rig.camera.apply(plain) == ()
    rig.wait_for_frames(10)
    rig.camera.stop()
    luma = pictures(rig.frames)
    assert luma[0][:60].max() < 215 < luma[-1][:60].max()


def test_settings_reach_the_camera_or_are_refused_by_name(rig):
    info = rig.start(framerate=20.0, hflip=True, rotation=180, quality=25, bitrate=1_500_000)
    chosen = rig.device.camera_configuration()
    encoder = next(iter(rig.device.encoders))
    assert chosen["controls"]["FrameDurationLimits"] == (50000, 50000)
    assert (chosen["transform"].hflip, chosen["transform"].vflip) == (False, True)
    assert (encoder.iperiod, encoder.bitrate, encoder.qp, encoder.repeat) == (20, 1500000, 25, True)
    assert info.fps == 20.0
    wanted = CameraConfig(resolution="640x480", framerate=10.0, brightness=70, rotation=90)
    assert set(rig.camera.apply(wanted)) == {
        "rotation",
        "brightness",
        "framerate",
        "bitrate",
        "quality",
        "hflip",
    }


def test_encoder_with_a_thread_of_its_own_delivers_the_same(rig, monkeypatch):
    """Up to the Pi 4 the hardware encoder hands out frames late and on its own thread."""
    from tests.libcamera.hardware import use_threaded_encoder
    from tests.libcamera.rig import counters

    use_threaded_encoder(monkeypatch)
    rig.start()
    rig.wait_until(lambda: len(rig.fields) >= 10)
    rig.camera.stop()
    numbers = counters(rig.frames)
    assert numbers == list(range(numbers[0], numbers[0] + len(rig.frames)))
    places = {id(thing): place for place, thing in enumerate(rig.order)}
    frames = {frame.ts: frame for frame in rig.frames}
    assert all(places[id(frames[f.ts])] < places[id(f)] for f in rig.fields)


def test_restarts_leave_nothing_behind(rig):
    import gc
    import resource

    rig.start()
    rig.wait_for_frames(3)
    rig.camera.stop()
    gc.collect()
    before = open_descriptors(), thread_names()
    size_before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(RESTARTS):
        rig.start()
        rig.wait_for_frames(3)
        rig.frames.clear()
        rig.order.clear()
    rig.camera.stop()
    gc.collect()
    assert (open_descriptors(), thread_names()) == before
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size_before_kb
    print("%d restarts: peak memory grew by %d KiB" % (RESTARTS, grown_kb))
    assert grown_kb < 32 * 1024
