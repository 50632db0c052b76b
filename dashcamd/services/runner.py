"""What makes services go: a thread for each, or one loop over simulated time for all.

A service is a `step` that says when it wants the next one. `Threads` runs each service on a
thread of its own; `Lockstep` runs the same services one after the other in the order in which
they are due, moving a `SimClock` along: a discrete-event simulation whose results are those of
real time, as fast as the machine goes.
"""

from __future__ import annotations

import logging
import threading
from typing import Dict, List, Optional, Protocol, Sequence, Set

from dashcamd.clock import Clock, SimClock
from dashcamd.errors import DashcamError
from dashcamd.handover import Board
from dashcamd.health.machine import waits_in_kernel
from dashcamd.types import Seconds

log = logging.getLogger(__name__)


class Service(Protocol):
    """One duty, one thread.

    MUST: return from `step` as soon as it has done what is due. MUST: handle the errors it
    expects; any other one ends the program after all files are closed.
    """

    name: str
    wake: threading.Event

    def step(self, now: Seconds) -> Seconds:
        """Do what is due at `now`; returns how long until the next step unless `wake` is set."""

    def close(self) -> None:
        """Finish what is open. Called once, when no step will follow."""


class Threads:
    """Runs services on threads until `stop`; the order given is the order in which they close."""

    def __init__(self, services: Sequence[Service], clock: Clock, board: Board) -> None:
        self._services = services
        self._clock = clock
        self._board = board
        self._stopping = threading.Event()
        self._threads: List[threading.Thread] = []
        self._due: Dict[str, Seconds] = {}
        self.ended = threading.Event()
        """Set when the program should end: `stop` was asked for, or a service died."""
        self.failure: Optional[BaseException] = None
        """The error a service died of; the process must then exit non-zero."""

    def start(self) -> None:
        """Start all threads; returns at once."""
        for service in self._services:
            thread = threading.Thread(
                target=self._run, args=(service,), name="dashcamd-" + service.name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def overdue(self, now: Seconds) -> Dict[str, Seconds]:
        """How long each service has been inside its step, or late for the next one."""
        return {name: now - due for name, due in self._due.copy().items() if now > due}

    def in_kernel(self) -> Set[str]:
        """The services whose threads the kernel lets wait for a device at this moment."""
        pairs = zip(self._services, self._threads)
        return {service.name for service, thread in pairs if waits_in_kernel(thread.native_id)}

    def close(self, patience_s: Seconds = 20.0) -> None:
        """Stop every thread and close its service, in order; a stuck one is left behind."""
        self._stopping.set()
        for service, thread in zip(self._services, self._threads):
            service.wake.set()
            thread.join(patience_s)
            if thread.is_alive():
                log.error("%s does not stop; its files are left to recovery", service.name)
                continue
            self._close(service)

    def _close(self, service: Service) -> None:
        try:
            service.close()
        except DashcamError as error:
            log.error("%s could not finish: %s", service.name, error)
        except Exception as error:
            self._fail(service, error)

    def _run(self, service: Service) -> None:
        try:
            while not self._stopping.is_set():
                service.wake.clear()
                self._due[service.name] = now = self._clock.monotonic()
                delay_s = service.step(now)
                self._due[service.name] = self._clock.monotonic() + delay_s
                self._clock.wait(service.wake, delay_s)
        except Exception as error:
            self._fail(service, error)

    def _fail(self, service: Service, error: BaseException) -> None:
        log.critical("%s died of an unexpected error; ending", service.name, exc_info=error)
        self._board.post("fault." + service.name, {"fault": "died: %s" % error})
        self.failure = error
        self.ended.set()


class Lockstep:
    """Runs services on simulated time, in this thread; equal inputs give equal files."""

    def __init__(self, services: Sequence[Service], clock: SimClock) -> None:
        self._services = services
        self._clock = clock
        self._due = [clock.monotonic()] * len(services)

    def run(self, until: Optional[Seconds], is_over: threading.Event) -> None:
        """Step until `is_over` is set or simulated time reaches `until`."""
        while not is_over.is_set():
            place = self._next()
            if until is not None and self._due[place] >= until:
                return
            self._clock.advance_to(self._due[place])
            self._step(place)

    def _next(self) -> int:
        for place, service in enumerate(self._services):
            if service.wake.is_set():
                self._due[place] = min(self._due[place], self._clock.monotonic())
        return min(range(len(self._due)), key=self._due.__getitem__)

    def _step(self, place: int) -> None:
        service = self._services[place]
        service.wake.clear()
        now = self._clock.monotonic()
        self._due[place] = now + max(0.0, service.step(now))

    def close(self) -> None:
        """Let every service take its last messages and close it, in order."""
        for service in self._services:
            service.step(self._clock.monotonic())
            service.close()
