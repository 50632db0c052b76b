"""The fakes behave as they promise: tests of other rooms stand on them."""

from __future__ import annotations

import errno

import pytest

from dashcamd.clock import SimClock
from dashcamd.core.h264 import is_keyframe, parameter_sets
from dashcamd.errors import StorageError
from dashcamd.testing import FlakyDisk, MemoryDisk, SlowDisk, stream


def test_stream_follows_its_pattern():
    frames = stream("kppkp", fps=4, start_ts=10)
    assert [frame.key for frame in frames] == [is_keyframe(frame.data) for frame in frames]
    assert [frame.key for frame in frames] == [True, False, False, True, False]
    assert [frame.ts for frame in frames] == [10, 10.25, 10.5, 10.75, 11]
    assert [bool(parameter_sets(frame.data).sps) for frame in frames] == [
        frame.key for frame in frames
    ]


def test_padding_makes_frames_larger():
    small, large = stream("kp"), stream("kp", pad_bytes=5000)
    assert [len(b.data) - len(a.data) > 5000 for a, b in zip(small, large)] == [True, True]


def test_a_cut_keeps_only_what_was_synced():
    disk = MemoryDisk()
    disk.make_dirs("d")
    file = disk.create("d/a")
    file.write([b"one"])
    file.sync()
    file.write([b"two"])
    assert disk.after_cut(len(disk.journal)).paths == []
    disk.sync_dir("d")
    file.overwrite(0, b"O")
    disk.rename("d/a", "d/b")
    now = len(disk.journal)
    assert disk.after_cut(now).content("d/a") == b"one"
    assert disk.at(now).content("d/b") == b"Onetwo"
    disk.sync_dir("d")
    assert disk.after_cut(now + 1).paths == ["d/b"]


def test_a_torn_write_leaves_its_beginning():
    disk = MemoryDisk()
    file = disk.create("a")
    file.write([b"one", b"two"])
    assert [disk.at(1, torn).content("a") for torn in (0, 2, 6)] == [b"", b"on", b"onetwo"]


def test_a_full_memory_disk_takes_what_fits():
    disk = MemoryDisk(capacity_bytes=4)
    file = disk.create("a")
    with pytest.raises(StorageError) as caught:
        file.write([b"sixsix"])
    assert caught.value.errno == errno.ENOSPC
    assert disk.content("a") == b"sixs"
    assert disk.space().free == 0


def test_a_slow_disk_spends_the_time_of_its_clock():
    clock = SimClock(100.0)
    disk = SlowDisk(MemoryDisk(), clock, stalls=[(102.0, 5.0)], bytes_per_s=10)
    file = disk.create("a")
    file.write([b"0123456789"])
    assert clock.monotonic() == pytest.approx(101.0)
    file.write([b"0123456789"])
    assert clock.monotonic() == pytest.approx(102.0)
    file.sync()
    assert clock.monotonic() == pytest.approx(107.0)


@pytest.mark.parametrize("once", [False, True])
def test_a_flaky_disk_fails_at_the_call_it_was_told(once):
    inner = MemoryDisk()
    disk = FlakyDisk(inner, 2, errno.EROFS, once=once)
    file = disk.create("a")
    with pytest.raises(StorageError) as caught:
        file.write([b"abcd"])
    assert caught.value.errno == errno.EROFS
    assert inner.content("a") == b"ab"
    if once:
        file.sync()
    else:
        with pytest.raises(StorageError):
            file.sync()


def test_a_failed_sync_abandons_the_file():
    disk = FlakyDisk(MemoryDisk(), 2, once=True)
    file = disk.create("a")
    with pytest.raises(StorageError):
        file.sync()
    with pytest.raises(StorageError, match="abandoned"):
        file.sync()
