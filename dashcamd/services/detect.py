"""The detect thread: fields in order, judged, confirmed, told to the recorder."""

from __future__ import annotations

import threading
from typing import Optional

from dashcamd.config import Config
from dashcamd.core.live import Live
from dashcamd.core.pooling import Pool
from dashcamd.core.trace import TraceChunk, Tracer
from dashcamd.core.watch import Seen, Watch
from dashcamd.handover import Board, Follower, Latest, Mailbox
from dashcamd.services.messages import Bumped, Judged, KeepMessage, RecordMessage, Traced
from dashcamd.types import MotionField, Seconds

IDLE_S = 1.0
POST_S = 0.5


class DetectService:
    """Judges every field; touches neither frames nor files."""

    name = "detect"

    def __init__(
        self,
        settings: Latest[Config],
        fields: Mailbox[MotionField],
        record: Mailbox[RecordMessage],
        board: Board,
        keep: Optional[Mailbox[KeepMessage]] = None,
        live: Optional[Latest[Live]] = None,
    ) -> None:
        """`keep` is told the trace; `live` has what the last field showed."""
        self.wake: threading.Event = fields.wake
        self._settings = Follower(settings)
        self._fields = fields
        self._record = record
        self._board = board
        self._keep = keep
        self._live = live
        self._pool = Pool()
        self._tracer = Tracer()
        self._judged = 0
        self._bumps = 0
        self._last: Optional[Seen] = None
        self._posted: Seconds = float("-inf")
        self._begin()

    def step(self, now: Seconds) -> Seconds:
        """Judge what has come; wakes again with the next field."""
        if self._settings.has_news() and self._settings.value.motion is not self._config:
            self._begin()
        for field in self._fields.drain():
            pooled = self._pool.step(field)
            if pooled is not None:
                self._judge(pooled)
        if now - self._posted >= POST_S:
            self._posted = now
            self._post()
        return IDLE_S

    def close(self) -> None:
        """Judge the last fields."""
        self.step(self._posted + POST_S)
        rest = self._pool.flush()
        if rest is not None:
            self._judge(rest)
        self._tell_trace(self._tracer.flush())

    def _begin(self) -> None:
        """Judge by the settings as they are now, from nothing."""
        self._config = config = self._settings.value.motion
        self._watch = Watch(config)

    def _judge(self, field: MotionField) -> None:
        self._judged += 1
        if not self._config.enabled:
            self._record.put(Judged(field.ts))
            return
        self._last = seen = self._watch.step(field)
        self._record.put(Judged(field.ts, seen.motion))
        if self._settings.value.storage.trace_mib:
            self._tell_trace(self._tracer.take(field, seen.is_driving))
        if self._live is not None:
            detector = self._watch.detector
            self._live.put(Live(seen, detector.standing, detector.least_blocks))
        if seen.bump is not None:
            self._bumps += 1
            self._record.put(Bumped(seen.bump))

    def _tell_trace(self, chunk: Optional[TraceChunk]) -> None:
        if chunk is not None and self._keep is not None:
            self._keep.put(Traced(chunk))

    def _post(self) -> None:
        last = self._last
        score, ego = (last.score, last.ego) if last else (None, None)
        self._board.post(
            "motion",
            {
                "enabled": self._config.enabled,
                "mode": self._config.mode,
                "is_moving": bool(score and score.is_moving),
                "blocks": score.blocks if score else 0,
                "place": list(score.place) if score and score.place else None,
                "reason": score.reason if score else "no field yet",
                "ego": ego.state.value if ego else None,
                "is_driving": bool(last and last.is_driving),
                "bumps": self._bumps,
                "last_field_ts": score.ts if score else None,
                "fields_judged": self._judged,
                "fields_dropped": self._fields.dropped,
            },
        )
