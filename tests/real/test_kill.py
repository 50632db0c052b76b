"""``kill -9`` and power cuts at random moments: what was durable plays, the rest is at most 2 s.

A picture of the synthetic camera carries its number; frame n is captured n / fps after the first
one, whose stamp stands in ``event.json`` on the clock that this process reads too. So the frames
captured up to the moment of the kill are known from outside the daemon.

``DASHCAMD_KILLS=100`` is the long form (``make test-real-full``); the short one kills 12.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, NamedTuple

import pytest

from tests.real import kernel
from tests.real.daemon import Daemon, dashcamd, is_verified
from tests.real.playback import closed_files, counters, files, is_run, stored

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("DASHCAMD_KILLS", "12"))
SIDE_BY_SIDE = 4
FPS = 10
LOST_S = 2.0

SETTINGS = {
    "camera": {
        "resolution": "160x128",
        "framerate": FPS,
        "annotate_text": "",
        "source": "synthetic",
    },
    "recording": {"mode": "continuous", "segment_s": 3.0, "pre_roll_s": 1.0, "event_max_s": 10.0},
}


class Killed(NamedTuple):
    """One daemon's death and what lay on the stick then."""

    daemon: Daemon
    at: float
    closed: dict


def begin(folder: Path) -> Daemon:
    daemon = Daemon(folder, SETTINGS).start()
    daemon.wait_for(lambda status: status["counters"]["frames_written"])
    return daemon


def kill_later(folder: Path, after_s: float) -> Killed:
    daemon = begin(folder)
    try:
        time.sleep(after_s)
    finally:
        at = time.monotonic()
        daemon.kill()
    return Killed(daemon, at, closed_files(daemon.storage))


def check(killed: Killed) -> int:
    """Recover and play everything; the number of frames missing at the end."""
    root = killed.daemon.storage
    assert dashcamd("recover", root).returncode == 0
    after = closed_files(root)
    assert {path: after.get(path) for path in killed.closed} == killed.closed
    events = stored(root)
    assert not any(event.open_parts for event in events)
    parts = [part for event in events for part in files(root, event)]
    assert all(is_run(part) for part in parts), "a file with a hole"
    written = [number for part in parts for number in part]
    assert is_run(written), "frames are missing between two files"
    start = events[0].facts.start - written[0] / FPS
    captured = int((killed.at - start) * FPS) + 1
    assert is_verified(root)
    return captured - len(written)


def test_after_kill_9_everything_plays_and_two_seconds_are_missing_at_most(tmp_path):
    dice = random.Random(KILLS)
    moments = [dice.uniform(0.0, 14.0) for _ in range(KILLS)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        runs = [
            pool.submit(kill_later, tmp_path / ("%03d" % place), moment)
            for place, moment in enumerate(moments)
        ]
        deaths = [run.result() for run in runs]
    missing: List[float] = [check(killed) / FPS for killed in deaths]
    print(
        "%d kills, missing s: max %.1f, mean %.1f"
        % (len(missing), max(missing), sum(missing) / len(missing))
    )
    assert max(missing) <= LOST_S
    assert any(killed.closed for killed in deaths), "no kill came after the first part"


def test_the_daemon_itself_recovers_what_its_predecessor_left(tmp_path):
    killed = kill_later(tmp_path, 4.0)
    left = list(killed.daemon.storage.rglob("*.part.mp4"))
    assert left
    killed.daemon.start()
    try:
        killed.daemon.wait_for(lambda status: not any(path.exists() for path in left))
        killed.daemon.wait_for(lambda status: status["keep"].get("leftovers") == 0)
        killed.daemon.wait_for(lambda status: status["recording"])
    finally:
        killed.daemon.kill()
    assert dashcamd("recover", killed.daemon.storage).returncode == 0
    assert is_verified(killed.daemon.storage)
    events = stored(killed.daemon.storage)
    assert len({event.number for event in events}) == len(events) >= 2
    assert all(is_run(part) for event in events for part in files(killed.daemon.storage, event))


@pytest.fixture
def stick(tmp_path):
    """A real ext4 file system on a loop device."""
    mounted = kernel.ext4(tmp_path, 64)
    yield mounted
    mounted.close()


@pytest.mark.parametrize("after_s", [0.3, 2.6, 5.1, 7.7])
def test_a_power_cut_costs_two_seconds_at_most(tmp_path, stick, after_s):
    """The kernel drops all that it had not written: stricter than a kill, which drops nothing."""
    daemon = Daemon(tmp_path, SETTINGS).start()
    try:
        daemon.wait_for(lambda status: status["counters"]["frames_written"])
        time.sleep(after_s)
        at = time.monotonic()
        stick.cut_power()
        daemon.wait_for(lambda status: status["faults"])
    finally:
        daemon.kill()
    stick.after_power_cut()
    missing = check(Killed(daemon, at, closed_files(daemon.storage)))
    assert missing / FPS <= LOST_S
    assert counters(next(iter(sorted(stick.where.rglob("*.mp4")))))
