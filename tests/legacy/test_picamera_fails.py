"""Every way in which the camera can fail: it is said within 5 s, and the next start works."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path

import pytest

from dashcamd.errors import CameraError
from tests.legacy.conftest import REASON

pytest.importorskip("tests.legacy.videocore", reason=REASON)

STALL_S = 5.0
"""A fault must be in the status within this time."""

WARM = 20
"""Restarts after which caches are filled; growth from there on is a leak."""


def restart_and_record(rig) -> None:
    """A new start on the same back-end records a whole stream again."""
    rig.camera.stop()
    rig.delivered.clear()
    rig.start()
    rig.run(frames=30)
    rig.camera.stop()
    seen = rig.pictures()
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def freeze(chip):
    chip.frozen = True


def unplug(chip):
    chip.unplug()


def silence(chip):
    chip.encoder_fault = "silent"


def end_of_stream(chip):
    chip.encoder_fault = "eos"


@pytest.mark.parametrize(
    ("inject", "says"),
    [
        (freeze, "no picture for"),
        (unplug, "sensor stopped answering"),
        (silence, "no picture for"),
        (end_of_stream, "ended its stream by itself"),
    ],
)
def test_a_camera_that_dies_is_noticed_and_comes_back(rig, chip, inject, says):
    rig.start()
    rig.run(frames=30)
    inject(chip)
    died = rig.clock.monotonic()
    fault = rig.fault()
    took_s = rig.clock.monotonic() - died
    chip.plug()
    chip.encoder_fault = None
    assert says in fault
    assert took_s < STALL_S
    restart_and_record(rig)


def test_a_sensor_error_without_the_cable_leaves_no_camera_to_open(rig, chip):
    rig.start()
    rig.run(frames=10)
    chip.unplug()
    rig.fault()
    rig.camera.stop()
    for attempt in (rig.start, rig.renew):
        with pytest.raises(CameraError, match="not plugged in or not enabled"):
            attempt()
    chip.plug()
    restart_and_record(rig)


def test_a_busy_camera_is_refused_in_words_and_opens_when_it_is_free(rig, chip):
    chip.camera_busy = True
    with pytest.raises(CameraError, match="in use by another program"):
        rig.start()
    assert chip.leaks() == {}
    chip.camera_busy = False
    restart_and_record(rig)


def test_a_second_camera_in_one_process_is_refused(rig):
    from tests.legacy.rig import Rig

    rig.start()
    rig.run(frames=5)
    with pytest.raises(CameraError):
        Rig().start()
    rig.run(frames=5)


@pytest.mark.parametrize("error", [KeyError("bug"), ValueError("bug"), OSError(28, "no space")])
def test_an_error_in_a_sink_is_not_swallowed(rig, error):
    def fail(frame):
        if len(rig.frames) == 20:
            raise error

    rig.on_frame = fail
    rig.start()
    with pytest.raises(CameraError, match=r"bug|no space"):
        rig.run(frames=200)
    rig.on_frame = lambda frame: None
    restart_and_record(rig)


def test_stopping_works_with_both_encoders_dead(rig, chip):
    rig.start()
    rig.camera.want_jpegs(10)
    rig.until(lambda: len(rig.jpegs) >= 2)

    def fail(item):
        raise KeyError("bug")

    rig.on_frame = fail
    rig.camera._preview._sinks = rig.camera._sinks.__class__(fail, fail, fail)
    with pytest.raises(CameraError):
        rig.until(lambda: False)
    rig.camera.stop()
    rig.camera.stop()
    assert chip.leaks() == {}


def test_stopping_at_any_moment_leaves_nothing_behind(rig, chip):
    for frames in (0, 1, 2, 25):
        rig.start()
        rig.run(frames=frames)
        rig.camera.stop()
        assert chip.leaks() == {}


def test_a_resolution_the_encoder_cannot_do_is_refused_before_the_camera_opens(chip):
    from tests.legacy.rig import Rig

    with pytest.raises(CameraError, match="cannot record 3000x2000"):
        Rig(resolution="3000x2000").start()
    assert chip.leaks() == {}


@pytest.mark.timeout(300)
def test_two_hundred_restarts_leak_no_thread_descriptor_or_memory(rig, chip, capsys):
    def use() -> tuple:
        gc.collect()
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    in_use_kib = []
    for number in range(200):
        rig.renew()
        rig.start()
        rig.run(frames=2)
        rig.camera.stop()
        rig.delivered.clear()
        chip.callback_s.clear()
        chip.callback_cpu_s.clear()
        if number == WARM:
            before = use()
        if number % 20 == 19:
            gc.collect()
            in_use_kib.append(malloc_in_use_kib())
    with capsys.disabled():
        print("\nmemory in use after every 20 restarts, KiB: %s" % in_use_kib)
    assert use() == before
    assert in_use_kib[-1] - in_use_kib[WARM // 20] < 200


class Mallinfo(ctypes.Structure):
    """glibc's ``struct mallinfo``."""

    _fields_ = (
        ("arena", ctypes.c_int),
        ("free_chunks", ctypes.c_int * 2),
        ("mapped_regions", ctypes.c_int),
        ("mapped_bytes", ctypes.c_int),
        ("unused", ctypes.c_int * 2),
        ("used_bytes", ctypes.c_int),
        ("free_bytes", ctypes.c_int * 2),
    )


def malloc_in_use_kib() -> int:
    """What the process holds of the allocator; the resident size also counts its free lists."""
    libc = ctypes.CDLL(None)
    libc.mallinfo.restype = Mallinfo
    info = libc.mallinfo()
    return int(info.used_bytes + info.mapped_bytes) // 1024
