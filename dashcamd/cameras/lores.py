"""Motion fields and previews out of uncompressed pictures, on a thread beside the camera's.

The camera thread only copies a small luma plane (`LoresWorker.offer_luma`) or lends a picture
(`offer_preview`); comparing and compressing happen here. Fields are made when the frame they
belong to has been delivered, so the order "frame, then its field" holds by construction, whichever
thread the encoder speaks on.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Callable, Deque, Optional, Tuple

import numpy as np

from dashcamd.core.cells import CELL
from dashcamd.core.fields import matched_blocks
from dashcamd.core.luma import LumaField
from dashcamd.core.pace import Turns
from dashcamd.types import BLOCK_PX, Jpeg, MotionField, Seconds, Sinks

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time
    Planes = Tuple[Array, Array, Array]

WAITING_LUMAS = 8
"""Pictures that may wait for their frame; the V4L2 encoder is about two behind."""

CELLS_A_SIDE = BLOCK_PX // CELL
"""Cells of the field along a block that is matched, and analysed pixels to one of lores."""

PREVIEW_WIDTH = 640
"""Previews are made smaller by a whole factor until they are no wider."""

PREVIEW_QUALITY = 75

STOP_LIMIT_S = 2.0


def planes_of(picture: Array, width: int, height: int) -> Planes:
    """Y, U and V views of a YUV420 buffer as picamera2 maps it, padding cut off.

    `picture` is ``(height * 3 / 2, stride)``; chroma rows are ``stride / 2`` apart.
    """
    halves = picture.reshape(picture.shape[0] * 2, picture.shape[1] // 2)
    tall, wide = height // 2, width // 2
    first = 2 * height
    luma = picture[:height, :width]
    return luma, halves[first : first + tall, :wide], halves[first + tall : first + 2 * tall, :wide]


def preview_jpeg(planes: Planes, quality: int = PREVIEW_QUALITY) -> bytes:
    """A JPEG no wider than `PREVIEW_WIDTH`, in the full range that JPEG viewers expect.

    Needs Pillow and simplejpeg, which picamera2 itself depends on.
    """
    import simplejpeg

    step = -(-planes[0].shape[1] // PREVIEW_WIDTH)
    small = [
        _reduced(plane, step, table)
        for plane, table in zip(planes, (_FULL_LUMA, _FULL_CHROMA, _FULL_CHROMA))
    ]
    made: bytes = simplejpeg.encode_jpeg_yuv_planes(*small, quality)
    return made


def _reduced(plane: Array, step: int, table: Tuple[int, ...]) -> Array:
    """Means of `step` x `step` pixels, brought to full range."""
    from PIL import Image

    image = Image.fromarray(plane)
    return np.asarray((image.reduce(step) if step > 1 else image).point(table))


def _stretch(black: float, span: float, low: float, high: float) -> Tuple[int, ...]:
    codes = (np.arange(256) - black) * (high - low) / span + low
    return tuple(int(code) for code in np.clip(np.rint(codes), 0, 255))


_FULL_LUMA = _stretch(16, 219, 0, 255)
_FULL_CHROMA = _stretch(16, 224, 0.5, 255.5)


class LoresFields:
    """Motion fields of the small luma: light-compensated SAD, vectors where a block stands out.

    The SAD comes from `LumaField`: about ten fields a second, cells of 8x8 pixels that stand for a
    macroblock each. Block matching looks at 16x16 pixels, two cells wide and high, only while the
    SAD gate of `fields` is open. `width` is at most `BINNED_WIDTH`. One thread asks `is_due`, one,
    the same or another, makes the fields.
    """

    def __init__(self, width: int, height: int, recorded_per_lores: float) -> None:
        self._turns = Turns()
        self._luma = LumaField(width, height)
        self._scale = recorded_per_lores * self._luma.scale
        self._before: Optional[Array] = None

    def is_due(self, ts: Seconds) -> bool:
        """Whether the picture at `ts` is wanted. To be asked once for each, in order."""
        return self._turns.is_due(ts)

    def step(self, ts: Seconds, luma: Array) -> Optional[MotionField]:
        """The field between the last picture that was due and this one; None for the first."""
        blocks = self._luma.step(luma)
        before, self._before = self._before, luma
        if blocks is None or before is None:
            return None
        _add_vectors(blocks, matched_blocks(before, luma))
        return MotionField(ts, blocks, self._scale, "lores")


def _add_vectors(cells: Array, matched: Array) -> None:
    """Give each cell the vector of the block it lies in, in pixels of the analysed picture."""
    rows, cols = cells.shape[0], cells.shape[1] - 1
    for axis in ("x", "y"):
        vectors = matched[axis][:, :-1] * np.int8(CELLS_A_SIDE)
        wide = vectors.repeat(CELLS_A_SIDE, 0).repeat(CELLS_A_SIDE, 1)[:rows, :cols]
        np.copyto(cells[axis][:, :cols], wide, where=wide != 0)


class LoresWorker:
    """Turns lumas into fields and pictures into JPEGs, in order, on one thread.

    `offer_*` and `delivered` are called on the camera's threads and return at once; what comes
    too fast is dropped and counted in `dropped`. An exception goes to `on_fault`, never further.
    """

    def __init__(
        self,
        sinks: Sinks,
        fields: LoresFields,
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self.dropped = 0
        self._sinks = sinks
        self._fields = fields
        self._on_fault = on_fault
        self._lumas: Deque[Tuple[Seconds, Array]] = deque()
        self._lumas_lock = threading.Lock()
        self._jobs: SimpleQueue[Optional[Callable[[], None]]] = SimpleQueue()
        self._has_preview = False
        self._thread = threading.Thread(target=self._run, name="camera-lores", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wants_luma(self, ts: Seconds) -> bool:
        """Whether the picture at `ts` is worth a copy. To be asked once for each, in order."""
        return self._fields.is_due(ts)

    def offer_luma(self, ts: Seconds, luma: Array) -> None:
        """Keep a copy of the small luma plane until its frame is delivered."""
        kept = luma.copy()
        with self._lumas_lock:
            if len(self._lumas) >= WAITING_LUMAS:
                self._lumas.popleft()
                self.dropped += 1
            self._lumas.append((ts, kept))

    def delivered(self, ts: Seconds) -> None:
        """The frame at `ts` has been handed on: its field may follow."""
        if self._lumas:
            self._jobs.put(lambda: self._make_fields(ts))

    def wants_preview(self) -> bool:
        """True when no preview is being made."""
        return not self._has_preview

    def offer_preview(self, make: Callable[[], Jpeg]) -> None:
        """Deliver what `make` returns, called on this object's thread."""
        self._has_preview = True
        self._jobs.put(lambda: self._make_preview(make))

    def stop(self) -> None:
        """Finish what was offered and end. Safe to call twice, and before `start`."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            try:
                job()
            except Exception as error:  # noqa: BLE001 - a dead worker would be silence
                self._on_fault("making a motion field or a preview", error)

    def _make_fields(self, ts: Seconds) -> None:
        """The fields of all lumas up to this frame."""
        while True:
            # What is looked at must be what is taken: the camera may drop the oldest meanwhile.
            with self._lumas_lock:
                if not self._lumas or self._lumas[0][0] > ts:
                    return
                taken = self._lumas.popleft()
            field = self._fields.step(*taken)
            if field is not None:
                self._sinks.field(field)

    def _make_preview(self, make: Callable[[], Jpeg]) -> None:
        try:
            jpeg = make()
        finally:
            self._has_preview = False
        self._sinks.jpeg(jpeg)
