"""Ports of components: their format, their parameters, and the tunnels between them."""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Optional, Tuple

import numpy as np
from picamera import mmal

from tests.legacy.videocore.chip import CHIP
from tests.legacy.videocore.library import EINVAL, ENOSPC, ENOSYS, OK, exported
from tests.legacy.videocore.memory import Buffer, address, buffer_at, structure

PORT_TYPES = {
    "ctr": mmal.MMAL_PORT_TYPE_CONTROL,
    "in": mmal.MMAL_PORT_TYPE_INPUT,
    "out": mmal.MMAL_PORT_TYPE_OUTPUT,
}
BYTES_PER_PIXEL = {
    mmal.MMAL_ENCODING_I420: 1.5,
    mmal.MMAL_ENCODING_RGB24: 3,
    mmal.MMAL_ENCODING_BGR24: 3,
    mmal.MMAL_ENCODING_RGBA: 4,
    mmal.MMAL_ENCODING_BGRA: 4,
}
RAW_FORMATS = tuple(BYTES_PER_PIXEL)
"""RGB24 before BGR24, by which picamera tells new firmware from old."""


class Port:
    """``MMAL_PORT_T``; an output port that has a callback delivers buffers to it."""

    def __init__(self, component: Any, kind: str, index: int, formats: Tuple[int, ...]) -> None:
        self.component, self.kind, self.index, self.formats = component, kind, index, formats
        self.specific = mmal.MMAL_ES_SPECIFIC_FORMAT_T()
        self.specific.video.frame_rate.den = 1
        is_control = kind == "ctr"
        self.format = mmal.MMAL_ES_FORMAT_T(
            type=mmal.MMAL_ES_TYPE_CONTROL if is_control else mmal.MMAL_ES_TYPE_VIDEO,
            es=ctypes.pointer(self.specific),
        )
        self.name = ("%s:%s:%d" % (component.name, kind, index)).encode()
        self.port = mmal.MMAL_PORT_T(
            name=self.name,
            type=PORT_TYPES[kind],
            index=index,
            format=ctypes.pointer(self.format),
            component=ctypes.pointer(component.component),
            buffer_num_min=1,
            buffer_num=1,
        )
        self.pointer = ctypes.pointer(self.port)
        self.parameters: Dict[int, Any] = {}
        self.callback: Any = None
        self.tunnel: Optional[Tunnel] = None
        self.waiting_since: Optional[float] = None
        self._sent: Deque[Buffer] = deque()
        self._changed = threading.Condition()
        CHIP.register("port", ctypes.addressof(self.port), self)

    @property
    def is_enabled(self) -> bool:
        return bool(self.port.is_enabled)

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height of the pictures, without the padding to 32x16."""
        crop = self.specific.video.crop
        return crop.width, crop.height

    @property
    def rate(self) -> float:
        rate = self.specific.video.frame_rate
        return rate.num / rate.den if rate.num and rate.den else 30.0

    def commit(self) -> int:
        """Accept the format and recommend buffers for it."""
        status = self.component.check_format(self)
        if status:
            return int(status)
        video, encoding = self.specific.video, self.format.encoding
        self.port.buffer_num_min = 1
        if encoding == mmal.MMAL_ENCODING_OPAQUE:
            self.port.buffer_num_min, recommended = 10, 128
        elif encoding in BYTES_PER_PIXEL:
            recommended = int(video.width * video.height * BYTES_PER_PIXEL[encoding])
        else:
            recommended = CHIP.chunk_bytes
        self.port.buffer_size_recommended = recommended
        self.port.buffer_size_min = min(recommended, 8192)
        self.port.name = self.name + b"(%s)" % mmal.FOURCC_str(encoding).encode("latin-1")
        self.component.format_committed(self)
        return OK

    def enable(self, callback: Any) -> int:
        if self.is_enabled:
            return EINVAL
        self.callback = callback or None
        self.port.is_enabled = 1
        self.component.port_enabled(self)
        return OK

    def disable(self) -> int:
        """Wait for a running callback, then hand every queued buffer back empty."""
        if not self.is_enabled:
            return EINVAL
        if self.component.callback_thread == threading.get_ident():
            raise RuntimeError("%s disabled from its own callback" % self.name.decode())
        with self._changed:
            self.port.is_enabled = 0
            self._changed.notify_all()
        with self.component.action:
            while self._sent:
                buffer = self._sent.popleft()
                buffer.header.length = buffer.header.flags = 0
                if self.callback:
                    self.callback(self.pointer, buffer.pointer)
        self.callback = None
        return OK

    def take_back(self, buffer: Buffer) -> int:
        """The client sends a free buffer to be filled."""
        with self._changed:
            if not self.is_enabled:
                return EINVAL
            buffer.header.length = 0
            self._sent.append(buffer)
            self._changed.notify()
        return OK

    def deliver(self, data: bytes, flags: int, pts: int) -> bool:
        """Send `data` to the client in as many buffers as it needs; False when it was cut short.

        ``FRAME_END`` is set on the last buffer and the time stamp on the first one, only.
        """
        end = mmal.MMAL_BUFFER_HEADER_FLAG_FRAME_END
        position = 0
        while position < len(data):
            buffer = self._free_buffer()
            if buffer is None:
                return False
            chunk = data[position : position + buffer.header.alloc_size]
            stamp = pts if position == 0 else mmal.MMAL_TIME_UNKNOWN
            position += len(chunk)
            buffer.fill(chunk, flags | end if position == len(data) else flags, stamp)
            if not self._call(buffer):
                return False
        return True

    def end_stream(self) -> None:
        """Deliver an empty buffer that says the stream has ended."""
        buffer = self._free_buffer()
        if buffer is not None:
            buffer.fill(b"", mmal.MMAL_BUFFER_HEADER_FLAG_EOS, mmal.MMAL_TIME_UNKNOWN)
            self._call(buffer)

    def push(self, picture: Any) -> None:
        """A raw picture leaves the component through the tunnel, if there is one."""
        if self.tunnel is not None and self.tunnel.is_enabled:
            self.tunnel.target.component.take_picture(picture)

    def _free_buffer(self) -> Optional[Buffer]:
        self.waiting_since = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: bool(self._sent) or not self.is_enabled)
            buffer = self._sent.popleft() if self.is_enabled else None
        self.waiting_since = None
        return buffer

    def _call(self, buffer: Buffer) -> bool:
        """Run the client's callback; False when the port was disabled in the meantime."""
        with self.component.action:
            if not self.is_enabled:
                buffer.release()
                return False
            self.component.callback_thread = threading.get_ident()
            self.waiting_since, cpu_s = time.monotonic(), time.thread_time()
            try:
                self.callback(self.pointer, buffer.pointer)
            finally:
                CHIP.callback_cpu_s.append(time.thread_time() - cpu_s)
                CHIP.callback_s.append(time.monotonic() - self.waiting_since)
                self.waiting_since = None
                self.component.callback_thread = None
                CHIP.callback_done.set()
        return True


class Tunnel:
    """``MMAL_CONNECTION_T`` from an output to an input, both inside the GPU."""

    def __init__(self, source: Port, target: Port) -> None:
        self.source, self.target = source, target
        self.connection = mmal.MMAL_CONNECTION_T(
            out=source.pointer, in_=target.pointer, name=source.name + b"/" + target.name
        )
        source.tunnel = target.tunnel = self
        CHIP.register("connection", ctypes.addressof(self.connection), self)

    @property
    def is_enabled(self) -> bool:
        return bool(self.connection.is_enabled)

    def enable(self, on: int) -> int:
        """Both ports are enabled with it; buffers take the sizes recommended, as MMAL does."""
        for port in (self.source, self.target):
            port.port.is_enabled = on
            if on:
                port.port.buffer_size = port.port.buffer_size_recommended
        self.connection.is_enabled = on
        return OK

    def destroy(self) -> None:
        self.enable(0)
        self.source.tunnel = self.target.tunnel = None
        CHIP.forget("connection", ctypes.addressof(self.connection))


def port_at(pointer: Any) -> Port:
    return CHIP.find("port", address(pointer))


@exported
def mmal_port_format_commit(port: Any) -> int:
    return port_at(port).commit()


@exported
def mmal_port_enable(port: Any, callback: Any) -> int:
    return port_at(port).enable(callback)


@exported
def mmal_port_disable(port: Any) -> int:
    return port_at(port).disable()


@exported
def mmal_port_send_buffer(port: Any, buffer: Any) -> int:
    return port_at(port).take_back(buffer_at(buffer))


@exported
def mmal_format_copy(target: Any, source: Any) -> None:
    to, of = structure(target), structure(source)
    for name in ("type", "encoding", "encoding_variant", "bitrate", "flags"):
        setattr(to, name, getattr(of, name))
    ctypes.memmove(to.es, of.es, ctypes.sizeof(mmal.MMAL_ES_SPECIFIC_FORMAT_T))


def _set(port: Any, key: int, value: Any) -> int:
    found = port_at(port)
    status = found.component.set_parameter(found, key, value)
    if not status:
        found.parameters[key] = value
    return int(status or OK)


def _get(port: Any, key: int, default: Any) -> Any:
    found = port_at(port)
    if key in found.parameters:
        return found.parameters[key]
    answer = found.component.parameter(found, key)
    return default if answer is None else answer


def _get_scalar(port: Any, key: int, out: Any) -> int:
    structure(out).value = _get(port, key, 0)
    return OK


def _set_scalar(port: Any, key: int, value: Any) -> int:
    return _set(port, key, getattr(value, "value", value))


for _type in ("boolean", "uint32", "int32", "uint64", "int64"):
    for _act, _function in (("set", _set_scalar), ("get", _get_scalar)):
        _named = "mmal_port_parameter_%s_%s" % (_act, _type)
        exported(type(_function)(_function.__code__, globals(), _named))


@exported
def mmal_port_parameter_set_rational(port: Any, key: int, value: Any) -> int:
    return _set(port, key, (value.num, value.den))


@exported
def mmal_port_parameter_get_rational(port: Any, key: int, out: Any) -> int:
    rate = port_at(port).specific.video.frame_rate
    is_rate = key in (mmal.MMAL_PARAMETER_FRAME_RATE, mmal.MMAL_PARAMETER_VIDEO_FRAME_RATE)
    into = structure(out)
    into.num, into.den = _get(port, key, (rate.num, rate.den or 1) if is_rate else (0, 1))
    return OK


@exported
def mmal_port_parameter_set(port: Any, header: Any) -> int:
    given = structure(header)
    return _set(port, given.id, ctypes.string_at(ctypes.addressof(given), given.size))


@exported
def mmal_port_parameter_get(port: Any, header: Any) -> int:
    """Fill the caller's structure behind its header; refuse one that is too small."""
    wanted, found = structure(header), port_at(port)
    if wanted.id == mmal.MMAL_PARAMETER_SUPPORTED_ENCODINGS:
        if not found.formats:
            return EINVAL
        known = np.array((0, 0, *found.formats), "u4").tobytes()
        wanted.size = len(known)
    else:
        known = _get(port, wanted.id, b"")
        if known and found.component.is_too_small(wanted.id, wanted.size):
            return EINVAL
    body = known[8 : wanted.size]
    ctypes.memmove(ctypes.addressof(wanted) + 8, body, len(body))
    return OK


@exported
def mmal_connection_create(pointer: Any, source: Any, target: Any, flags: int) -> int:
    out, into = port_at(source), port_at(target)
    if out.tunnel or into.tunnel:
        return int(mmal.MMAL_EISCONN)
    if not flags & mmal.MMAL_CONNECTION_FLAG_TUNNELLING:
        return ENOSYS
    pointer.contents = Tunnel(out, into).connection
    return OK


def _tunnel_at(pointer: Any) -> Tunnel:
    return CHIP.find("connection", address(pointer))


@exported
def mmal_connection_enable(pointer: Any) -> int:
    tunnel = _tunnel_at(pointer)
    if CHIP.camera_busy and tunnel.source.component.name == "vc.ril.camera":
        return ENOSPC
    return tunnel.enable(1)


@exported
def mmal_connection_disable(pointer: Any) -> int:
    return _tunnel_at(pointer).enable(0)


@exported
def mmal_connection_destroy(pointer: Any) -> int:
    _tunnel_at(pointer).destroy()
    return OK
