"""Housekeeping by hand: sidecars, covers, room, leftovers - and never in the way of the video."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import replace
from unittest.mock import Mock

import pytest

from dashcamd.core import naming
from dashcamd.core.timeline import Moment, Timeline
from dashcamd.errors import StorageError
from dashcamd.services.keep import CLOSE_LIMIT_S, FIRST_LOOK, LOOK_AGAIN, RETENTION_S
from dashcamd.services.messages import (
    DeleteAsked,
    EventClosed,
    FramesLost,
    PartAbandoned,
    PartsLocked,
    RoomNeeded,
    VolumeLeaving,
)
from dashcamd.services.retention import FILES_AT_ONCE, LOOKS_AT_ONCE
from dashcamd.storage import catalog, recovery
from dashcamd.storage.disk import storage_error
from dashcamd.storage.locking import lock_parts, set_lock
from dashcamd.storage.mp4_reader import PIECE_BYTES
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk, PluggedDisk, stream
from dashcamd.types import Anchor, Gap, Jpeg
from tests.services.desk import STORY, Desk
from tests.storage.events import START, WALL, digest_of, write_event, write_part


@pytest.fixture
def desk():
    made = Desk()
    made.plug()
    made.step()
    return made


def test_a_sidecar_is_there_from_the_start_and_grows_with_the_event(desk):
    name = desk.open_event()
    (event,) = desk.events()
    assert event.facts.reason == "motion"
    assert not event.facts.is_closed
    desk.part(name, 0)
    desk.part(name, 1)
    (event,) = desk.events()
    assert [part.frames for part in event.facts.parts] == [8, 8]
    assert [part.sha256 for part in event.facts.parts] == [
        digest_of(desk.disk, path) for path in event.parts
    ]
    assert event.facts.peak_blocks == 9
    desk.tell(EventClosed(desk.volume, name, replace(STORY, motions=3, last_motion=START + 9)))
    (event,) = desk.events()
    assert event.facts.is_closed
    assert event.facts.motions == 3
    assert event.facts.last_motion == START + 9


def test_gaps_are_told_in_the_sidecar(desk):
    name = desk.open_event()
    desk.tell(FramesLost(desk.volume, name, Gap(START + 1, START + 2, 30, "ring overrun")))
    desk.tell(FramesLost(desk.volume, None, Gap(START + 1, START + 2, 30, "no volume")))
    desk.tell(EventClosed(desk.volume, name, STORY))
    assert [gap.cause for gap in desk.events()[0].facts.gaps] == ["ring overrun"]


def test_a_cover_is_taken_once_from_the_motion_and_then_no_longer_asked_for(desk):
    name = desk.open_event()
    assert desk.wanted[-1] is True
    desk.previews.put(Jpeg(START + 0.5, b"before the motion"))
    desk.step(1)
    assert name.path + "/cover.jpg" not in desk.disk.paths
    desk.previews.put(Jpeg(START + 1.5, b"the motion"))
    desk.step(1)
    desk.previews.put(Jpeg(START + 3, b"later"))
    desk.step(1)
    assert desk.disk.content(name.path + "/cover.jpg") == b"the motion"
    assert desk.wanted[-1] is False


def test_an_event_without_a_preview_closes_all_the_same(desk):
    name = desk.open_event()
    desk.tell(EventClosed(desk.volume, name, STORY))
    assert desk.events()[0].facts.is_closed
    assert desk.wanted[-1] is False


def test_leftovers_are_recovered_when_a_volume_comes_into_use():
    desk = Desk()
    before = Volume(desk.disk, "/stick", "earlier")
    write_event(before)
    write_event(before, ("kppp",), open_part="kppp" * 3)
    write_event(before, (), open_part="kppp")
    desk.plug()
    desk.step()
    assert not [event for event in desk.events() if recovery.is_interrupted(event)]
    assert [sum(part.frames for part in event.facts.parts) for event in desk.events()] == [8, 16, 4]
    assert desk.posted["leftovers"] == 0


def test_leftovers_are_recovered_one_a_step_so_that_messages_are_heard_in_between():
    desk = Desk()
    before = Volume(desk.disk, "/stick", "earlier")
    for _ in range(3):
        write_event(before, (), open_part="kppp")
    desk.plug()
    assert desk.service.step(desk.now) == 0.0
    left = []

    def note(answer):
        left.append(sum(map(recovery.is_interrupted, desk.events())))

    while len(left) < 10:
        desk.inbox.put(DeleteAsked("no such event", note))
        if desk.service.step(desk.now) > 0:
            break
    assert sorted(set(left), reverse=True) == [2, 1, 0]


class CountingDisk(PluggedDisk):
    """Counts the reads from parts."""

    reads = 0

    def before(self, act, path, size=0):
        super().before(act, path, size)
        self.reads += act == "read" and path.endswith(".mp4")

    def reads_of_each_step(self, desk):
        while True:
            before = self.reads
            delay_s = desk.service.step(desk.now)
            yield self.reads - before
            if delay_s > 0:
                return


@pytest.fixture
def huge():
    """A desk that takes no step by itself, its disk and an open event."""
    disk = CountingDisk(MemoryDisk())
    desk = Desk(disk)
    desk.plug()
    name = desk.open_event()
    desk.step = lambda: None
    return desk, disk, name


IN_ONE_GO = PIECE_BYTES >> 20
"""Most reads of 1 MiB."""


def test_a_huge_part_is_hashed_in_bounded_steps_and_read_once(huge):
    desk, disk, name = huge
    desk.part(name, 0, pad_bytes=3 << 20)
    desk.inbox.put(EventClosed(desk.volume, name, STORY))
    disk.reads = 0
    each = list(disk.reads_of_each_step(desk))
    assert max(each) <= IN_ONE_GO
    (event,) = desk.events()
    assert sum(each) == (event.facts.parts[0].bytes >> 20) + 2, "and one that finds the end"
    assert event.facts.is_closed, "what was said later came later"
    assert [part.sha256 for part in event.facts.parts] == [digest_of(disk, event.parts[0])]


def test_several_parts_that_wait_are_hashed_one_a_step(huge):
    desk, disk, name = huge
    for number in range(5):
        desk.part(name, number, pad_bytes=1 << 20)
    disk.reads = 0
    assert max(disk.reads_of_each_step(desk)) <= IN_ONE_GO + 2
    assert len(desk.events()[0].facts.parts) == 5


def test_a_huge_part_of_a_stick_that_leaves_is_hashed_before_it_is_let_go(huge):
    desk, disk, name = huge
    desk.part(name, 0, pad_bytes=3 << 20)
    known = []
    desk.inbox.put(VolumeLeaving(desk.volume, lambda: known.append(desk.events()[0].facts.parts)))
    list(disk.reads_of_each_step(desk))
    assert known[0][0].sha256


def test_a_huge_part_is_hashed_to_its_end_when_the_daemon_ends(huge):
    desk, _, name = huge
    desk.part(name, 0, pad_bytes=3 << 20)
    desk.service.step(desk.now)
    desk.service.close()
    assert desk.events()[0].facts.parts[0].sha256


class SlowReads(CountingDisk):
    """Takes a second for each MiB read from a part."""

    def before(self, act, path, size=0):
        super().before(act, path, size)
        self.desk.now += act == "read" and path.endswith(".mp4")


@pytest.fixture
def slow():
    """As `huge`, of a disk on which the desk's time passes."""
    disk = SlowReads(MemoryDisk())
    disk.desk = desk = Desk(disk)
    desk.plug()
    name = desk.open_event()
    desk.step = lambda: None
    return desk, disk, name


def found_at_the_next_plug_in(desk):
    again = Desk(desk.disk.inner)
    again.plug(boot_id="next")
    again.step()
    (event,) = again.events()
    return event, catalog.load(desk.disk.inner, event.name).facts


def test_a_daemon_that_ends_does_not_wait_for_a_leftover():
    disk = CountingDisk(MemoryDisk())
    desk = Desk(disk)
    name = write_event(Volume(disk, "/stick", "earlier"), ())
    write_part(disk, name.path, "120000_p00", stream("kppp" * 4, pad_bytes=2 << 20), finish=False)
    desk.plug()
    while desk.service._errand is None or disk.reads < IN_ONE_GO:
        desk.service.step(desk.now)
    disk.reads = 0
    desk.service.close()
    assert disk.reads == 0
    event, facts = found_at_the_next_plug_in(desk)
    assert facts.is_closed
    assert facts.parts[0].sha256 == digest_of(disk, event.parts[0])


def test_a_daemon_that_ends_waits_so_long_for_a_slow_stick_and_no_longer(slow, caplog):
    desk, disk, name = slow
    for number in range(4):
        desk.part(name, number, pad_bytes=2 << 20)
    desk.inbox.put(EventClosed(desk.volume, name, STORY))
    before = desk.now
    desk.service.close()
    assert desk.now - before <= CLOSE_LIMIT_S + IN_ONE_GO
    assert "is found when it is next used" in caplog.text
    event, facts = found_at_the_next_plug_in(desk)
    assert [part.sha256 for part in facts.parts] == [digest_of(disk, path) for path in event.parts]
    assert (len(facts.parts), facts.is_closed) == (4, True)


def test_a_stick_that_fails_in_the_midst_of_a_hash_holds_up_nothing(huge):
    desk, disk, name = huge
    desk.part(name, 0, pad_bytes=3 << 20)
    assert desk.service.step(desk.now) == 0.0
    disk.pull()
    left = []
    desk.inbox.put(VolumeLeaving(desk.volume, lambda: left.append(True)))
    list(disk.reads_of_each_step(desk))
    assert left == [True]


def test_a_huge_part_is_recovered_in_bounded_steps_and_hashed_once():
    disk = CountingDisk(MemoryDisk())
    desk = Desk(disk)
    name = write_event(Volume(disk, "/stick", "earlier"), ())
    frames = stream("kppp" * 4, pad_bytes=2 << 20)
    write_part(disk, name.path, "120000_p00", frames, finish=False)
    desk.plug()
    each = list(disk.reads_of_each_step(desk))
    assert sum(count >= IN_ONE_GO for count in each) >= 4, "a hash of 32 MiB in pieces"
    (event,) = desk.events()
    assert event.facts.parts[0].sha256 == digest_of(disk, event.parts[0])


def test_a_leftover_that_cannot_be_read_does_not_keep_the_others_from_recovery():
    disk = MemoryDisk()
    before = Volume(disk, "/stick", "earlier")
    for _ in range(3):
        write_event(before, (), open_part="kppp" * 2)
    counting = FlakyDisk(disk)
    Volume(counting, "/stick", "boot")
    for call in range(counting.calls + 1, counting.calls + 60, 2):
        desk = Desk(MemoryDisk())
        trial = disk.at(len(disk.journal))
        desk.plug(FlakyDisk(trial, call, once=True))
        desk.step()
        left = [event for event in catalog.events(trial) if recovery.is_interrupted(event)]
        assert len(left) <= 1 or desk.posted["fault"]


def test_the_part_being_written_is_left_alone(desk):
    name = desk.open_event()
    write_part(desk.disk, name.path, "120000_p00", stream("kppp"), finish=False)
    desk.plug()
    desk.step()
    assert desk.events()[0].open_parts == [name.path + "/120000_p00.part.mp4"]


def test_an_abandoned_part_is_recovered_and_told(desk):
    name = desk.open_event()
    desk.part(name, 0, finish=False)
    desk.part(name, 1)
    (event,) = desk.events()
    assert event.open_parts == []
    assert [part.status for part in event.facts.parts] == ["recovered", "ok"]


def test_an_abandoned_part_without_a_frame_goes_if_it_never_had_one(desk):
    name = desk.open_event()
    for number, is_durable in enumerate([False, True]):
        path = "%s/120000_p%02d" % (name.path, number)
        desk.disk.put(path + ".part.mp4", b"\0" * 50)
        desk.tell(PartAbandoned(desk.volume, name, path + ".part.mp4", is_durable))
    assert [path for path in desk.disk.paths if "_p" in path] == [name.path + "/120000_p01.damaged"]


def test_an_event_goes_on_when_its_stick_is_plugged_in_again():
    desk = Desk()
    plugged = PluggedDisk(desk.disk)
    desk.plug(plugged)
    name = desk.open_event()
    desk.part(name, 0)
    write_part(plugged, name.path, "120000_p01", stream("kppp"), finish=False)
    plugged.pull()
    desk.tell(PartAbandoned(desk.volume, name, name.path + "/120000_p01.part.mp4"))
    desk.slot.put(None)
    desk.step(1)
    desk.plug(PluggedDisk(desk.disk))
    desk.step(1)
    desk.part(name, 2)
    desk.tell(EventClosed(desk.volume, name, STORY))
    (event,) = desk.events()
    assert event.open_parts == []
    assert event.facts.is_closed
    assert [part.status for part in event.facts.parts] == ["ok", "recovered", "ok"]


def take_away(disk, folder):
    """What moving a folder to a computer does."""
    for path in [path for path in disk.paths if path.startswith(folder + "/")]:
        disk.unlink(path)
    disk.rmdir(folder)


def test_an_event_whose_folder_was_taken_away_is_let_go_and_room_is_made_all_the_same():
    disk = full_of(20)
    desk = Desk(PluggedDisk(disk))
    desk.plug()
    desk.step()
    name = desk.open_event()
    desk.part(name, 0)
    desk.disk.pull()
    desk.tell(EventClosed(desk.volume, name, STORY))
    desk.slot.put(None)
    desk.step(1)
    take_away(disk, name.path)
    desk.disk = PluggedDisk(disk)
    desk.plug()
    desk.step(1)
    desk.step(RETENTION_S)
    desk.step(RETENTION_S)
    assert desk.posted["fault"] is None
    before = len(desk.events())
    disk._capacity -= disk.space().free
    desk.step(RETENTION_S)
    assert len(desk.events()) < before


def test_an_open_event_that_cannot_be_read_does_not_keep_others_from_making_room():
    disk = full_of(20)
    desk = Desk(disk)
    desk.plug()
    desk.step()
    name = desk.open_event()
    desk.part(name, 0)
    disk._capacity -= disk.space().free
    list_dir = disk.entries

    def entries(path):
        if path == name.path:
            raise storage_error("list", path, errno.EIO)
        return list_dir(path)

    disk.entries = entries
    before = len(desk.events())
    desk.step(RETENTION_S)
    assert len(desk.events()) < before
    assert name.folder in desk.posted["fault"]


def test_two_fresh_sticks_with_events_of_the_same_name_are_told_apart():
    desk = Desk()
    first = desk.plug()
    name = desk.open_event()
    desk.part(name, 0)
    other = MemoryDisk()
    desk.plug(other)
    desk.step(1)
    assert desk.open_event() == name, "the same number, second and reason"
    desk.part(name, 1)
    desk.tell(EventClosed(first, name, STORY))
    desk.tell(EventClosed(desk.volume, name, STORY))
    stored = [catalog.load(disk, name) for disk in (desk.disk, other)]
    assert [event.facts.is_closed for event in stored] == [True, True]
    assert [[part.file for part in event.facts.parts] for event in stored] == [
        ["120000_p00.mp4"],
        ["120000_p01.mp4"],
    ]


def test_a_fault_is_shown_and_goes_when_it_is_over():
    desk = Desk()
    flaky = FlakyDisk(desk.disk, once=True)
    desk.plug(flaky)
    desk.step()
    flaky.fail_at = flaky.calls + 1
    desk.step(RETENTION_S)
    assert "cannot" in desk.posted["fault"]
    for _ in range(2):
        desk.step(RETENTION_S)
    assert desk.posted["fault"] is None


def test_a_closed_event_on_a_pulled_stick_holds_up_no_other_and_is_said_once(caplog):
    desk = Desk(MemoryDisk())
    first = PluggedDisk(desk.disk)
    pulled = desk.plug(first)
    lost = [desk.open_event(), desk.open_event()]
    first.pull()
    other = MemoryDisk()
    for _ in lost:
        write_event(Volume(other, "/stick", "earlier"))
    desk.plug(other)
    desk.step(1)
    name = desk.open_event()
    desk.previews.put(Jpeg(START + 2, b"the motion"))
    caplog.clear()
    for gone in lost:
        desk.tell(EventClosed(pulled, gone, STORY))
    desk.tell(EventClosed(desk.volume, name, STORY))
    for _ in range(20):
        desk.step(1)
    assert catalog.load(other, name).facts.is_closed
    assert other.content(name.path + "/cover.jpg") == b"the motion"
    assert len(caplog.records) == len({record.getMessage() for record in caplog.records})


def test_no_failure_of_the_volume_kills_the_service():
    disk = MemoryDisk()
    counting = FlakyDisk(disk)
    Volume(counting, "/stick", "boot")
    for call in range(counting.calls + 1, counting.calls + 80, 3):
        desk = Desk(MemoryDisk())
        desk.plug(FlakyDisk(desk.disk, call))
        try:
            name = desk.open_event()
            desk.previews.put(Jpeg(START + 2, b"jpg"))
            desk.part(name, 0)
            desk.part(name, 1, finish=False)
            desk.tell(EventClosed(desk.volume, name, STORY))
        except OSError:
            desk.step()  # the record thread's own call was the one that failed
        desk.step(RETENTION_S)
        desk.service.close()


def full_of(events, free=0):
    """A disk with so many closed events, and `free` bytes."""
    disk = MemoryDisk()
    before = Volume(disk, "/stick", "earlier")
    for _ in range(events):
        write_event(before, ("kppp" * 2,))
    used = disk.space().total - disk.space().free
    disk._capacity = used + free
    return disk


def test_the_oldest_events_go_when_space_runs_out():
    disk = full_of(20)
    desk = Desk(disk)
    desk.plug()
    desk.step()
    numbers = [event.number for event in desk.events()]
    assert numbers == list(range(numbers[0], 21))
    assert 1 < numbers[0] < 20
    assert disk.space().free >= disk.space().total // 10
    assert desk.posted["events_deleted"] == numbers[0] - 1
    assert desk.posted["short_bytes"] == 0


def test_room_is_made_at_once_when_a_write_found_the_volume_full():
    disk = full_of(20, free=10**6)
    desk = Desk(disk)
    desk.plug()
    desk.step()
    assert len(desk.events()) == 20
    disk.put("film.mp4", b"x" * disk.space().free)
    desk.step(1)
    assert len(desk.events()) == 20
    desk.tell(RoomNeeded())
    assert len(desk.events()) < 20


def test_what_a_check_made_of_lost_clusters_makes_room_first_and_only_when_there_is_need():
    disk = full_of(20, free=10**6)
    lost, names = disk.space().free, ("FSCK0000.REC", "FSCK0001.REC")
    for name in names:
        disk.put(name, b"x" * (lost // 4))
    disk.put("FSCK0000.REC.jpg", b"x")
    disk.put("films/FSCK0000.REC", b"x")
    desk = Desk(disk)
    desk.plug()
    desk.step()
    assert set(names) <= set(disk.paths), "there is room enough"
    disk.put("film.mp4", b"x" * disk.space().free)
    desk.step(RETENTION_S)
    assert not set(names) & set(disk.paths)
    assert {"FSCK0000.REC.jpg", "films/FSCK0000.REC", "film.mp4"} <= set(disk.paths)
    assert len(desk.events()) == 20


def test_locked_events_and_foreign_files_stay_and_what_is_missing_is_said():
    disk = full_of(3)
    for name in [event.name.path for event in catalog.events(disk)]:
        disk.put(name + "/locked.txt", b"")
    disk._capacity = disk._capacity + 100
    desk = Desk(disk)
    desk.plug()
    desk.step()
    assert len(desk.events()) == 3
    assert desk.posted["short_bytes"] > 0
    assert "leave no room" in desk.posted["fault"]


def test_of_a_drive_the_locked_parts_stay_and_the_rest_makes_room():
    disk = MemoryDisk()
    before = Volume(disk, "/stick", "earlier")
    drive = write_event(before, ("kppp" * 2,) * 9, reason="driving")
    lock_parts(disk, drive, (4, 5))
    disk._capacity = disk.space().total - disk.space().free + 100
    desk = Desk(disk)
    desk.plug()
    desk.step()
    (event,) = desk.events()
    assert [path[-7:-4] for path in event.parts] == ["p04", "p05"]
    assert len(event.facts.parts) == 2
    desk.step(RETENTION_S)
    assert desk.events() == [event]


def test_traces_and_the_page_are_not_blamed_as_foreign():
    disk = full_of(3)
    for name in [event.name for event in catalog.events(disk)]:
        disk.put(name.path + "/locked.txt", b"")
    disk.put("DASHCAM/%s/%s" % (name.day, naming.trace_name(1, 0)), bytes(5 << 20))
    disk.put("DASHCAM/index.html", bytes(2 << 20))
    disk._capacity = sum(len(disk.content(path)) for path in disk.paths) + 100
    desk = Desk(disk)
    desk.plug()
    desk.step()
    assert "foreign files (0 MiB)" in desk.posted["fault"]


def test_a_bump_locks_parts_of_the_event_that_is_recorded_at_once():
    desk = Desk()
    desk.plug()
    name = desk.open_event()
    for number in range(6):
        desk.part(name, number, pad_bytes=100_000)
    desk.tell(PartsLocked(desk.volume, name, (0, 1)))
    assert desk.events()[0].locked_parts == (0, 1)
    desk.disk._capacity = desk.disk.space().total - desk.disk.space().free
    desk.step(RETENTION_S)
    assert [path[-7:-4] for path in desk.events()[0].parts][:2] == ["p00", "p01"]
    assert len(desk.events()[0].parts) < 6


def bumped_while_the_stick_was_loose(desk):
    inner = desk.disk.inner
    volume = desk.plug()
    desk.step()
    name = desk.open_event()
    desk.part(name, 0)
    desk.disk.pull()
    desk.tell(PartsLocked(volume, name, (0,)))
    desk.slot.put(None)
    desk.step(1)
    return inner, name


def test_a_lock_that_failed_is_made_when_the_same_stick_is_back():
    desk = Desk(PluggedDisk(MemoryDisk()))
    inner, name = bumped_while_the_stick_was_loose(desk)
    desk.plug(MemoryDisk())
    desk.step(1)
    desk.disk = PluggedDisk(inner)
    desk.plug()
    desk.step(1)
    assert catalog.load(inner, name).locked_parts == (0,)
    desk.step(RETENTION_S)
    desk.step(RETENTION_S)
    assert desk.posted["fault"] is None


def test_a_lock_on_a_stick_that_is_out_is_no_fault_of_the_one_in_use():
    desk = Desk(PluggedDisk(MemoryDisk()))
    first = desk.plug()
    desk.step()
    name = desk.open_event()
    desk.part(name, 0)
    desk.disk.pull()
    desk.tell(VolumeLeaving(first, lambda: None))
    desk.plug(MemoryDisk())
    desk.step(1)
    desk.tell(PartsLocked(first, name, (0,)))
    assert desk.posted["fault"] is None


def test_an_event_to_be_locked_makes_no_room_while_the_full_stick_cannot_take_the_lock():
    disk = MemoryDisk(capacity_bytes=12 << 20)
    desk = Desk(disk)
    volume = desk.plug()
    desk.step()
    name = desk.open_event()
    for number in range(3):
        desk.part(name, number)
    desk.tell(EventClosed(volume, name, STORY))
    disk.put("film.mkv", bytes(disk.space().free))
    desk.tell(PartsLocked(volume, name, (0, 1)))
    desk.tell(RoomNeeded())
    desk.step(RETENTION_S)
    disk.unlink("film.mkv")
    desk.step(RETENTION_S)
    assert catalog.load(disk, name).locked_parts == (0, 1)
    assert len(catalog.load(disk, name).parts) == 3


def test_a_stick_that_lay_in_a_drawer_is_emptied_piece_by_piece():
    disk = MemoryDisk()
    before = Volume(disk, "/stick", "earlier")
    for _ in range(100):
        write_event(before)
    desk = Desk(disk, keep_days=1.0, timeline=Timeline(Anchor(START, WALL + 9 * 86400, 1.0, "ntp")))
    desk.plug()
    most, waits = 0, 0.0
    left = 100
    while left:
        waits = desk.service.step(desk.now)
        now_left = sum(1 for _ in catalog.names(disk))
        most, left = max(most, left - now_left), now_left
        desk.now += waits
    assert most <= FILES_AT_ONCE
    assert desk.now < START + 102 + RETENTION_S, "it does not wait for the next look each time"
    assert desk.posted["events_deleted"] == 100


def test_room_is_made_up_to_the_high_mark_piece_by_piece():
    disk = full_of(100)
    desk = Desk(disk, reserve_mib=1, high_water_percent=900.0)
    low = min(1 << 20, disk.space().total // 10)
    desk.plug()
    deleted = []
    for _ in range(60):
        desk.now += desk.service.step(desk.now)
        deleted.append(desk.posted["events_deleted"])
    steps = [after - before for before, after in zip([0, *deleted], deleted)]
    assert max(steps) <= FILES_AT_ONCE
    assert sum(step > 0 for step in steps) > 1
    assert disk.space().free >= min(10 * low, disk.space().total // 2)


def test_parts_of_the_open_event_go_last_and_its_sidecar_knows():
    desk = Desk()
    desk.plug()
    name = desk.open_event()
    for number in range(6):
        desk.part(name, number, pad_bytes=100_000)
    used = desk.disk.space().total - desk.disk.space().free
    desk.disk._capacity = used
    desk.step(RETENTION_S)
    (event,) = desk.events()
    assert 0 < len(event.parts) < 6
    assert event.parts[-1].endswith("p05.mp4")
    assert [part.file for part in event.facts.parts] == [
        path.rpartition("/")[2] for path in event.parts
    ]
    desk.tell(EventClosed(desk.volume, name, STORY))
    assert len(desk.events()[0].facts.parts) == len(event.parts)


def test_an_event_too_old_goes_and_one_of_this_boot_is_measured_without_the_wall_clock():
    desk = Desk(keep_days=1.0)
    earlier = Volume(desk.disk, "/stick", "earlier")
    write_event(earlier)
    desk.timeline = desk.service._timeline = Timeline(Anchor(START, WALL + 10 * 86400, 0.1, "gps"))
    desk.plug()
    write_event(desk.volume)
    desk.step()
    assert [event.number for event in desk.events()] == [2]
    desk.step(2 * 86400)
    assert desk.events() == []


def test_without_a_clock_nothing_is_too_old():
    desk = Desk(keep_days=1.0)
    write_event(Volume(desk.disk, "/stick", "earlier"))
    desk.service._timeline = Timeline()
    desk.plug()
    desk.step(50 * 86400)
    assert len(desk.events()) == 1


def test_a_doubtful_clock_gives_events_the_benefit_of_the_doubt():
    desk = Desk(keep_days=1.0)
    write_event(Volume(desk.disk, "/stick", "earlier"))
    desk.service._timeline = Timeline(
        Anchor(START, WALL + 1.5 * 86400, uncertainty_s=86400.0, source="system")
    )
    desk.plug()
    desk.step()
    assert len(desk.events()) == 1
    assert Moment(0, WALL, 1, "x").iso


def test_a_clock_that_nobody_confirmed_deletes_nothing():
    """A Pi boots with the time at which it was last switched off, which may be weeks ago."""
    desk = Desk(keep_days=1.0)
    write_event(Volume(desk.disk, "/stick", "earlier"))
    desk.service._timeline = Timeline(Anchor(START, WALL + 30 * 86400, 3600.0, source="system"))
    desk.plug()
    desk.step()
    assert len(desk.events()) == 1


def asked(desk, folder):
    answers = []
    desk.tell(DeleteAsked(folder, answers.append))
    return answers


def test_an_event_is_deleted_when_somebody_asks(desk):
    one, two = write_event(desk.volume), write_event(desk.volume)
    assert asked(desk, one.folder) == [None]
    assert [event.name for event in desk.events()] == [two]
    assert desk.posted["events_deleted"] == 1


def test_a_locked_an_open_and_an_unknown_event_are_not_deleted_and_it_says_why(desk):
    locked = write_event(desk.volume)
    set_lock(desk.disk, locked.folder, True)
    growing = desk.open_event()
    assert "locked" in asked(desk, locked.folder)[0]
    assert "being recorded" in asked(desk, growing.folder)[0]
    assert "no event" in asked(desk, "120000_e000099_motion")[0]
    assert len(desk.events()) == 2


def test_whoever_asks_is_told_of_a_stick_that_fails_and_of_one_that_is_gone(desk):
    name = write_event(desk.volume)
    desk.plug(FlakyDisk(desk.disk, 10**9))
    desk.step()
    desk.volume.disk.entries = Mock(side_effect=StorageError("the medium failed"))
    assert asked(desk, name.folder) == ["the medium failed"]
    desk.slot.put(None)
    desk.step()
    assert "no event" in asked(desk, name.folder)[0]


def test_an_event_that_record_has_just_begun_is_not_taken_for_a_leftover():
    desk = Desk()
    volume = desk.plug()
    _, name = volume.new_event("motion", desk.timeline.moment(START), START)
    write_part(volume.disk, name.path, "120000_p00", stream("kppp"), finish=False)
    desk.step(1)
    assert name.path + "/120000_p00.part.mp4" in desk.disk.paths


def test_an_abandoned_part_that_is_gone_is_not_looked_for_again():
    desk = Desk()
    desk.plug()
    desk.step()
    name = desk.open_event()
    desk.tell(PartAbandoned(desk.volume, name, name.path + "/120000_p00.part.mp4"))
    desk.plug()
    desk.step()
    assert desk.posted["fault"] is None


def test_a_stick_that_keep_has_let_go_of_is_not_touched_again(desk):
    name = desk.open_event()
    left = []
    desk.tell(VolumeLeaving(desk.volume, lambda: left.append(len(desk.disk.journal))))
    desk.tell(EventClosed(desk.volume, name, STORY))
    desk.previews.put(Jpeg(START + 2, b"the motion"))
    desk.slot.put(None)
    desk.step(RETENTION_S)
    assert left == [len(desk.disk.journal)]


class ListingDisk(PluggedDisk):
    """Counts how often the folder of each event was listed."""

    def __init__(self, inner):
        super().__init__(inner)
        self.listed = Counter()

    def entries(self, path):
        self.listed[path] += 1
        return super().entries(path)


def test_of_many_locked_events_a_bounded_number_is_looked_at_in_a_step_and_each_once():
    inner = full_of(200)
    locked = [event.name for event in catalog.events(inner)]
    inner._capacity += 10**9
    for name in locked:
        set_lock(inner, name.folder, True)
    last = write_event(Volume(inner, "/stick", "earlier"), ("kppp" * 2,) * 40)
    inner._capacity = inner.space().total - inner.space().free + 1000
    disk = ListingDisk(inner)
    desk = Desk(disk)
    desk.plug()
    each, delays = [], []
    while last.folder in inner_folders(inner):
        before = sum(disk.listed[name.path] for name in locked)
        delays.append(desk.service.step(desk.now))
        each.append(sum(disk.listed[name.path] for name in locked) - before)
        assert desk.posted["short_bytes"] == 0, "nothing is missing as far as is known"
    assert max(each) <= LOOKS_AT_ONCE + FIRST_LOOK + LOOK_AGAIN
    assert len(each) > 1
    assert max(delays[:-1]) < 1.0, "it goes on at once"
    assert max(disk.listed[name.path] for name in locked) == 1


def inner_folders(disk):
    return {name.folder for _, name in catalog.names(disk)}


def test_parts_of_the_open_event_stay_while_older_events_are_not_looked_at_yet():
    inner = full_of(200)
    inner._capacity += 10**9
    for name in [event.name for event in catalog.events(inner)][:170]:
        set_lock(inner, name.folder, True)
    desk = Desk(inner)
    desk.plug()
    name = desk.open_event()
    for number in range(3):
        desk.part(name, number)
    inner._capacity = inner.space().total - inner.space().free + 1000
    desk.plug()
    for _ in range(5):
        desk.step(0.05)
    assert desk.posted["events_deleted"] > 0
    assert len(catalog.load(inner, name).parts) == 3


def test_folders_that_hold_nothing_of_ours_are_looked_at_once_in_a_round():
    inner = full_of(5)
    inner._capacity += 10**5
    for event in catalog.events(inner):
        set_lock(inner, event.name.folder, True)
    inner._capacity = inner.space().total - inner.space().free + 1000
    for number in range(100, 300):
        inner.make_dirs("DASHCAM/2027-01-15/120000_e%06d_motion" % number)
    disk = ListingDisk(inner)
    desk = Desk(disk)
    desk.plug()
    for _ in range(5):
        desk.step(1)
    assert desk.posted["short_bytes"] > 0, "it is looked for room"
    empty = [path for path in disk.listed if "/120000_e" in path]
    assert {disk.listed[path] for path in empty} == {1}
