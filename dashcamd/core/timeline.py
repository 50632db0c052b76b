"""From boot-monotonic stamps to wall time, through anchors; wall time is only ever a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Optional

from dashcamd.types import Anchor, Seconds

DRIFT = 100e-6
"""How fast a label's uncertainty grows away from its anchor: a crystal's 100 ppm."""

EARLIEST_WALL, LATEST_WALL = 1_767_225_600.0, 4_102_444_800.0
"""2026-01-01, 2100-01-01: no Pi ran this program before, and no clock that says later was set."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

RANK = {"system": 0, "rtc": 1, "phone": 2, "ntp": 3, "gps": 4}
"""Whom to believe when two sources contradict each other; a source of another name is a 2."""

UNCONFIRMED = 2
"""Below this rank nobody has compared the clock with another one since power-on. A Pi boots with
the time at which it was last switched off, and the battery of an RTC may be dead."""

DECISIVE = 3
"""From this rank on a label decides what is too old to be kept. One phone may be wrong by years and
is set by hand as often as not: it dates events, and nothing is deleted on its word alone."""

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
    def is_decisive(self) -> bool:
        """Whether events may be deleted because of their age by this label."""
        return rank(self.source) >= DECISIVE

    @property
    def iso(self) -> str:
        """UTC as ISO 8601 with milliseconds."""
        # Not `fromtimestamp`: it ends in 2038 where the C library counts seconds in 32 bits.
        moment = EPOCH + timedelta(seconds=self.wall)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Timeline:
    """Labels the stamps of one boot. Without an anchor it has no labels, and says so.

    One thread offers, one remembers; any thread asks.
    """

    def __init__(self, anchor: Optional[Anchor] = None) -> None:
        self._anchor = anchor
        self._contested_s: Seconds = 0.0
        self._earlier: Optional[Anchor] = None

    @property
    def anchor(self) -> Optional[Anchor]:
        """The best anchor so far, as doubtful as what contradicted it in this boot makes it."""
        anchor = self._anchor
        if anchor is None:
            return None
        doubt_s = max(self._contested_s, _doubt_s(anchor, self._earlier))
        return anchor if anchor.uncertainty_s >= doubt_s else replace(anchor, uncertainty_s=doubt_s)

    def remember(self, anchor: Anchor) -> None:
        """Take note of what was known earlier in this boot, before the program was started anew.

        It gives no labels, for a stick may say anything; but what contradicts it is doubtful.
        """
        self._earlier = anchor

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
                    # Either may be the one that is right, and that only within its uncertainty.
                    doubt_s = apart_s + offered.uncertainty_s + known.uncertainty_s
                    self._contested_s = max(self._contested_s, doubt_s)
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


def _doubt_s(anchor: Anchor, earlier: Optional[Anchor]) -> Seconds:
    """How far what was known earlier in the boot makes `anchor` doubtful; 0 if they agree."""
    if earlier is None:
        return 0.0
    then, now = label(anchor.ts, earlier), label(anchor.ts, anchor)
    if not (then.is_confirmed and now.is_confirmed and is_moment(then)):
        return 0.0
    apart_s = abs(now.wall - then.wall) + then.uncertainty_s + now.uncertainty_s
    return apart_s if apart_s > CONTESTED_S else 0.0


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
    """How long ago the event was at the least; None unless both labels are decisive."""
    if not (event.is_decisive and present.is_decisive):
        return None
    return present.wall - event.wall - present.uncertainty_s - event.uncertainty_s
