"""Locks on whole events and on parts of them; whatever is unclear keeps more, not less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core import naming
from dashcamd.storage import catalog
from dashcamd.storage.deletion import delete_event
from dashcamd.storage.locking import lock_parts, set_lock
from dashcamd.storage.recovery import is_interrupted
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk
from tests.storage.events import write_event


@pytest.fixture
def disk():
    return MemoryDisk()


@pytest.fixture
def name(disk):
    return write_event(Volume(disk, "/stick", "boot"), ("kppp",) * 5, reason="driving")


def parts(event):
    return [naming.parse_part(path.rpartition("/")[2]).number for path in event.parts]


def test_locked_parts_stay_when_their_event_makes_room(disk, name):
    lock_parts(disk, name, (1, 2, 3))
    event = catalog.load(disk, name)
    assert event.is_locked
    assert event.locked_parts == (1, 2, 3)
    delete_event(disk, event)
    left = catalog.load(disk, name)
    assert parts(left) == [1, 2, 3]
    assert [part.file for part in left.facts.parts] == [
        path.rpartition("/")[2] for path in left.parts
    ]
    assert left.removable == ()
    assert not is_interrupted(left)


def test_bumps_add_up(disk, name):
    lock_parts(disk, name, (0, 1))
    lock_parts(disk, name, (3, 4))
    assert catalog.load(disk, name).locked_parts == (0, 1, 3, 4)


def test_a_lock_of_the_whole_event_is_stronger_and_unlocking_takes_both_away(disk, name):
    lock_parts(disk, name, (1,))
    set_lock(disk, name.folder, True)
    lock_parts(disk, name, (2,))
    event = catalog.load(disk, name)
    assert event.locked_parts is None
    assert event.removable == ()
    set_lock(disk, name.folder, False)
    assert not catalog.load(disk, name).is_locked


def test_an_unlocked_event_is_removable_whole(disk, name):
    event = catalog.load(disk, name)
    assert event.removable == event.files
    delete_event(disk, event)
    assert list(catalog.names(disk)) == []


@pytest.mark.parametrize("text", [b"", b"keep this!", b"Locked parts: p01 p0", b"\xff\xfe", b"p01"])
def test_a_lock_that_names_no_parts_locks_the_event(disk, name, text):
    disk.put(name.path + "/locked.txt", text)
    event = catalog.load(disk, name)
    assert event.locked_parts is None
    assert event.removable == ()


def test_what_a_windows_editor_saved_is_read():
    assert naming.locked_parts("Hello\r\nLocked parts: p01 p12 .\r\n") == (1, 12)


@given(st.sets(st.integers(0, 9999), min_size=1), st.data())
def test_a_torn_lock_never_names_fewer_parts(numbers, data):
    line = naming.locked_parts_line(numbers)
    assert naming.locked_parts(line) == tuple(sorted(numbers))
    torn = line[: data.draw(st.integers(0, len(line) - 2))]
    assert naming.locked_parts(torn) is None


def test_a_lock_that_a_cut_left_under_its_temporary_name_locks(disk, name):
    """What a rename on FAT and exFAT may leave: the file under its old name alone."""
    lock_parts(disk, name, (1,))
    disk.rename(name.path + "/locked.txt", name.path + "/locked.txt.tmp")
    event = catalog.load(disk, name)
    assert event.is_locked
    assert event.locked_parts == (1,)
    before = len(disk.journal)
    lock_parts(disk, name, (3,))
    assert catalog.load(disk, name).locked_parts == (1, 3)
    for step in range(before, len(disk.journal)):
        assert catalog.load(disk.at(step), name).is_locked, "after a cut in the second bump"


@pytest.mark.parametrize("is_first", [True, False])
def test_a_lock_that_a_full_stick_took_half_of_is_written_anew_when_it_is_tried_again(
    disk, name, is_first
):
    if not is_first:
        lock_parts(disk, name, (0,))
    disk.put(name.path + "/locked.txt.tmp", b"The camera was bum")
    assert catalog.load(disk, name).removable == ()
    lock_parts(disk, name, (2,))
    assert catalog.load(disk, name).locked_parts == ((2,) if is_first else (0, 2))


def test_what_somebody_locked_as_a_whole_stays_so_though_that_was_not_finished(disk, name):
    disk.put(name.path + "/locked.txt.tmp", b"This event is loc")
    lock_parts(disk, name, (2,))
    assert catalog.load(disk, name).removable == ()
    disk.put(name.path + "/locked.txt", b"mine")
    disk.put(name.path + "/locked.txt.tmp", b"")
    lock_parts(disk, name, (2,))
    assert catalog.load(disk, name).removable == ()


@pytest.mark.parametrize("torn", [b"", b"The camera was bum", b"Locked parts: p0"])
def test_a_second_bump_that_a_cut_tore_keeps_too_much_and_can_be_unlocked(disk, name, torn):
    lock_parts(disk, name, (1,))
    disk.put(name.path + "/locked.txt.tmp", torn)
    event = catalog.load(disk, name)
    assert (event.is_locked, event.locked_parts, event.removable) == (True, None, ())
    set_lock(disk, name.folder, False)
    assert not catalog.load(disk, name).is_locked


def test_two_locks_that_a_cut_left_add_up(disk, name):
    lock_parts(disk, name, (4,))
    second = disk.content(name.path + "/locked.txt")
    disk.unlink(name.path + "/locked.txt")
    lock_parts(disk, name, (1,))
    disk.put(name.path + "/locked.txt.tmp", second)
    assert catalog.load(disk, name).locked_parts == (1, 4)


@pytest.mark.parametrize(
    "file", ["Locked.txt", "LOCKED.TXT", "locked", "Locked", "locked.txt.txt", "Locked.txt.txt"]
)
def test_a_lock_counts_as_people_and_their_computers_name_it(disk, name, file):
    disk.put("%s/%s" % (name.path, file), b"keep this")
    event = catalog.load(disk, name)
    assert (event.is_locked, event.locked_parts, event.removable) == (True, None, ())
    lock_parts(disk, name, (2,))
    assert catalog.load(disk, name).removable == (), "a bump takes nothing back"
    set_lock(disk, name.folder, False)
    assert not catalog.load(disk, name).is_locked


def test_a_bump_adds_to_a_list_of_parts_that_came_back_in_capitals(disk, name):
    lock_parts(disk, name, (1,))
    disk.rename(name.path + "/locked.txt", name.path + "/LOCKED.TXT")
    lock_parts(disk, name, (3,))
    assert catalog.load(disk, name).locked_parts == (1, 3)


def test_a_half_written_bump_takes_nothing_from_a_lock_in_capitals(disk, name):
    disk.put(name.path + "/LOCKED.TXT", b"mine")
    disk.put(name.path + "/locked.txt.tmp", b"The camera was bum")
    lock_parts(disk, name, (2,))
    assert catalog.load(disk, name).removable == ()
