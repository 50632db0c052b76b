"""How much memory the video takes: bounded by the machine, sized by the settings and the stick.

The ring holds the pre-roll, and what waits for a gap to be over. It also bridges a stick that
stalls: while one write hangs in the kernel, all that comes waits there. How long the stick at hand
can hang is known from its past, and seen while it hangs.
"""

from __future__ import annotations

from typing import NamedTuple

from dashcamd.types import Seconds

MIB = 1 << 20

SYSTEM_MIB = 200
"""Left, of what the kernel has, to the system (150) and to dashcamd itself without video (50).

docs/design/sticks.md does the sum for a Pi Zero."""

RING_MARGIN = 1.5
"""The ring is to bridge the longest stall so many times."""

HELD_MARGIN = 1.1
"""And to hold so many times what the settings keep in it: the video's rate varies."""


class Bounds(NamedTuple):
    """The ring is never smaller than `least_mib` nor larger than `most_mib`.

    `held_s` of video are needed besides what a stall takes: the pre-roll of motion that begins in
    it, and what waits for a gap to be over.
    """

    least_mib: int
    most_mib: int
    held_s: Seconds


def bounds(
    ring_mib: int, ring_max_mib: int, lifeboat_mib: int, held_s: Seconds, machine_mib: int
) -> Bounds:
    """How far the ring may grow: as allowed, as long as the system keeps what it needs."""
    free = room_mib(machine_mib) - lifeboat_mib
    return Bounds(ring_mib, max(ring_mib, min(ring_max_mib, free)), held_s)


def room_mib(machine_mib: int) -> int:
    """What is left for video of `machine_mib` of memory."""
    return max(0, machine_mib - SYSTEM_MIB)


def held_s(
    pre_roll_s: Seconds, post_roll_s: Seconds, gap_s: Seconds, keyframe_s: Seconds
) -> Seconds:
    """How much of the newest video has to stay in memory though the stick keeps up."""
    return max(pre_roll_s + keyframe_s, gap_s - post_roll_s)


def held_mib(held: Seconds, video_bytes_per_s: float) -> int:
    """MiB that `held` seconds of video take; 0 while the rate is not known."""
    return int(held * video_bytes_per_s / MIB) + 1 if video_bytes_per_s else 0


def ring_mib_for(stall_s: Seconds, held: Seconds, video_bytes_per_s: float) -> int:
    """MiB with which the ring bridges a stall of `stall_s` with a margin; 0 if there is none."""
    if not stall_s or not video_bytes_per_s:
        return 0
    return int((held + stall_s * RING_MARGIN) * video_bytes_per_s / MIB) + 1
