"""Opening a network address in bounded time.

FFmpeg cannot be interrupted while it asks for the address behind a name, and asks again when it is
told that there is none: a router that does not answer holds it for a minute or two. The camera
thread has to be back before the watchdog takes the daemon for hung. So the opening has a thread of
its own, which is waited for so long and no longer; what it opens later is taken by the next try.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, ClassVar, Dict, Optional

from dashcamd.errors import CameraError
from dashcamd.types import Seconds


class Opening:
    """One opening under way. MUST be begun and waited for by one thread, the camera's."""

    _under_way: ClassVar[Dict[str, Opening]] = {}

    def __init__(self, address: str, name: str, open_it: Callable[[], Any]) -> None:
        self._address = address
        self._name = name
        self._open_it = open_it
        self._opened: Any = None
        self._problem: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, name="dashcamd-opening", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, address: str, name: str, open_it: Callable[[], Any]) -> Opening:
        """The opening of `address`: the one under way, else a new one that calls `open_it`.

        `address` is the whole of it, password and all; `name` is what messages call it.
        """
        if address not in cls._under_way:
            cls._under_way[address] = cls(address, name, open_it)
        return cls._under_way[address]

    def wait(self, limit_s: Seconds) -> Any:
        """What was opened, once. Raises whatever `open_it` does; `CameraError` after `limit_s`."""
        self._thread.join(limit_s)
        if self._thread.is_alive():
            raise CameraError(
                "%s: not open after %g s and still tried; is the name right, and the network there?"
                % (self._name, limit_s)
            )
        del self._under_way[self._address]
        if self._problem is not None:
            raise self._problem
        return self._opened

    def _run(self) -> None:
        try:
            self._opened = self._open_it()
        except BaseException as problem:  # noqa: BLE001 - raised again by `wait`
            self._problem = problem
