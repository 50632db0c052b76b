"""The state that one VideoCore has only once: its clock, its faults, what lives on it."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

Planes = Tuple[np.ndarray, np.ndarray, np.ndarray]
SceneSource = Callable[[int, int, int], Planes]
"""Number of the picture, width, height -> Y, U, V."""


class Chip:
    """Knobs for the tests and counters for their assertions; `reset` before each test.

    `camera_present` False: nothing answers on the ribbon cable, the camera component cannot be
    made. `camera_busy`: another process holds it, the first connection is refused. `frozen`: the
    sensor stops without a word. `encoder_fault` ``"silent"``: the H.264 encoder swallows pictures;
    ``"eos"``: it ends its stream. `chunk_bytes`: size of an encoder's output buffer. `speed`: how
    many seconds of the chip's clock pass in one; time stamps stay nominal.

    `callback_s` is what each call of the client took by the clock on the wall, `callback_cpu_s`
    what it took of a processor; `callback_done` is set after each.
    """

    def __init__(self) -> None:
        self.live: Dict[str, Dict[int, Any]] = {}
        self.reset()

    def reset(self) -> None:
        """Everything as after power-on."""
        self.camera_present = True
        self.camera_busy = False
        self.frozen = False
        self.encoder_fault: Optional[str] = None
        self.chunk_bytes = 65536
        self.scene: Optional[SceneSource] = None
        self.pictures_taken = 0
        self.pictures_dropped = 0
        self.callback_done = threading.Event()
        self.callback_s: List[float] = []
        self.callback_cpu_s: List[float] = []
        self._began_chip = self._began_real = time.monotonic()
        self.speed = 1.0

    def set_speed(self, speed: float) -> None:
        """Run the chip's timer `speed` times as fast from now on."""
        self._began_chip, self._began_real = self.now(), time.monotonic()
        self.speed = speed

    def skip(self, seconds: float) -> None:
        """Let the chip's timer be `seconds` further; not while a camera is open."""
        self._began_chip += seconds

    def now(self) -> float:
        """Seconds on the chip's timer: boot-monotonic while `speed` is 1."""
        return self._began_chip + (time.monotonic() - self._began_real) * self.speed

    def register(self, kind: str, address: int, thing: Any) -> None:
        """`thing` lives at `address` until `forget`."""
        self.live.setdefault(kind, {})[address] = thing

    def find(self, kind: str, address: int) -> Any:
        """What lives at `address`. Raises KeyError for a pointer that is not valid any more."""
        return self.live[kind][address]

    def forget(self, kind: str, address: int) -> None:
        """The thing at `address` is gone."""
        self.live[kind].pop(address, None)

    def leaks(self) -> Dict[str, int]:
        """How many components, pools and connections were never given back."""
        counted = {
            kind: len(self.live.get(kind, {})) for kind in ("component", "pool", "connection")
        }
        return {kind: number for kind, number in counted.items() if number}

    def components(self, name: str) -> List[Any]:
        """The living components of that name."""
        return [c for c in self.live.get("component", {}).values() if c.name == name]

    def unplug(self) -> None:
        """Pull the ribbon cable: the sensor stops and the firmware says so once."""
        self.camera_present, self.frozen = False, True
        for camera in self.components("vc.ril.camera"):
            camera.report_error()

    def plug(self) -> None:
        """The cable is back."""
        self.camera_present, self.frozen = True, False


CHIP = Chip()


class ChipClock:
    """A `dashcamd.clock.Clock` that runs with the chip: waits are shortened by its speed."""

    def monotonic(self) -> float:
        """Seconds on the chip's timer."""
        return CHIP.now()

    def wall(self) -> float:
        """Unix seconds that advance with the chip's timer."""
        return CHIP.now() + WALL_MINUS_MONOTONIC

    def wait(self, wake: threading.Event, timeout_s: float) -> bool:
        """Wait that many of the chip's seconds."""
        return wake.wait(max(0.0, timeout_s) / CHIP.speed)


WALL_MINUS_MONOTONIC = time.time() - time.monotonic()
