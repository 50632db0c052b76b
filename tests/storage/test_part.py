"""One part: durable at every step, whatever call fails and wherever the power is cut."""

from __future__ import annotations

import errno

import pytest

from dashcamd.errors import StorageError
from dashcamd.storage import catalog, recovery
from dashcamd.storage.mp4_reader import OK, inspect_source
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk, stream
from tests.storage.events import digest_of, write_event, write_part

FRAMES = stream("kppp" * 4)
GOP = 4
FOLDER = "DASHCAM/2026-11-20/120000_e000001_motion"


def prepared(**options):
    disk = MemoryDisk(**options)
    disk.make_dirs(FOLDER)
    return disk


def frames_in(disk, path):
    file = disk.open(path)
    info = inspect_source(file)
    file.close()
    assert info.status == OK, info.problem
    return info.frames


def recovered(disk):
    """Frames in all files after recovery."""
    for event in catalog.events(disk):
        list(recovery.recover_event(disk, event))
    events = catalog.events(disk)
    assert not any(event.open_parts for event in events)
    return sum(frames_in(disk, path) for event in events for path in event.parts)


def test_a_part_becomes_an_ordinary_file_with_its_facts():
    disk = prepared()
    facts = write_part(disk, FOLDER, "120000_p00", FRAMES)
    assert disk.paths == [FOLDER + "/120000_p00.mp4"]
    assert (facts.file, facts.frames, facts.start) == ("120000_p00.mp4", 16, FRAMES[0].ts)
    assert facts.bytes == len(disk.content(FOLDER + "/120000_p00.mp4"))
    assert facts.duration_s == pytest.approx(16 / 30)
    after = disk.after_cut(len(disk.journal))
    assert after.paths == disk.paths, "its name is durable, too"


@pytest.mark.parametrize("renames_are_whole", [True, False])
def test_a_cut_at_any_operation_keeps_every_frame_that_was_synced(renames_are_whole):
    disk = prepared(renames_are_whole=renames_are_whole)
    write_part(disk, FOLDER, "120000_p00", FRAMES)
    listed = next(n for n, op in enumerate(disk.journal) if op.act == "sync_dir")
    for step in range(listed + 1, len(disk.journal) + 1):
        synced = sum(op.act == "sync" for op in disk.journal[:step]) * GOP
        assert recovered(disk.at(step)) >= min(synced, 16)
        assert recovered(disk.at(step, torn_bytes=1)) >= min(synced, 16)
        assert recovered(disk.after_cut(step)) >= min(synced, 16)


def calls_to_write():
    flaky = FlakyDisk(prepared())
    write_part(flaky, FOLDER, "120000_p00", FRAMES)
    return flaky.calls


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("call", range(1, calls_to_write() + 1))
def test_whatever_call_fails_nothing_synced_is_lost(call, code):
    disk = prepared()
    with pytest.raises(StorageError) as caught:
        write_part(FlakyDisk(disk, call, code), FOLDER, "120000_p00", FRAMES)
    assert caught.value.errno == code
    synced = sum(op.act == "sync" for op in disk.journal) * GOP
    assert recovered(disk) >= min(synced, 16)


def test_a_part_is_never_written_over_another():
    disk = prepared()
    write_part(disk, FOLDER, "120000_p00", FRAMES, finish=False)
    with pytest.raises(StorageError, match="exists"):
        write_part(disk, FOLDER, "120000_p00", FRAMES)


def test_recovery_finishes_an_event_and_says_so():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "a")
    name = write_event(volume, ("kppp",), open_part="kppp" * 3)
    (event,) = catalog.events(disk)
    assert recovery.is_interrupted(event)
    lines = list(recovery.recover_event(disk, event))
    assert lines == ["%s/120000_p01.part.mp4 recovered: 12 frames, 0.4 s" % name.path]
    (event,) = catalog.events(disk)
    assert not recovery.is_interrupted(event)
    assert event.facts.is_closed
    first, second = event.facts.parts
    assert (first.status, second.status, second.frames) == ("ok", "recovered", 12)
    assert second.start == pytest.approx(first.start + first.duration_s)
    assert second.sha256 == digest_of(disk, event.parts[1])


def test_where_a_rename_can_lose_the_file_a_part_has_its_final_name_and_tells_by_content():
    disk = MemoryDisk(renames_are_whole=False)
    name = write_event(Volume(disk, "/stick", "a"), ("kppp",), open_part="kppp" * 3)
    (event,) = catalog.events(disk)
    assert event.parts == [name.path + "/120000_p00.mp4"]
    assert event.open_parts == [name.path + "/120000_p01.mp4"]
    before = len(disk.journal)
    lines = list(recovery.recover_event(disk, event))
    assert lines == ["%s/120000_p01.mp4 recovered: 12 frames, 0.4 s" % name.path]
    renamed = [op.path for op in disk.journal[before:] if op.act == "rename"]
    assert renamed == [name.path + "/event.json.tmp"]
    (event,) = catalog.events(disk)
    assert (event.open_parts, recovery.is_interrupted(event)) == ([], False)
    assert [part.status for part in event.facts.parts] == ["ok", "recovered"]


@pytest.mark.parametrize("left", [b"", b"\0", b"\0" * 500, b"\0" * 500 + b"half of a GOP"])
def test_a_part_with_its_final_name_that_was_never_begun_is_set_aside(left):
    disk = MemoryDisk(renames_are_whole=False)
    name = write_event(Volume(disk, "/stick", "a"), ("kppp",))
    disk.put(name.path + "/120004_p01.mp4", left)
    (line,) = recovery.recover_event(disk, catalog.events(disk)[0])
    assert "held no whole frame and was set aside" in line
    assert disk.content(name.path + "/120004_p01.damaged") == left


def test_a_closed_part_that_is_damaged_is_not_taken_for_an_open_one():
    """What the sidecar knows was closed; `verify` tells what became of it."""
    disk = MemoryDisk()
    name = write_event(Volume(disk, "/stick", "a"), ("kppp",))
    path = name.path + "/120000_p00.mp4"
    disk.put(path, disk.content(path)[:-20])
    (event,) = catalog.events(disk)
    assert (event.parts, event.open_parts) == ([path], [])


def test_recovery_twice_is_recovery_once():
    disk = MemoryDisk()
    write_event(Volume(disk, "/stick", "a"), open_part="kppp" * 3)
    list(recovery.recover_event(disk, catalog.events(disk)[0]))
    after = {path: disk.content(path) for path in disk.paths}
    for event in catalog.events(disk):
        assert not recovery.is_interrupted(event)
        assert list(recovery.recover_event(disk, event)) == []
    assert {path: disk.content(path) for path in disk.paths} == after


@pytest.mark.parametrize("renames_are_whole", [True, False])
def test_recovery_cut_or_failing_at_any_step_is_taken_up_again(renames_are_whole):
    def interrupted():
        disk = MemoryDisk(renames_are_whole=renames_are_whole)
        write_event(Volume(disk, "/stick", "a"), ("kppp",), open_part="kppp" * 3)
        return disk

    def settled(disk):
        for event in catalog.events(disk):
            if recovery.is_interrupted(event):
                list(recovery.recover_event(disk, event))
        (event,) = catalog.events(disk)
        assert event.facts.is_closed
        assert not recovery.is_interrupted(event)
        assert [part.frames for part in event.facts.parts] == [4, 12]
        assert sum(frames_in(disk, path) for path in event.parts) == 16

    disk = interrupted()
    before = len(disk.journal)
    flaky = FlakyDisk(disk)
    list(recovery.recover_event(flaky, catalog.events(disk)[0]))
    for step in range(before, len(disk.journal) + 1):
        settled(disk.at(step))
        settled(disk.after_cut(step))
    for call in range(1, flaky.calls + 1):
        disk = interrupted()
        event = catalog.events(disk)[0]
        with pytest.raises(StorageError):
            list(recovery.recover_event(FlakyDisk(disk, call), event))
        settled(disk)


def test_a_part_without_a_whole_frame_is_set_aside_never_deleted():
    disk = MemoryDisk()
    name = write_event(Volume(disk, "/stick", "a"), ("kppp",))
    disk.put(name.path + "/120000_p01.part.mp4", b"\0" * 500)
    (line,) = recovery.recover_event(disk, catalog.events(disk)[0])
    assert "held no whole frame and was set aside" in line
    assert disk.content(name.path + "/120000_p01.damaged") == b"\0" * 500
    assert not recovery.is_interrupted(catalog.events(disk)[0])


def test_a_closed_part_that_the_sidecar_does_not_know_is_added():
    """The power was cut between the rename and the sidecar."""
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "a")
    name = write_event(volume, ("kppp",))
    write_part(disk, name.path, "120004_p01", stream("kppp" * 2))
    (event,) = catalog.events(disk)
    assert recovery.is_interrupted(event)
    list(recovery.recover_event(disk, event))
    facts = catalog.events(disk)[0].facts
    assert [(part.frames, part.status) for part in facts.parts] == [(4, "ok"), (8, "ok")]


def test_an_event_without_a_sidecar_keeps_its_parts():
    disk = MemoryDisk()
    write_event(Volume(disk, "/stick", "a"), (), open_part="kppp", has_sidecar=False)
    assert recovered(disk) == 4
    assert catalog.events(disk)[0].facts is None


def test_a_part_that_kept_only_its_short_name_gets_a_number_again():
    """What a power cut leaves on FAT when it falls between the sectors of a long name."""
    disk = MemoryDisk()
    volume = Volume(disk, "memory", "boot")
    write_event(volume, ["kppp", "kppp"], open_part="kppp", is_closed=False)
    folder = catalog.events(disk)[0].name.path
    disk.rename(folder + "/120000_p01.mp4", folder + "/120000~2.MP4")
    [event] = catalog.events(disk)
    assert recovery.is_interrupted(event)
    lines = list(recovery.recover_event(disk, event))
    assert "120000~2.MP4 had lost its name" in lines[0]
    [event] = catalog.events(disk)
    assert [path[-7:-4] for path in event.parts] == ["p00", "p02", "p03"]
    assert not recovery.is_interrupted(event)
