"""Traces on a disk that may be cut, filled or handed around."""

from __future__ import annotations

import errno
from contextlib import suppress

import pytest

from dashcamd.core import naming
from dashcamd.core.trace import whole_chunk
from dashcamd.errors import StorageError
from dashcamd.storage import catalog, trace_log
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk
from tests.core.fields import still
from tests.core.test_trace import traced
from tests.storage.events import write_event

CHUNK = traced(still(0, 5))
PATH = "DASHCAM/2026-11-20/trace-000042-0003.bin"


def chunks(disk, path=PATH):
    file = disk.open(path)
    try:
        return list(trace_log.read(file))
    finally:
        file.close()


def test_chunks_are_appended_and_the_torn_one_is_cut_off_first():
    disk = MemoryDisk()
    trace_log.append(disk, PATH, CHUNK)
    file = disk.open(PATH, writable=True)
    file.write([CHUNK[:100]])
    file.close()
    assert len(chunks(disk)) == 1
    trace_log.append(disk, PATH, CHUNK)
    assert len(chunks(disk)) == 2
    assert disk.open(PATH).size == 2 * len(CHUNK)


def test_a_cut_at_any_step_keeps_every_chunk_but_the_last():
    disk = MemoryDisk()
    steps = []
    for _ in range(3):
        trace_log.append(disk, PATH, CHUNK)
        steps.append(len(disk.journal))
    for step in range(len(disk.journal) + 1):
        done = sum(end <= step for end in steps)
        for cut in (disk.after_cut(step), disk.at(step), disk.at(step, torn_bytes=50)):
            names = [entry.name for entry in _entries(cut)]
            held = len(chunks(cut)) if PATH.rpartition("/")[2] in names else 0
            assert held >= done
            trace_log.append(cut, PATH, CHUNK)
            assert len(chunks(cut)) == held + 1


def _entries(disk):
    try:
        return disk.entries("DASHCAM/2026-11-20")
    except StorageError:
        return []


@pytest.mark.parametrize("call", range(1, 9))
def test_a_failing_disk_never_leaves_half_a_chunk_for_the_next(call):
    disk = MemoryDisk()
    trace_log.append(disk, PATH, CHUNK)
    with suppress(StorageError):
        trace_log.append(FlakyDisk(disk, call, errno.EIO), PATH, CHUNK)
    trace_log.append(disk, PATH, CHUNK)
    size = disk.open(PATH).size
    data = disk.open(PATH).read(0, size)
    assert size == len(chunks(disk)) * whole_chunk(data, 0)


def test_the_oldest_go_first_whatever_their_day_says():
    disk = MemoryDisk()
    for day, boot, hour in (("2030-01-01", 1, 0), ("boot-000002", 2, 0), ("2026-11-20", 2, 1)):
        path = "DASHCAM/%s/%s" % (day, naming.trace_name(boot, hour))
        trace_log.append(disk, path, CHUNK)
    assert [file.hour for file in trace_log.files(disk)] == [0, 0, 1]
    assert trace_log.make_room(disk, 2 * len(CHUNK)) == 2 * len(CHUNK)
    assert [file.boot for file in trace_log.files(disk)] == [2, 2]
    assert [entry.name for entry in disk.entries("DASHCAM")] == ["2026-11-20", "boot-000002"]
    trace_log.make_room(disk, 0)
    assert trace_log.files(disk) == []


def test_traces_are_no_events_and_events_no_traces():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "boot")
    name = write_event(volume)
    path = "DASHCAM/%s/%s" % (name.day, naming.trace_name(1, 0))
    trace_log.append(disk, path, CHUNK)
    disk.put("DASHCAM/%s/trace-my-own.bin" % name.day, b"x")
    assert [event.name for event in catalog.events(disk)] == [name]
    assert [file.path for file in trace_log.files(disk)] == [path]
    trace_log.make_room(disk, 0)
    assert disk.open("DASHCAM/%s/trace-my-own.bin" % name.day).size == 1
