"""The record thread by hand: real core, real writer, a disk of ours in memory."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from dashcamd.clock import SimClock
from dashcamd.config import Config
from dashcamd.core.recording import Recording
from dashcamd.core.timeline import Timeline
from dashcamd.core.wants import Policy
from dashcamd.handmade import SPS, sps, stream
from dashcamd.handover import Board, Latest, Mailbox, Ring
from dashcamd.services.messages import (
    Armed,
    Bumped,
    EventClosed,
    EventOpened,
    FramesLost,
    Judged,
    PartAbandoned,
    PartClosed,
    PartsLocked,
    RoomNeeded,
    Triggered,
)
from dashcamd.services.record import RecordService
from dashcamd.storage import catalog
from dashcamd.storage.recovery import is_interrupted, recover_event
from dashcamd.storage.volume import MARKER, Volume
from dashcamd.testing import FlakyDisk, MemoryDisk, held
from dashcamd.types import Frame, Motion
from tests.daemon import Daemon
from tests.decoding import decoded_numbers  # noqa: F401
from tests.test_app import script

START = 1000.0
POLICY = Policy(pre_roll_s=2, post_roll_s=2, gap_s=6, segment_s=120)


class Desk:
    """A record service with everything around it, driven second by second."""

    def __init__(self, disk, capacity=10**8, segment_s=120):
        self.clock = SimClock(START)
        self.ring = Ring(capacity)
        self.inbox, self.keep, self.failed = Mailbox(64), Mailbox(64), Mailbox(64)
        self.slot = Latest()
        self.board = Board()
        self.disk = disk
        self.settings = held(Config())
        recording = Recording(replace(POLICY, segment_s=segment_s), self.ring)
        self.service = RecordService(
            self.settings,
            recording,
            self.inbox,
            self.slot,
            self.keep,
            self.failed,
            Timeline(),
            self.board,
            self.clock.monotonic,
        )
        self.told = []

    def plug(self, disk=None):
        self.slot.put(Volume(disk or self.disk, "/stick", "boot"))

    def feed(self, frames, moving=True, reason="motion"):
        for frame in frames:
            self.ring.append(frame)
            self.clock.advance_to(frame.ts)
            motion = Motion(frame.ts, frame.ts, reason) if moving else None
            self.inbox.put(Judged(frame.ts, motion))
            if frame.key:
                self.step()
        return self

    def step(self):
        self.service.step(self.clock.monotonic())
        self.told += self.keep.drain()

    def close(self):
        self.service.close()
        self.told += self.keep.drain()

    def numbers(self, decode):
        """The numbers drawn in the pictures of all files, after recovery, part by part."""
        for event in catalog.events(self.disk):
            if is_interrupted(event):
                list(recover_event(self.disk, event))
        return [
            decode(whole(self.disk, path))
            for event in catalog.events(self.disk)
            for path in event.parts
        ]


def whole(disk, path):
    file = disk.open(path)
    try:
        return file.read(0, file.size)
    finally:
        file.close()


@pytest.fixture
def desk():
    desk = Desk(MemoryDisk())
    desk.plug()
    return desk


def second(pattern="k" + "p" * 9, at=0, **options):
    count = len(pattern)
    return stream(pattern, fps=10, start_ts=START + at / 10, first_number=at, **options)[:count]


def test_what_moves_is_written_once_and_in_order(desk, decoded_numbers):
    desk.feed(second("kppppppppp" * 5))
    desk.close()
    assert desk.numbers(decoded_numbers) == [list(range(50))]


def test_new_parameter_sets_begin_a_new_part(desk):
    other = [with_other_sets(frame) for frame in second("kppppppppp" * 2, at=30)]
    desk.feed(second("kppppppppp" * 3) + other)
    desk.close()
    closed = [message.part.frames for message in desk.told if isinstance(message, PartClosed)]
    assert closed == [30, 20]
    assert desk.failed.drain() == []


def test_frames_that_are_no_video_are_left_out_and_counted(desk, decoded_numbers):
    garbage = [Frame(frame.ts, frame.key, b"no start code") for frame in second(at=20)]
    desk.feed(second("kppppppppp" * 2) + garbage + second("kppppppppp" * 2, at=30))
    desk.close()
    assert desk.numbers(decoded_numbers) == [list(range(20)), list(range(30, 50))]
    assert desk.board.snapshot()["recording"]["frames_lost"] == 10
    assert desk.failed.drain() == [], "the volume is not to blame"


def plugged_late(frames):
    """The desk after 45 of them waited for a stick, which got them at once; the rest followed."""
    desk = Desk(MemoryDisk())
    for frame in frames[:45]:
        desk.ring.append(frame)
    desk.plug()
    desk.feed(frames[45:])
    desk.close()
    return desk


@pytest.mark.parametrize("bad", [20, 24, 39, 45])
@pytest.mark.parametrize("data", [b"no start code", b"\0\0\0\1" + SPS])
def test_a_bad_frame_costs_the_rest_of_its_gop_and_nothing_before_it(bad, data, decoded_numbers):
    frames = second("kppppppppp" * 6)
    frames[bad] = Frame(frames[bad].ts, frames[bad].key, data)
    desk = plugged_late(frames)
    lost = range(bad, bad // 10 * 10 + 10)
    wanted = [number for number in range(20, 60) if number not in lost]
    seen = [number for part in desk.numbers(decoded_numbers) for number in part]
    assert seen == wanted
    gone = sum(message.gap.frames for message in desk.told if isinstance(message, FramesLost))
    assert gone == len(lost)
    assert desk.failed.drain() == [], "the volume is not to blame"


def with_torn_sps(frame):
    return Frame(frame.ts, frame.key, frame.data.replace(b"\0\0\0\1" + SPS, b"\0\0\0\1" + SPS[:2]))


def without_sets(frame):
    units = frame.data.split(b"\0\0\0\1")
    kept = [unit for unit in units[1:] if unit[0] & 31 not in (7, 8)]
    return Frame(frame.ts, frame.key, b"".join(b"\0\0\0\1" + unit for unit in kept))


SPOILT = [(with_torn_sps, ())] + [
    (spoil, bad)
    for spoil in (with_torn_sps, without_sets)
    for bad in ((25,), (25, 27), (28, 30), (30, 33))
]


@pytest.mark.parametrize(("spoil", "bad"), SPOILT)
def test_several_faults_in_what_is_written_at_once_blame_no_stick(spoil, bad, decoded_numbers):
    frames = second("kppppppppp" * 6)
    frames[20] = spoil(frames[20])
    for place in bad:
        frames[place] = Frame(frames[place].ts, frames[place].key, b"no start code")
    desk = plugged_late(frames)
    seen = [number for part in desk.numbers(decoded_numbers) for number in part]
    lost = set(range(20, 30)) | {n for n in range(30, 40) if any(30 <= b <= n for b in bad)}
    assert seen == [number for number in range(20, 60) if number not in lost]
    assert desk.failed.drain() == []


@pytest.mark.parametrize("is_bad", [lambda at: True, lambda at: at % 2], ids=["all", "half"])
def test_video_of_keyframes_that_are_unusable_costs_a_file_a_second_at_most(is_bad):
    disk = MemoryDisk()
    desk = Desk(disk)
    desk.plug()
    frames = second("k" * 200)
    desk.feed(Frame(f.ts, f.key, b"junk") if is_bad(at) else f for at, f in enumerate(frames))
    desk.close()
    made = [op for op in disk.journal if op.act == "create" and op.path.endswith(".mp4")]
    assert 10 < len(made) < 25
    posted = desk.board.snapshot()["recording"]
    assert posted["frames_written"] + posted["frames_lost"] == 200
    assert desk.failed.drain() == []


def test_after_unusable_keyframes_what_is_usable_again_is_recorded(decoded_numbers):
    frames = second("k" * 40)
    desk = Desk(MemoryDisk())
    desk.plug()
    desk.feed([Frame(f.ts, f.key, b"junk") for f in frames[:15]] + frames[15:])
    desk.close()
    (seen,) = desk.numbers(decoded_numbers)
    assert seen == list(range(seen[0], 40))
    assert 15 <= seen[0] < 25


def calls_to_open():
    flaky = FlakyDisk(MemoryDisk())
    Volume(flaky, "/stick", "boot")
    return flaky.calls


@pytest.mark.parametrize("later", range(1, 50, 3))
def test_whatever_call_fails_the_next_volume_has_the_rest(later, decoded_numbers):
    disk = MemoryDisk()
    desk = Desk(disk)
    desk.plug(FlakyDisk(disk, calls_to_open() + later, errno.EIO))
    desk.feed(second("kppppppppp" * 5))
    if desk.failed.drain():
        desk.plug(disk)
    desk.close()
    seen = [number for part in desk.numbers(decoded_numbers) for number in part]
    assert sorted(set(seen)) == list(range(50))
    assert len(seen) - len(set(seen)) <= 10, "at most a GOP may be doubled"


def quiet(count, at):
    """Seconds in which nothing moves."""
    return second(("k" + "p" * 9) * count, at=at)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("later", range(1, 50))
def test_whatever_call_fails_each_event_that_was_opened_is_closed(later, code):
    disk = MemoryDisk()
    desk = Desk(disk, segment_s=2)
    desk.plug(FlakyDisk(disk, calls_to_open() + later, code))
    desk.feed(second("kppppppppp" * 5)).feed(quiet(10, at=50), moving=False)
    if desk.failed.drain():
        desk.plug(disk)
        desk.step()
    opened = [message.name for message in desk.told if isinstance(message, EventOpened)]
    closed = [message.name for message in desk.told if isinstance(message, EventClosed)]
    assert closed == opened


def told_lost(desk):
    desk.feed(second("kppppppppp" * 9))
    desk.plug()
    desk.step()
    if desk.failed.drain():
        desk.plug(desk.disk.inner)
        desk.step()
    lost = [message for message in desk.told if isinstance(message, FramesLost)]
    assert desk.board.snapshot()["recording"]["frames_lost"] == sum(m.gap.frames for m in lost)
    return [(message.name is not None, message.gap.frames) for message in lost]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("later", range(1, 16))
def test_what_was_lost_is_told_once_though_the_part_behind_it_could_not_be_opened(later, code):
    healthy = told_lost(Desk(MemoryDisk(), capacity=6000))
    flaky = FlakyDisk(MemoryDisk(), calls_to_open() + later, code)
    assert told_lost(Desk(flaky, capacity=6000)) == healthy == [(True, 80)]


@pytest.mark.parametrize("is_short", [60, 400])
def test_a_part_whose_index_does_not_fit_is_left_to_recovery(is_short, decoded_numbers):
    desk = Desk(MemoryDisk())
    desk.plug()
    desk.feed(second("kppppppppp" * 4)).feed(quiet(4, at=40), moving=False)
    desk.disk._capacity = desk.disk._capacity - desk.disk.space().free + is_short
    desk.feed(quiet(4, at=80), moving=False)
    assert not [message for message in desk.told if isinstance(message, PartClosed)]
    left = [message.path for message in desk.told if isinstance(message, PartAbandoned)]
    assert catalog.is_open(desk.disk, left[0])
    desk.step()
    assert [message for message in desk.told if isinstance(message, EventClosed)] == []
    desk.disk._capacity = 10**8
    desk.step()
    assert [message for message in desk.told if isinstance(message, EventClosed)]
    assert desk.numbers(decoded_numbers)[0] == list(range(60))


def test_a_full_volume_keeps_what_fits_and_asks_for_room(decoded_numbers):
    disk = MemoryDisk(capacity_bytes=9000)
    desk = Desk(disk)
    desk.plug()
    desk.feed(second("kppppppppp" * 4, pad_bytes=200))
    assert any(isinstance(message, RoomNeeded) for message in desk.told)
    assert [failure.is_full for failure in desk.failed.drain()] == [True]
    kept = [number for part in desk.numbers(decoded_numbers) for number in part]
    assert desk.board.snapshot()["recording"]["is_full"]
    disk._capacity = 10**7
    desk.step()
    assert not desk.board.snapshot()["recording"]["is_full"]
    desk.close()
    seen = [number for part in desk.numbers(decoded_numbers) for number in part]
    assert kept == list(range(len(kept)))
    assert seen == list(range(40))


def test_a_full_volume_is_tried_once_more_when_the_daemon_stops(decoded_numbers):
    disk = MemoryDisk(capacity_bytes=9000)
    desk = Desk(disk)
    desk.plug()
    desk.feed(second("kppppppppp" * 4, pad_bytes=200))
    disk._capacity += 2**19
    desk.step()
    assert desk.board.snapshot()["recording"]["is_full"], "too little room to be tried at once"
    desk.close()
    seen = [number for part in desk.numbers(decoded_numbers) for number in part]
    assert seen == list(range(40))


def test_what_was_lost_before_a_stick_came_is_told_with_the_name_of_its_event():
    desk = Desk(MemoryDisk(), capacity=6000)
    desk.feed(second("kppppppppp" * 9))
    desk.plug()
    desk.step()
    (lost,) = [message for message in desk.told if isinstance(message, FramesLost)]
    assert lost.name is not None
    assert lost.gap.frames > 0


def locked(desk):
    return [message.parts for message in desk.told if isinstance(message, PartsLocked)]


def split_desk():
    desk = Desk(MemoryDisk(), segment_s=2)
    desk.plug()
    return desk


def test_a_bump_locks_the_part_before_this_one_and_the_next():
    desk = split_desk()
    desk.feed(second("kppppppppp" * 5))
    desk.inbox.put(Bumped(desk.clock.monotonic() - 1.5))
    desk.step()
    desk.feed(second("kppppppppp" * 4, at=50))
    assert {part for parts in locked(desk) for part in parts} == {0, 1, 2}


def test_after_a_fail_over_each_part_is_locked_and_closed_on_its_own_stick():
    desk = split_desk()
    desk.feed(second("kppppppppp" * 3))
    first = desk.slot.peek()[1]
    desk.slot.put(None)
    desk.step()
    desk.plug(MemoryDisk())
    desk.feed(second("kppppppppp", at=30))
    desk.inbox.put(Bumped(desk.clock.monotonic() - 0.1))
    desk.step()
    second_one = desk.slot.peek()[1]
    locks = {message.volume for message in desk.told if isinstance(message, PartsLocked)}
    assert locks == {first, second_one}
    (closed,) = [message for message in desk.told if isinstance(message, EventClosed)]
    assert closed.volume is first


def test_disarmed_a_bump_locks_nothing():
    desk = split_desk()
    desk.feed(second("kppppppppp" * 5))
    desk.inbox.put(Armed(desk.clock.monotonic(), False))
    desk.inbox.put(Bumped(desk.clock.monotonic() - 0.1))
    desk.step()
    assert locked(desk) == []


@pytest.mark.parametrize(("reason", "expected"), [("driving", [(0, 1)]), ("motion", [])])
def test_the_button_locks_on_a_drive_only(reason, expected):
    desk = split_desk()
    desk.feed(second("kppppppppp" * 5), reason=reason)
    desk.inbox.put(Triggered(desk.clock.monotonic() - 0.1, "button"))
    desk.step()
    assert locked(desk) == expected
    assert {message.facts.reason for message in desk.told if isinstance(message, EventOpened)} == {
        reason
    }


@pytest.mark.parametrize("is_plugged", [True, False])
def test_the_button_in_continuous_mode_makes_an_event_and_locks_nothing(is_plugged):
    desk = Desk(MemoryDisk())
    desk.service._recording.change(replace(POLICY, is_continuous=True, manual_s=3))
    if is_plugged:
        desk.plug()
    desk.feed(second("kppppppppp" * 5), moving=False)
    desk.inbox.put(Triggered(desk.clock.monotonic(), "button"))
    desk.feed(second("kppppppppp" * 15, at=50), moving=False)
    if not is_plugged:
        desk.plug()
    desk.close()
    opened = [message.facts for message in desk.told if isinstance(message, EventOpened)]
    assert [facts.reason for facts in opened] == ["continuous", "button", "continuous"]
    assert opened[1].continues.endswith("_continuous")
    assert opened[2].continues.endswith("_button")
    frames = [message.part.frames for message in desk.told if isinstance(message, PartClosed)]
    assert sum(frames) == 200
    assert locked(desk) == []


def test_a_drive_has_its_word_in_the_folder_and_the_sidecar():
    desk = split_desk()
    desk.feed(second("kppppppppp" * 3))
    desk.feed(second("kppppppppp" * 3, at=30), reason="driving")
    desk.close()
    opened = [message for message in desk.told if isinstance(message, EventOpened)]
    assert [message.facts.reason for message in opened] == ["motion", "driving"]
    assert [message.name.folder.rpartition("_")[2] for message in opened] == ["motion", "driving"]
    assert opened[1].facts.continues == opened[0].name.folder


def test_a_volume_taken_away_leaves_its_part_to_recovery(desk):
    desk.feed(second("kppppppppp" * 2))
    desk.slot.put(None)
    desk.step()
    assert [type(message) for message in desk.told][-1] is PartAbandoned
    assert desk.board.snapshot()["recording"]["fault"]


def with_other_sets(frame):
    return Frame(frame.ts, frame.key, frame.data.replace(SPS, sps(4, 4)))


def test_a_write_that_is_refused_is_held_against_the_stick_and_a_full_one_is_not():
    for code, errors in ((errno.EIO, 1), (errno.ENOSPC, 0)):
        disk = FlakyDisk(MemoryDisk(), code=code)
        desk = Desk(disk)
        desk.plug()
        _, volume = desk.slot.peek()
        desk.feed(second() + second(at=10))
        disk.fail_at = disk.calls + 1
        desk.feed(second(at=20) + second(at=30))
        assert {failed.volume for failed in desk.failed.drain()} == {volume}
        assert volume.past.errors == errors
        assert volume.past.bytes_written > 0


def test_the_marker_is_not_worn_by_many_short_events():
    daemon = Daemon(script(100, "..#........." * 8)).run()
    assert len(daemon.events()) >= 6
    noted = [op for op in daemon.disk.journal if op.act == "rename" and op.target == MARKER]
    assert 2 <= len(noted) <= 3, "at plug-in, and once a minute"
    daemon.close()
