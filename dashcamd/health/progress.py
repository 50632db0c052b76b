"""Whether the daemon makes progress: judged from how long each thread is overdue.

A thread is overdue when it is inside a step, or should be, for longer than it said. Pure.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from dashcamd.types import Seconds

STORAGE_SERVICES = ("record", "keep", "volumes", "control")
"""Threads that may wait in the kernel for a stick."""

SAID_AFTER_S = 3.0
"""A stick that has not answered for so long is a fault that people are told."""

PATIENCE_S = 20.0
STORAGE_PATIENCE_S = 90.0
"""From then on the watchdog is not fed. A stick may stall for 30 s, and killing a process that
waits for it in the kernel would lose the frames in the ring and gain nothing."""

DURABLE_S = 60.0
"""While an event is recorded to a volume that nobody complains of, durable bytes have to move."""


def stall(overdue: Mapping[str, Seconds]) -> Optional[str]:
    """One line for people while a thread waits for the stick."""
    waiting = {name: overdue[name] for name in STORAGE_SERVICES if name in overdue}
    longest = max(waiting, key=waiting.__getitem__, default=None)
    if longest is None or waiting[longest] < SAID_AFTER_S:
        return None
    return "the stick has not answered for %.0f s (%s); frames wait in memory" % (
        waiting[longest],
        longest,
    )


def stuck(
    overdue: Mapping[str, Seconds], recording: Mapping[str, Any], now: Seconds
) -> Optional[str]:
    """Why the daemon should be started anew; None while there is progress or healthy idleness."""
    for name, seconds in sorted(overdue.items()):
        patience = STORAGE_PATIENCE_S if name in STORAGE_SERVICES else PATIENCE_S
        if seconds > patience:
            return "the %s thread has made no progress for %.0f s" % (name, seconds)
    durable_at = recording.get("durable_at")
    is_writing = recording.get("part") and recording.get("backlog_frames")
    if not is_writing or recording.get("fault") or durable_at is None:
        return None
    if now - durable_at > DURABLE_S:
        return "frames wait and nothing became durable for %.0f s" % (now - durable_at)
    return None
