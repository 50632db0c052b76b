"""Which thread is late, seen from the main thread."""

import threading

from dashcamd.clock import SimClock
from dashcamd.handover import Board
from dashcamd.services.runner import Threads


class Sticky:
    """A service that hangs in its step until the test lets it go."""

    name = "record"

    def __init__(self):
        self.wake, self.entered, self.go = threading.Event(), threading.Event(), threading.Event()

    def step(self, now):
        self.entered.set()
        self.go.wait(10)
        return 0.0

    def close(self):
        pass


class RealWait(SimClock):
    """Simulated time, but waits give other threads a turn."""

    def wait(self, wake, timeout_s):
        return wake.wait(0.01)


def test_a_service_inside_its_step_is_overdue_from_the_moment_it_entered():
    clock, service = RealWait(1000.0), Sticky()
    runner = Threads([service], clock, Board())
    assert runner.overdue(1000.0) == {}
    runner.start()
    assert service.entered.wait(10)
    assert runner.overdue(1000.0) == {}
    assert runner.overdue(1007.5) == {"record": 7.5}
    assert runner.in_kernel() == set(), "it waits for a lock of ours"
    service.go.set()
    runner.close()
