"""Somebody else's files: named, never changed, and their names are data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core import naming
from dashcamd.storage import clocks, foreign
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk
from tests.storage.events import write_event

MIB = 1 << 20


@pytest.fixture
def disk():
    disk = MemoryDisk()
    write_event(Volume(disk, "/stick", "boot"))
    return disk


def put(disk, path, size):
    disk.make_dirs(path.rpartition("/")[0])
    disk.put(path, bytes(size))


def test_the_largest_foreign_files_are_named_and_ours_are_not(disk):
    clocks.write(disk, {})
    disk.put("DASHCAM/index.html", b"x" * MIB)
    put(disk, "film.mkv", 5 * MIB)
    put(disk, "backup/old/a.zip", 9 * MIB)
    put(disk, "DASHCAM/holiday.mp4", 2 * MIB)
    put(disk, "small.txt", 10)
    before = {path: disk.content(path) for path in disk.paths}
    found = foreign.look(disk)
    assert found.text == "backup/old/a.zip (9 MiB), film.mkv (5 MiB), DASHCAM/holiday.mp4 (2 MiB)"
    assert found.bytes == 16 * MIB + 10
    assert found.is_complete
    assert {path: disk.content(path) for path in disk.paths} == before


def test_what_dashcamd_keeps_beside_the_events_is_not_foreign(disk):
    before = foreign.beside_bytes(disk)
    names = [*naming.BESIDE, "clocks.json.tmp", "2027-01-15/" + naming.trace_name(1, 7)]
    names.remove(naming.PAGE_DATA)
    names += ["index/page.js", "index/events-000002.js", "boot-000001/" + naming.trace_name(1, 0)]
    for name in names:
        put(disk, "DASHCAM/" + name, MIB)
    assert foreign.look(disk) == foreign.Foreign((), 0, True)
    assert foreign.beside_bytes(disk) - before <= len(names) * MIB
    assert foreign.beside_bytes(disk) > (len(names) - 1) * MIB


def test_the_look_is_bounded_and_says_so(disk):
    for number in range(foreign.FOLDERS_LIMIT + 50):
        disk._dirs.add("d%04d" % number)
    counting = FlakyDisk(disk)
    assert not foreign.look(counting).is_complete
    assert counting.calls == foreign.FOLDERS_LIMIT


def test_a_folder_that_cannot_be_listed_is_left_out(disk):
    put(disk, "film.mkv", 5 * MIB)
    put(disk, "bad/film.mkv", 6 * MIB)
    found = foreign.look(FlakyDisk(disk, fail_at=2, once=True))
    assert found.bytes <= 11 * MIB


@given(st.text(max_size=300))
def test_a_name_from_a_stick_cannot_break_a_line_or_a_page(name):
    shown = foreign.harmless(name)
    assert len(shown) <= foreign.NAME_CHARS
    assert not set(shown) & set("<>&\"'\n\r\t\x1b\\;|`$%\u202e\u2028")
    assert shown.isprintable()
