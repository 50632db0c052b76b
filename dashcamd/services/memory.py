"""The memory thread: lets the ring grow for a stick that stalls for longer than it bridges.

It sees a stall while it lasts, because it does not touch the stick: the record thread, which hangs
then, has not posted anything for so long.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Mapping, Tuple

from dashcamd.config import Config
from dashcamd.core.memory import MIB, Bounds, bounds, held_s, ring_mib_for
from dashcamd.core.pulse import STALL_S
from dashcamd.handover import Board, Ring
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

PERIOD_S = 1.0


class MemoryService:
    """Sizes the ring within `bounds` by the longest stall of the stick in use, and says so.

    A ring that has grown stays so until the next start: what is in it may be wanted.
    """

    name = "memory"

    def __init__(self, ring: Ring, bounds: Bounds, board: Board) -> None:
        self.wake = threading.Event()
        self._ring = ring
        self._bounds = bounds
        self._board = board
        self._why = "as configured"
        self._post()

    def step(self, now: Seconds) -> Seconds:
        """Look how the stick fares."""
        recording = self._board.snapshot().get("recording", {})
        stall_s, words = _longest_stall(recording, now)
        video = self._ring.stats.bytes_per_s
        wanted_mib = ring_mib_for(stall_s, self._bounds.held_s, video)
        size_mib = min(wanted_mib, self._bounds.most_mib)
        if size_mib * MIB > self._ring.capacity_bytes:
            self._ring.grow(size_mib * MIB)
            self._why = "grown: " + words % stall_s
            log.info("the ring may take %d MiB now: %s", size_mib, words % stall_s)
        self._post()
        return PERIOD_S

    def close(self) -> None:
        """Nothing is open here."""

    def _post(self) -> None:
        video = self._ring.stats.bytes_per_s
        self._board.post(
            "memory",
            {
                "ring_mib": self._ring.capacity_bytes // MIB,
                "ring_mib_configured": self._bounds.least_mib,
                "ring_mib_most": self._bounds.most_mib,
                "held_s": self._bounds.held_s,
                "bridged_s": round(self._ring.capacity_bytes / video, 1) if video else None,
                "why": self._why,
            },
        )


def bounds_of(config: Config, machine_mib: int) -> Bounds:
    """How far the ring may grow as configured, on a machine of so much memory."""
    rules = config.recording
    held = held_s(rules.pre_roll_s, rules.post_roll_s, rules.gap_s, config.camera.keyframe_s)
    return bounds(rules.ring_mib, rules.ring_max_mib, rules.lifeboat_mib, held, machine_mib)


def _longest_stall(recording: Mapping[str, Any], now: Seconds) -> Tuple[Seconds, str]:
    """The longest stall of the stick in use, the present one included, in seconds and words."""
    ever = recording.get("pulse", {}).get("ever", {}).get("longest_stall_s", 0.0)
    silent_s = now - recording.get("posted_at", now)
    if silent_s > max(ever, STALL_S):
        return silent_s, "the stick has not answered for %.0f s"
    return ever, "this stick once stalled for %.0f s"
