"""Power cuts on the block level: a real kernel's writes, dropped in any subset after any flush.

`DASHCAMD_CUTS` sets how many cuts each file system gets: a short form by default, 1000 and more in
``make test-usb-full``.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.usb import cuts, prepare, record_session
from tests.usb.qemu import Guest, accelerator

pytestmark = [pytest.mark.usb, pytest.mark.timeout(3000)]

CUTS = int(os.environ.get("DASHCAMD_CUTS", "120"))
SESSION_S = 35
OPEN_PART_S = 2.0
"""A cut may lose so much of the part that was open, and nothing of any other."""


@pytest.fixture(scope="module")
def sessions(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    disk = prepare.copy(prepared, folder)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        return record_session.record_all(guest, folder, SESSION_S)


@pytest.mark.parametrize("fs", ["vfat", "exfat", "ext4"])
def test_no_cut_takes_back_what_a_flush_made_durable(sessions, fs, tmp_path):
    memory = Path("/dev/shm") / ("dashcamd-cuts-%d" % os.getpid())
    memory.mkdir()
    try:
        bench = cuts.Bench(memory, fs, *sessions[fs])
        report = bench.enumerate(CUTS, random.Random(4))
    finally:
        for path in sorted(memory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        memory.rmdir()
    print(
        "%s: %d cuts, %d closed parts, at most %.1f s of the open one lost, faults: %d"
        % (fs, report.cuts, report.closed_parts, report.worst_step_s, len(report.faults))
    )
    assert report.faults == []
    assert report.cuts >= CUTS
    assert report.worst_step_s <= OPEN_PART_S
    assert report.closed_parts >= 2
