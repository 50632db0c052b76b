"""The list of recordings: by the day of the label, whatever the folder is called."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from dashcamd.core.timeline import Moment
from dashcamd.errors import StorageError
from dashcamd.handover import Latest
from dashcamd.storage import catalog, sidecar
from dashcamd.storage.disk import replace_file
from dashcamd.storage.volume import Volume, local
from dashcamd.testing import MemoryDisk
from tests.storage.events import START, WALL, write_event

from dashcamd.web.recordings import MARKS_FIRST, Recordings  # isort: skip

DAY_S = 86400.0
LATER = WALL + 3 * DAY_S


@pytest.fixture
def volume():
    return Volume(MemoryDisk(), "/stick", "boot")


def listed(recordings, day=""):
    return [event["number"] for event in recordings.events(50, None, day)["events"]]


def over(volume):
    slot = Latest()
    slot.put(volume)
    return Recordings(slot)


def date(volume, name, wall):
    """What re-dating does."""
    facts = catalog.load(volume.disk, name).facts
    facts = replace(facts, moment=Moment(START, wall, 0.5, "gps"))
    replace_file(volume.disk, name.path + "/event.json", sidecar.to_bytes(facts))


def day_of(wall):
    return local(Moment(0, wall, 0, "")).strftime("%Y-%m-%d")


def test_an_event_is_listed_under_the_day_of_its_label(volume):
    names = [write_event(volume) for _ in range(3)]
    recordings = over(volume)
    assert recordings.events(50, None, "")["days"] == [day_of(WALL)]
    date(volume, names[1], LATER)
    assert listed(recordings) == [3, 2, 1]
    assert recordings.events(50, None, "")["days"] == [day_of(LATER), day_of(WALL)]
    assert listed(recordings, day_of(LATER)) == [2]
    assert listed(recordings, day_of(WALL)) == [3, 1]
    assert recordings.event(names[1].folder)["day"] == day_of(LATER)


def test_an_event_without_a_label_is_listed_under_its_folder(volume):
    _, name = volume.new_event("motion", None, START)
    volume.disk.put(name.path + "/cover.jpg", b"jpg")
    recordings = over(volume)
    assert recordings.events(50, None, "")["days"] == ["boot-000001"]
    assert listed(recordings, "boot-000001") == [1]


def test_the_newest_day_comes_first_whether_its_clock_was_known_or_not(volume):
    def add(moment):
        _, name = volume.new_event("motion", moment, START)
        volume.disk.put(name.path + "/cover.jpg", b"jpg")

    recordings = over(volume)
    add(None)
    add(Moment(START, WALL, 1.0, "ntp"))
    assert recordings.events(50, None, "")["days"] == [day_of(WALL), "boot-000001"]
    volume.boot = 2
    add(None)
    assert recordings.events(50, None, "")["days"] == ["boot-000002", day_of(WALL), "boot-000001"]
    add(Moment(START, LATER, 1.0, "ntp"))
    days = [day_of(LATER), day_of(WALL), "boot-000002", "boot-000001"]
    assert recordings.events(50, None, "")["days"] == days


def test_day_and_time_of_an_event_are_both_the_cameras(volume, eight_hours_east):
    date(volume, write_event(volume), WALL + 9 * 3600)  # 17:00 UTC: tomorrow by the camera's clock
    (event,) = over(volume).events(1, None, "")["events"]
    assert event["start"] == "2027-01-15T17:00:00.000Z"
    assert event["start_local"] == "2027-01-16T01:00:00+08:00"
    assert (event["day"], event["at_s"], event["utc_offset_s"]) == ("2027-01-16", 3600, 8 * 3600)


def marks_of(recordings, limit=1, day=""):
    return recordings.events(limit, None, day, has_marks=True)["marks"]


def test_all_events_of_the_day_are_marked_however_few_are_listed(volume):
    names = [write_event(volume) for _ in range(4)]
    date(volume, names[0], LATER)
    recordings = over(volume)
    assert "marks" not in recordings.events(1, None, "")
    assert [mark["number"] for mark in marks_of(recordings, day=day_of(WALL))] == [4, 3, 2]
    (mark,) = marks_of(recordings)
    shown = local(Moment(0, LATER, 0, ""))
    assert mark["at_s"] == shown.hour * 3600 + shown.minute * 60 + shown.second
    assert (mark["id"], mark["locked"]) == (names[0].folder, False)
    recordings.lock(names[0].folder, True)
    assert [mark["locked"] for mark in marks_of(recordings)] == [True]


def test_an_event_that_was_not_read_yet_is_marked_where_its_name_says(volume):
    for _ in range(MARKS_FIRST + 1):
        _, folder = volume.new_event("motion", Moment(START, WALL, 1.0, "ntp"), START)
        volume.disk.put(folder.path + "/cover.jpg", b"jpg")
    shown = local(Moment(0, WALL, 0, ""))
    at_s = shown.hour * 3600 + shown.minute * 60 + shown.second
    marks = marks_of(over(volume))
    assert [mark["at_s"] for mark in marks] == [at_s] * (MARKS_FIRST + 1)


def test_an_event_without_a_date_has_no_place_in_the_day(volume):
    _, name = volume.new_event("motion", None, START)
    volume.disk.put(name.path + "/cover.jpg", b"jpg")
    assert [mark["at_s"] for mark in marks_of(over(volume))] == [None]


class SickDisk(MemoryDisk):
    """One that cannot list the folders whose name has `sick` in it."""

    sick, errno = "nothing", errno.EIO

    def entries(self, path):
        if self.sick in path:
            raise StorageError(self.errno, "cannot be listed", path)
        return super().entries(path)


def test_a_folder_that_cannot_be_read_is_listed_by_its_name_beside_the_others(volume):
    volume.disk = SickDisk()
    names = [write_event(volume) for _ in range(4)]
    volume.disk.sick = names[1].folder
    found = over(volume).events(50, None, "")["events"]
    assert [event["number"] for event in found] == [4, 3, 2, 1]
    assert [bool(event["problem"]) for event in found] == [False, False, True, False]
    assert (found[2]["id"], found[2]["reason"]) == (names[1].folder, "motion")
    assert not found[2]["open"]
    assert not found[2]["parts"]


def test_a_folder_that_is_deleted_meanwhile_is_left_out_and_those_before_it_follow(volume):
    volume.disk = SickDisk()
    names = [write_event(volume) for _ in range(4)]
    volume.disk.sick, volume.disk.errno = names[2].folder, errno.ENOENT
    found = over(volume).events(2, None, "")
    assert [event["number"] for event in found["events"]] == [4]
    assert found["next"] == 3
    assert [event["number"] for event in over(volume).events(2, 3, "")["events"]] == [2, 1]


def test_on_a_large_stick_the_days_come_a_few_at_a_time(volume):
    name = write_event(volume)
    date(volume, name, LATER)
    for _ in range(MARKS_FIRST):
        _, folder = volume.new_event("motion", Moment(START, WALL, 1.0, "ntp"), START)
        volume.disk.put(folder.path + "/cover.jpg", b"jpg")
    recordings = over(volume)
    assert recordings.events(1, None, "")["days"] == [day_of(WALL)]
    assert recordings.events(1, None, "")["days"] == [day_of(LATER), day_of(WALL)]
