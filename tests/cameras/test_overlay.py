"""Burnt-in text: every character is drawn, fits, and never fails a picture."""

from __future__ import annotations

import numpy as np
import pytest

from dashcamd.cameras.overlay import (
    CELL_HEIGHT,
    FIRST,
    LAST,
    TextOverlay,
    colour_yuv,
    dots,
    expand,
    text_mask,
)

PRINTABLE = "".join(chr(code) for code in range(FIRST, LAST + 1))


def planes(width: int = 160, height: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.full((height, width), 90, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
    )


def test_every_printable_character_but_space_has_its_own_shape() -> None:
    shapes = {dots(char).tobytes() for char in PRINTABLE}
    assert len(shapes) == len(PRINTABLE)
    assert not dots(" ").any()
    assert all(dots(char).any() for char in PRINTABLE[1:])


def test_letters_look_like_letters() -> None:
    drawn = ["".join(" #"[int(dot)] for dot in row).rstrip() for row in dots("H1")]
    assert drawn[1:8] == [
        "#   #   #",
        "#   #  ##",
        "#   #   #",
        "#####   #",
        "#   #   #",
        "#   #   #",
        "#   #  ###",
    ]


def test_a_character_outside_the_font_becomes_a_question_mark() -> None:
    assert (dots("\u00e4\n") == dots("??")).all()


@pytest.mark.parametrize("size", [6, 9, 24, 27, 160])
def test_text_is_made_smaller_until_it_fits(size: int) -> None:
    mask = text_mask("2026-11-20 19:35:28", size, 160)
    assert mask.shape[1] <= 160
    assert CELL_HEIGHT <= mask.shape[0] <= max(size, CELL_HEIGHT)


def test_text_lies_at_the_top_centre_in_its_colours() -> None:
    luma, u, v = planes()
    TextOverlay(18, "#ff0000", "#0000ff").draw("ABC", luma, u, v)
    red, blue = colour_yuv("#ff0000"), colour_yuv("#0000ff")
    left, right = 80 - 18, 80 + 18
    assert set(np.unique(luma[:18, left:right])) == {red[0], blue[0]}
    assert set(np.unique(v[:9, left // 2 : right // 2])) == {red[2], blue[2]}
    assert (luma[18:] == 90).all()
    assert (luma[:, :left] == 90).all()
    assert (u[9:] == 128).all()


def test_without_a_background_the_picture_shows_between_the_letters() -> None:
    luma, *_ = planes()
    TextOverlay(18, "#ffffff").draw("A", luma)
    assert set(np.unique(luma)) == {90, colour_yuv("#ffffff")[0]}


def test_no_text_draws_nothing() -> None:
    luma, u, v = planes()
    TextOverlay(18, "#ffffff", "#000000").draw("", luma, u, v)
    assert (luma == 90).all()


def test_a_changed_text_or_picture_size_is_rendered_again() -> None:
    overlay = TextOverlay(18, "#ffffff")
    first, second, third = planes()[0], planes()[0], planes(64, 64)[0]
    overlay.draw("A", first)
    overlay.draw("B", second)
    overlay.draw("B", third)
    assert (first != second).any()
    assert (third != 90).any()


def test_text_higher_than_the_picture_is_cut() -> None:
    luma = np.full((60, 640), 90, np.uint8)
    TextOverlay(160, "#ffffff").draw("I", luma)
    assert (luma != 90).any()


def test_codes_are_filled_in_and_odd_ones_never_fail() -> None:
    assert expand("%Y", 86400.0 * 200) == "1970"
    assert expand("plain", 0.0) == "plain"
    assert expand("%Y", 1e300) == "%Y"
    assert expand("%", 0.0).startswith("%")
