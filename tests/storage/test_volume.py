"""A volume taken into use: its marker, its counters, the folder as a volume."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.pulse import Past
from dashcamd.core.timeline import Moment
from dashcamd.errors import StorageError
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.folder import FolderSource
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import MARKER, Volume, shown_day
from dashcamd.testing import FlakyDisk, MemoryDisk

NOON = Moment(5.0, 1_800_000_000.0, 1.0, "ntp")


def marker(disk):
    return json.loads(disk.content(MARKER))


def test_a_new_volume_gets_an_identity_that_stays():
    disk = MemoryDisk()
    first = Volume(disk, "/stick", "boot-a")
    again = Volume(disk, "/stick", "boot-a")
    assert first.id == again.id
    assert len(first.id) == 32
    assert (first.boot, again.boot) == (1, 1)
    assert Volume(disk, "/stick", "boot-b").boot == 2


def test_events_number_on_over_boots_even_when_the_power_was_cut():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "a")
    assert [volume.new_event("motion", NOON, 5.0)[0] for _ in range(3)] == [1, 2, 3]
    assert Volume(disk, "/stick", "b").new_event("motion", None, 5.0)[0] == 4


def test_numbers_never_go_back_when_events_were_deleted():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "a")
    names = [volume.new_event("motion", NOON, 5.0)[1] for _ in range(3)]
    volume.close()
    for name in names:
        disk.rmdir(name.path)
    assert Volume(disk, "/stick", "b").new_event("motion", NOON, 5.0)[0] == 4


class Narrow(datetime):
    """The calendar where the C library counts seconds in 32 bits."""

    @classmethod
    def fromtimestamp(cls, timestamp, tz=None):
        if timestamp >= 2**31:
            raise OverflowError("timestamp out of range for platform time_t")
        return datetime.fromtimestamp(timestamp, tz)


def test_a_label_that_the_platform_has_no_local_time_for_stops_no_recording(monkeypatch):
    monkeypatch.setattr("dashcamd.storage.volume.datetime", Narrow)
    monkeypatch.setattr("dashcamd.core.timeline.datetime", Narrow)
    late = replace(NOON, wall=2.0**31 + 0.125)
    volume = Volume(MemoryDisk(), "/stick", "a")
    number, name = volume.new_event("motion", late, 191.0)
    assert name.path == "DASHCAM/boot-000001/000311_e000001_motion"
    facts = EventFacts(number, "motion", 1, "a", 191.0, late, 191.0, 191.0)
    assert shown_day(StoredEvent(name, number, (), facts)) == "boot-000001"
    assert late.iso == "2038-01-19T03:14:08.125Z"


def test_names_say_the_boot_while_the_clock_is_not_known():
    volume = Volume(MemoryDisk(), "/stick", "a")
    assert volume.new_event("motion", None, 191.0)[1].path == (
        "DASHCAM/boot-000001/000311_e000001_motion"
    )


@given(
    st.binary(max_size=100)
    | st.builds(
        lambda *values: json.dumps(dict(zip(("id", "boot", "boot_id", "last_event"), values))),
        *[st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers())] * 4,
    ).map(str.encode)
)
def test_no_marker_keeps_a_volume_from_use(data):
    disk = MemoryDisk()
    Volume(disk, "/stick", "a").new_event("motion", NOON, 5.0)
    disk.put(MARKER, data)
    volume = Volume(disk, "/stick", "b")
    number, name = volume.new_event("motion", None, 5.0)
    assert number >= 2
    assert (number, name) in list(catalog.names(disk))
    assert volume.id == marker(disk)["id"]


def test_a_count_that_nobody_can_have_reached_still_gives_events_that_are_seen():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM/2026-11-20/120000_e999999999_motion")
    disk.put(MARKER, json.dumps({"boot": 10**9 - 1, "boot_id": "x", "last_event": 1}).encode())
    volume = Volume(disk, "/stick", "b")
    number, name = volume.new_event("motion", None, 5.0)
    assert number == 10**9
    assert (number, name) in list(catalog.names(disk))
    assert Volume(disk, "/stick", "c").new_event("motion", None, 5.0)[0] == 10**9 + 1


def test_a_copy_of_a_stick_is_another_stick_that_numbers_its_events_on():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "boot", "A")
    volume.new_event("motion", NOON, 5.0)
    volume.past = Past(bytes_written=10**9, errors=3)
    volume.remember()
    assert Volume(disk, "/stick", "boot", "A").id == volume.id
    copy = Volume(disk, "/stick", "boot", "B")
    assert copy.id != volume.id
    assert copy.past == Past(), "what the other one refused is no fault of this one"
    assert copy.boot == volume.boot
    assert copy.new_event("motion", NOON, 6.0)[0] == 2
    assert Volume(disk, "/stick", "boot", "B").id == copy.id


@pytest.mark.parametrize("other", ["", "B"])
def test_where_no_file_system_is_known_the_marker_alone_tells(other):
    disk = MemoryDisk()
    first = Volume(disk, "/stick", "boot", "")
    assert Volume(disk, "/stick", "boot", other).id == first.id
    assert Volume(disk, "/stick", "boot", "").id == first.id


@pytest.mark.parametrize("number", [10**9, 10**11 - 1, 10**11, 10**12 - 1])
def test_a_folder_that_nobody_can_have_counted_to_ends_no_event(number):
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM/2026-01-01/000000_e%06d_motion" % number)
    for boot in ("a", "b"):
        _, name = Volume(disk, "/stick", boot).new_event("motion", NOON, 5.0)
        assert catalog.load(disk, name).number > 0
    assert len(list(catalog.names(disk))) >= 2


def test_a_huge_marker_is_not_read():
    disk = MemoryDisk()
    disk.put(MARKER, b"[" * 10**6)
    assert Volume(disk, "/stick", "a").boot == 1


def calls_to_open():
    flaky = FlakyDisk(MemoryDisk())
    Volume(flaky, "/stick", "a")
    return flaky.calls


@pytest.mark.parametrize("call", range(1, calls_to_open() + 1))
def test_a_volume_that_cannot_be_written_is_refused_and_usable_later(call):
    disk = MemoryDisk()
    with pytest.raises(StorageError):
        Volume(FlakyDisk(disk, call), "/stick", "a")
    assert Volume(disk, "/stick", "a").id


def test_a_marker_cut_at_any_step_is_the_old_or_the_new_one():
    disk = MemoryDisk()
    first = Volume(disk, "/stick", "a")
    before = len(disk.journal)
    Volume(disk, "/stick", "b")
    for step in range(before, len(disk.journal) + 1):
        for after in (disk.at(step), disk.after_cut(step)):
            assert Volume(after, "/stick", "b").id == first.id


def test_a_full_volume_is_taken_into_use_so_that_room_can_be_made():
    disk = MemoryDisk(capacity_bytes=2000)
    first = Volume(disk, "/stick", "a")
    disk.put("holiday.jpg", b"x" * disk.space().free)
    assert disk.space().free == 0
    again = Volume(disk, "/stick", "b")
    assert again.id == first.id


def test_a_read_only_volume_is_refused():
    disk = MemoryDisk()
    Volume(disk, "/stick", "a")
    with pytest.raises(StorageError, match="read-only"):
        Volume(FlakyDisk(disk, 4, errno.EROFS), "/stick", "b")


def test_a_folder_is_a_volume(tmp_path):
    source = FolderSource(str(tmp_path), "boot")
    volume = source.offer(0.0)
    assert volume.where == str(tmp_path)
    assert source.trouble(volume) is None
    assert volume.space.total > 0
    volume.close()
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize("kind", ["missing", "a file", "below a file"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path, kind):
    (tmp_path / "file").write_text("")
    path = {"missing": "none", "a file": "file", "below a file": "file/below"}[kind]
    with pytest.raises(StorageError, match=path):
        FolderSource(str(tmp_path / path), "boot").offer(0.0)


def test_a_folder_that_vanishes_is_noticed_and_taken_again_when_it_is_back(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    source = FolderSource(str(folder), "boot")
    volume = source.offer(0.0)
    folder.rename(tmp_path / "away")
    assert "is gone" in source.trouble(volume)
    with pytest.raises(StorageError):
        source.offer(0.0)
    (tmp_path / "away").rename(folder)
    assert source.offer(0.0).id == volume.id
    shutil.rmtree(folder)
    with pytest.raises(StorageError):
        volume.new_event("motion", None, 5.0)


def test_another_device_in_the_place_of_the_folder_is_noticed(tmp_path, monkeypatch):
    source = FolderSource(str(tmp_path), "boot")
    volume = source.offer(0.0)
    monkeypatch.setattr(source, "_device", source._device + 1)
    assert "is gone" in source.trouble(volume)
