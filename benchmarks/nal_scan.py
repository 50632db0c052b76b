"""What finding the start codes of one access unit costs, against the obvious ways.

Run: ``python benchmarks/nal_scan.py``. Decides `dashcamd.core.h264._WORD_SCAN_FROM_BYTES`.
"""

from __future__ import annotations

import random
import time
from typing import Callable, Dict, List

from dashcamd.core import h264

SIZES = (500, 2_000, 6_000, 20_000, 41_000, 160_000)
ROUNDS = 7
BYTES_A_ROUND = 40_000_000
"""More than a cache holds: in the recorder, too, every frame is read for the first time."""


def make_units(size: int) -> List[bytes]:
    source = random.Random(size)
    units = []
    for _ in range(min(1_000, BYTES_A_ROUND // size)):
        payload = source.getrandbits(8 * size).to_bytes(size, "big")
        units.append(b"\0\0\0\1\x41" + payload.replace(b"\0\0", b"\0\3"))
    return units


def find_all(unit: bytes) -> List[int]:
    places = []
    place = unit.find(b"\0\0\1")
    while place >= 0:
        places.append(place)
        place = unit.find(b"\0\0\1", place + 3)
    return places


def microseconds(scan: Callable[[bytes], object], units: List[bytes]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        for unit in units:
            scan(unit)
        best = min(best, time.process_time() - before)
    return best / len(units) * 1e6


def main() -> None:
    ways: Dict[str, Callable[[bytes], object]] = {
        "bytes.find": find_all,
        "re.finditer": h264._scan_bytes,
        "numpy words": h264._scan_words,
        "floor: copy": lambda unit: unit[1:],
    }
    print("us per access unit of n bytes (best of %d)" % ROUNDS)
    print("%-14s" % "" + "".join("%10d" % size for size in SIZES))
    units = {size: make_units(size) for size in SIZES}
    for label, scan in ways.items():
        row = [microseconds(scan, units[size]) for size in SIZES]
        print("%-14s" % label + "".join("%10.2f" % value for value in row))


if __name__ == "__main__":
    main()
