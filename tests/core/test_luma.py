import numpy as np
import pytest

from dashcamd.core.luma import LumaField
from dashcamd.types import MOTION_DTYPE

RNG = np.random.default_rng(7)
TEXTURE = RNG.integers(40, 120, (480, 640)).repeat(4, 0).repeat(4, 1)[:480, :640]


def field_between(before, now):
    luma = LumaField(before.shape[1], before.shape[0])
    assert luma.step(before.astype(np.uint8)) is None
    return luma.step(now.astype(np.uint8))


def test_a_still_picture_gives_an_empty_field_of_picameras_layout():
    field = field_between(TEXTURE, TEXTURE)
    assert field.dtype == MOTION_DTYPE
    assert field.shape == (30, 41)
    assert not field["sad"].any()


def test_a_thing_that_moves_gives_its_sad_where_it_is():
    moved = TEXTURE.copy()
    moved[160:192, 320:352] = TEXTURE[320:352, 160:192]
    sad = field_between(TEXTURE, moved)["sad"]
    assert sad[10:12, 20:22].min() > 2000
    assert np.count_nonzero(sad) == 4


@pytest.mark.parametrize("gain", [0.6, 0.8, 1.3, 1.9])
def test_a_change_of_light_is_taken_out(gain):
    lit = np.clip(16 + (TEXTURE - 16) * gain, 0, 255)
    plain = np.abs(lit - TEXTURE)[:16, :16].sum()
    assert field_between(TEXTURE, lit)["sad"].max() < 0.1 * plain


def glare(x, y, wide=90, high=60):
    across, down = np.arange(640)[None, :], np.arange(480)[:, None]
    spot = np.exp(-(((across - x) / wide) ** 2) - ((down - y) / high) ** 2)
    return np.clip(TEXTURE * (1 + 1.2 * spot) + 90 * spot, 16, 235)


def test_glare_that_blinds_the_camera_is_taken_out_as_it_moves():
    plain = np.abs(glare(300, 240) - glare(342, 240))
    assert plain.reshape(30, 16, 40, 16).sum((1, 3)).max() > 8000
    assert (field_between(glare(300, 240), glare(342, 240))["sad"] > 1600).sum() < 3


@pytest.mark.parametrize("steps", [4, 16, 48])
def test_a_dark_thing_before_a_white_sky_is_not_taken_for_glare(steps):
    wall = TEXTURE.copy()
    wall[100:400, 80:560] = 235
    here, there = wall.copy(), wall.copy()
    here[200:360, 240:304] = 0.5 * TEXTURE[200:360, 240:304]
    there[200:360, 240 + steps : 304 + steps] = 0.5 * TEXTURE[200:360, 240:304]
    assert (field_between(here, there)["sad"] > 1600).sum() >= 8


def test_a_large_recording_costs_no_larger_grid():
    luma = LumaField(1920, 1080)
    assert (luma.rows, luma.cols, luma.scale) == (23, 40, 3.0)


@pytest.mark.parametrize("size", [(1, 1), (17, 9), (641, 479), (64, 4096)])
def test_any_size_has_a_field(size):
    width, height = size
    luma = LumaField(width, height)
    luma.step(np.zeros((height, width), np.uint8))
    field = luma.step(np.full((height, width), 255, np.uint8))
    assert field.shape == (luma.rows, luma.cols + 1)
