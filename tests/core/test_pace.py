"""How many pictures make about a tenth of a second."""

import pytest

from dashcamd.core.pace import Pace, Turns


def learnt(stamps):
    pace = Pace()
    for ts in stamps:
        pace.see(ts)
    return pace


@pytest.mark.parametrize(
    ("fps", "pictures"),
    [(2, 1), (5, 1), (10, 1), (12, 1), (15, 2), (20, 2), (24, 3), (25, 3), (30, 3), (60, 7)],
)
def test_a_field_spans_about_a_tenth_of_a_second(fps, pictures):
    assert learnt(n / fps for n in range(30)).pictures == pictures


def test_before_the_pace_is_known_every_picture_counts():
    assert learnt([5.0]).pictures == 1


def test_stamps_that_jitter_do_not_change_it():
    assert learnt(n / 25 + 0.008 * (-1) ** n for n in range(200)).pictures == 3


def test_a_keyframe_without_a_field_hardly_changes_it():
    assert learnt(n / 25 for n in range(200) if n % 25).pictures == 3


def test_a_pause_and_a_clock_set_back_are_no_pace():
    stamps = [*(n / 20 for n in range(50)), 60.0, 60.05, 3.0, 3.05]
    assert learnt(stamps).step_s == pytest.approx(0.05)


def test_a_picture_seen_twice_or_late_changes_nothing():
    pace = learnt(n / 20 for n in range(50))
    before = pace.step_s
    for late in (49 / 20, 47 / 20, 49 / 20):
        pace.see(late)
    assert pace.step_s == before


def test_another_pace_is_learnt_within_seconds():
    pace = learnt(n / 30 for n in range(60))
    for n in range(40):
        pace.see(2.0 + n / 12)
    assert pace.pictures == 1


@pytest.mark.parametrize(("fps", "a_second"), [(10, 10), (12, 12), (15, 7), (24, 8), (30, 10)])
def test_decoded_pictures_are_compared_at_it(fps, a_second):
    turns = Turns()
    due = [n for n in range(4 * fps) if turns.is_due(n / fps)]
    last_second = [n for n in due if n >= 3 * fps]
    assert len(last_second) in (a_second, a_second + 1)
    assert len({b - a for a, b in zip(last_second, last_second[1:])}) == 1


def test_ten_pictures_a_second_are_compared_whatever_the_frame_rate():
    for fps in (10, 12, 15, 24, 25, 30, 60):
        turns = Turns()
        assert 70 <= sum(turns.is_due(n / fps) for n in range(fps * 10 + 1)) <= 125, fps


def test_a_clock_set_back_does_not_end_the_comparing():
    turns = Turns()
    stamps = [*(100 + n / 20 for n in range(40)), *(n / 20 for n in range(40))]
    due = [ts for ts in stamps if turns.is_due(ts)]
    assert sum(ts < 50 for ts in due) in (20, 21)
