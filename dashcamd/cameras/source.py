"""Where ``media:`` pictures come from: a file, a network address or a V4L2 device, opened by PyAV.

Opening says in one line what is wrong; reading survives damage in the middle. A hostile file can
make FFmpeg neither open other files nor addresses, and none of its demuxers that turn text into
pictures is accepted.
"""

from __future__ import annotations

import gc
import re
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from dashcamd.cameras import pyav
from dashcamd.cameras.opening import Opening
from dashcamd.cameras.redaction import redacted
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import Seconds

PREFIX = "media:"

OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 5.0
"""How long a silent peer is waited for before it counts as gone."""

OPEN_LIMIT_S = 12.0
"""One try to open a network address takes no longer: with a name that is answered late, and the
closing of the connection before, it stays below the patience of the watchdog."""

DAMAGE_LIMIT = 100
"""So many read errors in a row are the end, not a scratch."""

SIDE_LIMITS_PX = (16, 8192)
FPS_LIMITS = (0.5, 240.0)

NOT_VIDEO_FORMATS = frozenset(("tty", "ansi", "bin", "xbin", "adf", "idf", "concat", "hls"))
"""Demuxers that draw text or fetch what a text file names."""

ATTACHED_PICTURE = 0x400
"""``AV_DISPOSITION_ATTACHED_PIC``: the cover of an album, not a video."""


class Kind(Enum):
    """What an address leads to."""

    FILE = "file"
    NETWORK = "network"
    DEVICE = "device"


@dataclass(frozen=True)
class Address:
    """A parsed ``media:`` address."""

    kind: Kind
    text: str

    @property
    def is_live(self) -> bool:
        """Whether the source sets the pace."""
        return self.kind is not Kind.FILE

    def __str__(self) -> str:
        """As messages name it, without a password."""
        return redacted(self.text)


def parse_address(spec: str) -> Address:
    """The address in `spec`, with or without ``media:`` in front."""
    text = spec[len(PREFIX) :] if spec.startswith(PREFIX) else spec
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return Address(Kind.NETWORK, text)
    try:
        is_device = stat.S_ISCHR(Path(text).stat().st_mode)
    except (OSError, ValueError):
        is_device = False
    return Address(Kind.DEVICE if is_device else Kind.FILE, text)


class Source:
    """An open video stream; `packets` yields its packets in order. One thread.

    `damaged` counts what could not be read. Raises `CameraError` when it cannot be opened.
    """

    def __init__(self, address: Address, config: CameraConfig) -> None:
        self.address = address
        self.damaged = 0
        self._container = _open_in_time(address, config)
        try:
            self.stream = _video_stream(self._container, address)
        except CameraError:
            self.close()
            raise
        self.fps = _frame_rate(self.stream, config.framerate)

    @property
    def width(self) -> int:
        """Coded width of the pictures in pixels."""
        return int(self.stream.codec_context.width)

    @property
    def height(self) -> int:
        """Coded height of the pictures in pixels."""
        return int(self.stream.codec_context.height)

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return str(self.stream.codec_context.name)

    def packets(self) -> Iterator[Any]:
        """Packets with data until the end. Raises `CameraError` when a live source breaks."""
        errors_in_a_row = 0
        while errors_in_a_row < DAMAGE_LIMIT:
            try:
                for packet in self._container.demux(self.stream):
                    errors_in_a_row = 0
                    if packet.size:
                        yield packet
            except pyav.av_errors() as error:
                if self.address.is_live:
                    raise CameraError(
                        "%s: broke off: %s" % (self.address, _reason(error))
                    ) from None
                self.damaged += 1
                errors_in_a_row += 1
                if not _is_damage(error):
                    return
            else:
                if self.address.is_live:
                    raise CameraError("%s: the sender has ended the stream" % self.address)
                return

    def close(self) -> None:
        """Release the file, connection or device. Safe to call twice."""
        self._container.close()


def pts_of(packet: Any) -> Optional[Seconds]:
    """The presentation stamp of a packet or frame in seconds, if it has one."""
    pts, base = packet.pts, packet.time_base
    if pts is None or not base:
        return None
    # Whole numbers are divided once and rounded once, as a fraction is, at a tenth of its cost.
    return float(pts * base.numerator / base.denominator)


def _open_in_time(address: Address, config: CameraConfig) -> Any:
    if address.kind is not Kind.NETWORK:
        return _open(address, config)
    opening = Opening.of(address.text, str(address), lambda: _open(address, config))
    return opening.wait(OPEN_LIMIT_S)


def _open(address: Address, config: CameraConfig) -> Any:
    av = pyav.load()
    if address.kind is Kind.FILE:
        _check_file(address)
    # With PyAV 10 (Debian 12) a closed container lies in a reference cycle, with up to a megabyte
    # of FFmpeg's: loops of a film and an unsteady network would pile them up for hours.
    gc.collect()
    problem: Optional[BaseException] = None
    for kind, options in _attempts(address, config):
        name = address.text
        if address.kind is Kind.FILE:
            name = "file:" + str(Path(address.text).absolute())
        try:
            return av.open(
                name,
                format=kind,
                container_options=options,
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
                **_metadata_options(av),
            )
        except pyav.av_errors() as error:
            problem = error
    if address.kind is Kind.FILE:
        raise CameraError("%s: not a video: %s" % (address, _reason(problem)))
    raise CameraError("%s: cannot be opened: %s" % (address, _reason(problem)))


def _metadata_options(av: Any) -> Dict[str, str]:
    """Up to PyAV 18 a title that is not UTF-8 fails the opening unless it is told otherwise."""
    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def _check_file(address: Address) -> None:
    path = Path(address.text)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CameraError("%s: is a folder, not a video" % address)
        if not stat.S_ISREG(mode):
            raise CameraError("%s: is neither a file nor a camera" % address)
        with path.open("rb") as stream:
            if not stream.read(1):
                raise CameraError("%s: is empty, not a video" % address)
    except CameraError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CameraError("%s: cannot be read: %s" % (address, reason)) from None


def _attempts(address: Address, config: CameraConfig) -> List[Tuple[Optional[str], Dict[str, str]]]:
    """Format and container options to open with, best first.

    Workaround: options for the streams as well (``av.open(options=)``) crash PyAV 10 to 14 on
    containers that announce their streams late (FLV, RTSP).

    A webcam is asked for MJPEG at first: uncompressed 720p does not fit through USB 2 at 25 fps.
    """
    if address.kind is Kind.FILE:
        return [(None, {"protocol_whitelist": "file"})]
    if address.kind is Kind.NETWORK:
        return [(None, _network_options(address.text))]
    wanted = {"video_size": config.resolution, "framerate": "%g" % config.framerate}
    return [("v4l2", {**wanted, "input_format": "mjpeg"}), ("v4l2", wanted), ("v4l2", {})]


def _network_options(url: str) -> Dict[str, str]:
    """Time-outs under the names the protocols know them by.

    Before FFmpeg 5 (libavformat 59) RTSP's ``timeout`` meant *wait for callers* and ``stimeout``
    was what is wanted.
    """
    microseconds = str(int(READ_TIMEOUT_S * 1e6))
    if not url.lower().startswith("rtsp"):
        return {"rw_timeout": microseconds}
    is_old = pyav.load().library_versions["libavformat"][0] < 59
    return {"rtsp_transport": "tcp", "stimeout" if is_old else "timeout": microseconds}


def _video_stream(container: Any, address: Address) -> Any:
    if NOT_VIDEO_FORMATS & set(container.format.name.split(",")):
        raise CameraError("%s: not a video but %s" % (address, container.format.long_name))
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise CameraError("%s: has no video stream" % address)
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise CameraError("%s: uses a codec this FFmpeg cannot decode" % address)
    low, high = SIDE_LIMITS_PX
    if not (low <= context.width <= high and low <= context.height <= high):
        raise CameraError(
            "%s: pictures of %dx%d pixels; from %d to %d a side can be recorded"
            % (address, context.width, context.height, low, high)
        )
    return stream


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture of an album; `disposition` is absent, a number or a flag."""
    disposition = getattr(stream, "disposition", 0) or 0
    return bool(int(getattr(disposition, "value", disposition)) & ATTACHED_PICTURE)


def _frame_rate(stream: Any, fallback: float) -> float:
    low, high = FPS_LIMITS
    for rate in (stream.average_rate, getattr(stream, "guessed_rate", None), stream.base_rate):
        if rate and low <= float(rate) <= high:
            return float(rate)
    return fallback


def _is_damage(error: BaseException) -> bool:
    """Whether reading may go on behind this error."""
    return isinstance(error, (pyav.load().error.InvalidDataError, ValueError))


def _reason(error: Optional[BaseException]) -> str:
    """FFmpeg's words without errno and the address, which the caller names."""
    return str(getattr(error, "strerror", None) or error or "unknown")
