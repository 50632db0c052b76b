"""A camera with sinks that remember, and what is needed to look at what they got."""

from __future__ import annotations

import threading
import time

import av

from dashcamd.cameras.picamera2 import PiCamera2Camera
from dashcamd.cameras.scene import read_counter
from dashcamd.clock import SystemClock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError
from dashcamd.types import Sinks

SIZE = "640x480"
PATIENCE_S = 20.0


class Rig:
    """`order` holds everything delivered in its order, `frames`, `fields`, `jpegs` each kind."""

    def __init__(self):
        self.clock = SystemClock()
        self.order, self.frames, self.fields, self.jpegs = [], [], [], []
        self.sinks = Sinks(
            lambda frame: self._keep(self.frames, frame),
            lambda field: self._keep(self.fields, field),
            lambda jpeg: self._keep(self.jpegs, jpeg),
        )
        self.camera = None
        self._news = threading.Condition()

    def start(self, **settings):
        """Start a camera; the one before is stopped."""
        if self.camera is not None:
            self.camera.stop()
        config = CameraConfig(**{"resolution": SIZE, "annotate_text": "", **settings})
        self.camera = PiCamera2Camera(config, self.clock)
        return self.camera.start(self.sinks, self.clock.monotonic())

    @property
    def device(self):
        """The Picamera2 behind the camera."""
        return self.camera._session.device

    def wait_until(self, is_so):
        """Wait for news until `is_so()`; fails after `PATIENCE_S`."""
        with self._news:
            assert self._news.wait_for(is_so, PATIENCE_S), "waited in vain"

    def wait_for_frames(self, count):
        """Wait until so many more frames have come."""
        wanted = len(self.frames) + count
        self.wait_until(lambda: len(self.frames) >= wanted)

    def error_within(self, seconds):
        """What `check`, asked each half second as the service does, raises in time."""
        until = time.monotonic() + seconds
        nothing = threading.Event()
        while time.monotonic() < until:
            try:
                self.camera.check()
            except CameraError as error:
                return error
            nothing.wait(0.5)
        raise AssertionError("no fault within %g s" % seconds)

    def close(self):
        """Stop the camera, also one that our back-end has given up."""
        if self.camera is not None:
            self.camera.stop()
        while PiCamera2Camera._abandoned:
            device = PiCamera2Camera._abandoned.pop()
            for encoder in list(device.encoders):
                device.stop_encoder(encoder)
            device.close()
        PiCamera2Camera._dead = None

    def _keep(self, kind, thing):
        with self._news:
            kind.append(thing)
            self.order.append(thing)
            self._news.notify_all()


def pictures(frames):
    """The luma planes of an H.264 stream, decoded."""
    decoder = av.CodecContext.create("h264", "r")
    packets = [av.Packet(frame.data) for frame in frames]
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    return [picture.to_ndarray(format="gray8") for picture in decoded + decoder.decode(None)]


def counters(frames):
    """The numbers burnt into an H.264 stream."""
    return [read_counter(luma) for luma in pictures(frames)]
