"""From a camera's own time stamps to boot-monotonic seconds.

Sensor stamps are taken by a kernel driver at the start of the exposure. libcamera documents them
as CLOCK_BOOTTIME, its Raspberry Pi and virtual pipelines hand out CLOCK_MONOTONIC; the two differ
by the time the machine was suspended. `offset_us` finds out which it is, and never trusts a stamp
that is neither: an anchor that is wrong by hours would spoil every pre-roll.

The VideoCore stamps by a timer of its own, which runs freely while NTP slews CLOCK_MONOTONIC:
`Distance` follows.
"""

from __future__ import annotations

from dashcamd.types import Seconds

OLDEST_US = 5_000_000
"""No picture reaches us later than that after its exposure began."""

EARLIEST_US = -100_000
"""Stamps may be this far ahead: drivers stamp the start of a frame by calculation."""

FOLLOWED, MOST_FOLLOWED_S = 0.1, 0.001
"""What is followed of a distance measured anew, a second after the last. A crystal is off by 100
ppm, NTP slews by 500 ppm at the most (adjtimex(2)): 1000 ppm catch up with both, and one picture
follows another by 33 ms all the same."""


class Distance:
    """How far a free-running clock is behind ours, in seconds; measured anew every second.

    Followed slowly: a reading that was interrupted must not show in the stamps. Written by one
    thread, read by any.
    """

    def __init__(self, measured_s: Seconds) -> None:
        self.seconds = measured_s

    def follow(self, measured_s: Seconds) -> None:
        """Take a new measurement into account."""
        step_s = (measured_s - self.seconds) * FOLLOWED
        self.seconds += max(-MOST_FOLLOWED_S, min(MOST_FOLLOWED_S, step_s))


def offset_us(sensor_us: int, now_s: Seconds, suspended_s: Seconds = 0.0) -> int:
    """Microseconds to add to the sensor's stamps for boot-monotonic time.

    `sensor_us` is the stamp of a picture that arrived at `now_s`; `suspended_s` is
    CLOCK_BOOTTIME - CLOCK_MONOTONIC. A clock that is neither is anchored so that this picture
    is from now.
    """
    now_us = round(now_s * 1_000_000)
    suspended_us = round(suspended_s * 1_000_000)
    for offset in (0, -suspended_us):
        if EARLIEST_US <= now_us - (sensor_us + offset) <= OLDEST_US:
            return offset
    return now_us - sensor_us
