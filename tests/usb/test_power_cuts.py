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
from tests.usb.conftest import IS_FULL
from tests.usb.qemu import Guest, accelerator

pytestmark = [pytest.mark.usb, pytest.mark.timeout(3000)]

CUTS = int(os.environ.get("DASHCAMD_CUTS", "120"))
SESSION_S = 35 if IS_FULL else 26
ROOM_SESSION_S = 100
OPEN_PART_S = 2.0
"""A cut may lose so much of the part that was open, and nothing of any other."""


@pytest.fixture(scope="module")
def sessions(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    disk = prepare.copy(prepared, folder)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        return record_session.record_all(guest, folder, SESSION_S)


@pytest.fixture(scope="module")
def full_sticks(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    disk = prepare.copy(prepared, folder)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        return {
            fs: record_session.record_making_room(guest, folder, fs, ROOM_SESSION_S)
            for fs in ("vfat", "exfat")
        }


@pytest.mark.parametrize("fs", ["vfat", "exfat", "ext4"])
def test_no_cut_takes_back_what_a_flush_made_durable(sessions, fs):
    report = enumerated(fs, sessions[fs])
    assert report.faults == []
    assert report.cuts >= CUTS
    assert report.worst_step_s <= OPEN_PART_S
    assert report.closed_parts >= 2


@pytest.mark.full
@pytest.mark.parametrize("fs", ["vfat", "exfat"])
def test_no_cut_while_old_parts_make_room_harms_what_stays(full_sticks, fs):
    report = enumerated(fs, full_sticks[fs])
    assert report.faults == []
    assert report.deleted_parts >= 3
    assert report.cuts >= CUTS


def enumerated(fs, session):
    """The report on one session, from images in memory."""
    memory = Path("/dev/shm") / ("dashcamd-cuts-%d" % os.getpid())
    memory.mkdir()
    try:
        report = cuts.Bench(memory, fs, *session).enumerate(CUTS, random.Random(4))
    finally:
        for path in sorted(memory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        memory.rmdir()
    print(
        "%s: %d cuts, %d closed parts, %d deleted, at most %.1f s of the open one lost, faults: %d"
        % (
            fs,
            report.cuts,
            report.closed_parts,
            report.deleted_parts,
            report.worst_step_s,
            len(report.faults),
        )
    )
    return report
