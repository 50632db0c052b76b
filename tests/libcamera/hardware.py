"""An encoder that behaves as the V4L2 hardware encoder of the Pi 4 and older does."""

from __future__ import annotations

import queue
import threading
from typing import Any

LATE_BY = 2


def use_threaded_encoder(monkeypatch: Any) -> None:
    """Make it picamera2's H264Encoder for one test.

    It speaks on a thread of its own, two frames late, with stamps that start at 0, and its
    ``outputframe`` gets bytes without a packet.
    """
    from picamera2 import encoders

    class ThreadedEncoder(encoders.LibavH264Encoder):  # type: ignore[misc]
        def start(self, quality: Any = None) -> None:
            self._late: queue.Queue[Any] = queue.Queue()
            self._speaker = threading.Thread(target=self._speak, name="v4l2", daemon=True)
            self._speaker.start()
            super().start(quality)

        def stop(self) -> None:
            super().stop()
            self._late.put(None)
            self._speaker.join()

        def outputframe(
            self,
            frame: Any,
            keyframe: bool = True,
            timestamp: Any = None,
            packet: Any = None,
            audio: bool = False,
        ) -> None:
            self._late.put((bytes(frame), keyframe, timestamp))

        def _speak(self) -> None:
            waiting = []
            while True:
                item = self._late.get()
                if item is None:
                    return
                waiting.append(item)
                if len(waiting) > LATE_BY:
                    super().outputframe(*waiting.pop(0), None, False)

    monkeypatch.setattr(encoders, "H264Encoder", ThreadedEncoder)
