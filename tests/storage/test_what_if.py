"""What other settings would have recorded, from traces alone and in bounded time."""

from __future__ import annotations

import pytest

from dashcamd.config import MotionConfig
from dashcamd.core.trace import Tracer, chunks_of, fields_of
from dashcamd.storage import trace_log
from dashcamd.storage import what_if as module
from dashcamd.storage.what_if import Memory, what_if
from dashcamd.testing import MemoryDisk
from tests.core.fields import still, walk

WALL = 1_800_000_000.0


def visits(*starts, seconds=400):
    """Fields of so long, with somebody who passes for eight seconds at each of `starts`."""
    fields, ts = [], 0
    for start in starts:
        fields += still(ts, start - ts) + walk(start, 8)
        ts = start + 8
    return fields + still(ts, seconds - ts)


def disk_of(*hours):
    disk = MemoryDisk()
    for hour, fields in enumerate(hours):
        tracer = Tracer()
        for chunk in [*(tracer.take(one) for one in fields), tracer.flush()]:
            if chunk is not None:
                clock = {"start_unix_s": WALL + chunk.start}
                path = "DASHCAM/2026-11-20/trace-000001-%04d.bin" % hour
                trace_log.append(disk, path, chunk.encoded(clock))
    return disk


@pytest.fixture(scope="module")
def disk():
    return disk_of(visits(100, 300), visits(200))


def events_of(disk, gap_s=15.0, **motion):
    return what_if(disk, [MotionConfig(**motion)], gap_s).events[0]


def test_the_same_settings_give_what_was_recorded(disk):
    found = what_if(disk, [MotionConfig()], gap_s=15.0)
    (events,) = found.events
    assert found.is_complete
    assert [round(one["start_s"]) for one in events] == [100, 300, 200]
    assert events[0]["start_unix_s"] == pytest.approx(WALL + 100, abs=1)
    assert {one["reason"] for one in events} == {"motion"}
    assert found.covered_s == pytest.approx(800, abs=20)


def test_other_settings_give_what_they_would_have(disk):
    assert events_of(disk, ignore="1x1:8") == ()
    assert len(events_of(disk, gap_s=250.0)) == 2
    assert len(events_of(disk, enabled=False)) == 3


def test_several_settings_are_told_of_the_same_stretch_in_their_order(disk):
    asked = [MotionConfig(ignore="1x1:8"), MotionConfig(), MotionConfig(ignore="1x1:8")]
    found = what_if(disk, asked, gap_s=15.0)
    assert [len(events) for events in found.events] == [0, 3, 0]
    assert found.events[1] == events_of(disk)


def test_the_newest_hours_come_first_when_the_time_is_short(disk):
    assert len(what_if(disk, [MotionConfig()], gap_s=15.0, hours=1).events[0]) == 1
    looks = iter([0.0] + [99.0] * 100)
    found = what_if(disk, [MotionConfig()], gap_s=15.0, budget_s=1.0, timer=lambda: next(looks))
    assert (found.events, found.hours_looked, found.hours_found) == (((),), 0, 2)
    assert found.covered_s < 200, "the quiet minutes before somebody comes"


def test_it_ends_when_nobody_wants_to_know_any_more(disk):
    asked = []

    def is_over():
        asked.append(1)
        return len(asked) > 100

    found = what_if(disk, [MotionConfig()], gap_s=15.0, is_over=is_over)
    assert len(asked) == 101, "it is asked for every field, and goes on no further"
    assert not found.is_complete


def test_an_hour_that_was_looked_at_is_not_looked_at_again(disk, monkeypatch):
    memory = Memory()
    before = what_if(disk, [MotionConfig()], 15.0, memory=memory)
    assert len(memory) == 2
    monkeypatch.setattr(module, "fields_of", None)
    assert what_if(disk, [MotionConfig()], 15.0, budget_s=-1.0, memory=memory) == before


def in_slices(disk, settings, fields, memory):
    """Ask until the answer is complete, each time for so many fields: all the answers."""
    answers = []
    while not answers or not answers[-1].is_complete:
        is_over = iter([False] * fields + [True]).__next__
        answers.append(what_if(disk, settings, 15.0, is_over=is_over, memory=memory))
        assert len(answers) < 500
    return answers


@pytest.mark.parametrize("fields", [40, 150, 10_000])
def test_an_hour_longer_than_one_answer_is_told_in_slices(fields):
    """As on a Pi Zero: asked again it goes on at the field where the time was up."""
    short = disk_of(visits(40, seconds=60), visits(20, seconds=60))
    asked = [MotionConfig(sensitivity=9), MotionConfig()]
    answers = in_slices(short, asked, fields, Memory())
    assert answers[-1] == what_if(short, asked, 15.0)
    assert [len(events) for events in answers[-1].events] == [2, 2]
    covered = [answer.covered_s for answer in answers]
    assert all(before < after for before, after in zip(covered, covered[1:])), "never in vain"
    hours = [answer.hours_looked for answer in answers]
    assert hours == sorted(hours)
    assert {answer.hours_found for answer in answers} == {2}


def test_part_of_an_hour_is_told_of_the_same_stretch_for_all(disk):
    """What is in force was looked at before; only as much of it counts as of what is asked."""
    memory, now, asked = Memory(), MotionConfig(), MotionConfig(sensitivity=7)
    what_if(disk, [now], 15.0, hours=1, memory=memory)
    is_over = iter([False] * 20 + [True]).__next__
    found = what_if(disk, [asked, now], 15.0, hours=1, is_over=is_over, memory=memory)
    assert found.events == ((), ()), "the visitor comes later"
    assert (found.hours_looked, found.covered_s < 200) == (0, True)


def test_of_an_hour_that_grew_only_what_is_new_is_looked_at(monkeypatch):
    memory, looked = Memory(), []
    grown = disk_of(visits(100, 300))
    (path,) = grown.paths
    whole = grown.content(path)
    chunks = list(chunks_of(whole))
    disk = MemoryDisk()
    disk.make_dirs(path.rpartition("/")[0])

    def counted(chunk):
        looked.append(chunk.start)
        return fields_of(chunk)

    monkeypatch.setattr(module, "fields_of", counted)
    for count in range(1, len(chunks) + 1):
        disk.put(path, b"".join(chunk.encoded(clock) for chunk, clock in chunks[:count]))
        found = what_if(disk, [MotionConfig()], 15.0, memory=memory)
        assert found.is_complete
    assert found == what_if(grown, [MotionConfig()], 15.0)
    assert looked[: len(set(looked))] == sorted(set(looked)), "each minute once"


def test_what_is_remembered_is_bounded(disk, monkeypatch):
    monkeypatch.setattr(module, "HOURS_KEPT", 20)
    memory = Memory()
    for number in range(15):
        motion = MotionConfig(sensitivity=1 + number % 10, ignore="16x16:%064x" % number)
        what_if(disk, [motion], 15.0, is_over=lambda: True, memory=memory)
    assert len(memory) == module.HOURS_KEPT
    assert memory.watches <= module.WATCHES_KEPT


def test_an_hour_whose_detector_was_let_go_of_begins_anew(disk):
    memory, asked = Memory(), [MotionConfig(), MotionConfig(sensitivity=9)]
    is_over = iter([False] * 300 + [True]).__next__
    what_if(disk, asked, 15.0, is_over=is_over, memory=memory)
    for sensitivity in range(1, 8):
        other = [MotionConfig(sensitivity=sensitivity, ignore="1x1:8")]
        what_if(disk, other, 15.0, is_over=lambda: True, memory=memory)
    assert what_if(disk, asked, 15.0, memory=memory) == what_if(disk, asked, 15.0)


def test_a_quiet_night_is_not_even_looked_at(monkeypatch):
    looked = []
    monkeypatch.setattr(module, "fields_of", lambda chunk: looked.append(chunk) or [])
    assert events_of(disk_of(still(0, 900))) == ()
    assert len(looked) <= 1, "the minute in which the camera began"


def test_without_traces_there_is_nothing_to_say():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    assert what_if(disk, [MotionConfig()], 15.0) == module.WhatIf(((),), 0.0, 0, 0)
