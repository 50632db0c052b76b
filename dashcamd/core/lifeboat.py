"""The lifeboat: wanted frames that the ring is about to drop, kept in memory until they are safe.

The ring holds the newest minutes, wanted or not. Where no stick is there, or one that was pulled
or is slow, the wanted frames outlive it here, by reference, bounded in bytes of their own::

        run 1        run 2           run 3 (newest)
        [aboard   ]  [aboard      ]  [aboard | still in the ring ]
        ╰─ first to go                         ring: ───────────────▶ head

**Who goes first** when it is full: the oldest event, GOP by GOP from its front, so that what is
left of it always begins at a keyframe. Events that nobody asked for by hand go before those that
somebody did, and the newest event goes last of all: it survives whole when it fits. In continuous
mode it never does, so that it has no such right: what somebody asked for outlives it. What is given
up is told by the next `read` that misses it, with `GIVEN_UP` as the cause, and becomes a gap.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict, List, NamedTuple, Optional, Protocol, Sequence

from dashcamd.core.wants import Footage
from dashcamd.types import Frame, Seconds

GIVEN_UP = "lifeboat full"
"""Cause of a gap: newer events needed the memory."""

BATCH_FRAMES = 256
"""Frames taken over from the ring at a time; bounds how long its lock is held."""


class Passing(Footage, Protocol):
    """Footage that does not stay: `dashcamd.handover.Ring`."""

    @property
    def leaving(self) -> int:
        """Frames before this cursor are dropped next."""


class Span(NamedTuple):
    """What is still needed of a run: from cursor `start` to `end` (exclusive).

    `run` is the cursor at which the whole run starts, which names it; `is_asked` whether somebody
    asked for it by hand, `is_endless` whether it will grow for ever.
    """

    run: int
    start: int
    end: int
    is_asked: bool = False
    is_endless: bool = False


class Found(NamedTuple):
    """Answer of `Lifeboat.read`; `cause` says why frames are `lost`, where the lifeboat knows."""

    frames: List[Frame]
    lost: int
    cause: str = ""


class Stats(NamedTuple):
    """What is aboard now, and how many frames were ever given up for want of room."""

    frames: int
    bytes: int
    capacity_bytes: int
    given_up: int


class _Piece:
    """Frames of one run without a hole: cursor `start` up to `end`."""

    def __init__(self, run: int, start: int) -> None:
        self.run = run
        self.start = start
        self.frames: List[Frame] = []
        self.keys: List[int] = []

    @property
    def end(self) -> int:
        return self.start + len(self.frames)

    def add(self, frames: Sequence[Frame]) -> int:
        """Take `frames` on at the end; their bytes."""
        self.keys += [self.end + place for place, frame in enumerate(frames) if frame.key]
        self.frames += frames
        return _bytes_of(frames)

    def cut_before(self, cursor: int) -> int:
        """Let go of the frames before `cursor`; their bytes."""
        count = min(max(0, cursor - self.start), len(self.frames))
        freed = _bytes_of(self.frames[:count])
        del self.frames[:count]
        self.start += count
        self.keys = self.keys[bisect_right(self.keys, self.start - 1) :]
        return freed

    def second_key(self) -> int:
        """Where its first GOP ends: at its next keyframe, or with it."""
        place = bisect_right(self.keys, self.start)
        return self.keys[place] if place < len(self.keys) else self.end

    def key_before(self, cursor: int) -> Optional[int]:
        place = bisect_right(self.keys, cursor) - 1
        return self.keys[place] if place >= 0 else None


class Lifeboat:
    """Footage: the ring, and behind it what was wanted of it. Used by the record thread alone.

    `read`, `keyframe_before` and the searches keep the promises of the ring over both. The bytes
    aboard never exceed `capacity_bytes` when `keep` returns; with a capacity of 0 this is the
    ring and nothing more.
    """

    def __init__(self, ring: Passing, capacity_bytes: int = 0) -> None:
        self._ring = ring
        self._capacity = capacity_bytes
        self._pieces: List[_Piece] = []
        self._starts: List[int] = []
        self._taken_to: Dict[int, int] = {}
        self._given_up_of: Dict[int, int] = {}
        self._bytes = 0
        self._given_up = 0

    @property
    def head(self) -> int:
        """Cursor of the next frame to come."""
        return self._ring.head

    @property
    def newest_ts(self) -> Optional[Seconds]:
        """Stamp of the newest frame."""
        return self._ring.newest_ts

    @property
    def stats(self) -> Stats:
        """What is aboard."""
        frames = sum(len(piece.frames) for piece in self._pieces)
        return Stats(frames, self._bytes, self._capacity, self._given_up)

    def cursor_before(self, ts: Seconds) -> int:
        """Cursor of the last keyframe at or before `ts` in the ring, or of its oldest one."""
        return self._ring.cursor_before(ts)

    def cursor_after(self, ts: Seconds) -> int:
        """Cursor of the first frame later than `ts` in the ring."""
        return self._ring.cursor_after(ts)

    def keyframe_before(self, cursor: int) -> Optional[int]:
        """Cursor of the last keyframe from which all frames up to `cursor` are held."""
        key = self._ring.keyframe_before(cursor)
        if key is not None:
            return key
        piece = self._last_piece_to(cursor)
        if piece is None or not self._is_joined(piece, cursor):
            return None
        return piece.key_before(cursor)

    def read(self, cursor: int, limit: int) -> Found:
        """Up to `limit` frames from `cursor` on, or from the first after it that is held."""
        if limit <= 0:
            return Found([], 0)
        piece = self._last_piece_to(cursor)
        if piece is not None and cursor < piece.end:
            return Found(self._from(piece, cursor, limit), 0)
        read = self._ring.read(cursor, limit)
        if not read.lost:
            return Found(read.frames, 0)
        cause = GIVEN_UP if self._was_given_up(cursor) else ""
        piece = self._next_piece(cursor)
        if piece is not None and piece.start < cursor + read.lost:
            return Found(self._from(piece, piece.start, limit), piece.start - cursor, cause)
        return Found(read.frames, read.lost, cause)

    def keep(self, spans: Sequence[Span]) -> None:
        """Take aboard what of `spans` leaves the ring soon; let go of what is in none of them.

        `spans` are in order and do not overlap. Call it at least twice in the time that the ring
        takes to go round, or frames are gone before they are taken.
        """
        if not self._capacity:
            return
        self._release({span.run: span for span in spans})
        leaving = self._ring.leaving
        for span in spans:
            self._take(span, min(span.end, leaving))
        while self._bytes > self._capacity:
            self._give_up_gop(spans)
        self._pieces = sorted((p for p in self._pieces if p.frames), key=lambda piece: piece.start)
        self._starts = [piece.start for piece in self._pieces]

    def _release(self, needed: Dict[int, Span]) -> None:
        for piece in self._pieces:
            span = needed.get(piece.run)
            self._bytes -= piece.cut_before(span.start if span else piece.end)
        self._taken_to = {run: at for run, at in self._taken_to.items() if run in needed}
        self._given_up_of = {run: at for run, at in self._given_up_of.items() if run in needed}

    def _take(self, span: Span, end: int) -> None:
        cursor = max(span.start, self._taken_to.get(span.run, 0))
        if cursor >= end:
            return
        piece = next((p for p in self._pieces if p.run == span.run and p.end == cursor), None)
        while cursor < end:
            read = self._ring.read(cursor, min(end - cursor, BATCH_FRAMES))
            cursor += read.lost
            frames = read.frames[: max(0, end - cursor)]
            if not frames:
                break
            if piece is None or read.lost:
                piece = _Piece(span.run, cursor)
                self._pieces.append(piece)
            self._bytes += piece.add(frames)
            cursor += len(frames)
        self._taken_to[span.run] = cursor

    def _give_up_gop(self, spans: Sequence[Span]) -> None:
        piece = self._next_to_go(spans)
        before = len(piece.frames)
        self._bytes -= piece.cut_before(piece.second_key())
        self._given_up += before - len(piece.frames)
        self._given_up_of[piece.run] = piece.start

    def _next_to_go(self, spans: Sequence[Span]) -> _Piece:
        asked = {span.run: span.is_asked for span in spans}
        newest = None if spans[-1].is_endless else spans[-1].run
        aboard = (piece for piece in self._pieces if piece.frames)
        return min(aboard, key=lambda p: (p.run == newest, asked[p.run], p.start))

    def _from(self, piece: _Piece, cursor: int, limit: int) -> List[Frame]:
        """Frames of `piece`, and what follows it in the ring without a hole."""
        first = cursor - piece.start
        frames = piece.frames[first : first + limit]
        if len(frames) < limit:
            more = self._ring.read(cursor + len(frames), limit - len(frames))
            if not more.lost:
                frames = frames + more.frames
        return frames

    def _last_piece_to(self, cursor: int) -> Optional[_Piece]:
        place = bisect_right(self._starts, cursor) - 1
        return self._pieces[place] if place >= 0 else None

    def _next_piece(self, cursor: int) -> Optional[_Piece]:
        place = bisect_right(self._starts, cursor)
        return self._pieces[place] if place < len(self._pieces) else None

    def _is_joined(self, piece: _Piece, cursor: int) -> bool:
        return cursor < piece.end or not self._ring.read(piece.end, 1).lost

    def _was_given_up(self, cursor: int) -> bool:
        return any(run <= cursor < end for run, end in self._given_up_of.items())


def _bytes_of(frames: Sequence[Frame]) -> int:
    return sum(len(frame.data) for frame in frames)
