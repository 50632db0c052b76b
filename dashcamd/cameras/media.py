"""Any file, network address or webcam as a camera.

H.264 without B frames passes through untouched: its access units get start codes and parameter
sets and are otherwise the bytes of the source; decoding serves the motion fields and previews
only. Everything else is decoded and encoded again as the synthetic camera is. What the source is
like is found out by `inspect` at the start; a B frame that appears later switches to encoding.

A stamp is ``start_ts + (pts - first pts)`` for a file; a live source is tied to the clock. The
rotation a file's metadata asks for is ignored, as its bytes are recorded unrotated too.
"""

from __future__ import annotations

from typing import Optional, Tuple, Union

from dashcamd.cameras.analysis import SOURCE
from dashcamd.cameras.inspect import Verdict, inspect
from dashcamd.cameras.lens import PICTURE_SETTINGS, TEXT_SETTINGS, refused
from dashcamd.cameras.preview import Previews
from dashcamd.cameras.routes import BidirectionalError, Delivery, Encoding, Passing, Tape
from dashcamd.cameras.source import Source, parse_address
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, EndOfStream
from dashcamd.types import CameraInfo, Seconds, Sinks

PASSED_FIXED = ("source", "media_loop")
ENCODED_FIXED = (*PASSED_FIXED, "bitrate", "quality", "keyframe_s", "rotation")


class MediaCamera:
    """A `PumpedCamera` over whatever PyAV can read. One thread.

    A file's next frame is read ahead, so that `next_ts` is known and pacing is exact.
    """

    def __init__(self, spec: str, config: CameraConfig, clock: Clock) -> None:
        self._address = parse_address(spec)
        self._config = config
        self._clock = clock
        self.is_live = self._address.is_live
        self._tape: Optional[Tape] = None
        self._route: Union[Passing, Encoding, None] = None
        self._previews: Optional[Previews] = None
        self._ready: Optional[Delivery] = None
        self._problem: Optional[CameraError] = None
        self._jpeg_fps = 0.0

    @property
    def is_passed_through(self) -> bool:
        """Whether the recorded bytes are the source's own."""
        return isinstance(self._route, Passing)

    @property
    def damaged_packets(self) -> int:
        """How many packets could not be used since `start`."""
        return 0 if self._tape is None else self._tape.damaged

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Open and inspect the source. Raises `CameraError` saying what is wrong with it."""
        self.stop()
        source = Source(self._address, self._config)
        self._tape = Tape(source, self._config, self._clock, start_ts)
        try:
            verdict = inspect(source, self._config)
            self._previews = Previews(sinks.jpeg)
            self._previews.want(self._jpeg_fps)
            if verdict.obstacle is None:
                self._route = Passing(self._tape, sinks, self._previews)
            else:
                self._route = self._encoding(self._tape, sinks, self._previews)
            if not self.is_live:
                self._ready = self._first()
        except CameraError:
            self.stop()
            raise
        return self._describe(source, verdict)

    def check(self) -> None:
        """Raise what broke the source, if something did."""
        if self._problem is not None:
            raise self._problem

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Change the picture where it is encoded here; bytes that pass through cannot change."""
        if not isinstance(self._route, Encoding):
            return refused(settings, self._config, (), PASSED_FIXED)
        self._route.apply(settings)
        live = PICTURE_SETTINGS + (TEXT_SETTINGS if self.is_live else ())
        return refused(settings, self._config, live, ENCODED_FIXED)

    def want_jpegs(self, fps: float) -> None:
        """Deliver previews at about `fps`."""
        self._jpeg_fps = fps
        if self._previews is not None:
            self._previews.want(fps)

    def next_ts(self) -> Optional[Seconds]:
        """Stamp of the next frame of a file; None for live sources and at the end."""
        return None if self._ready is None else self._ready.ts

    def pump(self) -> Optional[Seconds]:
        """Deliver one frame; waits for a packet when the source is live.

        None if that was of no use, as all are before the first keyframe. Raises `EndOfStream` at
        the end of a file, `CameraError` when the source broke.
        """
        if self._problem is not None:
            raise self._problem
        if self._route is None:
            raise CameraError("%s: not started" % self._address)
        try:
            ready = self._ready or self._next()
        except CameraError as problem:
            self._problem = problem
            raise
        self._ready = None
        if ready is None:
            return None
        ready.deliver()
        if not self.is_live:
            self._read_ahead()
        return ready.ts

    def stop(self) -> None:
        """Close the source."""
        if self._tape is not None:
            self._tape.close()
        self._tape = self._route = self._previews = self._ready = self._problem = None

    def _read_ahead(self) -> None:
        try:
            self._ready = self._advance()
        except CameraError as problem:
            self._problem = problem

    def _advance(self) -> Delivery:
        """The next frame of a file, which is as near as its bytes."""
        ready = None
        while ready is None:
            ready = self._next()
        return ready

    def _next(self) -> Optional[Delivery]:
        """What the next packet gives; a stream that has B frames is encoded from there on."""
        assert self._route is not None
        try:
            return self._route.next()
        except BidirectionalError:
            passing = self._route
            assert isinstance(passing, Passing)
            self._route = self._encoding(passing.tape, passing.sinks, passing.previews)
            self._route.take_over(passing)
            return self._route.next()

    def _first(self) -> Delivery:
        try:
            return self._advance()
        except EndOfStream:
            raise CameraError("%s: no picture in it can be decoded" % self._address) from None

    def _encoding(self, tape: Tape, sinks: Sinks, previews: Previews) -> Encoding:
        return Encoding(tape, sinks, previews, self._config)

    def _describe(self, source: Source, verdict: Verdict) -> CameraInfo:
        assert self._route is not None
        width, height = self._route.size
        how = "passed through"
        if verdict.obstacle is not None:
            how = "encoded again because " + verdict.obstacle
        return CameraInfo(
            "media",
            width,
            height,
            source.fps,
            verdict.gop_s or self._config.keyframe_s,
            SOURCE,
            "%s: %s %dx%d, %s" % (self._address, source.codec, source.width, source.height, how),
        )
