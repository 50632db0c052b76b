"""A full volume is tried ever less often, and at once when there is room."""

from dashcamd.core.fullness import FORGET_S, MOST_S, ROOM_BYTES, found_full


def waits(count):
    full, seen = None, []
    now = 100.0
    for _ in range(count):
        full = found_full(full, now, 5000)
        seen.append(full.retry_at - now)
        now = full.retry_at
    return seen


def test_it_is_tried_ever_less_often_and_once_a_minute_for_ever():
    assert waits(9) == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert waits(3000)[-1] == MOST_S


def test_room_that_somebody_made_is_used_at_once_and_a_little_of_it_is_not():
    full = found_full(None, 100.0, 5000)
    assert not full.is_over(100.5, 5000 + ROOM_BYTES - 1)
    assert full.is_over(100.5, 5000 + ROOM_BYTES)
    assert full.is_over(102.0, 0)


def test_a_volume_that_took_video_for_long_begins_again():
    full = None
    for now in (100.0, 102.0, 106.0):
        full = found_full(full, now)
    assert found_full(full, 106.0 + FORGET_S).tries == 1
    assert found_full(full, 105.9 + FORGET_S).tries == 4
