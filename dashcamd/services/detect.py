"""The detect thread: fields in order, judged, confirmed, told to the recorder."""

from __future__ import annotations

import threading
from typing import Optional

from dashcamd.config import Config
from dashcamd.core.detector import Detector
from dashcamd.core.tracker import Tracker
from dashcamd.handover import Board, Follower, Latest, Mailbox
from dashcamd.services.messages import Judged, RecordMessage
from dashcamd.types import MotionField, Score, Seconds

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
    ) -> None:
        self.wake: threading.Event = fields.wake
        self._settings = Follower(settings)
        self._fields = fields
        self._record = record
        self._board = board
        self._judged = 0
        self._last: Optional[Score] = None
        self._posted: Seconds = float("-inf")
        self._begin()

    def step(self, now: Seconds) -> Seconds:
        """Judge what has come; wakes again with the next field."""
        if self._settings.has_news() and self._settings.value.motion is not self._config:
            self._begin()
        for field in self._fields.drain():
            self._judge(field)
        if now - self._posted >= POST_S:
            self._posted = now
            self._post()
        return IDLE_S

    def close(self) -> None:
        """Judge the last fields."""
        self.step(self._posted + POST_S)

    def _begin(self) -> None:
        """Judge by the settings as they are now, from nothing."""
        self._config = config = self._settings.value.motion
        self._detector = Detector(config.sensitivity, config.warm_up_s)
        self._tracker = Tracker()

    def _judge(self, field: MotionField) -> None:
        motion = None
        if self._config.enabled:
            self._last = self._detector.judge(field)
            motion = self._tracker.step(self._last)
        self._judged += 1
        self._record.put(Judged(field.ts, motion))

    def _post(self) -> None:
        last = self._last
        self._board.post(
            "motion",
            {
                "enabled": self._config.enabled,
                "is_moving": bool(last and last.is_moving),
                "blocks": last.blocks if last else 0,
                "reason": last.reason if last else "no field yet",
                "last_field_ts": last.ts if last else None,
                "fields_judged": self._judged,
                "fields_dropped": self._fields.dropped,
            },
        )
