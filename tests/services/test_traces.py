"""The trace on a stick: where it goes, and what it never costs."""

from __future__ import annotations

import pytest

from dashcamd.core.timeline import Timeline
from dashcamd.core.trace import HOUR_BYTES, chunks_of
from dashcamd.services.traces import MIB, Traces
from dashcamd.storage import trace_log
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk
from dashcamd.types import Anchor
from tests.core.fields import still
from tests.core.test_trace import Tracer

WALL = 1_800_000_000.0


def chunk(start=0.0):
    tracer = Tracer()
    for one in still(start, 3):
        tracer.take(one)
    return tracer.flush()


def volume(capacity=1 << 40):
    return Volume(MemoryDisk(capacity), "/stick", "boot-id")


def test_an_hour_is_a_file_in_the_folder_of_its_day():
    stick = volume()
    traces = Traces(Timeline(Anchor(0.0, WALL, 1.0, "ntp")))
    for start in (10.0, 3000.0, 3700.0):
        traces.take(stick, chunk(start), 64)
    held = trace_log.files(stick.disk)
    assert [(file.boot, file.hour) for file in held] == [(1, 0), (1, 1)]
    first = stick.disk.open(held[0].path)
    (one, clock), (two, _) = chunks_of(first.read(0, first.size))
    assert (one.start, two.start) == (10.0, 3000.0)
    assert clock["start_unix_s"] == WALL + 10
    assert clock["boot_id"] == "boot-id"


def test_without_a_clock_it_lies_with_its_boot():
    stick = volume()
    Traces(Timeline()).take(stick, chunk(), 64)
    assert trace_log.files(stick.disk)[0].path == "DASHCAM/boot-000001/trace-000001-0000.bin"


def test_the_oldest_hours_make_room_for_a_new_one():
    stick = volume()
    traces = Traces(Timeline())
    stick.disk.make_dirs("DASHCAM/boot-000001")
    for hour in range(3):
        path = "DASHCAM/boot-000001/trace-000001-%04d.bin" % hour
        stick.disk.put(path, b"x" * (HOUR_BYTES - 100_000))
    traces.take(stick, chunk(3600.0 * 3), 2 * HOUR_BYTES // MIB)
    assert [file.hour for file in trace_log.files(stick.disk)] == [2, 3]


@pytest.mark.parametrize("stick", [None, volume(capacity=100 * MIB)])
def test_without_a_stick_or_on_a_small_one_nothing_is_kept(stick):
    Traces(Timeline()).take(stick, chunk(), 64)
    assert stick is None or trace_log.files(stick.disk) == []


def test_a_full_stick_is_no_fault_of_the_trace():
    stick = volume()
    stick.disk._capacity = stick.disk.space().total - stick.disk.space().free + 200
    traces = Traces(Timeline())
    traces.take(stick, chunk(), 64)
    assert trace_log.files(stick.disk) == [] or trace_log.files(stick.disk)[0].bytes == 0
