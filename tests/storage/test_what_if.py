"""What other settings would have recorded, from traces alone and in bounded time."""

from __future__ import annotations

import pytest

from dashcamd.config import MotionConfig
from dashcamd.core.trace import Tracer
from dashcamd.storage import trace_log
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


def test_the_same_settings_give_what_was_recorded(disk):
    found = what_if(disk, MotionConfig(), gap_s=15.0)
    assert found.is_complete
    assert [round(one["start_s"]) for one in found.events] == [100, 300, 200]
    assert found.events[0]["start_unix_s"] == pytest.approx(WALL + 100, abs=1)
    assert {one["reason"] for one in found.events} == {"motion"}
    assert found.covered_s == pytest.approx(800, abs=20)


def test_other_settings_give_what_they_would_have(disk):
    assert what_if(disk, MotionConfig(ignore="1x1:8"), gap_s=15.0).events == ()
    assert len(what_if(disk, MotionConfig(), gap_s=250.0).events) == 2
    assert len(what_if(disk, MotionConfig(enabled=False), gap_s=15.0).events) == 3


def test_the_newest_hours_come_first_when_the_time_is_short(disk):
    assert len(what_if(disk, MotionConfig(), gap_s=15.0, hours=1).events) == 1
    looks = iter([0.0] + [99.0] * 100)
    found = what_if(disk, MotionConfig(), gap_s=15.0, budget_s=1.0, timer=lambda: next(looks))
    assert not found.is_complete
    assert found.events == ()


def test_a_quiet_night_is_not_even_looked_at():
    calls = []

    def timer():
        calls.append(1)
        return 0.0

    assert what_if(disk_of(still(0, 900)), MotionConfig(), 15.0, timer=timer).events == ()
    assert len(calls) <= 3, "once at the start, and the minute in which the camera began"


def test_without_traces_there_is_nothing_to_say():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    found = what_if(disk, MotionConfig(), 15.0)
    assert (found.events, found.covered_s, found.is_complete) == ((), 0.0, True)
