"""When the watchdog is fed, and what people hear before that."""

import pytest

from dashcamd.handover import Board
from dashcamd.health import progress
from dashcamd.services.supervisor import Supervisor

NOW = 10_000.0


def test_a_stick_that_stalls_is_said_within_five_seconds_and_survived_for_thirty():
    assert progress.stall({"record": 2.0}) is None
    assert "has not answered for 4 s" in progress.stall({"record": 4.0})
    assert progress.stuck({"record": 31.0, "keep": 31.0}, {}, NOW) is None


def test_a_detector_that_hangs_is_no_fault_of_the_stick_but_ends_the_feeding():
    assert progress.stall({"detect": 50.0}) is None
    assert "detect" in progress.stuck({"detect": 21.0}, {}, NOW)


def test_a_record_thread_that_never_returns_ends_the_feeding():
    assert "record" in progress.stuck({"record": 91.0}, {}, NOW)
    assert "record" in progress.stuck({"record": 91.0}, {}, NOW, {"keep"}, 499.0)


def test_a_stick_that_hangs_in_the_kernel_is_waited_for_as_long_as_the_ring_bridges_it():
    for name in progress.STORAGE_SERVICES:
        assert progress.stuck({name: 599.0}, {}, NOW, {name}) is None
        assert name in progress.stuck({name: 601.0}, {}, NOW, {name}, 499.0)
        assert progress.stuck({name: 1999.0}, {}, NOW, {name}, 2000.0) is None


def test_a_thread_that_never_touches_a_stick_is_not_waited_for_in_the_kernel_either():
    assert "detect" in progress.stuck({"detect": 21.0}, {}, NOW, {"detect"}, 499.0)


def test_bytes_that_are_not_durable_while_the_record_thread_hangs_are_judged_by_its_hang():
    recording = {"part": "p00", "backlog_frames": 9, "durable_at": NOW - 61, "posted_at": NOW - 61}
    assert progress.stuck({"record": 61.0}, recording, NOW, {"record"}) is None
    recording["posted_at"] = NOW - 0.5
    assert "nothing became durable" in progress.stuck({}, recording, NOW)


@pytest.mark.parametrize(
    ("recording", "is_stuck"),
    [
        ({}, False),
        ({"part": None, "backlog_frames": 9, "durable_at": NOW - 5000}, False),
        ({"part": "p00", "backlog_frames": 9, "durable_at": NOW - 1}, False),
        ({"part": "p00", "backlog_frames": 9, "durable_at": NOW - 61}, True),
        ({"part": "p00", "backlog_frames": 0, "durable_at": NOW - 61}, False),
        ({"part": "p00", "backlog_frames": 9, "durable_at": NOW - 61, "fault": "full"}, False),
    ],
)
def test_an_open_part_without_durable_bytes_is_no_progress_but_idleness_is_healthy(
    recording, is_stuck
):
    assert bool(progress.stuck({}, recording, NOW)) is is_stuck


class Spy:
    def __init__(self):
        self.said = []

    def alive(self, status):
        self.said.append(("alive", status))

    def ailing(self, status):
        self.said.append(("ailing", status))


def test_the_supervisor_feeds_while_all_is_well_and_stops_when_a_thread_is_stuck():
    overdue, spy, board = {}, Spy(), Board()
    status = {"state": "armed", "faults": []}
    supervisor = Supervisor(lambda now: overdue, lambda: status, board, spy)
    for now in range(0, 8):
        supervisor.look(now * 0.5)
    assert spy.said == [("alive", "armed")] * 4
    overdue["record"] = 4.0
    supervisor.look(4.0)
    assert spy.said[-1][0] == "alive"
    assert "not answered" in board.snapshot()["stall"]["fault"]
    overdue["record"] = 100.0
    supervisor.look(6.0)
    assert spy.said[-1][0] == "ailing"


def test_the_supervisor_feeds_while_the_kernel_waits_for_the_stick_and_the_ring_bridges_that():
    spy, board, in_kernel, overdue = Spy(), Board(), {"record"}, {"record": 700.0}
    board.post("memory", {"bridged_s": 1000.0})
    status = {"state": "recording", "faults": []}
    supervisor = Supervisor(lambda now: overdue, lambda: status, board, spy, lambda: in_kernel)
    supervisor.look(0.0)
    in_kernel.clear()
    supervisor.look(1.0)
    in_kernel.add("record")
    overdue["record"] = 1001.0
    supervisor.look(2.0)
    assert [word for word, _ in spy.said] == ["alive", "ailing", "ailing"]
