"""The video again, with what the detector saw drawn on it; and small pictures for the timeline.

Drawn into the planes of each picture and written by the daemon's own encoder and writer: yellow
blocks stand out, green ones belong to confirmed motion, the frame is the largest group, lines are
the polygons of zones, arrows the vectors, what is ignored is dimmed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from dashcamd.cameras import pyav
from dashcamd.cameras.analysis import PictureFields
from dashcamd.cameras.encoder import H264Encoder
from dashcamd.cameras.footage import Footage
from dashcamd.cameras.overlay import TextOverlay, colour_yuv
from dashcamd.cli.progress import Progress
from dashcamd.config import MotionConfig
from dashcamd.core.watch import Seen, Watch
from dashcamd.core.zones import ZonePlan
from dashcamd.errors import OperationError
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.types import Frame, MotionField, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

QUALITY = 24
BITRATE = 20_000_000
STANDING, MOVING, GROUP, ZONE = "#ffcc00", "#22cc44", "#ffffff", "#00ccff"
ARROW_PX = 3.0
"""Vectors are drawn so many times as long as they are."""

THUMBNAIL_PX = 200
THUMBNAILS = 6
TEXT_SHARE = 24
"""The line of text is this part of the picture's height."""

Planes = Tuple[Any, ...]


def draw_overlay(video: str, motion: MotionConfig, path: Path) -> None:
    """Write `video` with everything drawn on it as an MP4 at `path`, replacing what is there.

    Raises `CameraError` without PyAV or for what is no video, `StorageError`, `OperationError`.
    """
    if path.exists() and path.samefile(video):
        raise OperationError("%s: is the video itself; choose another name" % path)
    disk = PosixDisk(str(path.parent))
    try:
        path.unlink(missing_ok=True)
        file = disk.create(path.name)
        try:
            writer = Mp4Writer(file)
            for gop in _gops(_drawn(video, motion)):
                writer.append(gop)
            writer.close()
        finally:
            file.close()
    finally:
        disk.close()


def thumbnails(video: str, stamps: Sequence[Seconds]) -> List[Tuple[Seconds, Array]]:
    """Small RGB pictures of `video` at some of the `stamps`, `THUMBNAILS` at most."""
    step = max(1, -(-len(stamps) // THUMBNAILS))
    wanted = sorted(stamps)[::step]
    found: List[Tuple[Seconds, Array]] = []
    footage = Footage(video)
    try:
        for ts, frame in footage.pictures():
            if len(found) < len(wanted) and ts >= wanted[len(found)]:
                found.append((ts, _small(frame)))
    finally:
        footage.close()
    return found


def _small(frame: Any) -> Array:
    height = max(1, THUMBNAIL_PX * frame.height // frame.width)
    picture: Array = frame.reformat(THUMBNAIL_PX, height, "rgb24").to_ndarray()
    return picture


def _gops(frames: Iterator[Frame]) -> Iterator[List[Frame]]:
    held: List[Frame] = []
    for frame in frames:
        if frame.key and held:
            yield held
            held = []
        held.append(frame)
    if held:
        yield held


def _drawn(video: str, motion: MotionConfig) -> Iterator[Frame]:
    """The encoded pictures, each with the newest field drawn on it."""
    footage, analysis, watch = Footage(video), PictureFields(), Watch(motion)
    encoder: Optional[H264Encoder] = None
    painter = _Painter(motion)
    try:
        with Progress(video, footage.duration_s) as progress:
            for ts, frame in footage.pictures():
                progress.show(ts)
                field = analysis.of_frame(ts, frame)
                if field is not None:
                    painter.saw(field, watch.step(field), watch.detector.standing)
                planes = _even(frame)
                painter.draw(ts, planes)
                if encoder is None:
                    height, width = planes[0].shape
                    encoder = H264Encoder(width, height, footage.fps, 1.0, BITRATE, QUALITY)
                unit = encoder.encode(pyav.picture_of(planes), ts)
                yield Frame(ts, unit.key, unit.data)
    finally:
        footage.close()


def _even(frame: Any) -> Planes:
    """The planes of a picture as ours to draw on, with even sides."""
    high, wide = frame.height & ~1, frame.width & ~1
    luma, *chroma = pyav.planes_of(frame.reformat(format="yuv420p"))
    return (luma[:high, :wide].copy(), *(c[: high // 2, : wide // 2].copy() for c in chroma))


class _Painter:
    """Draws the newest field and its verdict on pictures."""

    def __init__(self, motion: MotionConfig) -> None:
        self._zones = motion.zones
        self._plan = ZonePlan(motion.zones, motion.ignore)
        self._text: Optional[TextOverlay] = None
        self._field: Optional[MotionField] = None
        self._seen: Optional[Seen] = None
        self._standing: Optional[Array] = None

    def saw(self, field: MotionField, seen: Seen, standing: Optional[Array]) -> None:
        """Draw this field from now on."""
        self._field, self._seen, self._standing = field, seen, standing

    def draw(self, ts: Seconds, planes: Planes) -> None:
        """Draw on the planes of the picture at `ts`."""
        if self._seen is None or self._field is None:
            return
        self._dim_ignored(planes)
        if self._standing is not None:
            colour = MOVING if self._seen.motion is not None else STANDING
            _tint(planes, self._standing, colour)
        for zone in self._zones:
            corners = [*zone.corners, zone.corners[0]]
            for (x1, y1), (x2, y2) in zip(corners, corners[1:]):
                _line(planes, x1, y1, x2, y2, ZONE)
        self._draw_vectors(planes, self._field)
        if self._seen.score.place is not None:
            left, top, right, bottom = self._seen.score.place
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            for (x1, y1), (x2, y2) in zip(corners, corners[1:]):
                _line(planes, x1, y1, x2, y2, GROUP)
        self._write(ts, planes, self._seen)

    def _dim_ignored(self, planes: Planes) -> None:
        assert self._field is not None
        rows, cols = self._field.blocks.shape[0], self._field.blocks.shape[1] - 1
        counts = self._plan.on_grid(rows, cols)
        if counts is not None:
            np.right_shift(planes[0], 1, out=planes[0], where=~_spread(counts, planes[0].shape))

    def _draw_vectors(self, planes: Planes, field: MotionField) -> None:
        blocks = field.blocks[:, :-1]
        moved = (blocks["x"] != 0) | (blocks["y"] != 0)
        if moved.all() and (blocks["x"] == blocks["x"][0, 0]).all():
            moved = np.zeros_like(moved)  # one shift of the whole picture: one arrow
            moved[len(moved) // 2, moved.shape[1] // 2] = True
        rows, cols = moved.shape
        high, wide = planes[0].shape
        for row, col in zip(*np.nonzero(moved)):
            x, y = (col + 0.5) / cols, (row + 0.5) / rows
            length = ARROW_PX * field.scale
            dx, dy = int(blocks["x"][row, col]) * length, int(blocks["y"][row, col]) * length
            _line(planes, x, y, x - dx / wide, y - dy / high, STANDING)

    def _write(self, ts: Seconds, planes: Planes, seen: Seen) -> None:
        self._text = self._text or TextOverlay(
            max(14, planes[0].shape[0] // TEXT_SHARE), "#ffffff", "#000000"
        )
        verdict = seen.motion.reason.upper() if seen.motion is not None else "-"
        camera = "" if seen.ego is None else "  camera " + seen.ego.state.value
        self._text.draw("%7.2f s  %s  %s%s" % (ts, verdict, seen.score.reason, camera), *planes)


def _spread(mask: Array, shape: Tuple[int, ...]) -> Array:
    """A mask of blocks as one of pixels."""
    rows = np.arange(shape[0]) * mask.shape[0] // shape[0]
    cols = np.arange(shape[1]) * mask.shape[1] // shape[1]
    spread: Array = mask[rows][:, cols]
    return spread


def _tint(planes: Planes, mask: Array, colour: str) -> None:
    """Colour the blocks of `mask`; their light stays, so what moves is still seen."""
    _, u, v = colour_yuv(colour)
    where = _spread(mask, planes[1].shape)
    planes[1][where], planes[2][where] = u, v
    edge = _spread(mask, planes[0].shape)
    inner = edge.copy()
    inner[1:-1, 1:-1] &= edge[:-2, 1:-1] & edge[2:, 1:-1] & edge[1:-1, :-2] & edge[1:-1, 2:]
    planes[0][edge & ~inner] = 200


def _line(planes: Planes, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
    """A line between two places given as fractions of the picture."""
    high, wide = planes[0].shape
    steps = int(max(abs(x2 - x1) * wide, abs(y2 - y1) * high)) + 2
    x = np.clip(np.linspace(x1, x2, steps) * wide, 0, wide - 1).astype(int)
    y = np.clip(np.linspace(y1, y2, steps) * high, 0, high - 1).astype(int)
    luma, u, v = colour_yuv(colour)
    planes[0][y, x] = luma
    planes[1][y // 2, x // 2], planes[2][y // 2, x // 2] = u, v
