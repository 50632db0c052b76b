"""A stick is tried out while nothing is recorded, and parts are read back once closed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dashcamd.clock import SimClock
from dashcamd.config import Config, StorageConfig
from dashcamd.core.proof import ALONE, BESIDE, SPARE, SPARE_WRITES, Proof
from dashcamd.handover import Board
from dashcamd.services.messages import VolumeLeaving
from dashcamd.services.proof import TRIES, Prover
from dashcamd.storage.read_back import BLOCK, TRIAL
from dashcamd.storage.volume import MARKER, Volume
from dashcamd.testing import MemoryDisk, PluggedDisk, ScriptCamera, SlowDisk, held
from tests.daemon import WALL, Daemon, settings
from tests.services.desk import Desk as KeepDesk
from tests.storage.liars import FakeStick
from tests.test_app import script

CLOSED = "DASHCAM/a.mp4"
QUIET_S = ALONE.quiet_s


class Desk:
    """The prover; the test plays the record thread by what it posts."""

    def __init__(self, disk=None, trial_mib=1):
        self.disk, self.board = MemoryDisk() if disk is None else disk, Board()
        config = held(Config(storage=StorageConfig(trial_mib=trial_mib)))
        self.prover = Prover(config, self.board, lambda: self.now)
        self.now = 100.0
        self.say("idle")
        self.plug(self.disk)

    def plug(self, disk):
        self.volume = Volume(disk, "/stick", "boot")
        self.prover.follow(self.volume)
        return self

    def say(self, state):
        self._saying = lambda now: {"state": state}
        self.board.post("recording", self._saying(self.now))

    def say_at_ease(self, lag_s=1.0, silent_s=0.0, **pulse):
        """Recording goes on and on; the stick takes it with ease unless `pulse` says otherwise."""
        fast = Config().camera.bitrate / 8 * SPARE
        shown = {"writes": SPARE_WRITES, "stalls": 0, "bytes_per_s": fast, **pulse}

        def saying(now):
            at = now - silent_s
            return {"state": "recording", "posted_at": at, "durable_ts": at - lag_s, "pulse": shown}

        self._saying = saying
        return self

    def step(self):
        self.board.post("recording", self._saying(self.now))
        self.prover.step(self.now)

    def wait(self, seconds=QUIET_S + 1, steps=10_000):
        """Look once a second as the keep thread does, or at once while a trial goes on."""
        end = self.now + seconds
        while self.now < end:
            self.step()
            while self.prover.is_busy and steps:
                self.step()
                steps -= 1
            self.now += 1.0
        return self

    @property
    def proof(self):
        return self.volume.proof


def test_a_new_stick_is_tried_out_once_when_it_was_quiet_for_a_while():
    desk = Desk().wait(QUIET_S - 1)
    assert desk.proof == Proof()
    assert TRIAL not in [op.path for op in desk.disk.journal]
    desk.wait(3)
    assert desk.proof.write_bytes_per_s > 0
    assert (desk.proof.checked, desk.proof.lies) == (4, 0)
    count = len(desk.disk.journal)
    desk.wait(60)
    assert len(desk.disk.journal) == count
    assert TRIAL not in desk.disk.paths


def tried_on(clock, stalls=(), bytes_per_s=20e6):
    """A stick that stalls, tried out on `clock`."""
    desk = Desk(SlowDisk(MemoryDisk(), clock, stalls, bytes_per_s))
    desk.prover = Prover(held(Config()), desk.board, clock.monotonic)
    desk.plug(desk.disk)
    for _ in range(40):
        desk.prover.step(clock.monotonic())
        while desk.prover.is_busy:
            desk.prover.step(clock.monotonic())
        clock.advance_to(clock.monotonic() + 1.0)
    return desk


@pytest.mark.parametrize("at", [10.001, 10.1])
def test_one_hiccup_in_the_trial_is_no_verdict(at):
    desk = tried_on(SimClock(1000.0, WALL), [(1000.0 + at, 8.0)])
    assert desk.proof.write_bytes_per_s == pytest.approx(20e6)


def test_a_stick_that_is_slow_twice_is_called_slow_and_not_tried_for_ever():
    clock = SimClock(1000.0, WALL)
    desk = tried_on(clock, bytes_per_s=2e5)
    tried = desk.proof
    assert tried.write_bytes_per_s == pytest.approx(2e5)
    assert tried.checked == 8, "of 5 s each time"
    clock.advance_to(clock.monotonic() + 60.0)
    desk.prover.step(clock.monotonic())
    assert (desk.proof, desk.prover.is_busy) == (tried, False)


@pytest.mark.parametrize(
    ("tried", "writes", "recorded", "known"),
    [
        (1e5, 200, 9e6, 9e6),
        (1e5, 20, 9e6, 1e5),
        (9e6, 200, 2e5, 2e5),
        (9e6, 200, 2e6, 9e6),
        (0.0, 200, 2e6, 0.0),
    ],
)
def test_what_recording_shows_for_long_enough_corrects_the_trial(tried, writes, recorded, known):
    desk = Desk(trial_mib=0)
    desk.volume.proof = Proof(write_bytes_per_s=tried)
    pulse = {"writes": writes, "busy_s": 9.0, "bytes_per_s": recorded}
    desk.board.post("recording", {"state": "recording", "pulse": pulse})
    desk.disk.put(CLOSED, b"x")
    desk.prover.closed(desk.volume, CLOSED)
    assert desk.proof.write_bytes_per_s == known


def test_what_is_known_of_a_stick_is_not_tried_again():
    desk = Desk().wait()
    desk.volume.remember()
    desk.plug(desk.disk)
    assert desk.proof.write_bytes_per_s > 0
    count = len(desk.disk.journal)
    desk.wait(60)
    assert len(desk.disk.journal) == count


@pytest.mark.parametrize("state", ["recording", "waiting"])
def test_nothing_is_tried_while_something_is_recorded_or_waits(state):
    desk = Desk()
    desk.say(state)
    assert desk.wait(60).proof == Proof()
    desk.say("idle")
    assert desk.wait(QUIET_S).proof == Proof(), "it was not quiet for long enough"
    assert desk.wait(2).proof != Proof()


@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_a_trial_is_given_up_at_once_when_recording_starts(steps):
    desk = Desk().wait(QUIET_S + 1, steps)
    assert TRIAL in desk.disk.paths
    desk.say("recording")
    desk.step()
    assert TRIAL not in desk.disk.paths
    assert not desk.prover.is_busy
    desk.say("idle")
    assert desk.wait(30).proof.checked == 4, "it begins anew"


def test_where_recording_never_ends_a_stick_is_tried_out_beside_it():
    desk = Desk().say_at_ease().wait(BESIDE.quiet_s - 1)
    assert TRIAL not in [op.path for op in desk.disk.journal]
    desk.wait(3)
    assert TRIAL in desk.disk.paths
    desk.wait(10)
    assert desk.proof.write_bytes_per_s > 0
    assert (desk.proof.checked, desk.proof.lies) == (4, 0)
    assert TRIAL not in desk.disk.paths


def test_a_trial_beside_a_recording_takes_a_tenth_of_the_time():
    clock = SimClock(1000.0, WALL)
    desk = Desk(SlowDisk(MemoryDisk(), clock, bytes_per_s=(1 << 18) / 3))
    desk.prover = Prover(held(Config()), desk.board, clock.monotonic)
    desk.plug(desk.disk).say_at_ease()
    lasted = {}
    while clock.monotonic() < 1200.0:
        desk.now = began = clock.monotonic()
        desk.step()
        if clock.monotonic() > began:
            lasted[began] = clock.monotonic() - began
        clock.advance_to(clock.monotonic() + 1.0)
    starts = sorted(lasted)
    assert starts[1] - starts[0] >= 10 * lasted[starts[0]]


@pytest.mark.parametrize(
    "trouble",
    [
        {"stalls": 1},
        {"writes": SPARE_WRITES - 1},
        {"bytes_per_s": Config().camera.bitrate / 8 * SPARE - 1},
        {"lag_s": 2.1},
        {"silent_s": 2.1},
    ],
)
def test_nothing_is_tried_beside_a_recording_that_a_stick_does_not_take_with_ease(trouble):
    desk = Desk().say_at_ease(**trouble).wait(BESIDE.quiet_s + 30)
    assert TRIAL not in [op.path for op in desk.disk.journal]
    desk.say_at_ease().wait(BESIDE.quiet_s + 2)
    assert TRIAL in desk.disk.paths
    desk.say_at_ease(**trouble).step()
    assert TRIAL not in desk.disk.paths, "it is given up within a step"


def test_a_trial_in_quiet_is_given_up_for_an_event_though_the_stick_is_fast():
    desk = Desk().wait(QUIET_S + 1, steps=2)
    assert TRIAL in desk.disk.paths
    desk.say_at_ease().step()
    assert TRIAL not in desk.disk.paths


def test_a_trial_beside_a_recording_goes_on_alone_when_that_ends():
    desk = Desk().say_at_ease().wait(BESIDE.quiet_s + 2)
    desk.say("idle")
    assert desk.wait(3).proof.checked == 4


def test_a_door_that_never_rests_does_not_wear_the_stick_by_trials():
    desk = Desk()
    for _ in range(TRIES + 3):
        desk.say("idle")
        desk.wait(QUIET_S + 1, steps=1)
        desk.say("recording")
        desk.wait(2)
    created = [op for op in desk.disk.journal if op.act == "create" and op.path == TRIAL]
    assert len(created) == TRIES


def test_a_stick_that_is_pulled_in_a_trial_is_let_go_of():
    plugged = PluggedDisk(MemoryDisk())
    desk = Desk(plugged).wait(QUIET_S + 1, steps=2)
    plugged.pull()
    desk.prover.leave(desk.volume)
    assert not desk.prover.is_busy
    assert TRIAL in plugged.inner.paths
    desk.plug(PluggedDisk(plugged.inner)).prover.step(desk.now)
    assert TRIAL not in plugged.inner.paths, "what the pull left is removed at the next plug-in"


def test_a_stick_that_is_ejected_in_a_trial_takes_no_file_along():
    desk = Desk().wait(QUIET_S + 1, steps=2)
    desk.prover.leave(Volume(MemoryDisk(), "/other", "boot"))
    assert desk.prover.is_busy
    desk.prover.leave(desk.volume)
    assert desk.disk.paths == [MARKER]


def test_a_full_stick_and_a_setting_of_0_are_not_tried():
    assert Desk(MemoryDisk(capacity_bytes=7 << 20)).wait(60).proof == Proof()
    desk = Desk(trial_mib=0).wait(60)
    assert desk.proof == Proof()


def test_a_stick_that_forgets_is_found_out_by_the_trial(caplog):
    desk = Desk(FakeStick(1 << 19)).wait()
    assert (desk.proof.checked, desk.proof.lies) == (4, 2)
    assert "does not keep what it is given" in caplog.text


def test_a_part_that_does_not_come_back_is_found_out():
    desk = Desk(FakeStick(BLOCK), trial_mib=0)
    desk.disk.put(CLOSED, b"x" * BLOCK * 3)
    desk.prover.closed(desk.volume, CLOSED)
    assert desk.proof.lies >= 1
    assert 2 <= desk.proof.checked <= 3


def test_a_part_that_is_lost_later_is_found_when_the_next_one_closes():
    desk = Desk(trial_mib=0)
    desk.disk.put(CLOSED, b"x" * BLOCK)
    desk.prover.closed(desk.volume, CLOSED)
    desk.disk.put(CLOSED, b"y" * BLOCK)
    desk.disk.put("DASHCAM/b.mp4", b"x" * BLOCK)
    desk.prover.closed(desk.volume, "DASHCAM/b.mp4")
    assert desk.proof == Proof(checked=3, lies=1)


def test_a_part_that_was_deleted_is_no_lie():
    desk = Desk(trial_mib=0)
    for name in "abc":
        path = "DASHCAM/%s.mp4" % name
        desk.disk.put(path, b"x")
        desk.prover.closed(desk.volume, path)
        desk.disk.unlink(path)
    assert desk.proof == Proof(checked=3)


def test_a_clip_that_somebody_trimmed_while_the_stick_was_out_is_no_lie():
    desk = Desk(trial_mib=0)
    desk.disk.put(CLOSED, b"x" * BLOCK)
    desk.prover.closed(desk.volume, CLOSED)
    desk.prover.follow(None)
    desk.disk.put(CLOSED, b"y")
    desk.disk.put("DASHCAM/b.mp4", b"x")
    desk.plug(desk.disk).prover.closed(desk.volume, "DASHCAM/b.mp4")
    assert desk.proof == Proof(checked=1)


def test_another_sticks_parts_are_not_looked_for_on_this_one():
    desk = Desk(trial_mib=0)
    desk.disk.put(CLOSED, b"x")
    desk.prover.closed(desk.volume, CLOSED)
    other = MemoryDisk()
    other.put(CLOSED, b"something else")
    other.put("DASHCAM/b.mp4", b"x")
    desk.plug(other).prover.closed(desk.volume, "DASHCAM/b.mp4")
    assert desk.proof == Proof(checked=1)


def daemon_of(disk, **storage):
    config = settings()
    storage_config = replace(config.storage, trial_mib=1, **storage)
    return Daemon(script(80), disk, config=replace(config, storage=storage_config))


def test_the_house_notes_the_proof_on_the_stick_and_says_it():
    disk = MemoryDisk()
    daemon = daemon_of(disk).run()
    health = daemon.status["volume"]["health"]
    assert health["proof"]["write_bytes_per_s"] > 0
    assert daemon.status["faults"] == []
    assert json.loads(disk.content(MARKER))["proof"]["checked"] == 4, "noted while it is idle"
    daemon.close()
    assert b"Speed:   it writes" in disk.content("DASHCAM/dashcamd-report.txt")


def endless(disk, seconds=150):
    """A house that records all the time onto a stick that takes 20 MB/s."""
    camera = ScriptCamera(("k" + "p" * 9) * (seconds + 10), "", fps=10)
    config = settings(mode="continuous")
    config = replace(config, storage=replace(config.storage, trial_mib=1))
    daemon = Daemon(camera, is_plugged=False, config=config)
    daemon.socket.plug(SlowDisk(disk, daemon.clock, bytes_per_s=20e6))
    return daemon.run(seconds)


def test_in_continuous_mode_a_stick_is_tried_out_and_remembers_it_though_power_is_cut():
    disk = MemoryDisk()
    daemon = endless(disk)
    assert daemon.status["counters"]["frames_lost"] == 0
    known = Volume(disk.after_cut(len(disk.journal)), "/stick", "next boot").proof
    assert known.write_bytes_per_s == pytest.approx(20e6, rel=0.1)
    noted = [op for op in disk.journal if op.act == "rename" and op.target == MARKER]
    assert len(noted) == 2, "at plug-in and after the trial"
    daemon.close()


def test_in_continuous_mode_a_fake_stick_is_unmasked_and_remembers_it_though_power_is_cut():
    disk = FakeStick(1 << 19)
    daemon = endless(disk, 115)
    assert daemon.status["volume"]["health"]["state"] == "failing"
    assert json.loads(disk.content(MARKER))["proof"]["lies"] == 2, "before the first part closed"
    daemon.close()


def test_a_fake_stick_is_failing_and_said_to_be():
    daemon = daemon_of(FakeStick(1 << 19)).run()
    assert daemon.status["volume"]["health"]["state"] == "failing"
    assert any("does not keep what it is given" in fault for fault in daemon.status["faults"])
    daemon.close()


def test_the_keep_thread_reads_each_closed_part_back():
    desk = KeepDesk(FakeStick(4096))
    desk.service._prover = Prover(desk.settings, desk.board, lambda: 0.0)
    desk.plug()
    desk.step()
    desk.part(desk.open_event(), 0, pad_bytes=9000)
    assert desk.volume.proof.lies > 0


def test_keep_says_that_it_let_go_only_when_the_trial_is_over():
    desk = KeepDesk(trial_mib=1)
    desk.service._prover = Prover(desk.settings, desk.board, lambda: 0.0)
    volume = desk.plug()
    desk.board.post("recording", {"state": "idle"})
    desk.step()
    desk.service.step(desk.now + QUIET_S)
    desk.service.step(desk.now + QUIET_S)
    assert TRIAL in desk.disk.paths
    left = []
    desk.tell(VolumeLeaving(volume, lambda: left.append(TRIAL in desk.disk.paths)))
    assert left == [False]
