"""Fields of decoded pictures: one by one as they come, or a few at a time out of a file."""

from pathlib import Path

import numpy as np
import pytest

from dashcamd.cameras.analysis import PictureFields

FPS = 20


def pictures(count, shape=(120, 160)):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, shape).astype(np.uint8) for _ in range(count)]


def told(fields):
    return [(field.ts, field.blocks.tobytes()) for field in fields if field is not None]


def test_pictures_may_be_kept_for_a_while_before_they_are_compared():
    film = [(n / FPS, picture) for n, picture in enumerate(pictures(40))]
    at_once, later = PictureFields(), PictureFields()
    expected = told(at_once.of_luma(ts, picture) for ts, picture in film)
    due = [(ts, picture) for ts, picture in film if later.is_due(ts, picture.shape)]
    assert told(later.of_due(ts, picture) for ts, picture in due) == expected
    assert 18 <= len(expected) <= 21


def test_another_size_begins_afresh():
    fields = PictureFields()
    small, large = pictures(3), pictures(3, (240, 320))
    film = [(n / 10, picture) for n, picture in enumerate([*small, *large])]
    made = [fields.of_luma(ts, picture) for ts, picture in film]
    assert [field is None for field in made] == [True, False, False, True, False, False]
    assert made[2].blocks.shape == (15, 21)
    assert made[5].blocks.shape == (30, 41)


def test_the_first_picture_of_another_size_is_due():
    for size, is_due in (((120, 160), False), ((240, 320), True)):
        fields = PictureFields()
        assert [fields.is_due(n / FPS, (120, 160)) for n in range(41)][-2:] == [False, True]
        assert fields.is_due(41 / FPS, size) is is_due


@pytest.mark.parametrize("most_px", [1, 7 * 160 * 120, 10**9])
def test_a_file_has_the_same_fields_however_many_are_held(
    most_px: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="footage needs PyAV (extra 'media')")
    from dashcamd.cameras import footage
    from tests.cameras.films import write_film

    film = write_film(tmp_path / "walk.mp4", frames=40, size=(160, 120))
    one_by_one, whole = PictureFields(), footage.Footage(str(film))
    expected = told(one_by_one.of_frame(ts, frame) for ts, frame in whole.pictures())
    whole.close()
    monkeypatch.setattr(footage, "HELD_PX", most_px)
    held = footage.Footage(str(film))
    assert told(held.fields()) == expected
    assert len(expected) > 10
    held.close()
