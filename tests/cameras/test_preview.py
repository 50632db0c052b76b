"""Previews: as many as asked for, from pictures of any kind, and never the end of a recording."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, List

import numpy as np
import pytest

pytest.importorskip("av", reason="previews of software cameras need PyAV")

from dashcamd.cameras import pyav
from dashcamd.cameras.preview import JpegEncoder, Previews
from dashcamd.types import Jpeg


def picture(width: int = 64, height: int = 48, level: int = 100) -> Any:
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return pyav.picture_of(tuple(np.full(shape, level, np.uint8) for shape in shapes))


def size_of(jpeg: bytes) -> tuple:
    """Width and height from the frame header (ITU-T T.81, B.2.2)."""
    place = jpeg.index(b"\xff\xc0")
    return (
        int.from_bytes(jpeg[place + 7 : place + 9], "big"),
        int.from_bytes(jpeg[place + 5 : place + 7], "big"),
    )


@pytest.mark.parametrize(("fps", "expected"), [(0, 0), (1, 2), (5, 10), (10, 20), (99, 20)])
def test_as_many_as_asked_for_and_no_more_than_there_are(fps: float, expected: int) -> None:
    made: List[Jpeg] = []
    previews = Previews(made.append)
    previews.want(fps)
    for number in range(20):
        previews.offer(100 + number / 10, picture())
    assert len(made) == expected


def test_stamps_are_those_of_the_pictures() -> None:
    made: List[Jpeg] = []
    previews = Previews(made.append)
    previews.want(2)
    for number in range(10):
        previews.offer(number / 10, picture())
    assert [jpeg.ts for jpeg in made] == [0.0, 0.5]


@pytest.mark.parametrize("time_base", [Fraction(1, 25), Fraction(1, 1_200_000)])
def test_pictures_of_any_time_base_follow_each_other(time_base: Fraction) -> None:
    encoder = JpegEncoder()
    for number in range(3):
        one = picture()
        one.pts, one.time_base = number, time_base
        assert encoder.encode(one).startswith(b"\xff\xd8")


def test_wide_pictures_are_made_smaller_and_sizes_may_change() -> None:
    encoder = JpegEncoder(width_limit=160)
    assert size_of(encoder.encode(picture(320, 240))) == (160, 120)
    assert size_of(encoder.encode(picture(64, 48))) == (64, 48)


def test_a_picture_that_cannot_be_compressed_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: List[Jpeg] = []
    previews = Previews(made.append)
    previews.want(10)

    def refuse(self: JpegEncoder, picture: Any) -> bytes:
        raise ValueError("cannot")

    with monkeypatch.context() as patched:
        patched.setattr(JpegEncoder, "encode", refuse)
        previews.offer(0.0, picture())
    previews.offer(1.0, picture())
    assert [jpeg.ts for jpeg in made] == [1.0]
