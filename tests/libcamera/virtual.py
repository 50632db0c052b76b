"""The real picamera2 0.3.38 on libcamera's virtual pipeline, on a machine without camera or GPU.

`install` lends picamera2 what only a Pi has; nothing that our back-end touches is replaced:

* ``pykms`` and ``pidng``, which it imports for screens and raw files, are empty modules;
* buffers come from memfd instead of ``/dev/dma_heap``, and the cache-sync ioctl does nothing;
* the virtual pipeline wants Y and UV as two planes and gives NV12: buffers are described to it so,
  and the YUV420 that picamera2 then hands out is painted by `Painter`, with the scene and the
  frame counter of the software camera;
* the virtual pipeline completes a request the moment it gets it: `Sensor` hands requests over on a
  frame clock and freezes when told; a machine too slow for that clock shows in `Sensor.skipped`,
  never in the counters, which number what picamera2 was given;
* it has no raw role, and without ``/dev/video*`` a Pi 4 would be assumed: the platform is a Pi 5's.

It patches private names of picamera2, hence the pinned version.
"""

from __future__ import annotations

import collections
import fcntl
import os
import sys
import threading
import time
import types
from typing import Any, Deque, Dict, List

from dashcamd.cameras.scene import Scene, Script, draw_counter
from tests.libcamera.stage import Stage


def install(stage: Stage) -> Sensor:
    """Prepare picamera2 for this process, once, before anything imports it."""
    _add_module("pykms", PixelFormat=_Anything())
    _add_module("pidng")
    _add_module("pidng.camdefs", Picamera2Camera=None)
    _add_module("pidng.core", PICAM2DNG=None)
    sensor = Sensor(stage)
    _become_pi5()
    _lend_memory()
    _accept_nv12()
    _list_modes()
    _paint(sensor)
    _pace(sensor)
    _have_accidents(stage)
    return sensor


class _Anything:
    def __getattr__(self, name: str) -> str:
        return name


def _add_module(name: str, **names: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(names)
    sys.modules[name] = module


def _become_pi5() -> None:
    from picamera2 import Picamera2, encoders, platform
    from picamera2 import picamera2 as core

    platform._platform = Picamera2.platform = platform.Platform.PISP
    for module in encoders, core:
        module.H264Encoder = encoders.LibavH264Encoder
        module.MJPEGEncoder = encoders.LibavMjpegEncoder


def _lend_memory() -> None:
    from picamera2 import dma_heap
    from picamera2.allocators import dmaallocator

    class MemfdHeap:
        isValid = True  # noqa: N815 - picamera2's name

        def alloc(self, name: str, size: int) -> Any:
            descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
            os.ftruncate(descriptor, size)
            return dma_heap.UniqueFD(descriptor)

        def close(self) -> None:
            pass

    def ioctl(descriptor: int, request: int, *arguments: Any) -> Any:
        if request == dma_heap.DMA_BUF_IOCTL_SYNC:
            return 0
        return fcntl.ioctl(descriptor, request, *arguments)

    dmaallocator.DmaHeap = MemfdHeap
    dmaallocator.fcntl = types.SimpleNamespace(**{**vars(fcntl), "ioctl": ioctl})


def _accept_nv12() -> None:
    import libcamera
    from picamera2 import Picamera2
    from picamera2.allocators import dmaallocator

    plane_type = libcamera.FrameBuffer.Plane

    def frame_buffer(planes: List[Any]) -> Any:
        (luma,) = planes
        chroma = plane_type()
        start = luma.length * 2 // 3
        chroma.fd, chroma.offset, chroma.length = luma.fd, start, luma.length - start
        luma.length = start
        return libcamera.FrameBuffer([luma, chroma])

    frame_buffer.Plane = plane_type  # type: ignore[attr-defined]
    names = {**vars(libcamera), "FrameBuffer": frame_buffer}
    dmaallocator.libcamera = types.SimpleNamespace(**names)
    update = Picamera2._update_stream_config

    def update_and_say_yuv420(self: Any, ours: Any, theirs: Any) -> None:
        update(self, ours, theirs)
        if ours["format"] == "NV12":
            ours["format"] = "YUV420"

    Picamera2._update_stream_config = update_and_say_yuv420


def _list_modes() -> None:
    import libcamera
    from picamera2 import Picamera2

    def raw_modes(self: Any) -> List[Dict[str, Any]]:
        role = libcamera.StreamRole.VideoRecording
        formats = self.camera.generate_configuration([role]).at(0).formats
        return [
            {"format": str(pixel), "size": (size.width, size.height)}
            for pixel in formats.pixel_formats
            for size in formats.sizes(pixel)
        ]

    Picamera2._get_raw_modes = raw_modes


class Sensor:
    """The frame clock of one camera, and the number of each picture it has taken."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.skipped = 0
        self._lock = threading.Lock()
        self._waiting: Deque[Any] = collections.deque()
        self._exposed: Deque[int] = collections.deque()
        self._number = 0
        self._thread: Any = None

    def queue(self, camera: Any, request: Any, hand_over: Any) -> None:
        """Keep a request until the next picture."""
        with self._lock:
            self._waiting.append(request)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._expose, args=(camera, hand_over), name="sensor", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Forget what waits."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._waiting.clear()
        if thread:
            thread.join()
        self._exposed.clear()

    def next_number(self) -> int:
        """The number of the picture whose request completes next."""
        return self._exposed.popleft()

    def _expose(self, camera: Any, hand_over: Any) -> None:
        fps = self.stage.fps
        due = time.monotonic()
        while True:
            if fps:
                due = max(due + 1 / fps, time.monotonic() - 0.1)
                time.sleep(max(0.0, due - time.monotonic()))
            elif not self._waiting:
                time.sleep(0.0005)
            with self._lock:
                if self._thread is not threading.current_thread():
                    return
                if not self.stage.has("frozen"):
                    self._take_picture(camera, hand_over, is_paced=fps > 0)

    def _take_picture(self, camera: Any, hand_over: Any, is_paced: bool) -> None:
        if self._waiting:
            self._exposed.append(self._number)
            hand_over(camera, self._waiting.popleft())
            self._number += 1
        elif is_paced:
            self.skipped += 1


def _pace(sensor: Sensor) -> None:
    import libcamera

    camera = libcamera.Camera
    queue_request, stop = camera.queue_request, camera.stop

    def queue_paced(self: Any, request: Any) -> None:
        if sensor.stage.has("disconnected"):
            raise RuntimeError("Failed to queue request: No such device")
        sensor.queue(self, request, queue_request)

    def stop_paced(self: Any) -> None:
        sensor.stop()
        stop(self)

    camera.queue_request, camera.stop = queue_paced, stop_paced


class Painter:
    """Draws pictures into the buffers of requests; only *main* bears the counter."""

    def __init__(self, width: int, height: int, fps: float, script: str) -> None:
        self._scene = Scene(width, height, fps or 25.0, Script(script))

    def paint(self, number: int, buffers: Dict[str, Any]) -> None:
        """`buffers` are picamera2's YUV420 arrays by the name of their stream, unpadded."""
        planes = self._scene.planes(number)
        height, width = planes[0].shape
        for name, buffer in buffers.items():
            step = width // buffer.shape[1]
            luma, u, v = (plane[::step, ::step] for plane in planes)
            tall = height // step
            buffer[:tall] = luma
            chroma = buffer[tall:].reshape(2, -1)
            chroma[0], chroma[1] = u.reshape(-1), v.reshape(-1)
            if name == "main":
                draw_counter(buffer[:tall], number)


def _paint(sensor: Sensor) -> None:
    from picamera2 import MappedArray
    from picamera2 import picamera2 as core

    painters: Dict[Any, Painter] = {}

    class PaintedRequest(core.CompletedRequest):  # type: ignore[name-defined,misc]
        def __init__(self, request: Any, picam2: Any) -> None:
            super().__init__(request, picam2)
            size = self.config["main"]["size"]
            if size not in painters:
                painters[size] = Painter(*size, sensor.stage.fps, sensor.stage.script)
            buffers = {}
            for name in ("main", "lores"):
                if self.stream_map.get(name) is not None:
                    with MappedArray(self, name) as mapped:
                        buffers[name] = mapped.array
            painters[size].paint(sensor.next_number(), buffers)

    core.CompletedRequest = PaintedRequest


def _have_accidents(stage: Stage) -> None:
    import libcamera
    from picamera2 import Picamera2, encoders

    acquire, cameras = libcamera.Camera.acquire, Picamera2.global_camera_info
    encode = encoders.LibavH264Encoder._encode

    def acquire_or_not(self: Any) -> None:
        if stage.has("busy"):
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        acquire(self)

    def cameras_or_none() -> List[Any]:
        is_missing = stage.has("absent") or stage.has("disconnected")
        return [] if is_missing else cameras()

    def encode_or_fail(self: Any, stream: Any, request: Any) -> None:
        if stage.has("encoder-error"):
            raise OSError(12, "Cannot allocate memory: avcodec_send_frame()")
        if not stage.has("encoder-silence"):
            encode(self, stream, request)

    libcamera.Camera.acquire = acquire_or_not
    Picamera2.global_camera_info = staticmethod(cameras_or_none)
    encoders.LibavH264Encoder._encode = encode_or_fail
