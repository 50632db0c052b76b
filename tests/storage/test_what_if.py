"""What other settings would have recorded, from traces alone and in bounded time."""

from __future__ import annotations

import pytest

from dashcamd.config import MotionConfig
from dashcamd.core.trace import Tracer
from dashcamd.storage import trace_log
from dashcamd.storage import what_if as module
from dashcamd.storage.what_if import what_if
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
    assert found == module.WhatIf(((),), 0.0, False)


def test_it_ends_when_nobody_wants_to_know_any_more(disk):
    asked = []

    def is_over():
        asked.append(1)
        return len(asked) > 100

    found = what_if(disk, [MotionConfig()], gap_s=15.0, is_over=is_over)
    assert len(asked) == 101, "it is asked for every field, and goes on no further"
    assert not found.is_complete


def test_an_hour_that_was_looked_at_is_not_looked_at_again(disk, monkeypatch):
    memory = {}
    before = what_if(disk, [MotionConfig()], 15.0, memory=memory)
    assert len(memory) == 2
    monkeypatch.setattr(module, "fields_of", None)
    assert what_if(disk, [MotionConfig()], 15.0, budget_s=-1.0, memory=memory) == before


def test_asked_again_it_goes_on_where_the_time_was_up(disk):
    memory, covered_s = {}, []
    for _ in range(2):
        is_over = iter([False] * 500 + [True]).__next__
        found = what_if(disk, [MotionConfig()], 15.0, is_over=is_over, memory=memory)
        covered_s.append(round(found.covered_s, -2))
    assert covered_s == [400, 800]


def test_an_hour_that_grew_is_looked_at_anew():
    disk, memory = disk_of(visits(100)), {}
    assert len(what_if(disk, [MotionConfig()], 15.0, memory=memory).events[0]) == 1
    (path,) = disk.paths
    grown = disk_of(visits(100, 300))
    disk.put(path, grown.content(path))
    assert len(what_if(disk, [MotionConfig()], 15.0, memory=memory).events[0]) == 2


def test_a_quiet_night_is_not_even_looked_at(monkeypatch):
    looked = []
    monkeypatch.setattr(module, "fields_of", lambda chunk: looked.append(chunk) or [])
    assert events_of(disk_of(still(0, 900))) == ()
    assert len(looked) <= 1, "the minute in which the camera began"


def test_without_traces_there_is_nothing_to_say():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    assert what_if(disk, [MotionConfig()], 15.0) == module.WhatIf(((),), 0.0, True)
