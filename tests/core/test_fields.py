"""Fields from pictures and from a codec's vectors: the same layout, the same meaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.fields import (
    SEARCH_PX,
    block_sad,
    gate,
    grid,
    halved,
    matched_blocks,
    still_blocks,
    vector_blocks,
)
from dashcamd.types import MOTION_DTYPE

FFMPEG_VECTORS = np.dtype(
    [
        ("source", "i4"),
        ("w", "u1"),
        ("h", "u1"),
        ("src_x", "i2"),
        ("src_y", "i2"),
        ("dst_x", "i2"),
        ("dst_y", "i2"),
        ("flags", "u8"),
        ("motion_x", "i4"),
        ("motion_y", "i4"),
        ("motion_scale", "u2"),
    ]
)

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 70))


def vectors(*rows: tuple) -> np.ndarray:
    """Rows of (dst_x, dst_y, w, h, motion_x, motion_y in quarter pixels[, source])."""
    made = np.zeros(len(rows), FFMPEG_VECTORS)
    for one, row in zip(made, rows):
        one["dst_x"], one["dst_y"], one["w"], one["h"], one["motion_x"], one["motion_y"] = row[:6]
        one["source"] = row[6] if len(row) > 6 else -1
        one["motion_scale"] = 4
    return made


def textured(height: int, width: int, seed: int = 3) -> np.ndarray:
    """A random texture that differs little from pixel to pixel, as pictures do."""
    rough = np.random.RandomState(seed).randint(0, 256, (height + 4, width + 4)).astype(np.uint32)
    smooth = sum(rough[y : y + height, x : x + width] for y in range(4) for x in range(4)) // 16
    return np.clip((smooth.astype(int) - 128) * 2 + 128, 0, 255).astype(np.uint8)


def slow_sad(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    rows, cols = grid(after.shape[1], after.shape[0])
    return np.array(
        [
            [
                np.abs(
                    before[y * 16 : y * 16 + 16, x * 16 : x * 16 + 16].astype(int)
                    - after[y * 16 : y * 16 + 16, x * 16 : x * 16 + 16]
                ).sum()
                for x in range(cols)
            ]
            for y in range(rows)
        ]
    )


@given(SIZES, st.integers(0, 9))
def test_sad_is_the_sum_of_differences_at_any_size(size: tuple, seed: int) -> None:
    random = np.random.RandomState(seed)
    before, after = (random.randint(0, 256, size[::-1]).astype(np.uint8) for _ in range(2))
    assert (block_sad(before, after) == slow_sad(before, after)).all()


def test_the_largest_sad_does_not_overflow() -> None:
    black, white = np.zeros((32, 32), np.uint8), np.full((32, 32), 255, np.uint8)
    assert (block_sad(black, white) == 65280).all()
    assert (block_sad(white, black) == 65280).all()


def test_strided_views_are_taken_as_they_are() -> None:
    before, after = textured(64, 96), textured(64, 96, 4)
    expected = slow_sad(before[:48, :80], after[:48, :80])
    assert (block_sad(before[:48, :80], after[:48, :80]) == expected).all()


def test_the_layout_is_picameras() -> None:
    blocks = still_blocks(97, 81)
    assert blocks.dtype == MOTION_DTYPE
    assert blocks.shape == (6, 8)


def test_a_vector_belongs_to_the_macroblock_of_its_centre() -> None:
    blocks = vector_blocks(vectors((24, 8, 16, 16, -20, 12)), np.zeros((3, 4), np.uint16))
    assert blocks.shape == (3, 5)
    assert tuple(blocks[0, 1])[:2] == (-5, 3)
    assert np.count_nonzero(blocks["x"]) == 1


def test_partitions_are_averaged_by_area() -> None:
    blocks = vector_blocks(
        vectors((8, 4, 16, 8, 40, 0), (4, 12, 8, 8, 0, 0), (12, 12, 8, 8, 16, 0)),
        np.zeros((1, 1), np.uint16),
    )
    assert blocks["x"][0, 0] == 6  # (128 * 10 + 64 * 0 + 64 * 4) / 256


def test_intra_blocks_never_move_whatever_their_sad() -> None:
    sad = np.full((2, 2), 60000, np.uint16)
    blocks = vector_blocks(vectors((8, 8, 16, 16, 8, 0)), sad)
    assert blocks["x"][:, :2].tolist() == [[2, 0], [0, 0]]
    assert (blocks["sad"][:, :2] == 60000).all()
    assert (blocks["sad"][:, 2] == 0).all()


def test_long_vectors_are_clipped_not_wrapped() -> None:
    blocks = vector_blocks(vectors((8, 8, 16, 16, 2000, -2000)), np.zeros((1, 1), np.uint16))
    assert tuple(blocks[0, 0])[:2] == (127, -128)


def test_vectors_to_the_future_and_outside_are_ignored() -> None:
    odd = vectors((8, 8, 16, 16, 40, 0, 1), (-3, 8, 16, 16, 40, 0), (8, 900, 16, 16, 40, 0))
    assert not vector_blocks(odd, np.zeros((2, 2), np.uint16))["x"].any()


def test_no_vectors_at_all_is_a_still_field() -> None:
    assert not vector_blocks(vectors(), np.zeros((2, 2), np.uint16))["x"].any()


@given(st.integers(-SEARCH_PX, SEARCH_PX), st.integers(-SEARCH_PX, SEARCH_PX))
def test_matching_finds_where_a_thing_was(x: int, y: int) -> None:
    scene = textured(144, 160)
    before, after = scene[20:116, 20:148], scene[20:116, 20:148].copy()
    after[32:64, 48:96] = scene[20 + 32 + y : 20 + 64 + y, 20 + 48 + x : 20 + 96 + x]
    blocks = matched_blocks(before, after)
    assert (blocks["x"][2:4, 3:6] == x).all()
    assert (blocks["y"][2:4, 3:6] == y).all()
    elsewhere = blocks.copy()
    elsewhere[2:4, 3:6] = 0
    assert not elsewhere["x"].any()


@given(SIZES, st.integers(0, 5))
def test_matching_survives_any_size_and_content(size: tuple, seed: int) -> None:
    random = np.random.RandomState(seed)
    before, after = (random.randint(0, 256, size[::-1]).astype(np.uint8) for _ in range(2))
    blocks = matched_blocks(before, after)
    assert blocks.shape == (grid(*size)[0], grid(*size)[1] + 1)
    assert abs(blocks["x"].astype(int)).max() <= SEARCH_PX


def test_a_still_picture_has_a_still_field() -> None:
    scene = textured(96, 128)
    assert not matched_blocks(scene, scene)["x"].any()


def test_a_thing_without_texture_does_not_seem_to_move() -> None:
    before = np.full((96, 128), 90, np.uint8)
    after = before.copy()
    after[16:64, 32:96] = 110
    blocks = matched_blocks(before, after)
    assert not blocks["x"].any()
    assert (blocks["sad"][1:4, 2:6] == 20 * 256).all()


def test_noise_everywhere_keeps_the_gate_shut() -> None:
    random = np.random.RandomState(1)
    noisy = [
        np.clip(128 + random.standard_normal((96, 128)) * 8, 0, 255).astype(np.uint8)
        for _ in range(2)
    ]
    assert not gate(block_sad(*noisy)).any()


def test_a_pan_opens_the_gate_everywhere() -> None:
    scene = textured(96, 160)
    assert gate(block_sad(scene[:, :128], scene[:, 16:144])).mean() > 0.9


@pytest.mark.parametrize("shape", [(8, 8), (9, 7), (240, 320)])
def test_halving_averages_four_pixels(shape: tuple) -> None:
    picture = textured(*shape)
    half = halved(picture)
    assert half.shape == (shape[0] // 2, shape[1] // 2)
    exact = picture[: shape[0] & ~1, : shape[1] & ~1].astype(float)
    exact = exact.reshape(half.shape[0], 2, half.shape[1], 2).mean(axis=(1, 3))
    assert abs(half - exact).max() <= 3
