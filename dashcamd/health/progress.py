"""Whether the daemon makes progress: judged from how long each thread is overdue.

A thread is overdue when it is inside a step, or should be, for longer than it said. Pure.

What hangs in our own code is started anew soon. A thread that the kernel lets wait for a stick is
another matter: the ring bridges that, a kill takes effect only when the kernel lets go of the
thread, and would lose what is in memory. So it is given as long as the ring bridges, and more.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping, Optional

from dashcamd.types import Seconds

STORAGE_SERVICES = ("record", "keep", "volumes", "control")
"""Threads that may wait in the kernel for a stick."""

SAID_AFTER_S = 3.0
"""A stick that has not answered for so long is a fault that people are told."""

PATIENCE_S = 20.0
STORAGE_PATIENCE_S = 90.0
"""From then on the watchdog is not fed; the larger one is for the threads that touch a stick."""

KERNEL_PATIENCE_S = 600.0
"""The same for one of these that waits in the kernel: a SCSI command is tried for 30 s six times,
with resets of the port in between, before the kernel gives a stick up."""

DURABLE_S = 60.0
"""While an event is recorded to a volume that nobody complains of, durable bytes have to move."""

RUNS_S = 5.0
"""The record thread runs if it has posted so lately; it does twice a second."""


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
    overdue: Mapping[str, Seconds],
    recording: Mapping[str, Any],
    now: Seconds,
    in_kernel: AbstractSet[str] = frozenset(),
    bridged_s: Seconds = 0.0,
) -> Optional[str]:
    """Why the daemon should be started anew; None while there is progress or healthy idleness.

    `in_kernel` names the threads that wait in the kernel now, `bridged_s` is how long a hang the
    ring bridges, in seconds of video.
    """
    for name, seconds in sorted(overdue.items()):
        if seconds > _patience_s(name, name in in_kernel, bridged_s):
            return "the %s thread has made no progress for %.0f s" % (name, seconds)
    if now - recording.get("posted_at", now) > RUNS_S:
        return None  # it is overdue itself, and was judged above
    durable_at = recording.get("durable_at")
    is_writing = recording.get("part") and recording.get("backlog_frames")
    if not is_writing or recording.get("fault") or durable_at is None:
        return None
    if now - durable_at > DURABLE_S:
        return "frames wait and nothing became durable for %.0f s" % (now - durable_at)
    return None


def _patience_s(name: str, is_in_kernel: bool, bridged_s: Seconds) -> Seconds:
    if name not in STORAGE_SERVICES:
        return PATIENCE_S
    return max(KERNEL_PATIENCE_S, bridged_s) if is_in_kernel else STORAGE_PATIENCE_S
