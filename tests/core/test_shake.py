import numpy as np
import pytest

from dashcamd.core.luma import LumaField
from dashcamd.core.shake import Shift, aligned, global_shift
from tests.core.pictures import shifted, smooth_texture

PICTURE = smooth_texture(240, 320)


@pytest.mark.parametrize(
    ("x", "y"), [(0, 0), (1, 0), (0, -3), (2.5, 1.25), (-7.4, 4.6), (0.3, -0.3)]
)
def test_the_shift_of_a_picture_is_found_to_a_fraction_of_a_pixel(x, y):
    found = global_shift(shifted(PICTURE, x, y), PICTURE)
    assert found == pytest.approx((x, y), abs=0.12)


def test_pictures_that_are_aligned_differ_little():
    moved = shifted(PICTURE, 2.4, -1.7)
    now, before = aligned(moved, PICTURE, Shift(2.4, -1.7), PICTURE.shape)
    raw = np.abs(moved.astype(int) - PICTURE.astype(int)).mean()
    assert np.abs(now.astype(int) - before.astype(int)).mean() < 0.2 * raw


@pytest.mark.parametrize(("x", "y"), [(2.4, -1.7), (-3, 0.4), (0.5, 0)])
def test_the_brightest_pictures_can_be_aligned_and_have_a_dark_rim(x, y):
    white = np.full((22, 30), 1020, np.uint16)
    both = aligned(white, white, Shift(x, y), (24, 32))
    rim_x, rim_y = abs(round(x)) + 1, abs(round(y)) + 1
    inside = np.zeros((24, 32), bool)
    inside[rim_y : 22 - rim_y, rim_x : 30 - rim_x] = True
    assert (both[:, inside] == 1020).all()
    assert not both[:, ~inside].any()


def test_a_flat_picture_has_not_moved():
    flat = np.full((48, 64), 500, np.uint16)
    assert not global_shift(flat, flat)


def fields_of(*pictures):
    luma = LumaField(pictures[0].shape[1], pictures[0].shape[0])
    made = [luma.step(picture.astype(np.uint8)) for picture in pictures]
    return made[1:]


def test_a_shaken_camera_leaves_little_sad_and_says_how_far_it_was_shaken():
    still = smooth_texture(480, 640, top=255)
    shaken = shifted(still, 6, -2)
    field = fields_of(still, shaken)[0]
    plain = np.abs(shaken.astype(int) - still.astype(int)).sum() / 1200
    assert np.median(field["sad"][2:-2, 2:-3]) < 0.15 * plain
    assert (field["x"][0, 0], field["y"][0, 0]) == (-6, 2)


def test_a_thing_that_moves_while_the_camera_shakes_is_still_seen():
    still = smooth_texture(480, 640, top=255)
    shaken = shifted(still, 4, 2)
    shaken[200:280, 300:348] = smooth_texture(80, 48, top=255, seed=9)
    sad = fields_of(still, shaken)[0]["sad"][2:-2, 2:-3]
    inside = sad[12:14, 18:20]
    assert inside.min() > 4 * np.median(sad)


def test_one_thing_that_moves_is_not_taken_for_a_shaken_camera():
    wall = np.full((480, 640), 120)
    a, b = wall.copy(), wall.copy()
    a[200:300, 200:264] = smooth_texture(100, 64, top=255)
    b[200:300, 206:270] = smooth_texture(100, 64, top=255)
    field = fields_of(a, b)[0]
    assert field["sad"].max() > 1500
    assert not field["x"].any()
