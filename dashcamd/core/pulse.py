"""The pulse of a stick: how quickly it makes video durable, and what has to be done about it.

Every write of the record thread is a sample: how long until its ``fdatasync`` returned, and how
many bytes it carried. `judge` holds them against the video's rate and the memory that is left, so
that "too slow" and "failing" are said before a frame is lost. What a stick is remembered by
(`Past`) stays on it, in its marker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Deque, List, Mapping, NamedTuple, Optional, Sequence

from dashcamd.core import proof
from dashcamd.core.hearsay import COUNTER_LIMIT, numbers
from dashcamd.core.memory import MIB, ring_mib_for
from dashcamd.core.proof import MARGIN
from dashcamd.types import Json, Seconds

WINDOW = 1200
WINDOW_S = 1200.0
"""Samples that count: the newest ones, of the last 20 minutes at about one a second."""

STALL_S = 1.0
"""A write that takes longer is a stall: frames are promised to be durable after 2 s."""

ENOUGH_BUSY_S = 2.0
ENOUGH_SAMPLES = 8
"""So much writing is watched before a rate is believed."""

MANY_SAMPLES = 120
"""About two minutes of video: so much outranks what was measured before, with a hiccup or two."""

TICK_S = 1e-6
"""Less is no time that could be measured."""

LIMITS = {
    "bytes_written": COUNTER_LIMIT,
    "stalls": COUNTER_LIMIT,
    "longest_stall_s": 86400.0,
    "errors": COUNTER_LIMIT,
}


@dataclass(frozen=True)
class Past:
    """What is known of a stick from all its days with us."""

    bytes_written: int = 0
    stalls: int = 0
    longest_stall_s: Seconds = 0.0
    errors: int = 0

    @classmethod
    def from_json(cls, found: object) -> Past:
        """Read what a stick says of itself."""
        said = numbers(found, LIMITS)
        return cls(
            int(said["bytes_written"]),
            int(said["stalls"]),
            said["longest_stall_s"],
            int(said["errors"]),
        )

    def to_json(self) -> Json:
        """The same for the marker."""
        return {
            "bytes_written": self.bytes_written,
            "stalls": self.stalls,
            "longest_stall_s": round(self.longest_stall_s, 3),
            "errors": self.errors,
        }


def told(past: Past) -> str:
    """What a stick is remembered by, for people."""
    said = ["took %.1f GB" % (past.bytes_written / 1e9)]
    if past.stalls:
        said.append("stalled %s, longest %.0f s" % (times(past.stalls), past.longest_stall_s))
    if past.errors:
        said.append("refused writes %s" % times(past.errors))
    return ", ".join(said)


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else "%d times" % count


class _Sample(NamedTuple):
    at: Seconds
    took_s: Seconds
    bytes: int


class Pulse:
    """Counts the writes to one stick. Used by the record thread alone."""

    def __init__(self, past: Past = Past()) -> None:
        self._samples: Deque[_Sample] = deque()
        self._took: List[Seconds] = []
        """Of the same samples, in order of length: nobody sorts them at each reading."""
        self._bytes = 0
        self._busy_s = 0.0
        self._past = past

    @property
    def past(self) -> Past:
        """What the stick is to be remembered by."""
        return self._past

    def wrote(self, at: Seconds, took_s: Seconds, size: int) -> None:
        """Note that `size` bytes were durable at `at`, `took_s` after they were handed over."""
        if len(self._samples) == WINDOW:
            self._forget_oldest()
        self._samples.append(_Sample(at, took_s, size))
        insort(self._took, took_s)
        self._bytes += size
        self._busy_s += took_s
        past = self._past
        self._past = Past(
            past.bytes_written + size,
            past.stalls + (took_s > STALL_S),
            max(past.longest_stall_s, took_s if took_s > STALL_S else 0.0),
            past.errors,
        )

    def failed(self) -> None:
        """Note that the stick refused a write."""
        past = self._past
        self._past = Past(past.bytes_written, past.stalls, past.longest_stall_s, past.errors + 1)

    def reading(self, now: Seconds) -> Json:
        """The last minutes in numbers, and the whole past; seconds and bytes."""
        while self._samples and now - self._samples[0].at > WINDOW_S:
            self._forget_oldest()
        took, size, busy_s = self._took, self._bytes, self._busy_s
        return {
            "writes": len(took),
            "p50_s": _quantile(took, 0.5),
            "p95_s": _quantile(took, 0.95),
            "p99_s": _quantile(took, 0.99),
            "max_s": _quantile(took, 1.0),
            "stalls": len(took) - bisect_right(took, STALL_S),
            "busy_s": round(busy_s, 3),
            "bytes": size,
            "bytes_per_s": round(size / busy_s) if busy_s > TICK_S else None,
            "ever": self._past.to_json(),
        }

    def _forget_oldest(self) -> None:
        _, took_s, size = self._samples.popleft()
        del self._took[bisect_left(self._took, took_s)]
        self._bytes -= size
        # Nothing is left of nothing: the rounding of many additions ends here.
        self._busy_s = self._busy_s - took_s if self._took else 0.0


@dataclass(frozen=True)
class Flow:
    """What a stick has to stand: the video's rate, and the memory that bridges its pauses.

    The ring can grow to `ring_most_bytes`; `held_s` of it are needed though nothing stalls.
    """

    video_bytes_per_s: float = 0.0
    ring_most_bytes: int = 0
    held_s: Seconds = 0.0
    memory_left_bytes: int = 0
    free_bytes: int = 0
    uptime_s: Seconds = 0.0
    bytes_written: int = 0


def judge(
    reading: Mapping[str, Any],
    flow: Flow,
    io_errors: int = 0,
    file_system_errors: int = 0,
    proven: Mapping[str, Any] = MappingProxyType({}),
) -> Json:
    """The health of a stick as ``status`` shows it; ``faults`` are lines for people.

    ``state`` is ``unknown`` (too little written yet), ``good``, ``slow`` or ``failing``. `proven`
    is the stick's `proof.Proof`, whose speed counts until enough was written.
    """
    faults = _errors(io_errors, file_system_errors) + proof.lies(proven)
    is_failing = bool(faults)
    is_watched = _is_watched(reading)
    faults += (
        _slowness(reading, flow) if is_watched else proof.slowness(proven, flow.video_bytes_per_s)
    )
    faults += _stalls(reading, flow)
    is_known = reading.get("writes", 0) >= ENOUGH_SAMPLES
    state = "failing" if is_failing else "slow" if faults else "good" if is_known else "unknown"
    return {
        **reading,
        "state": state,
        "faults": faults,
        "io_errors": io_errors,
        "file_system_errors": file_system_errors,
        "video_bytes_per_s": round(flow.video_bytes_per_s),
        "ring_mib_advised": _ring_mib(reading, flow),
        "proof": dict(proven),
        "hours_left": _hours(flow.free_bytes, flow.video_bytes_per_s),
        "hours_left_of_events": _hours(
            flow.free_bytes, flow.bytes_written / flow.uptime_s if flow.uptime_s else 0.0
        ),
    }


def _errors(io_errors: int, file_system_errors: int) -> List[str]:
    if file_system_errors:
        return [
            "its file system has %d errors: copy what matters, check or format it"
            % file_system_errors
        ]
    if io_errors:
        return [
            "the kernel met %d errors of it since it was plugged in: copy what matters, replace it"
            % io_errors
        ]
    return []


def _is_watched(reading: Mapping[str, Any]) -> bool:
    """Whether enough was written to believe its rate."""
    is_long = reading.get("busy_s", 0.0) >= ENOUGH_BUSY_S
    return bool(is_long and reading.get("writes", 0) >= ENOUGH_SAMPLES)


def proven_rate(reading: Mapping[str, Any]) -> Optional[float]:
    """Bytes a second as recording itself has shown them; None while that is too little."""
    is_much = _is_watched(reading) and reading.get("writes", 0) >= MANY_SAMPLES
    return reading.get("bytes_per_s") if is_much else None


def _slowness(reading: Mapping[str, Any], flow: Flow) -> List[str]:
    rate, video = reading.get("bytes_per_s") or 0.0, flow.video_bytes_per_s
    if rate >= video * MARGIN:
        return []
    what = "it is too slow: it takes %.2f MB/s, the video has %.2f" % (rate / 1e6, video / 1e6)
    if rate < video:
        what += "; memory lasts for %.0f s more of motion" % (
            flow.memory_left_bytes / (video - rate)
        )
    return [what + "; use a faster stick or a lower [camera] bitrate"]


def _stalls(reading: Mapping[str, Any], flow: Flow) -> List[str]:
    advised = _ring_mib(reading, flow)
    if advised is None or advised * MIB <= flow.ring_most_bytes:
        return []
    return [
        "it stalled for %.0f s, longer than memory bridges: use another stick, a lower [camera] "
        "bitrate, or let the ring grow to %d MiB ([recording] ring_max_mib) where the machine has "
        "so much" % (reading["ever"]["longest_stall_s"], advised)
    ]


def _ring_mib(reading: Mapping[str, Any], flow: Flow) -> Optional[int]:
    """MiB that the ring needs for the longest stall ever seen; None when there was none."""
    longest = reading.get("ever", {}).get("longest_stall_s", 0.0)
    return ring_mib_for(longest, flow.held_s, flow.video_bytes_per_s) or None


def _hours(free_bytes: int, bytes_per_s: float) -> Optional[float]:
    return round(free_bytes / bytes_per_s / 3600, 1) if bytes_per_s > 0 else None


def _quantile(ordered: Sequence[float], part: float) -> Optional[float]:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 4)
