"""Events get their date when somebody knows the time; a cut or a lying clock spoils none."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from dashcamd.core.timeline import Timeline
from dashcamd.services.keep import RETENTION_S
from dashcamd.services.messages import EventClosed
from dashcamd.storage import catalog, clocks
from dashcamd.testing import FlakyDisk, MemoryDisk
from dashcamd.types import Anchor
from tests.services.desk import STORY, Desk
from tests.storage.events import START, WALL

PHONE = Anchor(START + 50, WALL + 50, 2.0, "phone")
NTP = Anchor(START + 60, WALL + 60.5, 0.5, "ntp")
YEARS = 10 * 365 * 86400.0
UNCONFIRMED = Anchor(START, WALL - 40 * 86400, 3600.0, "system")


def desk_without_a_clock(disk=None, boot_id="boot", timeline=None):
    desk = Desk(disk, timeline=timeline or Timeline())
    desk.plug(boot_id=boot_id)
    desk.step()
    return desk


def record(desk, count=1):
    names = []
    for number in range(count):
        names.append(desk.open_event())
        desk.part(names[-1], number)
        desk.tell(EventClosed(desk.volume, names[-1], STORY))
    return names


def labels(disk):
    moments = [event.facts.moment for event in catalog.events(disk)]
    return [moment and (moment.source, moment.wall, moment.uncertainty_s) for moment in moments]


def test_events_of_this_boot_are_dated_when_a_phone_comes_and_again_when_ntp_does():
    desk = desk_without_a_clock()
    names = record(desk, 3)
    assert all(name.day == "boot-000001" for name in names)
    assert labels(desk.disk) == [None] * 3
    desk.timeline.offer(PHONE)
    desk.step(1)
    assert labels(desk.disk) == [("phone", WALL, pytest.approx(2.005))] * 3
    desk.timeline.offer(NTP)
    desk.step(1)
    assert labels(desk.disk) == [("ntp", WALL + 0.5, pytest.approx(0.506))] * 3
    assert [event.name for event in desk.events()] == names, "folders keep their names"
    assert desk.posted["events_redated"] == 6


def test_an_event_that_is_being_recorded_is_dated_too():
    desk = desk_without_a_clock()
    name = desk.open_event()
    desk.timeline.offer(PHONE)
    desk.step(1)
    assert labels(desk.disk)[0][0] == "phone"
    desk.part(name, 0)
    desk.tell(EventClosed(desk.volume, name, STORY))
    assert labels(desk.disk)[0][0] == "phone"
    assert desk.events()[0].facts.is_closed


def test_dating_again_changes_nothing():
    desk = desk_without_a_clock()
    record(desk, 3)
    desk.timeline.offer(PHONE)
    desk.step(1)
    before = len(desk.disk.journal)
    for _ in range(5):
        desk.step(RETENTION_S)
    desk.plug()
    desk.step()
    changes = [op for op in desk.disk.journal[before:] if op.path != "DASHCAM/volume.json.tmp"]
    assert not [op for op in changes if op.act in ("write", "rename", "create")]


def test_an_anchor_that_is_hardly_better_is_not_worth_writing():
    desk = desk_without_a_clock()
    record(desk)
    desk.timeline.offer(NTP)
    desk.step(1)
    before = len(desk.disk.journal)
    for age in range(1, 20):
        desk.timeline.offer(Anchor(START + 60 + age * 10, WALL + 60.5 + age * 10, 0.5, "ntp"))
        desk.step(10)
    assert len(desk.disk.journal) == before


def test_a_clock_of_last_month_is_corrected():
    timeline = Timeline(UNCONFIRMED)
    desk = desk_without_a_clock(timeline=timeline)
    (name,) = record(desk)
    assert name.day.startswith("2026-12")
    timeline.offer(NTP)
    desk.step(1)
    assert labels(desk.disk) == [("ntp", WALL + 0.5, pytest.approx(0.506))]


def test_events_of_other_boots_keep_what_they_have():
    first = desk_without_a_clock()
    record(first)
    second = desk_without_a_clock(first.disk, boot_id="another")
    record(second)
    second.timeline.offer(PHONE)
    second.step(1)
    assert [label and label[0] for label in labels(first.disk)] == [None, "phone"]


def test_a_cut_between_any_two_steps_is_made_up_for_at_the_next_plug_in():
    desk = desk_without_a_clock()
    record(desk, 3)
    before = len(desk.disk.journal)
    desk.timeline.offer(PHONE)
    desk.step(1)
    after = len(desk.disk.journal)
    videos = {p: desk.disk.content(p) for p in desk.disk.paths if p.endswith(".mp4")}
    assert after - before > 10
    was_finished = set()
    for step in range(before, after + 1):
        for left in (desk.disk.at(step), desk.disk.after_cut(step)):
            next_boot = desk_without_a_clock(left, boot_id="after the cut")
            for _ in range(3):
                next_boot.step(RETENTION_S)
            found = [label and label[0] for label in labels(left)]
            assert set(found) <= {None, "phone"}
            noted = "boot" in clocks.read(left)
            assert found == ["phone" if noted else None] * 3, "all of them or none"
            was_finished.add(noted)
            assert {path: left.content(path) for path in videos} == videos
            assert all(event.facts.parts for event in catalog.events(left))
    assert was_finished == {True, False}


def test_a_disk_that_fails_anywhere_leaves_events_whole_and_is_tried_again():
    disk = MemoryDisk()
    first = desk_without_a_clock(disk)
    record(first, 2)
    at = len(disk.journal)
    for call in range(1, 60, 2):
        trial = disk.at(at)
        timeline = Timeline()
        flaky = FlakyDisk(trial, code=errno.EIO, once=True)
        desk = Desk(flaky, timeline=timeline)
        desk.plug(flaky)
        desk.step()
        timeline.offer(PHONE)
        flaky.fail_at = flaky.calls + call
        desk.step(1)
        for _ in range(4):
            desk.step(RETENTION_S)
        assert [label[0] for label in labels(trial)] == ["phone", "phone"]


@pytest.mark.parametrize("text", [b"", b"{", b'{"boots": [{}]}', b'{"boots": 3}', b"[" * 5000])
def test_a_hostile_clocks_file_dates_nothing_and_is_replaced(text):
    desk = desk_without_a_clock()
    record(desk)
    desk.disk.put("DASHCAM/clocks.json", text)
    desk.plug()
    desk.step()
    assert labels(desk.disk) == [None]
    desk.timeline.offer(PHONE)
    desk.step(1)
    assert labels(desk.disk)[0][0] == "phone"
    assert clocks.read(desk.disk) == {"boot": replace(PHONE, wall=WALL + 50)}


@pytest.mark.parametrize("wall", [-5e11, 0.0, 1e12])
def test_an_anchor_from_a_stick_that_no_clock_gives_dates_nothing(wall):
    desk = desk_without_a_clock()
    record(desk)
    clocks.write(desk.disk, {"boot": Anchor(START, wall, 0.1, "ntp")})
    next_boot = desk_without_a_clock(desk.disk, boot_id="next")
    next_boot.step(RETENTION_S)
    assert labels(desk.disk) == [None]


def test_two_boots_in_the_same_second_collide_in_nothing():
    disk = MemoryDisk()
    names = []
    for boot in range(5):
        desk = desk_without_a_clock(disk, boot_id="boot %d" % boot)
        names += record(desk, 2)
        desk.timeline.offer(PHONE)
        names += record(desk, 2)
        desk.step(1)
    assert len(set(names)) == 20
    assert [event.name for event in catalog.events(disk)] == names
    assert labels(disk) == [("phone", WALL, pytest.approx(2.005))] * 20


def years_later(source):
    """The stick of five events that NTP dated; the same boot goes on with a clock that jumped."""
    disk = MemoryDisk()
    last_week = desk_without_a_clock(disk, "last week", Timeline(Anchor(START, WALL, 0.5, "ntp")))
    record(last_week, 5)
    last_week.step(1)
    desk = desk_without_a_clock(disk, "today", Timeline(Anchor(START, WALL + 7200, 0.5, "ntp")))
    desk.step(1)
    jumped = Timeline(Anchor(START + 1000, WALL + 8200 + YEARS, 0.5, source))
    anew = Desk(disk, timeline=jumped, keep_days=4.0)
    anew.plug(boot_id="today")
    return anew


@pytest.mark.parametrize("source", ["system", "phone", "ntp", "gps"])
def test_a_clock_that_jumps_by_years_and_a_restart_of_the_daemon_delete_nothing(source):
    desk = years_later(source)
    record(desk)
    for _ in range(5):
        desk.step(RETENTION_S)
    assert len(desk.events()) == 6
    assert clocks.read(desk.disk)["today"].wall == WALL + 7200, "what was known first stays noted"


PHONE_LIES = Anchor(START, WALL + 7200 + YEARS, 2.0, "phone")
NTP_OBJECTS = Anchor(START + 500, WALL + 7700.45, 0.5, "ntp")
SYSTEM_AGREES = Anchor(START + 700, WALL + 7900, 3600.0, "system")
NTP_LIES_TOO = Anchor(START + 1000, WALL + 8200.5 + YEARS, 0.5, "ntp")


def runs_of_a_boot(disk, runs):
    """The daemon is started once for each of `runs`, in one boot, and hears these anchors."""
    for heard in runs:
        timeline = Timeline()
        desk = Desk(disk, timeline=timeline, keep_days=4.0)
        desk.plug(boot_id="today")
        desk.step()
        for anchor in heard:
            timeline.offer(anchor)
            desk.step(RETENTION_S)
    return desk


@pytest.mark.parametrize(
    "runs",
    [
        [[PHONE_LIES, NTP_OBJECTS], [NTP_LIES_TOO]],
        [[PHONE_LIES], [NTP_OBJECTS], [NTP_LIES_TOO]],
        [[PHONE_LIES, replace(NTP_OBJECTS, source="phone")], [NTP_LIES_TOO]],
        [[PHONE_LIES, NTP_OBJECTS], [SYSTEM_AGREES], [NTP_LIES_TOO]],
        [[replace(PHONE_LIES, uncertainty_s=0.0)], [NTP_OBJECTS], [NTP_LIES_TOO]],
    ],
)
def test_that_a_clock_was_contradicted_is_known_when_the_daemon_is_started_anew(runs):
    disk = MemoryDisk()
    last_week = desk_without_a_clock(disk, "last week", Timeline(Anchor(START, WALL, 0.5, "ntp")))
    record(last_week, 5)
    desk = runs_of_a_boot(disk, runs)
    record(desk)
    for _ in range(5):
        desk.step(RETENTION_S)
    assert len(desk.events()) == 6
    source, wall, uncertainty_s = labels(disk)[-1]
    assert source == "ntp"
    assert abs(wall - (WALL + 7200)) <= uncertainty_s


def test_a_contradiction_that_no_stick_saw_is_noted_instead_of_a_clock_nobody_confirmed():
    desk = runs_of_a_boot(MemoryDisk(), [[Anchor(START, WALL + 7200, 120.0, "rtc")]])
    assert clocks.read(desk.disk)["today"].source == "rtc"
    desk.timeline.offer(PHONE_LIES)
    desk.timeline.offer(NTP_OBJECTS)
    desk.step(RETENTION_S)
    noted = clocks.read(desk.disk)["today"]
    assert noted.source == "ntp"
    assert noted.uncertainty_s > YEARS


def test_a_contradiction_is_noted_once_however_often_it_is_heard():
    desk = runs_of_a_boot(MemoryDisk(), [[PHONE_LIES, NTP_OBJECTS]])
    noted = clocks.read(desk.disk)["today"]
    assert noted.wall == PHONE_LIES.wall, "what was known first stays noted"
    assert noted.uncertainty_s > YEARS
    before = len(desk.disk.journal)
    for seconds in range(1, 100, 10):
        for anchor in (PHONE_LIES, NTP_OBJECTS):
            heard = replace(anchor, ts=anchor.ts + seconds, wall=anchor.wall + 2 * seconds)
            desk.timeline.offer(heard)
            desk.step(RETENTION_S)
    assert len(desk.disk.journal) == before


def test_a_phone_alone_dates_events_and_deletes_none_and_a_time_server_does():
    for source, left in (("phone", 6), ("ntp", 1)):
        disk = MemoryDisk()
        record(desk_without_a_clock(disk, "old", Timeline(Anchor(START, WALL, 0.5, "ntp"))), 5)
        timeline = Timeline(Anchor(START, WALL + 9 * 86400, 2.0, source))
        desk = Desk(disk, timeline=timeline, keep_days=4.0)
        desk.plug(boot_id="new")
        record(desk)
        for _ in range(5):
            desk.step(RETENTION_S)
        assert len(desk.events()) == left
        assert labels(disk)[-1][0] == source


def test_the_time_is_noted_although_no_event_waits_for_it_and_tried_again_where_that_fails():
    flaky = FlakyDisk(MemoryDisk(), code=errno.ENOSPC)
    desk = desk_without_a_clock(flaky)
    desk.timeline.offer(NTP)
    flaky.fail_at = flaky.calls + 1
    desk.step(1)
    before = flaky.calls
    desk.step(1)
    assert flaky.calls - before < 3, "it is not asked at each step"
    flaky.fail_at = None
    desk.step(RETENTION_S)
    assert clocks.read(flaky.inner) == {"boot": NTP}
