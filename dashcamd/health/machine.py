"""How the machine fares, through psutil and what a Pi's firmware says under ``/sys``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import psutil

from dashcamd.types import Json

MIB = 1 << 20

SYS = Path("/sys")
THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
"""Hexadecimal bits of the firmware of a Pi; other machines have no such file."""

CONDITIONS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Bits 0 to 3: so it is now. The same 16 bits higher: so it was since power-on. (Raspberry Pi
documentation, ``vcgencmd get_throttled``.)"""

BEFORE_SHIFT = 16

TASKS = Path("/proc/self/task")


class Machine:
    """Reads CPU, memory, temperature, throttling and the system's disk, and this process."""

    def __init__(self, sys: Path = SYS) -> None:
        self._sys = sys
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()

    def read(self) -> Json:
        """Facts since the last call: percentages of one core, MiB, degrees Celsius."""
        memory = psutil.virtual_memory()
        with self._process.oneshot():
            facts: Json = {
                "cpu_percent": psutil.cpu_percent(),
                "memory_percent": memory.percent,
                "process_cpu_percent": self._process.cpu_percent(),
                "process_rss_mib": round(self._process.memory_info().rss / MIB, 1),
                "threads": self._process.num_threads(),
                "open_files": self._process.num_fds(),
            }
        facts["temperature_c"] = temperature()
        facts["throttling"] = throttling(self._sys)
        facts["warnings"] = warnings(facts["throttling"])
        disk = psutil.disk_usage("/")
        facts["system_disk_percent"] = disk.percent
        facts["system_disk_free_mib"] = disk.free // MIB
        return facts


def waits_in_kernel(thread_id: Optional[int], tasks: Path = TASKS) -> bool:
    """Whether a thread of this process sleeps in the kernel where no signal wakes it: state ``D``.

    So does one that waits for a disk; one that waits for a lock, or runs, does not.
    """
    try:
        stat = (tasks / str(thread_id) / "stat").read_text("ascii", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["D"]


def memory_mib() -> int:
    """MiB of memory that the kernel has; what a Pi's firmware keeps for itself is not in it."""
    return int(psutil.virtual_memory().total) // MIB


def throttling(sys: Path = SYS) -> Optional[Json]:
    """What slows the processor ``now`` and did ``since_power_on``; None where nothing tells."""
    try:
        bits = int((sys / THROTTLED).read_text(), 16)
    except (OSError, ValueError):
        return None
    return {"now": _conditions(bits), "since_power_on": _conditions(bits >> BEFORE_SHIFT)}


def _conditions(bits: int) -> List[str]:
    return [name for bit, name in enumerate(CONDITIONS) if bits >> bit & 1]


def warnings(throttling: Optional[Json]) -> List[str]:
    """Lines for people on what `throttling` found: what it means, what to do."""
    if throttling is None:
        return []
    said = []
    if "under-voltage" in throttling["now"]:
        said.append(
            "the supply is too weak now: sticks and files break this way; use a supply and a "
            "cable that carry 5 V at 3 A"
        )
    elif "under-voltage" in throttling["since_power_on"]:
        said.append("the supply was too weak since power-on: use a stronger one, a shorter cable")
    if {"throttled", "soft temperature limit"} & set(throttling["now"]):
        said.append("the processor is slowed down, mostly by heat: give it air or shade")
    return said


def temperature() -> Optional[float]:
    """The hottest sensor of the processor in degrees Celsius, None where there is none."""
    try:
        sensors = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return None
    readings = [reading.current for group in sensors.values() for reading in group]
    return max(readings) if readings else None
