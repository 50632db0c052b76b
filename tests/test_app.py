"""The whole house in lockstep: what people would see on the stick."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dashcamd import app
from dashcamd.clock import SimClock, SystemClock
from dashcamd.errors import StorageError
from dashcamd.storage import catalog, stick_page, trace_log
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.folder import FolderSource
from dashcamd.testing import MemoryDisk, ScriptCamera
from dashcamd.types import Anchor
from tests.daemon import WALL, Daemon, Socket, settings, sound_frames
from tests.decoding import decoded_numbers  # noqa: F401

FPS = 10
GOP = "k" + "p" * 9


def script(seconds, motion="", **rules):
    """A GOP a second; `motion` has one letter a second."""
    by_frame = "".join(letter * FPS for letter in motion)
    return ScriptCamera(GOP * seconds, by_frame, fps=FPS, **rules)


@pytest.fixture
def numbers_in(decoded_numbers):
    """The numbers that the pictures of a file on a disk in memory show."""
    return lambda disk, path: decoded_numbers(disk.content(path))


@pytest.fixture
def numbers_in_file(decoded_numbers):
    """The same of an ordinary file."""
    return lambda path: decoded_numbers(Path(path).read_bytes())


def test_motion_is_recorded_with_the_seconds_before_and_after_it(numbers_in):
    daemon = Daemon(script(30, "..........##")).run().close()
    (event,) = daemon.events()
    (part,) = event.parts
    places = numbers_in(daemon.disk, part)
    assert places == list(range(places[0], places[-1] + 1)), "no frame twice, none missing"
    assert places[0] == 90, "one second of pre-roll, from its keyframe"
    assert places[-1] in (129, 130), "one second behind the last motion"
    facts = event.facts
    assert facts.is_closed
    assert facts.reason == "motion"
    assert facts.first_motion == pytest.approx(1010.0, abs=0.2)
    assert facts.last_motion == pytest.approx(1011.9, abs=0.2)
    assert facts.parts[0].frames == len(places)
    assert facts.moment.wall - 1_800_000_000 == pytest.approx(9.0)
    assert event.name.path.startswith("DASHCAM/2027-01-1")


def test_every_event_gets_a_cover_of_its_motion():
    daemon = Daemon(script(30, "..........###")).run().close()
    (event,) = daemon.events()
    cover = daemon.disk.content(event.name.path + "/cover.jpg")
    assert cover.startswith(b"\xff\xd8")
    assert 100 <= int(cover[2:-2]) <= 130


def test_no_video_is_written_while_nothing_moves():
    daemon = Daemon(script(30)).run().close()
    assert daemon.events() == []
    (trace,) = trace_log.files(daemon.disk)
    front = {*stick_page.STATIC, stick_page.LIST, "DASHCAM/dashcamd-report.txt"}
    beside = {"DASHCAM/volume.json", "DASHCAM/clocks.json"}
    assert set(daemon.disk.paths) - front == {trace.path, *beside}


@pytest.mark.timeout(60)
def test_a_ten_minute_event_is_split_every_two_minutes_without_a_seam(numbers_in):
    config = settings(gap_s=8.0)
    motion = "." * 25 + "#####....................." * 122
    daemon = Daemon(ScriptCamera("kpppp" * 640, motion, fps=5), config=config).run().close()
    (event,) = daemon.events()
    frames = [sound_frames(daemon.disk, path) for path in event.parts]
    assert frames[:5] == [600] * 5
    assert 0 < frames[5] < 600
    places = [place for path in event.parts for place in numbers_in(daemon.disk, path)]
    assert places == list(range(20, 20 + sum(frames)))
    ends = [part.start + part.duration_s for part in event.facts.parts]
    starts = [part.start for part in event.facts.parts]
    assert starts[1:] == pytest.approx(ends[:-1], abs=1e-3)


def test_a_frame_is_durable_within_two_seconds_while_an_event_goes_on():
    daemon = Daemon(script(60, "...." + "#" * 50))
    daemon.run(6)
    for _ in range(40):
        daemon.run(1)
        status = daemon.status
        assert status["recording"]
        assert status["state"] == "recording"
        assert (
            daemon.clock.monotonic() - daemon.house.board.snapshot()["recording"]["durable_ts"]
            <= 2.0
        )
    daemon.close()


def test_a_shutdown_in_mid_event_closes_the_part():
    daemon = Daemon(script(60, "....." + "#" * 50)).run(20).close()
    (event,) = daemon.events()
    assert event.open_parts == []
    assert event.facts.is_closed
    captured = daemon.status["counters"]["frames_captured"]
    assert sound_frames(daemon.disk, event.parts[0]) == captured - 40
    assert daemon.status["counters"]["backlog_frames"] == 0


def test_a_pulled_stick_continues_the_event_when_it_is_back(numbers_in):
    daemon = Daemon(script(60, "....." + "#" * 30)).run(15.25)
    daemon.socket.pull()
    daemon.run(5)
    assert daemon.status["state"] == "no stick"
    assert not daemon.status["recording"]
    daemon.socket.plug(daemon.disk)
    daemon.run().close()
    (event,) = daemon.events()
    assert event.open_parts == []
    places = [place for path in event.parts for place in numbers_in(daemon.disk, path)]
    assert sorted(set(places)) == list(range(40, max(places) + 1)), "nothing is missing"
    assert max(places) >= 358
    assert [part.status for part in event.facts.parts] == ["recovered", "ok"]
    assert [part.file for part in event.facts.parts] == [p.rpartition("/")[2] for p in event.parts]
    assert event.facts.is_closed
    assert daemon.status["counters"]["frames_lost"] == 0


def test_a_pulled_stick_continues_the_event_on_the_next_stick(numbers_in):
    other = MemoryDisk()
    daemon = Daemon(script(60, "....." + "#" * 30)).run(15.25)
    daemon.socket.pull()
    daemon.run(5)
    daemon.socket.plug(other)
    daemon.run().close()
    second = Daemon(script(1), other)
    (continued,) = second.events()
    assert continued.facts.continues == daemon.events()[0].name.folder
    places = [place for path in continued.parts for place in numbers_in(other, path)]
    assert places == list(range(places[0], 361)), "motion is prolonged by a rest of one field"
    assert places[0] <= 152, "goes on from the last durable frame"
    replugged = Daemon(script(5), daemon.disk, boot_id="later").run().close()
    (event,) = replugged.events()
    first = [place for path in event.parts for place in numbers_in(daemon.disk, path)]
    assert first[0] == 40
    assert first[-1] >= places[0] - 1, "no hole between the sticks"
    assert event.facts.is_closed


def test_without_a_stick_the_event_waits_in_memory():
    daemon = Daemon(script(40, "....." + "#" * 5), is_plugged=False).run(20)
    assert daemon.status["counters"]["backlog_frames"] == 71
    daemon.socket.plug(daemon.disk)
    daemon.run().close()
    (event,) = daemon.events()
    assert sound_frames(daemon.disk, event.parts[0]) == 71, "a field's rest prolongs motion"


def test_two_runs_on_the_same_stick_number_events_on():
    disk = MemoryDisk()
    for boot in "ab":
        Daemon(script(30, "......##......##......"), disk, boot_id=boot).run().close()
    events = Daemon(script(1), disk).events()
    assert [event.number for event in events] == [1, 2, 3, 4]
    assert [event.facts.boot for event in events] == [1, 1, 2, 2]


def test_a_power_cut_at_any_operation_loses_at_most_two_seconds():
    """Cut between every two operations of a short event; the next boot puts it in order."""
    first = Daemon(script(12, ".....###")).run().close()
    whole = sound_frames(first.disk, first.events()[0].parts[0])
    journal = first.disk.journal
    for step in range(4, len(journal) + 1, 3):
        durable = sum(op.act == "sync" for op in journal[:step])
        for after in (first.disk.at(step), first.disk.after_cut(step)):
            daemon = Daemon(script(3), after, boot_id="next").run().close()
            kept = [sound_frames(after, p) for event in daemon.events() for p in event.parts]
            assert not [event for event in daemon.events() if event.open_parts]
            assert sum(kept) <= whole
            if durable > 1:
                assert sum(kept) >= 10, "the pre-roll was durable first"
            assert all(event.facts.is_closed for event in daemon.events() if event.facts)


def test_disarmed_only_the_trigger_records():
    daemon = Daemon(script(40, "....." + "#" * 5), config=settings(armed=False, manual_s=2.0))
    daemon.run(20)
    assert daemon.events() == []
    assert daemon.status["state"] == "disarmed"
    daemon.house.control._trigger({"reason": "button"})
    daemon.run().close()
    (event,) = daemon.events()
    assert event.facts.reason == "button"
    assert event.name.folder.endswith("_button")
    assert sound_frames(daemon.disk, event.parts[0]) == pytest.approx(40, abs=10)


def test_continuous_mode_records_every_frame(numbers_in):
    config = settings(mode="continuous", segment_s=10.0)
    daemon = Daemon(script(35), config=config).run().close()
    (event,) = daemon.events()
    places = [place for path in event.parts for place in numbers_in(daemon.disk, path)]
    assert places == list(range(350))
    assert len(event.parts) == 4


def test_old_events_make_room_and_locked_ones_stay():
    disk = MemoryDisk(capacity_bytes=3_000_000)
    motion = "......##" * 30
    for boot in ("a", "b"):
        daemon = Daemon(script(250, motion, pad_bytes=4000), disk, boot_id=boot)
        if boot == "a":
            daemon.run(20)
            disk.put(daemon.events()[0].name.path + "/locked.txt", b"")
        daemon.run().close()
    events = daemon.events()
    assert events[0].number == 1
    assert events[0].is_locked
    numbers = [event.number for event in events[1:]]
    assert numbers[0] > 10
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert disk.space().free >= 300_000
    assert daemon.status["counters"]["frames_lost"] == 0
    for event in events:
        assert event.facts.is_closed
        for path in event.parts:
            sound_frames(disk, path)


def test_a_camera_that_dies_ends_the_part_and_the_next_one_goes_on():
    cameras = iter([script(10, ".....#####", end_error="the cable"), script(30, "..##")])
    daemon = Daemon(lambda settings: next(cameras)).run(10.5)
    assert daemon.status["state"] == "camera lost"
    assert daemon.status["faults"] == ["camera: the cable"]
    daemon.run(20).close()
    events = daemon.events()
    frames = [sound_frames(daemon.disk, path) for event in events for path in event.parts]
    assert sum(frames) >= 60 + 40 - 10
    assert all(event.facts.is_closed for event in events)


def test_status_tells_the_story():
    daemon = Daemon(script(20, "." * 10 + "###"), is_plugged=False)
    assert daemon.status["state"] == "starting"
    daemon.run(2)
    assert daemon.status["state"] == "no stick"
    daemon.socket.plug(daemon.disk)
    daemon.run(3)
    assert daemon.status["state"] == "armed"
    daemon.run(7)
    assert daemon.status["state"] == "recording"
    assert daemon.status["event"] == daemon.events()[0].name.folder
    daemon.run(7.9)
    assert daemon.status["state"] == "armed"
    counters = daemon.status["counters"]
    assert counters["frames_captured"] >= 190
    assert counters["frames_written"] == sound_frames(daemon.disk, daemon.events()[0].parts[0])
    daemon.close()


def test_a_stick_that_stays_full_does_not_fill_with_leftovers():
    """Locked events and films leave no room: nothing can be recorded, and nothing piles up."""
    disk = MemoryDisk(capacity_bytes=20_000)
    Daemon(script(2), disk).run().close()
    disk.put("film.mp4", b"x" * (disk.space().free - 300))
    daemon = Daemon(script(120, "......" + "#" * 60), disk).run(40)
    assert daemon.status["state"] == "stick full"
    assert daemon.status["volume"]["where"] is not None, "what is on it can be seen and deleted"
    assert "leave no room" in " ".join(daemon.status["faults"])
    begun, is_made = len(disk.journal), "create"
    daemon.run(60)
    tries = Counter(op.path.rpartition(".")[2] for op in disk.journal[begun:] if op.act == is_made)
    assert 1 <= tries["mp4"] <= 3, "once a minute, for each try wears the stick"
    assert sum(tries.values()) <= 12, "and so do covers, page and report"
    assert daemon.status["counters"]["backlog_frames"] > 500
    pieces = [path for path in disk.paths if "_p" in path]
    assert len(pieces) <= 2, "%d files without a frame" % len(pieces)
    disk.unlink("film.mp4")
    disk._capacity = 10**9
    daemon.run().close()
    frames = [sound_frames(disk, path) for event in daemon.events() for path in event.parts]
    assert sum(frames) >= 600
    assert daemon.status["counters"]["frames_lost"] == 0


def recorded(folder, clock):
    """The scripted scene, recorded to `folder` by `app.run`; its disk and events."""
    folder.mkdir()
    # No horizon falls on a frame: where it does, the rounding of the uptime decides.
    config = settings(pre_roll_s=0.18, post_roll_s=0.22, gap_s=1.0, segment_s=2.0)
    config = replace(
        config,
        camera=replace(config.camera, source="synthetic", keyframe_s=0.2),
        control=replace(config.control, socket="%s.sock" % folder),
    )
    camera = ScriptCamera("kpppp" * 15, "." * 15 + "#" * 25 + "." * 60, fps=25)
    anchor = Anchor(clock.monotonic(), WALL, 1.0, "test")
    source = FolderSource(str(folder), "boot")
    world = app.World(clock, "boot", lambda settings: camera, source, lambda: anchor)
    house = app.build(config, world)
    assert app.run(house) == 0
    disk = PosixDisk(str(folder))
    return disk, catalog.events(disk)


def test_real_time_and_simulated_time_leave_the_same_files(tmp_path, numbers_in_file):
    """Three seconds on threads, and the same in lockstep."""
    told = []
    for clock in (SystemClock(), SimClock(1000.0, WALL)):
        disk, (event,) = recorded(tmp_path / type(clock).__name__, clock)
        facts = event.facts
        told.append(
            {
                "pictures": [numbers_in_file(disk.root + "/" + path) for path in event.parts],
                "frames": [part.frames for part in facts.parts],
                "first": round(facts.first_motion - facts.start, 3),
                "last": round(facts.last_motion - facts.start, 3),
                "peak": facts.peak_blocks,
                "motions": facts.motions,
                "is_closed": facts.is_closed,
            }
        )
    assert told[0] == told[1]
    assert told[0]["is_closed"]
    assert sum(told[0]["frames"]) >= 25 + 10


class HungSocket(Socket):
    """The stick in it does not answer when it is opened, until somebody lets go of it."""

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def look(self, now):
        return False

    def offer(self, now):
        assert self.let_go.wait(30), "the camera was not started before the stick answered"
        raise StorageError("the stick does not answer")


@pytest.mark.timeout(90)
def test_a_stick_that_hangs_at_the_start_keeps_the_camera_waiting_no_moment(tmp_path):
    source = HungSocket()
    camera = ScriptCamera("kpppp" * 20, fps=5)
    world = app.World(SystemClock(), "boot", lambda _: camera, source, lambda: None)
    config = settings()
    control = replace(config.control, socket=str(tmp_path / "sock"))
    house = app.build(replace(config, control=control), world)

    def watch(status):
        if status["counters"]["frames_captured"]:
            source.let_go.set()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        app.run(house, 60.0, watch)
