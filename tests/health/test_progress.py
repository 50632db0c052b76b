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
