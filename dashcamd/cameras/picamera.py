"""The legacy camera stack: unmodified picamera 1.13, for 32-bit Raspberry Pi OS 11 and older.

One H.264 encoder runs on one splitter port from `start` to `stop`, into picamera's own ring, which
hands on every access unit; files are cut elsewhere, on keyframes. ``split_recording`` is never
used: it may lose frames and stall, and an error in it kills the recording without a word. A second
port encodes JPEGs, only while somebody watches.

picamera says little when something fails: a callback's exception waits for ``wait_recording``, a
sensor's for the next property that is read, a frozen sensor or an encoder that fell silent shows
in nothing but the age of the last picture. `check` asks for all of them.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any, Optional, Tuple, Type

from dashcamd.cameras import picamera_settings as translate
from dashcamd.cameras.chunks import AccessUnits
from dashcamd.cameras.lens import refused
from dashcamd.cameras.picamera_library import (
    check_presence,
    explain,
    load_library,
    open_camera,
    version,
)
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import CameraInfo, Seconds, Sinks

log = logging.getLogger(__name__)

RING_S = 8.0
"""Seconds at the configured bitrate that picamera's ring holds."""

PREVIEW_WIDTH = 640
PREVIEW_BITRATE = 6_000_000
PREVIEW_LINGER_S = 15.0
"""The preview port stays open so long unwatched: on old firmware each start and stop is a risk
(picamera issues 466 and 619 report freezes after some 1000 of them)."""

FRAME_STALL_S, FIELD_STALL_S = 3.0, 10.0
"""Longest silence before the camera counts as dead: with a check each second it shows in 4 s."""

CLOSE_ATTEMPTS = 3
"""``PiCamera.close`` gives up at each encoder that failed, and there are two at most."""


class PiCameraCamera:
    """A `Camera` on picamera 1.13.

    Making one opens nothing, but raises `CameraError` where there is no picamera, no VideoCore or
    no camera.

    All calls into picamera are made by the thread that calls `start`, `check`, `apply` and `stop`;
    `want_jpegs` may be called from any thread and only leaves a wish for the next `check`. Sinks
    are called on picamera's callback threads, from which a call back into it would deadlock.
    """

    def __init__(self, config: CameraConfig, clock: Clock) -> None:
        self._library = load_library()
        check_presence(self._library)
        self._config = self._recorded = config
        self._clock = clock
        self._sinks: Optional[Sinks] = None
        self._camera: Any = None
        self._time: Any = None
        self._ring: Any = None
        self._fields: Any = None
        self._preview: Any = None
        self._jpeg_fps = 0.0
        self._unwatched_since: Optional[Seconds] = None
        self._annotation = ""
        self._refused: Tuple[str, ...] = ()
        self._errors: Tuple[Type[BaseException], ...] = (
            self._library.PiCameraError,
            OSError,
            RuntimeError,
            ValueError,
            TypeError,
        )

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Open the camera and record into the ring. Raises `CameraError`."""
        self._sinks = sinks
        self._recorded = self._config
        options = translate.encoder_options(self._config)
        try:
            self._camera = open_camera(
                self._library,
                resolution=self._config.size,
                framerate=self._config.framerate,
                clock_mode="raw",
            )
            self._refused = translate.set_live(self._camera, self._config, translate.LIVE)
            self._annotation = ""
            self._record(options, sinks)
            self._annotate()
            self._tend_preview()
        except self._errors as error:
            self.stop()
            raise CameraError(explain(error)) from error
        return self._info(options)

    def check(self) -> None:
        """Raise `CameraError` if anything of picamera failed; tend clock, annotation, preview."""
        if self._camera is None:
            return
        try:
            self._raise_callback_errors()
            # Any property raises what the sensor reported since, once.
            self._camera.exposure_speed  # noqa: B018
            self._time.follow()
            self._annotate()
            self._tend_preview()
        except self._errors as error:
            raise CameraError(explain(error)) from error
        self._raise_silence()

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Change what picamera can while it records; returns the names it cannot honour."""
        before, self._config = self._config, settings
        if self._camera is None:
            return ()
        live = translate.changed(before, settings, translate.LIVE)
        try:
            newly_refused = translate.set_live(self._camera, settings, live)
            self._annotate()
        except self._errors as error:
            raise CameraError(explain(error)) from error
        self._refused = tuple(name for name in self._refused if name not in live) + newly_refused
        live_names = (*translate.LIVE, "annotate_text")
        return refused(settings, self._recorded, live_names, translate.FIXED) + self._refused

    def want_jpegs(self, fps: float) -> None:
        """Wish for previews; the port is opened or closed by the next `check`."""
        self._jpeg_fps = fps
        preview = self._preview
        if preview is not None:
            preview.fps = fps

    def stop(self) -> None:
        """Close the camera, whatever state its encoders are in."""
        camera, self._camera = self._camera, None
        self._time = self._ring = self._fields = self._preview = None
        if camera is None:
            return
        for attempt in range(1, CLOSE_ATTEMPTS + 1):
            try:
                camera.close()
                return
            except self._errors as error:
                log.debug("closing the camera, attempt %d: %s", attempt, error)
        log.error("the camera does not close; if it does not open again, restart the Pi")

    def _record(self, options: Any, sinks: Sinks) -> None:
        outputs = importlib.import_module("dashcamd.cameras.picamera_outputs")
        self._time = outputs.CameraTime(self._camera, self._clock)
        size = max(1 << 20, int(self._config.bitrate * RING_S / 8))
        units = AccessUnits(self._time.to_ts, 1 / self._config.framerate)
        self._ring = outputs.FrameRing(self._camera, size, units, self._clock, sinks)
        self._fields = outputs.FieldOutput(self._camera, self._ring, sinks)
        self._camera.start_recording(
            self._ring, splitter_port=translate.VIDEO_PORT, motion_output=self._fields, **options
        )

    def _raise_callback_errors(self) -> None:
        for port, encoder in tuple(self._camera._encoders.items()):
            self._camera.wait_recording(0, splitter_port=port)
            if encoder.exception is not None:
                raise encoder.exception
            if not encoder.active:
                raise CameraError("the encoder on port %d ended its stream by itself" % port)

    def _raise_silence(self) -> None:
        silence = self._clock.monotonic() - self._ring.arrived
        if silence > FRAME_STALL_S:
            raise CameraError(
                "the camera has delivered no picture for %.1f s; check its ribbon cable" % silence
            )
        last = self._fields.last_ts
        has_fields = last is not None and translate.keyframe_distance(self._config) > 1
        if has_fields and self._ring.last_ts - last > FIELD_STALL_S:
            raise CameraError(
                "the encoder has delivered no motion vectors for %g s" % FIELD_STALL_S
            )

    def _annotate(self) -> None:
        self._fields.hidden_rows = translate.annotated_rows(self._config)
        text = translate.annotation(self._config.annotate_text, self._clock.wall())
        if text != self._annotation:
            self._camera.annotate_text = text
            self._annotation = text

    def _tend_preview(self) -> None:
        if self._jpeg_fps > 0:
            self._unwatched_since = None
            if self._preview is None:
                self._open_preview()
        elif self._preview is not None:
            now = self._clock.monotonic()
            if self._unwatched_since is None:
                self._unwatched_since = now
            if now - self._unwatched_since >= PREVIEW_LINGER_S:
                self._preview = None
                self._camera.stop_recording(splitter_port=translate.PREVIEW_PORT)

    def _open_preview(self) -> None:
        outputs = importlib.import_module("dashcamd.cameras.picamera_outputs")
        preview = outputs.PreviewOutput(self._camera, self._time, self._sinks)
        preview.fps = self._jpeg_fps
        width, height = self._config.size
        small = (PREVIEW_WIDTH, height * PREVIEW_WIDTH // width // 2 * 2)
        self._camera.start_recording(
            preview,
            format="mjpeg",
            splitter_port=translate.PREVIEW_PORT,
            resize=small if width > PREVIEW_WIDTH else None,
            bitrate=PREVIEW_BITRATE,
        )
        self._preview = preview

    def _info(self, options: Any) -> CameraInfo:
        width, height = self._config.size
        fps = float(self._camera.framerate)
        return CameraInfo(
            name="picamera",
            width=width,
            height=height,
            fps=fps,
            gop_s=options["intra_period"] / fps,
            field_source="videocore",
            description="camera module %s, H.264 level %s, picamera %s"
            % (self._camera.revision, options["level"], version()),
        )
