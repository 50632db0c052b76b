"""From boot-monotonic stamps to wall time, through anchors; wall time is only ever a label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

from dashcamd.types import Anchor, Seconds

DRIFT = 100e-6
"""How fast a label's uncertainty grows away from its anchor: a crystal's 100 ppm."""


@dataclass(frozen=True)
class Moment:
    """A stamp with its label: `wall` in Unix seconds, right within `uncertainty_s`."""

    ts: Seconds
    wall: float
    uncertainty_s: float
    source: str

    @property
    def iso(self) -> str:
        """UTC as ISO 8601 with milliseconds."""
        moment = datetime.fromtimestamp(self.wall, timezone.utc)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Timeline:
    """Labels the stamps of one boot. Without an anchor it has no labels, and says so."""

    def __init__(self, anchor: Optional[Anchor] = None) -> None:
        self._anchor = anchor

    @property
    def anchor(self) -> Optional[Anchor]:
        """The best anchor so far."""
        return self._anchor

    def offer(self, anchor: Anchor) -> bool:
        """Take `anchor` if it is more certain than what is known by now; True if it was taken."""
        if self._anchor is None or anchor.uncertainty_s < self._uncertainty(anchor.ts):
            self._anchor = anchor
            return True
        return False

    def moment(self, ts: Seconds) -> Optional[Moment]:
        """The label of `ts`, None while the clock is not known."""
        if self._anchor is None:
            return None
        wall = self._anchor.wall + (ts - self._anchor.ts)
        return Moment(ts, wall, self._uncertainty(ts), self._anchor.source)

    def _uncertainty(self, ts: Seconds) -> float:
        assert self._anchor is not None
        return self._anchor.uncertainty_s + DRIFT * abs(ts - self._anchor.ts)
