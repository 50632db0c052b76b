"""How the machine fares, through psutil."""

from __future__ import annotations

from typing import Optional

import psutil

from dashcamd.types import Json

MIB = 1 << 20


class Machine:
    """Reads CPU, memory and temperature of the machine and of this process."""

    def __init__(self) -> None:
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
        return facts


def temperature() -> Optional[float]:
    """The hottest sensor of the processor in degrees Celsius, None where there is none."""
    try:
        sensors = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return None
    readings = [reading.current for group in sensors.values() for reading in group]
    return max(readings) if readings else None
