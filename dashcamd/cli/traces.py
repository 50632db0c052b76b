"""Traces by their usual path, on a stick in any computer: one *night* for each boot."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from dashcamd.core import naming
from dashcamd.core.trace import fields_of
from dashcamd.errors import OperationError
from dashcamd.storage import trace_log
from dashcamd.storage.disk import open_anywhere
from dashcamd.types import MotionField, Seconds


class Night:
    """All traces of one boot, in order; `fields` may be read once more, `name` is for people."""

    def __init__(self, name: str, paths: List[Path]) -> None:
        self.name = name
        self._paths = paths
        self._clocks: List[Tuple[Seconds, float]] = []

    def fields(self) -> Iterator[MotionField]:
        """Every field that was kept. Raises `StorageError`."""
        for path in self._paths:
            file = open_anywhere(str(path))
            try:
                for chunk, clock in trace_log.read(file):
                    wall = clock.get("start_unix_s")
                    if isinstance(wall, (int, float)):
                        self._clocks.append((chunk.start, float(wall)))
                    yield from fields_of(chunk)
            finally:
                file.close()

    def unix_s(self, ts: Seconds) -> Optional[float]:
        """The label of a stamp, from the last clock that was read; None if none was known."""
        if not self._clocks:
            return None
        start, wall = self._clocks[-1]
        return round(wall + ts - start, 3)


def nights(path: Path) -> Iterator[Night]:
    """The boots that left a trace in a file or below a folder, oldest first.

    Raises `OperationError` when there is none.
    """
    found = [path] if path.is_file() else sorted(path.rglob("trace-*.bin"))
    boots: Dict[int, List[Tuple[int, Path]]] = {}
    for one in found:
        stamp = naming.parse_trace(one.name)
        if stamp is not None:
            boots.setdefault(stamp[0], []).append((stamp[1], one))
    if not boots:
        raise OperationError("%s: no trace here; a stick has trace-….bin beside its events" % path)
    for boot, files in sorted(boots.items()):
        name = str(path) if len(boots) == 1 else "%s, boot %d" % (path, boot)
        yield Night(name, [one for _, one in sorted(files)])
