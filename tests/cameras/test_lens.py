"""Camera settings applied to pictures, and the names of those that cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple

import numpy as np
import pytest

from dashcamd.cameras.lens import PICTURE_SETTINGS, Annotation, Lens, refused
from dashcamd.config import CameraConfig

Planes = Tuple[np.ndarray, ...]


def planes(width: int = 32, height: int = 16) -> Planes:
    """A picture whose every pixel is different: its row and column."""
    luma = (np.arange(height)[:, None] * 8 + np.arange(width)[None, :] % 8).astype(np.uint8)
    chroma = np.full((height // 2, width // 2), 160, np.uint8)
    chroma[0, 0] = 90
    return luma, chroma, chroma.copy()


def seen(rotation: int = 0, **settings: object) -> Planes:
    return Lens(replace(CameraConfig(), **settings), rotation).apply(planes())


def test_neutral_settings_touch_nothing() -> None:
    assert Lens(CameraConfig(), 0).is_neutral
    assert all((after == before).all() for after, before in zip(seen(), planes()))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"hflip": True}, lambda plane: plane[:, ::-1]),
        ({"vflip": True}, lambda plane: plane[::-1]),
        ({"rotation": 180}, lambda plane: plane[::-1, ::-1]),
        ({"rotation": 90}, lambda plane: plane[::-1].T),
        ({"rotation": 270}, lambda plane: plane.T[::-1]),
    ],
)
def test_mirrors_and_rotation_move_every_plane(settings: dict, expected: object) -> None:
    for after, before in zip(seen(**settings), planes()):
        assert (after == expected(before)).all()  # type: ignore[operator]


def test_brightness_and_contrast_change_luma_alone() -> None:
    luma, u, _ = seen(brightness=60)
    assert (luma == planes()[0] + 26).all()
    assert (u == planes()[1]).all()
    assert (seen(contrast=-100)[0] == 128).all()
    assert seen(brightness=100)[0].max() == 255
    assert seen(brightness=0)[0].min() == 0


def test_saturation_changes_chroma_alone() -> None:
    luma, u, v = seen(saturation=-100)
    assert (luma == planes()[0]).all()
    assert (u == 128).all()
    assert (v == 128).all()
    assert seen(saturation=50)[1][1, 1] == 176


def test_a_crop_fills_the_picture_with_that_part() -> None:
    luma, u, _ = seen(crop=(0.5, 0.5, 0.5, 0.5))
    assert luma.shape == planes()[0].shape
    assert (luma[::2, ::2] == planes()[0][8:, 16:]).all()
    assert (u == 160).all()


def test_only_what_differs_and_cannot_be_done_is_refused() -> None:
    running = CameraConfig(resolution="640x480")
    wanted = replace(running, hflip=True, iso=400, framerate=30.0)
    assert set(refused(wanted, running, PICTURE_SETTINGS, ("resolution",))) == {"iso", "framerate"}
    assert refused(running, running, PICTURE_SETTINGS, ("resolution",)) == ()
    other = replace(running, resolution="320x240")
    assert refused(other, running, PICTURE_SETTINGS, ("resolution",)) == ("resolution",)


def test_the_annotation_fills_in_the_time() -> None:
    annotation = Annotation(CameraConfig(annotate_text="%Y", annotate_size=9))
    first, second = planes(64, 32), planes(64, 32)
    annotation.draw(0.0, first)
    annotation.draw(86400.0 * 800, second)
    assert (first[0] != second[0]).any()
    assert Annotation(CameraConfig(annotate_text="")).is_empty
