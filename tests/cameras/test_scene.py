"""The drawn scene: the same picture for the same number, and motion exactly when scripted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.cameras.scene import (
    COUNTER_LIMIT,
    DEFAULT_SCRIPT,
    FASTEST,
    Passage,
    Scene,
    Script,
    draw_counter,
    place_of,
    read_counter,
)
from dashcamd.errors import ConfigError, MediaError

FPS = 8


def scene(script: str = "..ww..cc", repeats: bool = True, seed: int = 1) -> Scene:
    return Scene(96, 64, FPS, Script(script, repeats=repeats), seed)


def picture(made: Scene, number: int) -> bytes:
    return b"".join(plane.tobytes() for plane in made.planes(number))


def changed(made: Scene, number: int) -> int:
    """Pixels that differ by more than noise from the frame before."""
    before = made.planes(number - 1)[0].astype(int)
    return int((abs(made.planes(number)[0] - before) > 16).sum())


def test_a_frame_is_the_same_however_it_is_reached() -> None:
    forwards, jumping = scene(), scene()
    pictures = [picture(forwards, number) for number in range(40)]
    for number in (39, 3, 17, 0):
        assert picture(jumping, number) == pictures[number]


def test_another_seed_is_another_picture() -> None:
    assert picture(scene(seed=1), 0) != picture(scene(seed=2), 0)


def test_noise_is_in_every_frame() -> None:
    made = scene("....")
    assert picture(made, 3) != picture(made, 4)


def test_something_moves_exactly_when_the_script_says_so() -> None:
    made = scene("..ww..cc")
    moving = "".join(
        ".#"[any(changed(made, second * FPS + tick) > 20 for tick in range(2, FPS))]
        for second in range(16)
    )
    assert moving == "..##..##..##..##"


def test_a_script_that_does_not_repeat_ends_in_stillness() -> None:
    made = scene("ww", repeats=False)
    assert changed(made, FPS) > 20
    assert all(changed(made, 2 * FPS + tick) == 0 for tick in range(1, 3 * FPS))


def test_a_lamp_brightens_everything_and_moves_nothing() -> None:
    made = scene(".L.")
    dark, lit = made.planes(0)[0].astype(int), made.planes(FPS)[0].astype(int)
    assert 35 < (lit - dark).mean() < 45
    assert changed(made, FPS + 2) == 0


def test_the_default_script_starts_at_second_8_and_goes_on_every_22() -> None:
    script = Script(DEFAULT_SCRIPT)
    starts = [one.start_s for one in script.passages]
    assert starts == [8.0, 30.0]
    assert 20 <= script.length_s - starts[1] + starts[0] <= 25


def test_steps_may_be_shorter_than_a_second() -> None:
    assert Script("..##", step_s=0.5).passages == (Passage("w", 1.0, 2.0),)


@pytest.mark.parametrize("text", ["", "x", "..w w"])
def test_a_bad_script_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match="walker"):
        Script(text)


def test_a_long_passage_crosses_the_whole_picture() -> None:
    passage = Passage("c", 4.0, 14.0)
    assert place_of(passage, 4.0, 640, 200) == -200
    assert place_of(passage, 13.99, 640, 200) >= 630


def test_movers_come_from_both_sides_in_turn() -> None:
    walker, car = Script(DEFAULT_SCRIPT).passages
    assert place_of(walker, 8.0, 640, 70) == -70
    assert place_of(car, 30.0, 640, 200) == 640


@given(st.integers(0, 90), st.integers(1, 20), st.integers(64, 2000).map(lambda side: side & ~1))
def test_no_mover_outruns_an_encoder(start: int, length: int, width: int) -> None:
    passage = Passage("w", float(start), float(start + length))
    places = [
        place_of(passage, start + tick / 24, width, width // 8) for tick in range(length * 24)
    ]
    assert max(abs(np.diff(places))) <= FASTEST * width / 24 + 2


@given(st.integers(0, COUNTER_LIMIT - 1))
def test_the_counter_is_read_back(number: int) -> None:
    luma = np.full((70, 90), 128, np.uint8)
    draw_counter(luma, number)
    assert read_counter(luma) == number


def test_the_counter_touches_two_macroblocks() -> None:
    luma = np.full((96, 128), 128, np.uint8)
    draw_counter(luma, 5)
    rows, cols = np.nonzero(luma != 128)
    assert len({(row // 16, col // 16) for row, col in zip(rows, cols)}) == 2


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_a_counter_says_so(level: int) -> None:
    with pytest.raises(MediaError, match="counter"):
        read_counter(np.full((64, 64), level, np.uint8))


def test_one_wrong_cell_is_noticed() -> None:
    luma = np.full((64, 64), 128, np.uint8)
    draw_counter(luma, 1234)
    luma[48:52, 0:4] = 235
    with pytest.raises(MediaError):
        read_counter(luma)


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ConfigError, match="even"):
        Scene(65, 64, 10, Script("."))
