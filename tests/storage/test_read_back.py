"""A stick is tried out with noise, and parts are read back: what it does not keep is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.clock import SimClock
from dashcamd.core.proof import Proof
from dashcamd.errors import StorageError
from dashcamd.storage.read_back import (
    BLOCK,
    ENOUGH_S,
    STEP_BYTES,
    TRIAL,
    lies_in,
    spots,
    try_out,
)
from dashcamd.testing import FlakyDisk, MemoryDisk, PluggedDisk, SlowDisk
from tests.storage.liars import FakeStick

SIZE = 8 * STEP_BYTES


def made(disk):
    disk.make_dirs("DASHCAM")
    return disk


def result(disk, clock=None, size=SIZE):
    *_, last = try_out(disk, size, (clock or SimClock(0.0, 0.0)).monotonic)
    return last


def test_a_trial_measures_reads_back_and_leaves_nothing():
    clock, inner = SimClock(0.0, 0.0), made(MemoryDisk())
    proof = result(SlowDisk(inner, clock, bytes_per_s=2e6), clock)
    assert proof.write_bytes_per_s == pytest.approx(2e6)
    assert (proof.checked, proof.lies) == (8, 0)
    assert inner.paths == []


def test_a_slow_stick_is_known_after_a_few_seconds():
    clock, inner = SimClock(0.0, 0.0), made(MemoryDisk())
    proof = result(SlowDisk(inner, clock, bytes_per_s=1e5), clock, size=64 << 20)
    assert proof.write_bytes_per_s == pytest.approx(1e5)
    assert clock.monotonic() < ENOUGH_S + STEP_BYTES / 1e5 + 1


def test_what_comes_back_as_something_else_is_counted():
    proof = result(made(FakeStick(SIZE - 2 * STEP_BYTES)))
    assert (proof.checked, proof.lies) == (8, 2)


def test_a_trial_that_is_given_up_takes_its_file_along():
    disk = made(MemoryDisk())
    for steps in range(1, 17):
        trial = try_out(disk, SIZE, lambda: 0.0)
        for _ in range(steps):
            next(trial)
        assert disk.paths == [TRIAL]
        trial.close()
        assert disk.paths == []


def test_a_cut_leaves_one_file_at_most_that_the_next_trial_removes():
    disk = made(MemoryDisk())
    result(disk)
    for step in range(len(disk.journal) + 1):
        for left in (disk.at(step, torn_bytes=100), disk.after_cut(step)):
            assert left.paths in ([], [TRIAL])
            if "DASHCAM" in [entry.name for entry in left.entries("")]:
                assert result(left).checked == 8
                assert left.paths == []


def test_whatever_call_fails_is_a_storage_error_and_a_pull_ends_it():
    counted = FlakyDisk(made(MemoryDisk()))
    result(counted)
    for number in range(1, counted.calls):
        with pytest.raises(StorageError):
            result(FlakyDisk(made(MemoryDisk()), fail_at=number))
    plugged = PluggedDisk(made(MemoryDisk()))
    trial = try_out(plugged, SIZE, lambda: 0.0)
    next(trial)
    plugged.pull()
    trial.close()


@given(st.integers(1, 40 * BLOCK), st.integers(0, 40 * BLOCK))
def test_a_file_that_is_kept_is_never_called_a_lie_and_a_lost_tail_is_found(size, real_bytes):
    disk = made(FakeStick(real_bytes))
    disk.put("DASHCAM/a.mp4", bytes(1 + place % 255 for place in range(size)))
    noted = spots(disk, "DASHCAM/a.mp4")
    assert len(noted.blocks) <= 6
    assert (lies_in(disk, noted) > 0) == (real_bytes < size)


@given(st.integers(2, 1 << 12), st.data())
def test_a_lost_head_is_found_as_well(size, data):
    disk = made(MemoryDisk())
    disk.put("DASHCAM/a.mp4", b"x" * size)
    noted = spots(disk, "DASHCAM/a.mp4")
    place = data.draw(st.integers(0, min(size, BLOCK) - 1))
    disk.put("DASHCAM/a.mp4", b"x" * place + b"y" + b"x" * (size - place - 1))
    assert lies_in(disk, noted) == 1


def test_memory_is_asked_to_forget_before_anything_is_read_back():
    disk = made(FakeStick(1 << 30))
    disk.put("DASHCAM/a.mp4", b"x" * BLOCK)
    lies_in(disk, spots(disk, "DASHCAM/a.mp4"))
    assert disk.asked == 1


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists))
def test_a_marker_may_say_anything_of_its_proof(found):
    for name in Proof().to_json():
        proof = Proof.from_json({name: found})
        assert Proof.from_json(proof.to_json()).lies == proof.lies
        assert min(proof.to_json().values()) >= 0
