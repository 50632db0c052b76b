"""The memory thread: lets the ring grow for what the settings keep in it, and for a slow stick.

It sees a stall while it lasts, because it does not touch the stick: the record thread, which hangs
then, has not posted anything for so long.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Mapping, Optional, Tuple

from dashcamd.config import Config
from dashcamd.core.memory import (
    HELD_MARGIN,
    MIB,
    Bounds,
    bounds,
    held_mib,
    held_s,
    ring_mib_for,
)
from dashcamd.core.pulse import STALL_S
from dashcamd.handover import Board, Follower, Latest, Ring
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

PERIOD_S = 1.0


class MemoryService:
    """Sizes the ring by pre-roll, gap and the longest stall of the stick in use, and says so.

    How far it may grow is as it was at the start, on a machine of `machine_mib`; a ring that may
    not grow to what the settings keep in it is a fault. One that has grown stays so until the next
    start: what is in it may be wanted.
    """

    name = "memory"

    def __init__(
        self, settings: Latest[Config], ring: Ring, machine_mib: int, board: Board
    ) -> None:
        self.wake = threading.Event()
        self._settings = Follower(settings)
        self._ring = ring
        self._bounds = bounds_of(self._settings.value, machine_mib)
        self._board = board
        self._why = "as configured"
        self._post()

    def step(self, now: Seconds) -> Seconds:
        """Look what the settings want, and how the stick fares."""
        if self._settings.has_news():
            self._bounds = self._bounds._replace(held_s=held_s_of(self._settings.value))
        recording = self._board.snapshot().get("recording", {})
        stall_s, words = _longest_stall(recording, now)
        held, video = self._bounds.held_s, self._ring.stats.bytes_per_s
        self._grow(held_mib(held * HELD_MARGIN, video), "pre-roll and gap keep %.0f s" % held)
        self._grow(ring_mib_for(stall_s, held, video), words % stall_s)
        self._post()
        return PERIOD_S

    def close(self) -> None:
        """Nothing is open here."""

    def _grow(self, wanted_mib: int, why: str) -> None:
        size_mib = min(wanted_mib, self._bounds.most_mib)
        if size_mib * MIB > self._ring.capacity_bytes:
            self._ring.grow(size_mib * MIB)
            self._why = "grown: " + why
            log.info("the ring may take %d MiB now: %s", size_mib, why)

    def _shortage(self, video: float) -> Optional[str]:
        """What people are told when memory cannot hold what the settings keep in it."""
        held, capacity = self._bounds.held_s, self._ring.capacity_bytes
        if held * video <= capacity:
            return None
        return (
            "pre-roll and gap keep %.0f s of video, memory holds %.0f s: set [recording] "
            "pre_roll_s, gap_s or [camera] bitrate lower, or ring_max_mib to %d if the machine "
            "has it" % (held, capacity / video, held_mib(held * HELD_MARGIN, video))
        )

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
                "fault": self._shortage(video),
            },
        )


def bounds_of(config: Config, machine_mib: int) -> Bounds:
    """How far the ring may grow as configured, on a machine of so much memory."""
    rules, held = config.recording, held_s_of(config)
    return bounds(rules.ring_mib, rules.ring_max_mib, rules.lifeboat_mib, held, machine_mib)


def held_s_of(config: Config) -> Seconds:
    """How much of the newest video these settings keep in memory, in seconds."""
    rules = config.recording
    return held_s(rules.pre_roll_s, rules.post_roll_s, rules.gap_s, config.camera.keyframe_s)


def _longest_stall(recording: Mapping[str, Any], now: Seconds) -> Tuple[Seconds, str]:
    """The longest stall of the stick in use, the present one included, in seconds and words."""
    ever = recording.get("pulse", {}).get("ever", {}).get("longest_stall_s", 0.0)
    silent_s = now - recording.get("posted_at", now)
    if silent_s > max(ever, STALL_S):
        return silent_s, "the stick has not answered for %.0f s"
    return ever, "this stick once stalled for %.0f s"
