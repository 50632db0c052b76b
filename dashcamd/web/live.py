"""HD live: the camera's own H.264, one fragment a frame, muxed once for all viewers.

A frame becomes ``moof`` + ``mdat`` around bytes that are in the ring anyway (8 microseconds; an
MPEG-1 encoder, which people used for this, needs 1.6 ms). A browser feeds them to Media Source
Extensions. A viewer that cannot keep up skips to the next keyframe. Runs on the web's loop alone.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Deque, List, NamedTuple, Optional

from dashcamd.core.h264 import ParameterSets, to_sample
from dashcamd.errors import MediaError
from dashcamd.handover import Ring
from dashcamd.storage.mp4_boxes import TIMESCALE, fragment_header, opening, track_for
from dashcamd.types import Frame, Seconds
from dashcamd.web.outlet import Outlet

PENDING_LIMIT = 400 * 1024
"""More than this waiting for one viewer, and it skips to the next keyframe."""

SEND_BUFFER = 128 * 1024
SWEEP_S = 2.0
PER_SESSION = 2
NOMINAL_S = 1 / 25
LONGEST_S = 1.0


class Fragment(NamedTuple):
    """One frame as a browser takes it; `head` opens a stream that begins here."""

    data: bytes
    is_key: bool
    head: bytes
    codec: str


class Muxer:
    """Turns frames into fragments; the caller hands them in order. Raises `MediaError`."""

    def __init__(self) -> None:
        self._sets = ParameterSets((), ())
        self._head = b""
        self._codec = ""
        self._sequence = 0
        self._first_ts: Optional[Seconds] = None
        self._last_ts: Seconds = 0.0
        self._step_s = NOMINAL_S

    def fragment(self, frame: Frame) -> Optional[Fragment]:
        """One frame; None before the first keyframe. Parameter sets may change at a keyframe."""
        sample = to_sample(frame.data)
        if frame.key and sample.parameter_sets != self._sets:
            self._sets = sample.parameter_sets
            self._head = opening(track_for(self._sets, 0.0))
            self._codec = codec_of(self._sets)
        if not self._head:
            return None
        if self._first_ts is None:
            self._first_ts = frame.ts
        elif 0 < frame.ts - self._last_ts < LONGEST_S:
            self._step_s = frame.ts - self._last_ts
        self._last_ts = frame.ts
        self._sequence += 1
        base = max(0, round((frame.ts - self._first_ts) * TIMESCALE))
        duration = max(1, round(self._step_s * TIMESCALE))
        header = header_of_one(self._sequence, base, sample.size, duration, frame.key)
        data = b"".join((header, *sample.buffers))
        return Fragment(data, frame.key, self._head, self._codec)


def header_of_one(sequence: int, base: int, size: int, duration: int, is_key: bool) -> bytes:
    """`fragment_header` of one sample, by filling in a form: it is made for every frame."""
    header = bytearray(_FORMS[is_key])
    _WORD.pack_into(header, _SEQUENCE_AT, sequence)
    _BASE.pack_into(header, _BASE_AT, base)
    _SAMPLE.pack_into(header, _SAMPLE_AT, duration, size)
    _WORD.pack_into(header, _MDAT_AT, size + 8)
    return bytes(header)


_FORMS = [fragment_header(0, 0, [0], [0], is_key) for is_key in (False, True)]
_WORD, _BASE, _SAMPLE = struct.Struct(">I"), struct.Struct(">Q"), struct.Struct(">II")
_SEQUENCE_AT, _BASE_AT, _SAMPLE_AT, _MDAT_AT = 20, 60, 88, 100
"""Places in those forms; a test compares every result with `fragment_header`'s."""


def codec_of(sets: ParameterSets) -> str:
    """The codec's name for ``MediaSource`` (RFC 6381): profile and level are in the SPS."""
    return "avc1." + sets.sps[0][1:4].hex()


class _Viewer:
    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.queue: Deque[bytes] = deque()
        self.pending = 0
        self.waits_for_key = True
        self.head = b""

    def take(self, fragment: Fragment) -> None:
        if self.head and fragment.head is not self.head:
            self.outlet.close()  # another picture size: the page asks again
            return
        if self.pending > PENDING_LIMIT:
            self.queue.clear()
            self.pending, self.waits_for_key = 0, True
        if self.waits_for_key and not fragment.is_key:
            return
        self.waits_for_key = False
        if not self.head:
            self.head = fragment.head
            self._queue(fragment.head)
        self._queue(fragment.data)

    def flush(self) -> None:
        if self.queue and self.outlet.is_free:
            data, self.pending = b"".join(self.queue), 0
            self.queue.clear()
            self.outlet.send(data)

    def _queue(self, data: bytes) -> None:
        self.queue.append(data)
        self.pending += len(data)


class Live:
    """Everybody who watches HD."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._viewers: List[_Viewer] = []
        self._muxer = Muxer()
        self._cursor = 0
        self._gop: List[Fragment] = []
        self._sweeping: Optional[asyncio.TimerHandle] = None

    @property
    def is_watched(self) -> bool:
        """Whether news of frames is wanted."""
        return bool(self._viewers)

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return len(self._viewers)

    def codec(self) -> Optional[str]:
        """The codec a new viewer would get; None while there is nothing to show."""
        if not self._viewers:
            self._begin()
        self.tick()  # what is new is for those who watch already, too
        return self._gop[-1].codec if self._gop else None

    def add(self, outlet: Outlet) -> None:
        """Stream to `outlet` from the newest keyframe on."""
        same = [viewer for viewer in self._viewers if viewer.outlet.session == outlet.session]
        for viewer in same[: max(0, len(same) - PER_SESSION + 1)]:
            viewer.outlet.close()
        viewer = _Viewer(outlet)
        outlet.on_gone = lambda: self._viewers.remove(viewer)
        outlet.on_free = viewer.flush
        for fragment in self._gop:
            viewer.take(fragment)
        self._viewers.append(viewer)
        viewer.flush()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def tick(self) -> None:
        """Frames arrived."""
        for fragment in self._read():
            for viewer in list(self._viewers):
                viewer.take(fragment)
        for viewer in list(self._viewers):
            viewer.flush()

    def close(self) -> None:
        """Hang up on everybody."""
        for viewer in list(self._viewers):
            viewer.outlet.close()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _begin(self) -> None:
        """Nobody watched: begin at the newest keyframe the ring holds."""
        head = self._ring.head
        newest = self._ring.keyframe_before(head)
        self._muxer, self._gop = Muxer(), []
        self._cursor = head if newest is None else newest

    def _read(self) -> List[Fragment]:
        """Everything new, one fragment a frame; keeps the open GOP for who comes next."""
        made: List[Fragment] = []
        while True:
            frames, self._cursor, lost = self._ring.read(self._cursor)
            if not frames:
                return made
            if lost:
                self._skip()
            for frame in frames:
                fragment = self._mux(frame)
                if fragment is not None:
                    self._keep(fragment)
                    made.append(fragment)

    def _skip(self) -> None:
        """Frames are gone from the ring: nothing decodes before the next keyframe."""
        self._gop = []
        for viewer in self._viewers:
            viewer.waits_for_key = True

    def _keep(self, fragment: Fragment) -> None:
        if fragment.is_key:
            self._gop = []
        self._gop.append(fragment)

    def _mux(self, frame: Frame) -> Optional[Fragment]:
        try:
            return self._muxer.fragment(frame)
        except MediaError:
            return None

    def _sweep(self) -> None:
        self._sweeping = None
        for viewer in list(self._viewers):
            if viewer.outlet.must_go():
                viewer.outlet.close()
        if self._viewers:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
