"""Motion fields of a recorded file, as fast as it decodes: what ``dashcamd replay`` looks at.

The same fields as `dashcamd.cameras.media.MediaCamera` delivers live, without encoding anything.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence, Tuple

from dashcamd.cameras import pyav
from dashcamd.cameras.analysis import PictureFields
from dashcamd.cameras.source import Source, parse_address, pts_of
from dashcamd.config import CameraConfig
from dashcamd.core.stamps import FileStamps
from dashcamd.types import MotionField, Seconds

HELD, HELD_PX = 8, 8 * 640 * 480
"""So many pictures or pixels are decoded before they are compared: 3.7 MB. Decoder and comparison
take turns, each finds its code and its data in the processor's cache; that saves 5 to 12 %."""


class Footage:
    """One file; iterate `fields` once. Raises `CameraError` when it is not a video.

    `frames` and `last_ts` (seconds from the first frame) count while it is read; `duration_s` is
    known from the start, or 0.
    """

    def __init__(self, path: str) -> None:
        self._source = Source(parse_address(path), CameraConfig())
        self._decoder = self._source.stream.codec_context
        pyav.decode_at_once(self._decoder, is_looked_at=False)
        self.fps = self._source.fps
        self.frames = 0
        self.last_ts: Seconds = 0.0
        stream = self._source.stream
        known = stream.duration is not None and stream.time_base
        self.duration_s = float(stream.duration * stream.time_base) if known else 0.0

    def fields(self) -> Iterator[MotionField]:
        """Decode the file; yields the fields as they come."""
        analysis = PictureFields()
        for chunk in self._chunks(analysis):
            for ts, frame in chunk:
                field = analysis.of_due(ts, pyav.luma_of(frame))
                if field is not None:
                    yield field

    def _chunks(self, analysis: PictureFields) -> Iterator[List[Tuple[Seconds, Any]]]:
        """The pictures that are due, a few at a time."""
        held: List[Tuple[Seconds, Any]] = []
        for ts, frame in self.pictures():
            if not analysis.is_due(ts, (frame.height, frame.width)):
                continue
            held.append((ts, frame))
            if len(held) >= min(HELD, max(1, HELD_PX // (frame.height * frame.width))):
                yield held
                held = []
        yield held

    def pictures(self) -> Iterator[Tuple[Seconds, Any]]:
        """Decode the file; yields PyAV's frames with their seconds from the first one."""
        stamps = FileStamps(0.0, 1 / self.fps)
        for pts_s, frame in self._frames():
            self.last_ts = stamps.stamp(pts_s)
            self.frames += 1
            yield self.last_ts, frame

    def close(self) -> None:
        """Release the file."""
        self._source.close()

    def _frames(self) -> Iterator[Tuple[Optional[Seconds], Any]]:
        """Frames with the stamps of the file.

        PyAV makes a fraction each time it is asked for a time base, and a file has only one; what
        comes out of the decoder behind the last packet may count otherwise.
        """
        base = self._source.stream.time_base
        ticks, per_s = (base.numerator, base.denominator) if base else (0, 1)
        for packet in self._source.packets():
            for frame in self._decoded(packet):
                pts = frame.pts
                yield None if pts is None or not ticks else float(pts * ticks / per_s), frame
        for frame in self._decoded(None):
            yield pts_of(frame), frame

    def _decoded(self, packet: Any) -> Sequence[Any]:
        try:
            frames: Sequence[Any] = self._decoder.decode(packet)
            return frames
        except pyav.av_errors():
            return ()
