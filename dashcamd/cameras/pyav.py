"""The one place that imports PyAV, and what its versions 10 to 19 disagree about.

PyAV is an extra: nothing of the recording path on a Pi needs it. Versions before 10 are refused,
they crash the whole process after a failed write. Up to 18 the GIL is held while a network
address is being opened, so a silent peer stalls every thread until the time-out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

from dashcamd.errors import CameraError
from dashcamd.extras import how_to_install

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

OLDEST = 10


def load() -> Any:
    """The module ``av``. Raises `CameraError` with the command that installs it."""
    try:
        import av
    except (ImportError, OSError) as error:
        raise CameraError(
            "software cameras need PyAV, which cannot be imported (%s): %s"
            % (error, how_to_install("media", "python3-av"))
        ) from None
    if int(av.__version__.split(".")[0]) < OLDEST:
        raise CameraError(
            "PyAV %s is too old, %d or newer is needed: pip install 'dashcamd[media]'"
            % (av.__version__, OLDEST)
        )
    av.logging.set_level(av.logging.PANIC)
    return av


def av_errors() -> Tuple[Any, ...]:
    """What FFmpeg's failures are raised as; some versions use plain built-ins for a few."""
    av = load()
    return (av.error.FFmpegError, OSError, ValueError, EOFError)


def picture_of(planes: Tuple[Array, ...]) -> Any:
    """A ``yuv420p`` frame with a copy of the planes."""
    luma = planes[0]
    frame = load().VideoFrame(luma.shape[1], luma.shape[0], "yuv420p")
    for plane, pixels in zip(frame.planes, planes):
        whole = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        whole[:, : plane.width] = pixels
    return frame


def planes_of(frame: Any) -> Tuple[Array, ...]:
    """Views of the planes of an 8-bit planar frame; valid as long as the frame is."""
    return tuple(
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )


def luma_of(frame: Any) -> Array:
    """A view of the first plane alone."""
    plane = frame.planes[0]
    pixels: Array = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return pixels[: frame.height, : frame.width]


def decode_at_once(decoder: Any, is_looked_at: bool = True) -> None:
    """Make a decoder give each picture with its own packet; heeded only before the first one.

    Pictures that nobody looks at need no deblocking: the detector bins them, and it costs 10 to
    45 % of decoding H.264.
    """
    decoder.thread_count = 1
    decoder.options = {"flags": "+low_delay"}
    if not is_looked_at:
        decoder.options = {"flags": "+low_delay", "skip_loop_filter": "all"}
