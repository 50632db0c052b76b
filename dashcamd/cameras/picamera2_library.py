"""picamera2 as this program wants it: loaded when chosen, its exceptions and leaks tamed.

The only module that imports picamera2 and libcamera. Known of version 0.3.38; the names used here
are public and older than 0.3.12 (Raspberry Pi OS 12).
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any, Callable, List, Optional

from dashcamd.cameras.picamera2_stream import FrameStream
from dashcamd.errors import CameraError

log = logging.getLogger(__name__)

CLOSE_LIMIT_S = 3.0
"""A healthy camera closes in 0.4 s; beyond this the library is taken for dead."""

NO_LIBRARY = (
    "camera: picamera2 cannot be loaded (%s); install it with 'sudo apt install python3-picamera2' "
    "and run dashcamd with the system's Python (a virtual environment needs --system-site-packages)"
)
NO_CAMERA = (
    "camera: libcamera finds no camera; check the ribbon cable with the power off, then "
    "'rpicam-hello --list-cameras'"
)


class Library:
    """The names of picamera2 and libcamera that this back-end uses."""

    def __init__(self) -> None:
        import libcamera
        from picamera2 import MappedArray, Picamera2
        from picamera2.encoders import H264Encoder
        from picamera2.outputs import Output

        self.libcamera = libcamera
        self.Picamera2 = Picamera2
        self.MappedArray = MappedArray
        self.H264Encoder = H264Encoder
        self.Output = Output


def load_library() -> Library:
    """Import it now. Raises `CameraError` with what to install."""
    try:
        return Library()
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise CameraError(NO_LIBRARY % one_line(error)) from error


def find_camera(library: Library) -> str:
    """Name of the sensor that `open_device` would open. Raises `CameraError` without one."""
    try:
        found = library.Picamera2.global_camera_info()
    except RuntimeError as error:
        raise CameraError("camera: libcamera does not start: %s" % one_line(error)) from error
    if not found:
        raise CameraError(NO_CAMERA)
    return str(found[0].get("Model", "the camera"))


def open_device(library: Library, name: str) -> Any:
    """The first camera as an open Picamera2; `name` is for the error. Raises `CameraError`.

    Workaround: when its constructor raises, it leaves a pipe open (0.3.38), two descriptors at
    every attempt; so the object is made in two steps and cleaned up here.
    """
    device = library.Picamera2.__new__(library.Picamera2)
    try:
        device.__init__(0)
    except (RuntimeError, OSError) as error:
        _give_back(device)
        raise CameraError(
            "camera: %s cannot be opened: %s; another program may be using it "
            "(rpicam-vid, motion, a second dashcamd)" % (name, one_line(error))
        ) from error
    return device


def _give_back(device: Any) -> None:
    """Close what a failed constructor has opened."""
    reader = getattr(device, "notifymeread", None)
    if reader is not None and not reader.closed:
        reader.close()
        os.close(device.notifyme_w)


def close_device(device: Any, before_close: Callable[[], None]) -> Optional[str]:
    """Stop and close within `CLOSE_LIMIT_S`; None, or why the library is to be taken for dead.

    On a thread of its own, since picamera2 waits for its camera thread without a time-out.
    `before_close` gives back borrowed pictures, while buffers are still mapped.
    """
    outcome: List[Optional[str]] = ["it did not close within %g s" % CLOSE_LIMIT_S]

    def close() -> None:
        try:
            _close(device, before_close)
            outcome[0] = None
        except Exception as error:  # noqa: BLE001 - the last line of a thread
            outcome[0] = "closing failed: %s" % one_line(error)

    closing = threading.Thread(target=close, name="camera-close", daemon=True)
    closing.start()
    closing.join(CLOSE_LIMIT_S)
    return outcome[0]


def _close(device: Any, before_close: Callable[[], None]) -> None:
    device.stop()
    before_close()
    for encoder in list(device.encoders):
        try:
            device.stop_encoder(encoder)
        except Exception as error:  # noqa: BLE001 - it has failed before, hence the closing
            log.debug("camera: the encoder could not finish: %s", one_line(error))
    device.pre_callback = None
    device.close()


def appending_output(library: Library, take: Callable[[bytes, bool, int], None]) -> Any:
    """The one Output: calls `take` with data, whether it is a keyframe, and microseconds."""

    class AppendingOutput(library.Output):  # type: ignore[name-defined,misc]
        """Neither raises nor waits, as long as `take` does not."""

        def outputframe(
            self,
            frame: bytes,
            keyframe: bool = True,
            timestamp: int = 0,
            packet: Any = None,
            audio: bool = False,
        ) -> None:
            """Called by the encoder."""
            if not audio:
                take(frame, keyframe, timestamp)

    return AppendingOutput()


def guarded_encoder(library: Library, stream: FrameStream, **settings: Any) -> Any:
    """The Pi's encoder, whose exceptions become faults of `stream`."""

    class GuardedEncoder(library.H264Encoder):  # type: ignore[name-defined,misc]
        """Encodes until something fails, then waits to be stopped."""

        def encode(self, name: Any, request: Any) -> None:
            """Called by the camera thread, which must survive."""
            if stream.has_failed:
                return
            try:
                super().encode(name, request)
            except Exception as error:  # noqa: BLE001 - would end the camera thread silently
                stream.fail("the H.264 encoder", error)

    return GuardedEncoder(**settings)


def one_line(error: BaseException) -> str:
    """An error and what caused it, for one line of a log."""
    causes = [str(error)]
    while error.__cause__ is not None:
        error = error.__cause__
        causes.append(str(error))
    return "; ".join(" ".join(cause.split()) for cause in causes)
