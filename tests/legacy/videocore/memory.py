"""Buffer headers, the queues they wait in, and the pools that own them."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from typing import Any, Deque, Optional

from picamera import mmal

from tests.legacy.videocore.chip import CHIP
from tests.legacy.videocore.library import OK, exported

HEADER_POINTER = ctypes.POINTER(mmal.MMAL_BUFFER_HEADER_T)


def address(pointer: Any) -> int:
    """Where a ctypes pointer, a ``byref`` or a structure points."""
    target = getattr(pointer, "_obj", pointer)
    if isinstance(target, ctypes._Pointer):
        return ctypes.cast(target, ctypes.c_void_p).value or 0
    return ctypes.addressof(target)


def structure(pointer: Any) -> Any:
    """The structure that a ctypes pointer or ``byref`` refers to."""
    target = getattr(pointer, "_obj", pointer)
    return target.contents if isinstance(target, ctypes._Pointer) else target


class Queue:
    """``MMAL_QUEUE_T``: buffers in order, for threads to wait on."""

    def __init__(self) -> None:
        self._memory = ctypes.c_uint64(0)
        self.pointer = ctypes.cast(ctypes.pointer(self._memory), ctypes.POINTER(mmal.MMAL_QUEUE_T))
        self._buffers: Deque[Buffer] = deque()
        self._changed = threading.Condition()
        CHIP.register("queue", address(self.pointer), self)

    def __len__(self) -> int:
        return len(self._buffers)

    def put(self, buffer: Buffer) -> None:
        with self._changed:
            self._buffers.append(buffer)
            self._changed.notify()

    def get(self, timeout_s: Optional[float] = 0.0) -> Any:
        """Pointer to the first header, owned by the caller from now on; NULL when there is none."""
        with self._changed:
            if timeout_s != 0.0:
                self._changed.wait_for(lambda: bool(self._buffers), timeout_s)
            if not self._buffers:
                return HEADER_POINTER()
            buffer = self._buffers.popleft()
        buffer.references = 1
        return buffer.pointer


class Buffer:
    """``MMAL_BUFFER_HEADER_T`` with its memory; goes back to its pool's queue when released."""

    def __init__(self, pool: Optional[Pool], size: int) -> None:
        self.pool = pool
        self.references = 0
        self.memory = (ctypes.c_uint8 * max(1, size))()
        self._specific = mmal.MMAL_BUFFER_HEADER_TYPE_SPECIFIC_T()
        self.header = mmal.MMAL_BUFFER_HEADER_T(alloc_size=size)
        self.header.data = ctypes.cast(self.memory, ctypes.POINTER(ctypes.c_uint8))
        self.header.type = ctypes.pointer(self._specific)
        self.pointer = ctypes.pointer(self.header)
        CHIP.register("buffer", ctypes.addressof(self.header), self)
        self.empty()

    def empty(self) -> None:
        header = self.header
        header.cmd = header.length = header.offset = header.flags = 0
        header.pts = header.dts = mmal.MMAL_TIME_UNKNOWN

    def fill(self, data: bytes, flags: int, pts: int) -> None:
        ctypes.memmove(self.memory, data, len(data))
        self.header.length, self.header.offset = len(data), 0
        self.header.flags, self.header.pts = flags, pts

    def release(self) -> None:
        self.references -= 1
        if self.references > 0:
            return
        if self.pool is None:
            self.forget()
            return
        self.empty()
        self.pool.queue.put(self)

    def forget(self) -> None:
        CHIP.forget("buffer", ctypes.addressof(self.header))


class Pool:
    """``MMAL_POOL_T``: a number of buffers of one size and the queue of the free ones."""

    def __init__(self, number: int, size: int) -> None:
        self.queue = Queue()
        self._buffers = [Buffer(self, size) for _ in range(number)]
        self._headers = (HEADER_POINTER * number)(*[buffer.pointer for buffer in self._buffers])
        self.pool = mmal.MMAL_POOL_T(
            queue=self.queue.pointer,
            headers_num=number,
            header=ctypes.cast(self._headers, ctypes.POINTER(HEADER_POINTER)),
        )
        self.pointer = ctypes.pointer(self.pool)
        CHIP.register("pool", ctypes.addressof(self.pool), self)
        for buffer in self._buffers:
            self.queue.put(buffer)

    def destroy(self) -> None:
        CHIP.forget("pool", ctypes.addressof(self.pool))
        CHIP.forget("queue", address(self.queue.pointer))
        for buffer in self._buffers:
            buffer.forget()


def buffer_at(pointer: Any) -> Buffer:
    return CHIP.find("buffer", address(pointer))


def _queue_at(pointer: Any) -> Queue:
    return CHIP.find("queue", address(pointer))


@exported
def mmal_queue_get(queue: Any) -> Any:
    return _queue_at(queue).get()


@exported
def mmal_queue_wait(queue: Any) -> Any:
    return _queue_at(queue).get(None)


@exported
def mmal_queue_timedwait(queue: Any, milliseconds: int) -> Any:
    return _queue_at(queue).get(milliseconds / 1000.0)


@exported
def mmal_queue_length(queue: Any) -> int:
    return len(_queue_at(queue))


@exported
def mmal_queue_put(queue: Any, buffer: Any) -> None:
    _queue_at(queue).put(buffer_at(buffer))


@exported
def mmal_port_pool_create(port: Any, number: int, size: int) -> Any:
    return Pool(number, size).pointer


@exported
def mmal_port_pool_destroy(port: Any, pool: Any) -> None:
    CHIP.find("pool", address(pool)).destroy()


@exported
def mmal_buffer_header_acquire(buffer: Any) -> None:
    buffer_at(buffer).references += 1


@exported
def mmal_buffer_header_release(buffer: Any) -> None:
    buffer_at(buffer).release()


@exported
def mmal_buffer_header_mem_lock(buffer: Any) -> int:
    return OK


@exported
def mmal_buffer_header_mem_unlock(buffer: Any) -> None:
    """Memory of this process needs no lock."""
