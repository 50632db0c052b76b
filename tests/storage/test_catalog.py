"""The catalog over trees that people, other programs and power cuts have left."""

from __future__ import annotations

import os

import pytest

from dashcamd.errors import OperationError, StorageError
from dashcamd.storage import catalog
from dashcamd.storage.deletion import delete_event, delete_part
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.locking import set_lock
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk, stream
from tests.storage.events import write_event, write_part


@pytest.fixture
def disk():
    return MemoryDisk()


@pytest.fixture
def volume(disk):
    return Volume(disk, "/stick", "boot")


def test_events_come_oldest_first_with_what_they_hold(disk, volume):
    names = [write_event(volume, ("kppp", "kppp")), write_event(volume, open_part="kppp")]
    first, second = catalog.events(disk)
    assert [first.name, second.name] == names
    assert (first.number, second.number) == (1, 2)
    assert [path.rpartition("/")[2] for path in first.parts] == [
        "120000_p00.mp4",
        "120000_p01.mp4",
    ]
    assert [path.rpartition("/")[2] for path in second.open_parts] == ["120000_p01.part.mp4"]
    assert first.facts.is_closed
    assert not second.facts.is_closed
    assert first.bytes == sum(
        len(disk.content("%s/%s" % (names[0].path, f))) for f, _ in first.files
    )


def test_parts_come_in_the_order_of_their_numbers_not_of_their_stamps(disk, volume):
    name = write_event(volume)
    for stem in ("235959_p09", "000001_p10", "000002_p100"):
        write_part(disk, name.path, stem, stream("k"))
    (event,) = catalog.events(disk)
    assert [path[-7:-4] for path in event.parts] == ["p00", "p09", "p10", "100"]


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"x" * (2 << 20)])
def test_an_event_without_a_readable_sidecar_is_an_event_all_the_same(disk, volume, data):
    name = write_event(volume, has_sidecar=False)
    disk.put(name.path + "/event.json", data)
    (event,) = catalog.events(disk)
    assert event.facts is None
    assert len(event.parts) == 1


def test_foreign_files_and_folders_are_seen_by_nobody(disk, volume):
    name = write_event(volume)
    for path in (
        "holiday.mp4",
        "DASHCAM/notes.txt",
        "DASHCAM/2026-11-20 (copy)/120000_e000009_motion/120000_p00.mp4",
        "DASHCAM/2027-01-15/holiday/120000_p00.mp4",
        name.path + "/holiday.mp4",
        name.path + "/" + "x" * 250,
    ):
        disk.make_dirs(path.rpartition("/")[0])
        disk.put(path, b"film")
    (event,) = catalog.events(disk)
    assert not [f for f, _ in event.files if "holiday" in f or "x" in f[:2]]


def test_links_and_devices_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "120000_p00.mp4").write_bytes(b"private")
    stick = tmp_path / "stick"
    stick.mkdir()
    disk = PosixDisk(str(stick))
    volume = Volume(disk, str(stick), "boot")
    name = write_event(volume)
    folder = stick / name.path
    (folder / "120000_p07.mp4").symlink_to(outside / "120000_p00.mp4")
    (folder.parent / "120000_e000099_motion").symlink_to(outside)
    (stick / "DASHCAM" / "2030-01-01").symlink_to(outside)
    os.mkfifo(folder / "120000_p08.mp4")
    (event,) = catalog.events(disk)
    assert [path[-7:-4] for path in event.parts] == ["p00"]
    delete_event(disk, event)
    assert (outside / "120000_p00.mp4").read_bytes() == b"private"
    assert (folder / "120000_p07.mp4").is_symlink()


def test_an_empty_volume_has_no_events(disk, volume):
    assert catalog.events(disk) == []


@pytest.mark.parametrize("call", range(1, 12))
def test_one_failing_call_is_said_and_hides_no_other_event(disk, volume, call):
    names = [write_event(volume), write_event(volume)]
    try:
        found = catalog.survey(FlakyDisk(disk, call, once=True))
    except StorageError:
        assert call == 1, "without the listing of DASHCAM there is nothing to say"
        return
    hidden = [name for name in names if name not in {event.name for event in found.events}]
    for name in hidden:
        (trouble,) = found.troubles
        assert name.path.startswith(trouble.path)
        assert "cannot list" in trouble.why
    assert len(hidden) < 2 or found.troubles[0].path == "DASHCAM/" + names[0].day


def test_a_failing_folder_of_a_day_hides_only_that_day(disk, volume):
    kept = write_event(volume)
    disk.make_dirs("DASHCAM/1999-01-01")

    class BadDay(FlakyDisk):
        def before(self, act, path, size=0):
            if path == "DASHCAM/1999-01-01":
                raise StorageError("cannot list it")

    found = catalog.survey(BadDay(disk))
    assert [event.name for event in found.events] == [kept]
    assert [trouble.path for trouble in found.troubles] == ["DASHCAM/1999-01-01"]


def test_an_event_is_found_by_number_name_or_path(disk, volume):
    names = [write_event(volume) for _ in range(3)]
    for wanted in ("2", "e2", "e000002", names[1].folder, names[1].path, names[1].path + "/"):
        assert catalog.find(disk, wanted).name == names[1]


@pytest.mark.parametrize("wanted", ["", "e", "4", "²", "e-1", "../..", "x" * 9000, "9" * 9000])
def test_what_is_no_event_is_not_found(disk, volume, wanted):
    for _ in range(3):
        write_event(volume)
    assert catalog.find(disk, wanted) is None
    with pytest.raises(OperationError, match="no event"):
        set_lock(disk, wanted, True)


def test_a_lock_is_a_file_that_any_computer_can_make_and_remove(disk, volume):
    name = write_event(volume)
    assert set_lock(disk, "1", True) == name.folder
    assert set_lock(disk, "1", True) == name.folder
    assert catalog.find(disk, "1").is_locked
    set_lock(disk, "1", False)
    set_lock(disk, "1", False)
    assert not catalog.find(disk, "1").is_locked
    disk.put(name.path + "/locked.txt", b"")
    assert catalog.find(disk, "1").is_locked


def test_deleting_takes_what_is_ours_and_leaves_what_is_not(disk, volume):
    name, other = write_event(volume, ("kppp", "kppp"), open_part="kppp"), write_event(volume)
    disk.put(name.path + "/cover.jpg", b"jpg")
    disk.put(name.path + "/my notes.txt", b"mine")
    event, _ = catalog.events(disk)
    delete_event(disk, event)
    assert [path for path in disk.paths if name.path in path] == [name.path + "/my notes.txt"]
    assert [event.name for event in catalog.events(disk)] == [other], "what is left is no event"


def test_deleting_the_last_event_of_a_day_takes_the_folders_with_it(disk, volume):
    name = write_event(volume)
    delete_event(disk, catalog.events(disk)[0])
    assert disk.entries("DASHCAM") == [entry for entry in disk.entries("DASHCAM") if entry.is_file]
    assert not [path for path in disk.paths if name.day in path]


def test_a_large_file_gives_its_space_back_although_somebody_reads_it(tmp_path):
    disk = PosixDisk(str(tmp_path))
    (tmp_path / "a.mp4").write_bytes(b"x" * 4096)
    with (tmp_path / "a.mp4").open("rb") as reader:
        delete_part(disk, "a.mp4")
        assert reader.read() == b"x"
    assert not (tmp_path / "a.mp4").exists()


def test_a_file_is_short_on_the_medium_before_its_name_goes_and_gone_before_its_last_byte(
    disk, volume
):
    """On FAT clusters without a name become a file of fsck's; a name without any leads astray."""
    write_event(volume)
    [event] = catalog.events(disk)
    disk.journal.clear()
    delete_part(disk, event.parts[0])
    assert [op.act for op in disk.journal] == ["truncate", "sync_all", "unlink", "sync_dir"]
    assert disk.journal[0].offset == 1


def test_deleting_cut_or_failing_anywhere_is_finished_the_next_time(disk, volume):
    name = write_event(volume, ("kppp", "kppp"))
    kept = write_event(volume)
    content = {path: disk.content(path) for path in disk.paths if kept.path in path}
    event = catalog.events(disk)[0]
    before = len(disk.journal)
    delete_event(disk, event)
    for step in range(before, len(disk.journal) + 1):
        for after in (disk.at(step), disk.after_cut(step)):
            for left in catalog.events(after):
                if left.name == name:
                    delete_event(after, left)
            assert [event.name for event in catalog.events(after)] == [kept]
            assert {path: after.content(path) for path in content} == content


def test_a_sidecar_that_a_cut_left_under_its_temporary_name_is_read(disk, volume):
    name = write_event(volume)
    [before] = catalog.events(disk)
    disk.rename(name.path + "/event.json", name.path + "/event.json.tmp")
    [after] = catalog.events(disk)
    assert after.facts == before.facts
    disk.put(name.path + "/event.json", b"{ torn")
    assert catalog.events(disk)[0].facts == before.facts
