"""Which parts a bump locks."""

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.part_locks import LATE_S, PartLocks


def drive(locks, parts, event="drive", first=0):
    """Open `parts` of 120 s one after the other; what was locked by opening them."""
    return [
        locks.opened(event, part, part * 120.0, is_seamless=part > 0 or first > 0)
        for part in range(first, parts)
    ]


def test_a_bump_locks_its_part_and_both_neighbours():
    locks = PartLocks()
    assert drive(locks, 3) == [[], [], []]
    assert locks.bumped(300.0) == [("drive", 1), ("drive", 2)]
    assert drive(locks, 5, first=3) == [[("drive", 3)], []]


def test_a_bump_told_after_the_split_locks_around_where_it_was():
    locks = PartLocks()
    drive(locks, 3)
    assert locks.bumped(239.0) == [("drive", 0), ("drive", 1), ("drive", 2)]
    assert drive(locks, 4, first=3) == [[]]


def test_a_bump_in_the_first_part_has_no_part_before():
    locks = PartLocks()
    drive(locks, 1)
    assert locks.bumped(5.0) == [("drive", 0)]


def test_a_bump_that_wakes_a_parked_camera_waits_for_its_part():
    locks = PartLocks()
    assert locks.bumped(1000.0) == []
    assert locks.opened("bump", 0, 995.0, False) == [("bump", 0)]
    assert locks.opened("bump", 1, 1115.0, True) == [("bump", 1)]


def test_a_bump_long_ago_locks_nothing():
    locks = PartLocks()
    locks.bumped(1000.0)
    assert locks.opened("walk", 0, 1000.0 + LATE_S + 1, False) == []


def test_an_event_that_is_over_is_no_neighbour():
    locks = PartLocks()
    drive(locks, 2)
    locks.bumped(130.0)
    locks.closed()
    assert locks.opened("later", 0, 900.0, False) == []
    assert locks.bumped(901.0) == [("later", 0)]


def test_an_event_that_goes_on_as_another_is_a_neighbour():
    locks = PartLocks()
    drive(locks, 2)
    locks.closed()
    assert locks.opened("second hour", 0, 240.0, True) == []
    assert locks.bumped(250.0) == [("drive", 1), ("second hour", 0)]


def test_a_bump_while_the_stick_is_out_waits_for_the_next_part():
    locks = PartLocks()
    drive(locks, 2)
    locks.closed()
    assert locks.bumped(200.0) == []
    around = [("drive", 0), ("drive", 1), ("drive", 2)]
    assert locks.opened("drive", 2, 201.0, True) == around


def test_a_bump_in_a_part_that_is_not_written_yet_locks_around_that_one_too():
    locks = PartLocks()
    drive(locks, 2)
    assert locks.bumped(250.0) == [("drive", 0), ("drive", 1)]
    assert drive(locks, 4, first=2) == [[("drive", 1), ("drive", 2)], [("drive", 3)]]


@given(st.lists(st.sampled_from(["part", "bump", "close"]), max_size=30))
def test_no_order_of_things_locks_a_part_that_was_never_opened(order):
    locks, opened, ts = PartLocks(), set(), 0.0
    for what in order:
        ts += 50.0
        if what == "part":
            opened.add(("drive", len(opened)))
            assert set(locks.opened("drive", len(opened) - 1, ts, True)) <= opened
        elif what == "bump":
            assert set(locks.bumped(ts)) <= opened
        else:
            locks.closed()
