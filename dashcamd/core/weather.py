"""Whether it rains or snows, told by how many things seem to move at once."""

from __future__ import annotations

from dashcamd.types import Seconds

MANY_GROUPS = 4
WEATHER_PART = 0.4
WEATHER_S: Seconds = 10.0
"""When there are so many groups in this part of the fields of about so long, it rains or snows. In
drawn snow and rain 0.45 of the fields have as many, mostly nearly all of them; streets, people and
foliage come to 0.27."""

LIKELY_PART = 0.2
"""From here on what flakes do is learnt, so that it is known when they fall."""

FIRST_S: Seconds = 3.0
"""How long a camera that has just started counts as having seen no weather."""

LONGEST_STEP_S: Seconds = 1.0
"""A longer pause between two fields counts as this much."""


class Weather:
    """Remembers the fields of one camera for about `WEATHER_S`. One thread."""

    def __init__(self) -> None:
        self._part = 0.0
        self._seen_s = FIRST_S
        self._ts: Seconds = 0.0
        self.is_likely = False
        """Whether it may soon be known to."""
        self.is_falling = False
        """Whether rain or snow falls now."""

    def see(self, ts: Seconds, number: int) -> None:
        """Take the next field, stamped `ts`, in which `number` groups stand out."""
        step_s = min(max(ts - self._ts, 0.0), LONGEST_STEP_S)
        self._ts = ts
        self._seen_s = min(self._seen_s + step_s, WEATHER_S)
        self._part += step_s / self._seen_s * ((number >= MANY_GROUPS) - self._part)
        self.is_likely = self._part >= LIKELY_PART
        self.is_falling = self._part >= WEATHER_PART
