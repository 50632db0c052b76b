"""The proof of a stick: how quickly it took what was tried on it, and whether it kept it.

A fake stick claims more room than it has: what is written beyond is forgotten, or lands on what
was there before. It says so to nobody; only reading back past the system's memory shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, List, Mapping, NamedTuple, Optional

from dashcamd.core.hearsay import COUNTER_LIMIT, numbers
from dashcamd.types import Json, Seconds

MARGIN = 1.25
"""A stick should be so much faster than the video, or housekeeping leaves it no time."""

SPARE = 4.0
"""A trial beside a recording is for sticks that take the video so many times over."""

SPARE_WRITES = 30
"""About half a minute of recording: so much is watched before a trial beside it."""

FRESH_S = 2.0
"""Frames are promised to be durable after so long: a recording that lags more has no time."""

RATE_LIMIT = 1e11
LIMITS = {
    "write_bytes_per_s": RATE_LIMIT,
    "read_bytes_per_s": RATE_LIMIT,
    "checked": COUNTER_LIMIT,
    "lies": COUNTER_LIMIT,
}


@dataclass(frozen=True)
class Proof:
    """What is known of a stick by reading back; rates in bytes a second, 0 if it was not tried.

    Of `checked` pieces read back, `lies` came back as something else.
    """

    write_bytes_per_s: float = 0.0
    read_bytes_per_s: float = 0.0
    checked: int = 0
    lies: int = 0

    @classmethod
    def from_json(cls, found: object) -> Proof:
        """Read what a stick says of itself."""
        said = numbers(found, LIMITS)
        return cls(
            said["write_bytes_per_s"],
            said["read_bytes_per_s"],
            int(said["checked"]),
            int(said["lies"]),
        )

    def to_json(self) -> Json:
        """The same for the marker and for ``status``."""
        return {
            "write_bytes_per_s": round(self.write_bytes_per_s),
            "read_bytes_per_s": round(self.read_bytes_per_s),
            "checked": self.checked,
            "lies": self.lies,
        }

    def read_back(self, checked: int, lies: int) -> Proof:
        """The same after `checked` more pieces, of which `lies` came back as something else."""
        return replace(self, checked=self.checked + checked, lies=self.lies + lies)


def lies(proof: Mapping[str, Any]) -> List[str]:
    """A line for people about a stick that does not keep what it is given."""
    if not proof.get("lies"):
        return []
    return [
        "it does not keep what it is given (%d of %d pieces read back were something else): copy "
        "what matters, replace it" % (proof["lies"], proof["checked"])
    ]


def slowness(proof: Mapping[str, Any], video_bytes_per_s: float) -> List[str]:
    """A line about a stick that is too slow for the video by its first trial."""
    rate = proof.get("write_bytes_per_s", 0.0)
    if not rate or rate >= video_bytes_per_s * MARGIN:
        return []
    return [
        "it is too slow: %s; use a faster stick or a lower [camera] bitrate"
        % speed(rate, video_bytes_per_s)
    ]


def speed(rate: float, video_bytes_per_s: float) -> str:
    """``writes 9.8 MB/s, the video needs 0.50``."""
    return "it writes %.1f MB/s, the video needs %.2f" % (rate / 1e6, video_bytes_per_s / 1e6)


class Pace(NamedTuple):
    """How a trial goes: begun after `quiet_s`, each step followed by a pause for others.

    The pause is `pauses` times as long as the step took, at least `pause_s`.
    """

    quiet_s: Seconds
    pause_s: Seconds = 0.0
    pauses: float = 0.0


ALONE = Pace(quiet_s=10.0)
"""While nothing is recorded."""

BESIDE = Pace(quiet_s=30.0, pause_s=1.0, pauses=9.0)
"""Beside a recording that goes on and on, in a tenth of the stick's time."""


def pace(recording: Mapping[str, Any], video_bytes_per_s: float, now: Seconds) -> Optional[Pace]:
    """How a stick may be tried out `now`; None while the record thread needs all of it.

    `recording` is what the record thread last posted; while it hangs in a write it posts nothing.
    """
    state = recording.get("state")
    if state == "idle":
        return ALONE
    pulse, durable = recording.get("pulse", {}), recording.get("durable_ts")
    if state != "recording" or durable is None or pulse.get("stalls"):
        return None
    rate = pulse.get("bytes_per_s")  # None where writing takes no time that could be measured
    is_fast = rate is None or rate >= video_bytes_per_s * SPARE
    is_enough = pulse.get("writes", 0) >= SPARE_WRITES
    hangs = now - recording["posted_at"] > FRESH_S
    keeps_up = recording["posted_at"] - durable <= FRESH_S
    return BESIDE if is_fast and is_enough and keeps_up and not hangs else None
