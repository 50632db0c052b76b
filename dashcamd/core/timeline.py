"""From boot-monotonic stamps to wall time, through anchors; wall time is only ever a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Optional

from dashcamd.types import Anchor, Seconds

DRIFT = 100e-6
"""How fast a label's uncertainty grows away from its anchor: a crystal's 100 ppm."""

EARLIEST_WALL, LATEST_WALL = 1_767_225_600.0, 4_102_444_800.0
"""2026-01-01, 2100-01-01: no Pi ran this program before, and no clock that says later was set."""

RANK = {"system": 0, "rtc": 1, "phone": 2, "ntp": 3, "gps": 4}
"""Whom to believe when two sources contradict each other; a source of another name is a 2."""

UNCONFIRMED = 2
"""Below this rank nobody has compared the clock with another one since power-on. A Pi boots with
the time at which it was last switched off, and the battery of an RTC may be dead."""

CONTESTED_S = 3600.0
"""Sources that ought to know and differ by more make every further label as doubtful as that."""

MUCH_BETTER = 0.5
"""A label is made anew once its uncertainty shrinks to this share of itself: each event's sidecar
is written a few times at most, however often an anchor is renewed."""


@dataclass(frozen=True)
class Moment:
    """A stamp with its label: `wall` in Unix seconds, right within `uncertainty_s`."""

    ts: Seconds
    wall: float
    uncertainty_s: float
    source: str

    @property
    def is_confirmed(self) -> bool:
        """Whether somebody outside of this machine said so."""
        return rank(self.source) >= UNCONFIRMED

    @property
    def iso(self) -> str:
        """UTC as ISO 8601 with milliseconds."""
        moment = datetime.fromtimestamp(self.wall, timezone.utc)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Timeline:
    """Labels the stamps of one boot. Without an anchor it has no labels, and says so.

    One thread offers; any thread asks.
    """

    def __init__(self, anchor: Optional[Anchor] = None) -> None:
        self._anchor = anchor
        self._contested_s: Seconds = 0.0

    @property
    def anchor(self) -> Optional[Anchor]:
        """The best anchor so far, as doubtful as what contradicted it in this boot makes it."""
        anchor = self._anchor
        if anchor is None or anchor.uncertainty_s >= self._contested_s:
            return anchor
        return replace(anchor, uncertainty_s=self._contested_s)

    def offer(self, anchor: Anchor) -> bool:
        """Take `anchor` if it is more certain than what is known by now; True if it was taken.

        One that contradicts what is known is taken only from a source of higher rank, so a system
        clock that steps by years behind NTP's back moves no label. What nobody confirmed may be
        corrected by its own source: somebody has set the clock.
        """
        known = label(anchor.ts, self._anchor) if self._anchor else None
        offered = Moment(anchor.ts, anchor.wall, anchor.uncertainty_s, anchor.source)
        if not is_moment(offered):
            return False
        if known is None:
            is_taken = True
        elif contradict(offered, known):
            if offered.is_confirmed and known.is_confirmed:
                apart_s = abs(offered.wall - known.wall)
                if apart_s > CONTESTED_S:
                    self._contested_s = max(self._contested_s, apart_s)
            is_taken = rank(anchor.source) >= rank(known.source) + known.is_confirmed
        else:
            is_taken = anchor.uncertainty_s < known.uncertainty_s
        if is_taken:
            self._anchor = anchor
        return is_taken

    def moment(self, ts: Seconds) -> Optional[Moment]:
        """The label of `ts`, None while the clock is not known."""
        anchor = self.anchor
        return None if anchor is None else label(ts, anchor)


def rank(source: str) -> int:
    """How far `source` is believed against others."""
    return RANK.get(source, UNCONFIRMED)


def label(ts: Seconds, anchor: Anchor) -> Moment:
    """The label that `anchor` gives to stamp `ts` of the same boot."""
    away = ts - anchor.ts
    uncertainty_s = anchor.uncertainty_s + DRIFT * abs(away)
    return Moment(ts, anchor.wall + away, uncertainty_s, anchor.source)


def is_moment(moment: Moment) -> bool:
    """Whether a label is one that a clock which was ever set can give."""
    return EARLIEST_WALL <= moment.wall <= LATEST_WALL


def contradict(one: Moment, other: Moment) -> bool:
    """Whether two labels of the same stamp cannot both be right within their uncertainties."""
    return abs(one.wall - other.wall) > one.uncertainty_s + other.uncertainty_s


def is_better(new: Moment, old: Optional[Moment]) -> bool:
    """Whether an event should be dated anew: none before, much more certain, or from who knows.

    Of two labels at most one is better than the other, and none is better than itself.
    """
    if old is None:
        return True
    if contradict(new, old):
        return rank(new.source) > rank(old.source)
    return new.uncertainty_s < MUCH_BETTER * old.uncertainty_s


def age_s(event: Moment, present: Moment) -> Optional[Seconds]:
    """How long ago the event was at the least; None on the word of a clock nobody confirmed."""
    if not (event.is_confirmed and present.is_confirmed):
        return None
    return present.wall - event.wall - present.uncertainty_s - event.uncertainty_s
