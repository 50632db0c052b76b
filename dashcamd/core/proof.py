"""The proof of a stick: how quickly it took what was tried on it, and whether it kept it.

A fake stick claims more room than it has: what is written beyond is forgotten, or lands on what
was there before. It says so to nobody; only reading back past the system's memory shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, List, Mapping

from dashcamd.core.hearsay import COUNTER_LIMIT, numbers
from dashcamd.types import Json

MARGIN = 1.25
"""A stick should be so much faster than the video, or housekeeping leaves it no time."""

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
