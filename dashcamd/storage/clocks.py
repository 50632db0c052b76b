"""``clocks.json``: what was known of wall time in the last boots, so that dating can be finished.

An anchor is written here before the first sidecar is made anew from it: when the power goes in
between, the next plug-in dates the rest. Read from a stick it is data, not truth.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping

from dashcamd.core import naming
from dashcamd.storage import catalog
from dashcamd.storage.disk import Disk, replace_file
from dashcamd.types import Anchor, Json

PATH = naming.ROOT + "/clocks.json"
MAX_BYTES = 16384
BOOTS = 32
"""So many boots are remembered; an event is dated in its own boot or in one of the next."""

TEXT_CHARS = 64

Clocks = Dict[str, Anchor]
"""The best anchor of each boot by its `boot_id`, the newest boot last."""


def read(disk: Disk) -> Clocks:
    """What the volume remembers; nothing when that is missing or broken."""
    data = catalog.read_small(disk, PATH, MAX_BYTES)
    try:
        document = json.loads(data.decode("utf-8")) if data else {}
        return dict(map(_clock, document["boots"][-BOOTS:])) if document else {}
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return {}


def write(disk: Disk, clocks: Clocks) -> None:
    """Remember the newest `BOOTS` of `clocks`, whole or not at all. Raises `StorageError`."""
    boots: List[Json] = [
        {
            "boot_id": boot_id,
            "monotonic_s": round(anchor.ts, 6),
            "unix_s": round(anchor.wall, 6),
            "uncertainty_s": round(anchor.uncertainty_s, 6),
            "clock": anchor.source,
        }
        for boot_id, anchor in list(clocks.items())[-BOOTS:]
    ]
    replace_file(disk, PATH, (json.dumps({"boots": boots}, indent=1) + "\n").encode("ascii"))


def _clock(boot: Mapping[str, Any]) -> tuple[str, Anchor]:
    boot_id, source = boot["boot_id"], boot["clock"]
    if not isinstance(boot_id, str) or not isinstance(source, str):
        raise TypeError(boot)
    numbers = [boot[key] for key in ("monotonic_s", "unix_s", "uncertainty_s")]
    if not all(isinstance(number, (int, float)) and abs(number) <= 1e12 for number in numbers):
        raise TypeError(numbers)
    ts, wall, uncertainty_s = map(float, numbers)
    return boot_id[:TEXT_CHARS], Anchor(ts, wall, max(0.0, uncertainty_s), source[:TEXT_CHARS])
