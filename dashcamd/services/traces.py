"""The trace on the volume in use: part of the keep thread's work, and the least of it."""

from __future__ import annotations

from typing import Optional

from dashcamd.core import naming
from dashcamd.core.timeline import Timeline
from dashcamd.core.trace import HOUR_BYTES, TraceChunk
from dashcamd.errors import StorageError
from dashcamd.storage import trace_log
from dashcamd.storage.disk import is_full
from dashcamd.storage.volume import Volume, local

MIB = 1 << 20
VOLUME_SHARE = 100
"""Traces take at most this part of a volume; one too small for an hour of it keeps none."""


class Traces:
    """Appends chunks and bounds what they take. One thread (keep).

    Without a volume, and where there is no room, a chunk is dropped and counted: video is worth
    more.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._path = ""
        self.dropped = 0

    def take(self, volume: Optional[Volume], chunk: TraceChunk, most_mib: int) -> None:
        """Keep `chunk` on `volume`, where all take at most `most_mib`.

        Raises `StorageError` for all but a full volume.
        """
        if volume is None:
            self.dropped += 1
            return
        try:
            self._append(volume, chunk, most_mib * MIB)
        except StorageError as error:
            self.dropped += 1
            if not is_full(error):
                raise

    def _append(self, volume: Volume, chunk: TraceChunk, most_bytes: int) -> None:
        moment = self._timeline.moment(chunk.start)
        day = naming.day_name(local(moment), volume.boot)
        name = naming.trace_name(volume.boot, int(chunk.start // 3600))
        path = "%s/%s/%s" % (naming.ROOT, day, name)
        if path != self._path:
            most_bytes = min(most_bytes, volume.space.total // VOLUME_SHARE)
            if most_bytes < HOUR_BYTES:
                return
            trace_log.make_room(volume.disk, most_bytes - HOUR_BYTES)
        clock = {
            "boot_id": volume.boot_id,
            "start_unix_s": round(moment.wall, 3) if moment else None,
            "uncertainty_s": round(moment.uncertainty_s, 3) if moment else None,
        }
        trace_log.append(volume.disk, path, chunk.encoded(clock))
        self._path = path
