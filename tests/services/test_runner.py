"""What makes services go: lockstep in the order of time, threads that end together."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.clock import SimClock, SystemClock
from dashcamd.errors import StorageError
from dashcamd.handover import Board
from dashcamd.services.runner import Lockstep, Threads


class Ticker:
    """A service that notes when it was stepped and asks for the next step after `period`."""

    def __init__(self, name, period, log):
        self.name, self.period, self.log = name, period, log
        self.wake = threading.Event()

    def step(self, now):
        self.log.append((now, self.name))
        return self.period

    def close(self):
        self.log.append(("close", self.name))


def test_lockstep_steps_whoever_is_due_first():
    log = []
    services = [Ticker("a", 2.0, log), Ticker("b", 3.0, log)]
    Lockstep(services, SimClock(0.0)).run(7.0, threading.Event())
    assert log == [(0, "a"), (0, "b"), (2, "a"), (3, "b"), (4, "a"), (6, "a"), (6, "b")]


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=5))
def test_simulated_time_never_goes_back_and_is_the_same_every_time(periods):
    def run():
        log = []
        services = [Ticker(str(place), period, log) for place, period in enumerate(periods)]
        Lockstep(services, SimClock(10.0)).run(30.0, threading.Event())
        return log

    log = run()
    assert [now for now, _ in log] == sorted(now for now, _ in log)
    assert log == run()


def test_a_woken_service_steps_at_once():
    log = []
    sleeper, clock = Ticker("sleeper", 100.0, log), SimClock(0.0)

    class Waker(Ticker):
        def step(self, now):
            if now == 4:
                sleeper.wake.set()
            return super().step(now)

    Lockstep([sleeper, Waker("waker", 2.0, log)], clock).run(7.0, threading.Event())
    assert [now for now, name in log if name == "sleeper"] == [0, 4]


def test_a_service_that_is_always_due_does_not_stop_the_others():
    log = []

    class Busy(Ticker):
        def step(self, now):
            super().step(now)
            return -1.0 if len(self.log) % 50 else 1.0

    Lockstep([Busy("busy", 0, log), Ticker("other", 1.0, log)], SimClock(0.0)).run(
        5.0, threading.Event()
    )
    assert [now for now, name in log if name == "other"] == [0, 1, 2, 3, 4]


def test_lockstep_ends_when_the_source_does_and_closes_in_order():
    log, is_over = [], threading.Event()

    class Source(Ticker):
        def step(self, now):
            if now >= 3:
                is_over.set()
            return super().step(now)

    lockstep = Lockstep([Source("source", 1.0, log), Ticker("sink", 1.0, log)], SimClock(0.0))
    lockstep.run(None, is_over)
    assert log[-1] == (3, "source")
    del log[:]
    lockstep.close()
    assert log == [(3, "source"), ("close", "source"), (3, "sink"), ("close", "sink")]


class Worker(Ticker):
    """Tells when it has stepped; raises what it is given."""

    def __init__(self, name, log, error=None, close_error=None):
        super().__init__(name, 0.01, log)
        self.has_stepped = threading.Event()
        self.error, self.close_error = error, close_error

    def step(self, now):
        self.has_stepped.set()
        if self.error is not None:
            raise self.error
        return self.period

    def close(self):
        super().close()
        if self.close_error is not None:
            raise self.close_error


def started(*services):
    board = Board()
    threads = Threads(services, SystemClock(), board)
    threads.start()
    for service in services:
        assert service.has_stepped.wait(5)
    return threads, board


def test_threads_step_all_services_and_close_them_in_order():
    log = []
    threads, _ = started(Worker("a", log), Worker("b", log), Worker("c", log))
    threads.close()
    assert log == [("close", "a"), ("close", "b"), ("close", "c")]
    assert threads.failure is None


def test_a_service_that_dies_ends_the_program_and_all_files_are_closed(caplog):
    log = []
    threads, board = started(Worker("a", log), Worker("b", log, error=ValueError("a bug")))
    assert threads.ended.wait(5)
    assert str(threads.failure) == "a bug"
    assert board.snapshot()["fault.b"]["fault"] == "died: a bug"
    assert "b died of an unexpected error" in caplog.text
    threads.close()
    assert log == [("close", "a"), ("close", "b")]


@pytest.mark.parametrize("error", [StorageError("full"), ValueError("a bug")])
def test_one_that_cannot_finish_does_not_keep_the_others_from_it(error, caplog):
    log = []
    threads, _ = started(Worker("a", log, close_error=error), Worker("b", log))
    threads.close()
    assert ("close", "b") in log
    assert (threads.failure is None) == isinstance(error, StorageError)


def test_a_stuck_service_is_left_behind_and_the_others_close(caplog):
    log, release = [], threading.Event()

    class Stuck(Worker):
        def step(self, now):
            self.has_stepped.set()
            release.wait(8)
            return 0.0

    stuck = Stuck("stuck", log)
    threads, _ = started(stuck, Worker("b", log))
    threads.close(patience_s=0.05)
    assert log == [("close", "b")]
    assert "stuck does not stop" in caplog.text
    release.set()
