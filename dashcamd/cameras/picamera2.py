"""The Raspberry Pi's camera through picamera2 and libcamera (Raspberry Pi OS 12 and newer).

Two streams of the same picture: *main* (YUV420, the annotation drawn into it) goes to the H.264
encoder that the Pi has, in hardware up to the Pi 4, x264 on the Pi 5; *lores* is compared from
picture to picture for motion, since this library gives out no vectors of its encoder.

What its threads may do is narrow: see `picamera2_stream`. The library is used so:

* The encoder always gets bitrate, ``iperiod`` and ``repeat=True``; keyframes are never forced,
  which breaks the software encoder with PyAV 14.
* A camera that has fallen silent is never stopped or closed: both wait for a thread that is dead
  or hangs. `check` raises `DeadCameraError` then.
* Opening that fails gives back the descriptors that picamera2's constructor leaves behind.
"""

from __future__ import annotations

import atexit
import gc
import time
from fractions import Fraction
from typing import Any, ClassVar, List, Optional, Tuple

from dashcamd.cameras.lores import LoresFields, LoresWorker, planes_of, preview_jpeg
from dashcamd.cameras.overlay import TextOverlay, expand
from dashcamd.cameras.picamera2_controls import (
    Controls,
    changed_fixed,
    flips,
    frame_duration_limits,
    translate,
)
from dashcamd.cameras.picamera2_library import (
    Library,
    appending_output,
    close_device,
    find_camera,
    guarded_encoder,
    load_library,
    one_line,
    open_device,
)
from dashcamd.cameras.picamera2_stream import FrameStream
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, DeadCameraError
from dashcamd.types import CameraInfo, Jpeg, Seconds, Sinks

LORES_WIDTH = 320
"""Width of the analysed picture: cars and people at a door are several blocks large in it."""

BUFFERS = 6
"""Pictures in flight: picamera2's own choice for video."""


class PiCamera2Camera:
    """A camera that libcamera knows, recorded through picamera2. One at a time in a process.

    MUST be started, checked, set and stopped by one thread, the camera service's. It delivers
    frames on the encoder's thread, fields and JPEGs on a thread of its own.
    """

    _dead: ClassVar[Optional[str]] = None
    """Why no camera can be opened in this process any more."""

    _abandoned: ClassVar[List[Any]] = []

    def __init__(self, config: CameraConfig, clock: Clock) -> None:
        """Opens nothing. Raises `CameraError` when the library or every camera is absent."""
        self._config = config
        self._clock = clock
        self._session: Optional[_Session] = None
        self._jpeg_period_s: Optional[Seconds] = None
        if not PiCamera2Camera._dead:
            find_camera(load_library())

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Open, configure and start the camera. Raises `CameraError`, `DeadCameraError`."""
        if PiCamera2Camera._dead:
            raise DeadCameraError(PiCamera2Camera._dead)
        self.stop()
        gc.collect()  # a Picamera2 is full of reference cycles: a megabyte or more each
        library = load_library()
        device = open_device(library, find_camera(library))
        session: Optional[_Session] = None
        try:
            session = _Session(library, device, self._config, self._clock, sinks)
            info = session.start()
        except (RuntimeError, OSError, ValueError, TypeError, KeyError) as error:
            self._close(device, session)
            raise CameraError("camera: cannot be started: %s" % one_line(error)) from error
        session.want_jpegs(self._jpeg_period_s)
        self._session = session
        return info

    def check(self) -> None:
        """Raise `CameraError` for a fault, `DeadCameraError` for silence."""
        if self._session is not None:
            try:
                self._session.stream.check()
            except DeadCameraError as error:
                PiCamera2Camera._dead = str(error)
                raise

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Set what libcamera can change while it runs; names what it cannot, or not now."""
        self._config = settings
        return self._session.apply(settings) if self._session else ()

    def want_jpegs(self, fps: float) -> None:
        """Deliver previews at about `fps`, 0 for none."""
        self._jpeg_period_s = 1 / fps if fps > 0 else None
        if self._session is not None:
            self._session.want_jpegs(self._jpeg_period_s)

    def stop(self) -> None:
        """Stop and release the camera; one that is silent is abandoned instead."""
        session, self._session = self._session, None
        if session is None:
            return
        session.stream.close()
        if session.stream.is_hopeless:
            session.worker.stop()
            self._abandon(session.device, "it has fallen silent")
        else:
            self._close(session.device, session)

    def _close(self, device: Any, session: Optional[_Session]) -> None:
        failure = close_device(device, session.worker.stop if session else _nothing)
        if failure is not None:
            self._abandon(device, failure)

    def _abandon(self, device: Any, why: str) -> None:
        """Never touch it again: its destructor and picamera2's exit hook would hang as well."""
        atexit.unregister(device.close)
        PiCamera2Camera._abandoned.append(device)
        PiCamera2Camera._dead = (
            "camera: libcamera hangs (%s); the process must end and be started again" % why
        )


class _Session:
    """One opened camera from `start` to its end."""

    def __init__(
        self, library: Library, device: Any, config: CameraConfig, clock: Clock, sinks: Sinks
    ) -> None:
        self.device = device
        self._library = library
        self._config = config
        self._clock = clock
        self._sensor_timestamp = library.libcamera.controls.SensorTimestamp
        self._configure()
        main, lores = device.camera_config["main"], device.camera_config["lores"]
        self._size: Tuple[int, int] = main["size"]
        self._lores_size: Tuple[int, int] = lores["size"]
        self.fps = _possible_fps(config.framerate, device.camera_controls)
        self.stream = FrameStream(sinks, clock, _suspended_s(), self.fps)
        width, height = self._lores_size
        fields = LoresFields(width, height, self._size[0] / width)
        self.worker = LoresWorker(sinks, fields, self.stream.fail)
        self._encoder = self._make_encoder()
        self._annotation = _Annotation(config)
        self._controls: Controls = {}
        self._controls_set = self._controls
        self._jpeg_period_s: Optional[Seconds] = None
        self._next_jpeg_ts: Seconds = 0.0

    def start(self) -> CameraInfo:
        """Start encoder and camera, in the order that misses no picture."""
        self.worker.start()
        self.device.pre_callback = self._on_picture
        output = appending_output(self._library, self._on_encoded)
        self.device.start_encoder(self._encoder, output, name="main")
        self.device.start()
        return CameraInfo(
            name="picamera2",
            width=self._size[0],
            height=self._size[1],
            fps=self.fps,
            gop_s=self._encoder.iperiod / self.fps,
            field_source="lores",
            description="%s, %s, motion in %dx%d"
            % (
                self.device.camera_properties.get("Model", "unknown sensor"),
                type(self._encoder).__mro__[1].__name__,
                *self._lores_size,
            ),
        )

    def apply(self, config: CameraConfig) -> Tuple[str, ...]:
        """Controls and annotation of `config`; returns what is not, or not yet, as it says."""
        self._annotation = _Annotation(config)
        self._controls, refused = translate(config, self.device.camera_controls)
        other = [
            ("resolution", self._size == config.size),
            ("framerate", self.fps == config.framerate),
        ]
        differing = [name for name, is_so in other if not is_so]
        return tuple(dict.fromkeys((*refused, *changed_fixed(self._config, config), *differing)))

    def want_jpegs(self, period_s: Optional[Seconds]) -> None:
        """Previews every `period_s`; None for none."""
        self._jpeg_period_s = period_s

    def _configure(self) -> None:
        config, device = self._config, self.device
        hflip, vflip = flips(config)
        limits = frame_duration_limits(config.framerate)
        device.configure(
            device.create_video_configuration(
                main={"size": config.size, "format": "YUV420"},
                lores={"size": lores_size(*config.size), "format": "YUV420"},
                transform=self._library.libcamera.Transform(hflip=hflip, vflip=vflip),
                controls={k: v for k, v in limits.items() if k in device.camera_controls},
                raw=None,
                buffer_count=BUFFERS,
                queue=False,
            )
        )
        device.set_controls(translate(config, device.camera_controls).controls)

    def _make_encoder(self) -> Any:
        """The encoder that this Pi has, guarded: what it raises would end the camera thread."""
        config = self._config
        return guarded_encoder(
            self._library,
            self.stream,
            bitrate=config.bitrate,
            repeat=True,
            iperiod=max(1, round(self.fps * config.keyframe_s)),
            framerate=_rate(self.fps),
            qp=config.quality or None,
        )

    def _on_picture(self, request: Any) -> None:
        """Before each picture is encoded, on the camera thread: stamp, draw, lend."""
        try:
            sensor_us = request.request.metadata[self._sensor_timestamp] // 1000
            self.stream.picture_seen(sensor_us)
            if self.stream.has_failed:
                return
            self._set_controls()
            self._annotation.draw(request, self._library, self._size, self._clock)
            ts = self.stream.ts(sensor_us)
            if self.worker.wants_luma(ts):
                self._offer_luma(request, ts)
            if self._jpeg_period_s is not None:
                self._offer_preview(request, ts)
        except Exception as error:  # noqa: BLE001 - would end the camera thread silently
            self.stream.fail("the camera's picture callback", error)

    def _on_encoded(self, data: bytes, is_key: bool, stamp_us: int) -> None:
        """One access unit, on the camera thread or the V4L2 encoder's; stamps begin at 0."""
        try:
            sensor_us = stamp_us + (self._encoder.firsttimestamp or 0)
            if self.stream.encoded(data, is_key, sensor_us):
                self.worker.delivered(self.stream.ts(sensor_us))
        except Exception as error:  # noqa: BLE001 - would end the camera thread silently
            self.stream.fail("taking over a frame", error)

    def _set_controls(self) -> None:
        """Hand over what `apply` wants.

        On the camera thread, which empties picamera2's set of waiting controls for each request:
        what another thread adds between its reading and its emptying is lost (0.3.38).
        """
        controls = self._controls
        if controls is not self._controls_set:
            self._controls_set = controls
            self.device.set_controls(controls)

    def _offer_luma(self, request: Any, ts: Seconds) -> None:
        with self._library.MappedArray(request, "lores", write=False) as mapped:
            width, height = self._lores_size
            self.worker.offer_luma(ts, mapped.array[:height, :width])

    def _offer_preview(self, request: Any, ts: Seconds) -> None:
        """Lend the picture to the worker when one is due and it has none."""
        if ts < self._next_jpeg_ts or not self.worker.wants_preview():
            return
        self._next_jpeg_ts = max(self._next_jpeg_ts + (self._jpeg_period_s or 0.0), ts)
        request.acquire()
        self.worker.offer_preview(lambda: self._preview(request, ts))

    def _preview(self, request: Any, ts: Seconds) -> Jpeg:
        try:
            with self._library.MappedArray(request, "main", write=False) as mapped:
                return Jpeg(ts, preview_jpeg(planes_of(mapped.array, *self._size)))
        finally:
            request.release()


class _Annotation:
    """The text of one configuration, drawn on the camera thread; rendered once a second."""

    def __init__(self, config: CameraConfig) -> None:
        self._template = config.annotate_text
        self._overlay = TextOverlay(
            config.annotate_size, config.annotate_foreground, config.annotate_background
        )
        self._second = -1
        self._text = ""

    def draw(self, request: Any, library: Library, size: Tuple[int, int], clock: Clock) -> None:
        """Write the text of this second into the main picture."""
        if not self._template:
            return
        wall = clock.wall()
        if int(wall) != self._second:
            self._second, self._text = int(wall), expand(self._template, wall)
        with library.MappedArray(request, "main") as mapped:
            self._overlay.draw(self._text, *planes_of(mapped.array, *size))


def _nothing() -> None:
    """No worker has been started yet."""


def lores_size(width: int, height: int) -> Tuple[int, int]:
    """Even size of the analysed picture: `LORES_WIDTH` wide, true to the aspect, never larger."""
    if width <= LORES_WIDTH:
        return width, height
    return LORES_WIDTH, max(2, round(LORES_WIDTH * height / width / 2) * 2)


def _possible_fps(wanted: float, controls: Any) -> float:
    """`wanted`, or what the sensor's mode allows at most."""
    least_us = controls.get("FrameDurationLimits", (0,))[0]
    return min(wanted, 1_000_000 / least_us) if least_us else wanted


def _rate(fps: float) -> Any:
    """`fps` as PyAV and V4L2 both take it: a whole number when it is one."""
    return int(fps) if fps == int(fps) else Fraction(fps).limit_denominator(1001)


def _suspended_s() -> Seconds:
    """CLOCK_BOOTTIME - CLOCK_MONOTONIC: how long this machine has slept since it booted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
