"""Components: what the firmware makes by name, and the simple ones of them."""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Dict, Optional, Tuple, Type

from picamera import mmal

from tests.legacy.videocore.chip import CHIP
from tests.legacy.videocore.library import ENOMEM, OK, exported
from tests.legacy.videocore.memory import address
from tests.legacy.videocore.ports import RAW_FORMATS, Port, mmal_format_copy

MAX_SIZE = (3280, 2464)
"""Camera module 2 (Sony IMX219), full frame."""


class Component:
    """``MMAL_COMPONENT_T`` with its ports; `action` is held while a callback of it runs."""

    name = ""
    inputs = outputs = 0
    input_formats: Tuple[int, ...] = RAW_FORMATS
    output_formats: Tuple[int, ...] = RAW_FORMATS

    def __init__(self) -> None:
        self.component = mmal.MMAL_COMPONENT_T(name=self.name.encode())
        self.action = threading.RLock()
        self.callback_thread: Optional[int] = None
        self.control = Port(self, "ctr", 0, ())
        self.ins = [Port(self, "in", n, self.input_formats) for n in range(self.inputs)]
        self.outs = [Port(self, "out", n, self.output_formats) for n in range(self.outputs)]
        self.component.control = self.control.pointer
        self._arrays = [self._publish("input", self.ins), self._publish("output", self.outs)]
        CHIP.register("component", ctypes.addressof(self.component), self)

    def _publish(self, side: str, ports: Any) -> Any:
        kind = ctypes.POINTER(mmal.MMAL_PORT_T)
        array = (kind * max(1, len(ports)))(*[port.pointer for port in ports])
        setattr(self.component, side + "_num", len(ports))
        setattr(self.component, side, ctypes.cast(array, ctypes.POINTER(kind)))
        return array

    def check_format(self, port: Port) -> int:
        """An MMAL status: may this port carry the format it was given?"""
        return OK

    def format_committed(self, port: Port) -> None:
        """The format of `port` is final."""

    def port_enabled(self, port: Port) -> None:
        """The client enabled `port`."""

    def set_parameter(self, port: Port, key: int, value: Any) -> int:
        """The client sets a parameter; returns an MMAL status."""
        return OK

    def parameter(self, port: Port, key: int) -> Any:
        """Value of a parameter that nobody set; None when it has none."""
        return None

    def is_too_small(self, key: int, size: int) -> bool:
        """Newer firmware refuses the older, smaller structures of some parameters."""
        return False

    def take_picture(self, picture: Any) -> None:
        """A picture arrives through the tunnel."""

    def stop(self) -> None:
        """End the component's threads."""

    def destroy(self) -> None:
        self.stop()
        CHIP.forget("component", ctypes.addressof(self.component))
        for port in (self.control, *self.ins, *self.outs):
            CHIP.forget("port", ctypes.addressof(port.port))


class CameraInfo(Component):
    """Which cameras the firmware found at boot."""

    name = "vc.camera_info"

    def parameter(self, port: Port, key: int) -> Any:
        if key != mmal.MMAL_PARAMETER_CAMERA_INFO:
            return None
        info = mmal.MMAL_PARAMETER_CAMERA_INFO_V2_T(num_cameras=int(CHIP.camera_present))
        info.cameras[0].max_width, info.cameras[0].max_height = MAX_SIZE
        info.cameras[0].camera_name = b"imx219"
        return bytes(info)

    def is_too_small(self, key: int, size: int) -> bool:
        return size < ctypes.sizeof(mmal.MMAL_PARAMETER_CAMERA_INFO_V2_T)


class NullSink(Component):
    """Takes pictures and forgets them, so that exposure is measured."""

    name = "vc.null_sink"
    inputs = 1


class Splitter(Component):
    """One picture in, the same picture out of up to four ports."""

    name = "vc.ril.video_splitter"
    inputs, outputs = 1, 4

    def format_committed(self, port: Port) -> None:
        if port.kind == "in":
            for out in self.outs:
                mmal_format_copy(out.port.format, port.port.format)
                out.commit()

    def take_picture(self, picture: Any) -> None:
        for out in self.outs:
            out.push(picture)


class Resizer(Component):
    """Makes pictures of its output's size."""

    name = "vc.ril.resize"
    inputs = outputs = 1

    def take_picture(self, picture: Any) -> None:
        self.outs[0].push(picture.resized(self.outs[0].size))


KINDS: Dict[str, Type[Component]] = {
    kind.name: kind for kind in (CameraInfo, NullSink, Splitter, Resizer)
}


def component_at(pointer: Any) -> Component:
    return CHIP.find("component", address(pointer))


@exported
def mmal_component_create(name: bytes, pointer: Any) -> int:
    kind = KINDS.get(name.decode())
    if kind is None:
        return int(mmal.MMAL_ENOENT)
    if kind.name == "vc.ril.camera" and (not CHIP.camera_present or CHIP.components(kind.name)):
        return ENOMEM
    pointer.contents = kind().component
    return OK


@exported
def mmal_component_enable(pointer: Any) -> int:
    component_at(pointer).component.is_enabled = 1
    return OK


@exported
def mmal_component_disable(pointer: Any) -> int:
    component_at(pointer).component.is_enabled = 0
    return OK


@exported
def mmal_component_destroy(pointer: Any) -> int:
    component_at(pointer).destroy()
    return OK
