"""A camera that draws what it sees: for demos, tests and machines without one.

The scene of `dashcamd.cameras.scene` goes through the lens settings, gets its frame counter and
the text, and is encoded by libx264 as a Pi would. Motion fields come from the drawn pictures.
"""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple

from dashcamd.cameras import pyav
from dashcamd.cameras.analysis import SOURCE, PictureFields
from dashcamd.cameras.encoder import H264Encoder
from dashcamd.cameras.lens import PICTURE_SETTINGS, TEXT_SETTINGS, Annotation, Lens, refused
from dashcamd.cameras.preview import Previews
from dashcamd.cameras.scene import DEFAULT_SCRIPT, Scene, Script, draw_counter
from dashcamd.clock import Clock, SystemClock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import CameraInfo, Frame, Seconds, Sinks

LIVE_SETTINGS = PICTURE_SETTINGS + TEXT_SETTINGS
FIXED_SETTINGS = (
    "source",
    "resolution",
    "framerate",
    "bitrate",
    "quality",
    "keyframe_s",
    "rotation",
    "media_loop",
)

ROUNDING = 1e-6
"""Of a period: a stamp is not before itself for the sake of a rounded division."""


class SyntheticCamera:
    """A `PumpedCamera` over a `Scene`; frame n has stamp ``start_ts + n / framerate``.

    `clock` is asked once, at `start`, for the time to burn in; from then on simulated time follows
    the stamps, so the same frames come out however fast it is pumped. Where pictures are skipped
    the scene goes on with the stamps, and the counter without a hole: one in a recording is then
    a frame that was lost. It never ends. One thread.
    """

    is_live = False

    def __init__(
        self,
        config: CameraConfig,
        script: Optional[Script] = None,
        clock: Optional[Clock] = None,
        seed: int = 1,
    ) -> None:
        self._config = config
        self._clock: Clock = clock or SystemClock()
        self._script = script or Script(DEFAULT_SCRIPT)
        self._seed = seed
        self._place = 0
        """Of the next picture, in periods since the start."""
        self._number = 0
        self._start_ts: Seconds = 0.0
        self._running: Optional[_Running] = None
        self._jpeg_fps = 0.0

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Draw the still parts and open the encoders. Raises `CameraError`."""
        self._start_ts, self._place, self._number = start_ts, 0, 0
        wall_minus_ts = self._clock.wall() - self._clock.monotonic()
        self._running = _Running(self._config, self._script, self._seed, sinks, wall_minus_ts)
        self._running.previews.want(self._jpeg_fps)
        config, (width, height) = self._config, self._config.size
        return CameraInfo(
            "synthetic",
            width,
            height,
            config.framerate,
            config.keyframe_s,
            SOURCE,
            "drawn scene, %dx%d at %g fps" % (width, height, config.framerate),
        )

    def check(self) -> None:
        """Nothing can die behind the back of a camera without threads."""

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Change lens and text at once; the rest is as it was at `start`."""
        if self._running is not None:
            self._running.apply(settings)
        return refused(settings, self._config, LIVE_SETTINGS, FIXED_SETTINGS)

    def want_jpegs(self, fps: float) -> None:
        """Deliver previews at about `fps`."""
        self._jpeg_fps = fps
        if self._running is not None:
            self._running.previews.want(fps)

    def next_ts(self) -> Optional[Seconds]:
        """Stamp of the next frame: always known."""
        return self._start_ts + self._place / self._config.framerate

    def skip(self, until: Seconds) -> int:
        """Leave out the pictures before `until`; how many."""
        periods = (until - self._start_ts) * self._config.framerate
        count = max(0, math.ceil(periods - ROUNDING) - self._place)
        self._place += count
        return count

    def pump(self) -> Seconds:
        """Draw, encode and deliver one frame. Raises `CameraError` when not started."""
        if self._running is None:
            raise CameraError("the synthetic camera is not started")
        ts = self._start_ts + self._place / self._config.framerate
        self._running.deliver(self._place, self._number, ts)
        self._place += 1
        self._number += 1
        return ts

    def stop(self) -> None:
        """Release the encoders."""
        self._running = None


class _Running:
    """What exists between `start` and `stop`."""

    def __init__(
        self, config: CameraConfig, script: Script, seed: int, sinks: Sinks, wall_minus_ts: float
    ) -> None:
        width, height = config.size
        self._rotation = config.rotation
        sideways = config.rotation % 180 != 0
        drawn = (height, width) if sideways else (width, height)
        self._scene = Scene(*drawn, config.framerate, script, seed)
        self._encoder = H264Encoder(
            width, height, config.framerate, config.keyframe_s, config.bitrate, config.quality
        )
        self._fields = PictureFields()
        self._sinks, self._wall_minus_ts = sinks, wall_minus_ts
        self.previews = Previews(sinks.jpeg)
        self.apply(config)

    def apply(self, settings: CameraConfig) -> None:
        self._lens = Lens(settings, self._rotation)
        self._annotation = Annotation(settings)

    def deliver(self, place: int, number: int, ts: Seconds) -> None:
        planes = self._lens.apply(self._scene.planes(place))
        # The field comes first: a counter and a clock that tick in the picture are not motion.
        field = self._fields.of_luma(ts, planes[0])
        picture = self._labelled(planes, number, ts)
        encoded = self._encoder.encode(picture, ts)
        self._sinks.frame(Frame(ts, encoded.key, encoded.data))
        if field is not None:
            self._sinks.field(field)
        self.previews.offer(ts, picture)

    def _labelled(self, plain: Tuple[Any, ...], number: int, ts: Seconds) -> Any:
        picture = pyav.picture_of(plain)
        planes = pyav.planes_of(picture)
        draw_counter(planes[0], number)
        self._annotation.draw(ts + self._wall_minus_ts, planes)
        return picture
