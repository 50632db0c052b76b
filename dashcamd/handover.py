"""The four hand-overs: there is no other way from one thread to another.

`Ring`     frames, one writer, many cursors; the writer never waits.
`Latest`   one slot; a newer value replaces an older one; every one is counted.
`Mailbox`  a bounded queue of messages that may coalesce; wakes its reader.
`Board`    immutable status snapshots, swapped whole.

Each has one private lock, held for a bounded handful of operations, and calls nothing that could
wait while holding it; so locks never nest and no I/O ever happens under one.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from typing import Any, Callable, Deque, Dict, Generic, List, Mapping, NamedTuple, Optional, TypeVar

from dashcamd.types import Frame, Seconds

T = TypeVar("T")

READ_LIMIT = 256
"""Most frames one `Ring.read` copies references of, which bounds how long the lock is held."""


class Read(NamedTuple):
    """Answer of `Ring.read`: `frames` in order, and the `cursor` to read from next.

    `lost` frames lay between the cursor asked for and the oldest frame still held.
    """

    frames: List[Frame]
    cursor: int
    lost: int


ENOUGH_VIDEO_S = 2.0
"""A ring that is not full yet tells the video's rate once it holds so much."""


class RingStats(NamedTuple):
    """`frames` and `bytes` held now, `appended` since the start, `dropped` by making room."""

    frames: int
    bytes: int
    appended: int
    dropped: int
    span_s: Seconds

    @property
    def bytes_per_s(self) -> float:
        """The video's rate; 0 until it is known."""
        is_known = self.span_s > ENOUGH_VIDEO_S or (self.dropped > 0 and self.span_s > 0)
        return self.bytes / self.span_s if is_known else 0.0


class Ring:
    """The only buffer of video in the house, bounded in bytes.

    A *cursor* is the running number of a frame since the daemon started; it stays valid for ever,
    reading a cursor whose frame is gone says how many were lost. Frames are kept by reference.
    `append` and `read` cost the same whatever the ring holds; the searches by stamp bisect.

    Threads: one camera thread appends; any number of threads read.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._lock = threading.Lock()
        self._capacity = capacity_bytes
        self._slots: List[Optional[Frame]] = [None] * 64
        self._tail = 0
        self._head = 0
        self._bytes = 0
        self._keys: List[int] = []
        self._key_ts: List[Seconds] = []
        self._stale_keys = 0

    @property
    def capacity_bytes(self) -> int:
        """Most bytes of video held."""
        return self._capacity

    def grow(self, capacity_bytes: int) -> None:
        """Hold up to `capacity_bytes` from now on, or more if it holds more already. Any thread."""
        with self._lock:
            self._capacity = max(self._capacity, capacity_bytes)

    def append(self, frame: Frame) -> None:
        """Take one frame, dropping the oldest beyond the bound. Never waits for a reader."""
        with self._lock:
            if self._head - self._tail == len(self._slots):
                self._grow()
            self._slots[self._head % len(self._slots)] = frame
            if frame.key:
                self._keys.append(self._head)
                self._key_ts.append(frame.ts)
            self._head += 1
            self._bytes += len(frame.data)
            while self._bytes > self._capacity and self._head - self._tail > 1:
                self._drop_oldest()

    def read(self, cursor: int, limit: int = READ_LIMIT) -> Read:
        """Up to `limit` frames from `cursor` on; an empty list when there is none yet."""
        with self._lock:
            start = min(max(cursor, self._tail), self._head)
            end = min(start + limit, self._head)
            size = len(self._slots)
            frames = [self._slots[position % size] for position in range(start, end)]
            lost = max(0, start - cursor)
        return Read(frames, end, lost)  # type: ignore[arg-type]

    def cursor_before(self, ts: Seconds) -> int:
        """Cursor of the last keyframe at or before `ts`.

        The oldest keyframe held if history is shorter than that, the head if there is none.
        """
        with self._lock:
            if self._stale_keys == len(self._keys):
                return self._head
            place = bisect_right(self._key_ts, ts, lo=self._stale_keys) - 1
            return self._keys[max(place, self._stale_keys)]

    def cursor_after(self, ts: Seconds) -> int:
        """Cursor of the first frame held whose stamp is later than `ts`; the head if none is."""
        with self._lock:
            low, high, size = self._tail, self._head, len(self._slots)
            while low < high:
                middle = (low + high) // 2
                frame = self._slots[middle % size]
                assert frame is not None
                if frame.ts > ts:
                    high = middle
                else:
                    low = middle + 1
            return low

    def keyframe_before(self, cursor: int) -> Optional[int]:
        """Cursor of the last keyframe held at or before `cursor`, None if there is none."""
        with self._lock:
            place = bisect_right(self._keys, cursor, lo=self._stale_keys) - 1
            return self._keys[place] if place >= self._stale_keys else None

    @property
    def leaving(self) -> int:
        """Frames before this cursor are dropped next: the older half, once half the room is used.

        Whoever still needs one of them has the other half of the ring to take a reference.
        """
        with self._lock:
            if self._bytes * 2 < self._capacity:
                return self._tail
            return self._tail + (self._head - self._tail + 1) // 2

    @property
    def head(self) -> int:
        """Cursor of the next frame to arrive."""
        return self._head

    @property
    def newest_ts(self) -> Optional[Seconds]:
        """Stamp of the newest frame, None before the first."""
        with self._lock:
            if self._head == self._tail:
                return None
            newest = self._slots[(self._head - 1) % len(self._slots)]
        return newest.ts if newest else None

    @property
    def stats(self) -> RingStats:
        """A consistent snapshot for the board and the benchmarks."""
        with self._lock:
            held = self._head - self._tail
            size = len(self._slots)
            span = 0.0
            if held:
                first, last = self._slots[self._tail % size], self._slots[(self._head - 1) % size]
                assert first is not None
                assert last is not None
                span = last.ts - first.ts
            return RingStats(held, self._bytes, self._head, self._tail, span)

    def _grow(self) -> None:
        size = len(self._slots)
        bigger: List[Optional[Frame]] = [None] * (size * 2)
        for position in range(self._tail, self._head):
            bigger[position % len(bigger)] = self._slots[position % size]
        self._slots = bigger

    def _drop_oldest(self) -> None:
        place = self._tail % len(self._slots)
        oldest = self._slots[place]
        assert oldest is not None
        self._slots[place] = None
        self._bytes -= len(oldest.data)
        self._tail += 1
        if oldest.key:
            self._stale_keys += 1
            if self._stale_keys > 64 and self._stale_keys * 2 > len(self._keys):
                del self._keys[: self._stale_keys]
                del self._key_ts[: self._stale_keys]
                self._stale_keys = 0


class Latest(Generic[T]):
    """One slot: `put` replaces what nobody took, `peek` looks, both from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: Optional[T] = None
        self._version = 0

    def put(self, value: T) -> None:
        """Make `value` the latest."""
        with self._lock:
            self._value = value
            self._version += 1

    def peek(self) -> tuple[int, Optional[T]]:
        """The version (a count of every `put`) and the value."""
        with self._lock:
            return self._version, self._value


class Follower(Generic[T]):
    """One reader's place at a `Latest` that is never empty: tells it of each change once."""

    def __init__(self, latest: Latest[T]) -> None:
        self._latest = latest
        self._version, value = latest.peek()
        assert value is not None
        self.value: T = value
        """The value as of the last look."""

    def has_news(self) -> bool:
        """Look; whether another value was put since the last look."""
        version, value = self._latest.peek()
        if version == self._version or value is None:
            return False
        self._version, self.value = version, value
        return True


Coalesce = Callable[[Any, Any], Optional[Any]]
"""Given the newest queued message and one more: the message that stands for both, or None."""


class Mailbox(Generic[T]):
    """A bounded queue from many threads to one, which it wakes.

    When `coalesce` can fold a new message into the newest queued one, the queue does not grow.
    When it is full the oldest message is dropped and counted; of those for which `may_go` holds, if
    there is one.
    """

    def __init__(
        self,
        limit: int,
        coalesce: Optional[Coalesce] = None,
        may_go: Callable[[Any], bool] = lambda message: True,
    ) -> None:
        self._lock = threading.Lock()
        self._messages: Deque[T] = deque()
        self._limit = limit
        self._coalesce = coalesce
        self._may_go = may_go
        self._dropped = 0
        self.wake = threading.Event()
        """Set by every `put`; the reader's service clears it before it drains."""

    def put(self, message: T) -> None:
        """Queue `message`. Never waits."""
        with self._lock:
            if self._messages and self._coalesce is not None:
                both = self._coalesce(self._messages[-1], message)
                if both is not None:
                    self._messages.pop()
                    message = both
            self._messages.append(message)
            if len(self._messages) > self._limit:
                self._drop_one()
        self.wake.set()

    def _drop_one(self) -> None:
        oldest = (i for i, message in enumerate(self._messages) if self._may_go(message))
        del self._messages[next(oldest, 0)]
        self._dropped += 1

    def drain(self) -> List[T]:
        """Take everything that is queued, oldest first."""
        with self._lock:
            messages = list(self._messages)
            self._messages.clear()
        return messages

    @property
    def dropped(self) -> int:
        """Messages lost to the bound since the start."""
        return self._dropped


class Board:
    """What every room last said of itself: a mapping of section name to an immutable JSON object.

    Writers swap their section whole, readers get the whole board at one moment. `subscribe`
    registers a callable that is invoked after each change, outside the lock, on the writer's
    thread; it must only set a flag.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sections: Dict[str, Mapping[str, Any]] = {}
        self._listeners: List[Callable[[], None]] = []

    def post(self, section: str, facts: Mapping[str, Any]) -> None:
        """Replace `section` by `facts`, which the caller must not change afterwards."""
        with self._lock:
            sections = dict(self._sections)
            sections[section] = facts
            self._sections = sections
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """The whole board; never changes after it was returned."""
        return self._sections

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change."""
        with self._lock:
            self._listeners.append(listener)
