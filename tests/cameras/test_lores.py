"""Fields and previews beside the camera thread."""

import io

import numpy as np
import pytest

from dashcamd.cameras.lores import (
    WAITING_LUMAS,
    LoresFields,
    LoresWorker,
    planes_of,
    preview_jpeg,
)
from dashcamd.cameras.picamera2 import lores_size
from dashcamd.types import Jpeg, Sinks

WIDTH, HEIGHT = 320, 180


def texture(seed=1, shape=(HEIGHT, WIDTH)):
    return np.random.RandomState(seed).randint(60, 180, shape).astype(np.uint8)


def moved(picture, x, y):
    """`picture` with a textured 64x64 square in the middle, displaced."""
    copy = picture.copy()
    copy[48 + y : 112 + y, 128 + x : 192 + x] = texture(2, (64, 64))
    return copy


class Rig:
    def __init__(self):
        self.delivered, self.faults = [], []
        sinks = Sinks(self.delivered.append, self.delivered.append, self.delivered.append)
        fields = LoresFields(WIDTH, HEIGHT, 4.0)
        self.worker = LoresWorker(sinks, fields, lambda what, error: self.faults.append(error))

    def finish(self):
        self.worker.start()
        self.worker.stop()
        return self.delivered


def test_still_picture_gives_a_still_field():
    fields = LoresFields(WIDTH, HEIGHT, 4.0)
    assert fields.step(0.0, texture()) is None
    field = fields.step(0.1, texture())
    assert field.source == "lores"
    assert field.blocks.shape == (23, 41)
    assert not field.blocks["sad"].any()
    assert not field.blocks["x"].any()


def test_vectors_point_back_in_pixels_of_the_analysed_picture():
    """A macroblock stands for 8 lores pixels: 4 lores pixels are 8 analysed ones."""
    fields = LoresFields(WIDTH, HEIGHT, 4.0)
    fields.step(0.0, moved(texture(), 0, 0))
    blocks = fields.step(0.1, moved(texture(), 4, 2)).blocks
    inside = blocks[8:12, 18:22]
    assert (inside["x"] == -8).all()
    assert (inside["y"] == -4).all()
    assert not blocks["x"][:4].any()


def test_scale_leads_from_the_field_to_recorded_pixels():
    fields = LoresFields(WIDTH, HEIGHT, 4.0)
    fields.step(0.0, texture())
    field = fields.step(0.1, texture())
    assert field.blocks.shape[0] * 16 * field.scale >= HEIGHT * 4
    assert (field.blocks.shape[0] - 1) * 16 * field.scale < HEIGHT * 4


def test_field_follows_its_frame():
    rig = Rig()
    for number in range(4):
        ts = number * 0.1
        rig.worker.offer_luma(ts, texture())
        rig.worker.delivered(ts - 0.1)
    assert [field.ts for field in rig.finish()] == pytest.approx([0.1, 0.2])


def test_luma_is_copied_before_the_camera_takes_its_buffer_back():
    rig = Rig()
    buffer = texture()
    for number in range(3):
        buffer[...] = moved(texture(), 4 * number, 0)
        rig.worker.offer_luma(number * 0.1, buffer)
        rig.worker.delivered(number * 0.1)
    fields = rig.finish()
    assert len(fields) == 2
    assert all(field.blocks["sad"].any() for field in fields)


def test_lumas_whose_frames_never_come_are_dropped_and_counted():
    rig = Rig()
    for number in range(WAITING_LUMAS + 3):
        rig.worker.offer_luma(number * 0.1, texture())
    assert rig.worker.dropped == 3


def test_failure_is_a_fault_and_the_worker_goes_on():
    rig = Rig()
    rig.worker.offer_preview(lambda: 1 / 0)
    rig.worker.offer_preview(lambda: Jpeg(1.0, b"second"))
    assert rig.finish() == [Jpeg(1.0, b"second")]
    assert [type(error) for error in rig.faults] == [ZeroDivisionError]
    assert rig.worker.wants_preview()


def test_stop_is_safe_twice_and_before_start():
    rig = Rig()
    rig.worker.stop()
    rig.worker.stop()
    rig.finish()


def padded_yuv(width, height, stride):
    """A YUV420 buffer with rubbish in its padding, and its planes."""
    planes = texture(3, (height, width)), *(texture(s, (height // 2, width // 2)) for s in (4, 5))
    buffer = np.full((height * 3 // 2, stride), 255, np.uint8)
    buffer[:height, :width] = planes[0]
    chroma = buffer[height:].reshape(height, stride // 2)
    chroma[: height // 2, : width // 2] = planes[1]
    chroma[height // 2 :, : width // 2] = planes[2]
    return buffer, planes


@pytest.mark.parametrize("stride", [320, 384, 512])
def test_planes_leave_the_padding_out(stride):
    buffer, planes = padded_yuv(320, 240, stride)
    for found, plane in zip(planes_of(buffer, 320, 240), planes):
        assert np.array_equal(found, plane)
        assert np.shares_memory(found, buffer)


def test_preview_is_small_and_of_full_range():
    pytest.importorskip("simplejpeg", reason="previews need simplejpeg, which comes with picamera2")
    image = pytest.importorskip("PIL.Image", reason="previews need Pillow, as picamera2 does")
    buffer = np.full((1080, 1280), 128, np.uint8)
    buffer[:720] = 235
    buffer[:360] = 16
    picture = image.open(io.BytesIO(preview_jpeg(planes_of(buffer, 1280, 720))))
    assert picture.size == (640, 360)
    luma = np.asarray(picture.convert("L"))
    assert luma[:170].max() <= 3
    assert luma[190:].min() >= 252


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ((1280, 720), (320, 180)),
        ((640, 480), (320, 240)),
        ((1920, 1080), (320, 180)),
        ((1296, 972), (320, 240)),
        ((200, 150), (200, 150)),
    ],
)
def test_analysed_picture_keeps_the_aspect_and_is_never_larger(main, expected):
    assert lores_size(*main) == expected
