"""Threads for what may wait for a stick for ever; they do not hold up the end of the program.

The library's own pool does: it joins its threads at exit.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Executor, Future
from typing import Any, Callable, List, Optional, Tuple

from dashcamd.errors import OperationError

THREADS = 3
WAITING_LIMIT = 64
"""With so many requests waiting the stick is hung; further ones are refused at once."""

Job = Tuple["Future[Any]", Callable[..., Any], Tuple[Any, ...]]


class FileThreads(Executor):
    """A few daemon threads over a bounded queue; started when there is something to do."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Optional[Job]] = queue.Queue()
        self._threads: List[threading.Thread] = []
        self._is_closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` soon. The future fails with `OperationError` when too much waits already."""
        future: Future[Any] = Future()
        if self._is_closed or self._jobs.qsize() >= WAITING_LIMIT:
            future.set_exception(OperationError("the stick does not answer; try again later"))
            return future
        self._jobs.put((future, fn, args))
        if len(self._threads) < THREADS:
            thread = threading.Thread(target=self._run, name="dashcamd-files", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after what they are at."""
        self._is_closed = True
        for _ in self._threads:
            self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            future, act, arguments = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = act(*arguments)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, future, act, arguments
