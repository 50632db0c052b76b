"""The camera component: a sensor that takes a picture whenever one is due."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Optional, Tuple

from picamera import mmal

from dashcamd.cameras.overlay import TextOverlay
from tests.legacy.videocore.chip import CHIP
from tests.legacy.videocore.components import KINDS, MAX_SIZE, Component
from tests.legacy.videocore.library import EINVAL, OK
from tests.legacy.videocore.memory import Buffer
from tests.legacy.videocore.picture import Picture
from tests.legacy.videocore.ports import Port
from tests.legacy.videocore.scene import Street

VIDEO = 1
"""The output that recordings hang on; 0 is the preview, 2 the stills."""


class Camera(Component):
    """Sensor and image pipeline; pictures leave through the video output while it captures."""

    name = "vc.ril.camera"
    outputs = 3

    def __init__(self) -> None:
        super().__init__()
        self.annotations: list = []
        self._overlay: Optional[Tuple[str, TextOverlay]] = None
        self._capturing: Dict[int, int] = {}
        self._awake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    def check_format(self, port: Port) -> int:
        width, height = port.size
        return EINVAL if width > MAX_SIZE[0] or height > MAX_SIZE[1] else OK

    def set_parameter(self, port: Port, key: int, value: Any) -> int:
        if key == mmal.MMAL_PARAMETER_CAPTURE:
            with self._awake:
                self._capturing[port.index] = value
                self._awake.notify()
        elif key == mmal.MMAL_PARAMETER_ANNOTATE:
            annotation = mmal.MMAL_PARAMETER_CAMERA_ANNOTATE_V3_T.from_buffer_copy(value)
            self.annotations.append(annotation)
            text = annotation.text.decode("ascii") if annotation.enable else ""
            self._overlay = (text, TextOverlay(annotation.text_size or 32, "#ffffff"))
        return OK

    def parameter(self, port: Port, key: int) -> Any:
        if key == mmal.MMAL_PARAMETER_SYSTEM_TIME:
            return int(CHIP.now() * 1e6)
        if key == mmal.MMAL_PARAMETER_CAMERA_SETTINGS:
            settings = mmal.MMAL_PARAMETER_CAMERA_SETTINGS_T(exposure=20000)
            for name in ("analog_gain", "digital_gain", "awb_red_gain", "awb_blue_gain"):
                gain = getattr(settings, name)
                gain.num = gain.den = 1
            return bytes(settings)
        return None

    def report_error(self) -> None:
        """What the firmware sends when the sensor no longer answers."""
        event = Buffer(None, 64)
        event.references, event.header.cmd = 1, mmal.MMAL_EVENT_ERROR
        if self.control.is_enabled:
            self.control.callback(self.control.pointer, event.pointer)

    def stop(self) -> None:
        with self._awake:
            self._stopping = True
            self._awake.notify()
        self._thread.join(10)

    def _counts_from_start(self) -> bool:
        """Whether time stamps begin at 0 with each capture (``clock_mode='reset'``)."""
        config = self.control.parameters.get(mmal.MMAL_PARAMETER_CAMERA_CONFIG)
        if config is None:
            return True
        mode = mmal.MMAL_PARAMETER_CAMERA_CONFIG_T.from_buffer_copy(config).use_stc_timestamp
        return bool(mode == mmal.MMAL_PARAM_TIMESTAMP_MODE_RESET_STC)

    def _work(self) -> None:
        while True:
            with self._awake:
                self._awake.wait_for(lambda: self._capturing.get(VIDEO) or self._stopping)
            if self._stopping:
                return
            self._capture()

    def _capture(self) -> None:
        """One run from CAPTURE=1 to CAPTURE=0: picture n is taken n periods after the start.

        A late picture keeps its nominal stamp: the tests run on machines that other work slows.
        """
        out, period = self.outs[VIDEO], 1.0 / self.outs[VIDEO].rate
        began, taken = CHIP.now(), 0
        zero = began if self._counts_from_start() else 0.0
        while self._capturing.get(VIDEO) and not self._stopping:
            due = began + taken * period
            time.sleep(max(0.0, min(0.05, (due - CHIP.now()) / CHIP.speed)))
            if CHIP.now() < due:
                continue
            if CHIP.frozen:
                began += period
                continue
            source = CHIP.scene or Street()
            CHIP.scene = source
            planes = source(CHIP.pictures_taken, *out.size)
            CHIP.pictures_taken += 1
            if self._overlay is not None:
                text, overlay = self._overlay
                overlay.draw(text, planes[0])
            out.push(Picture(planes, round((due - zero) * 1e6)))
            taken += 1


KINDS[Camera.name] = Camera
