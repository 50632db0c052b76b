"""An emulated VideoCore: enough of Broadcom's libraries that unmodified picamera 1.13 runs.

picamera speaks to the GPU through two shared libraries, libbcm_host and libmmal, by ctypes.
Importing this package puts Python functions where those libraries would be; everything above,
picamera's own threads, locks, buffers and errors, is the real thing. The rules kept are those of
Broadcom's MMAL (userland's ``interface/mmal``) as picamera depends on them:

* components are joined by *tunnels*, through which pictures move without the ARM seeing them;
* an output buffer lives in a circle: pool, port, filled, callback, released, pool. With no free
  buffer the encoder waits, and pictures that arrive meanwhile are lost;
* SPS and PPS come alone (``CONFIG``), a picture ends in ``FRAME_END`` (``KEYFRAME`` for an IDR),
  its motion vectors follow it (``CODECSIDEINFO``), never for an IDR;
* a larger frame is cut into chunks of a buffer's size, and only the first one has a time stamp;
* callbacks run on one thread a component; to disable a port from its own callback hangs real
  firmware and raises here.

The encoder is x264, the motion search is numpy, the sensor looks at a drawn scene with a burnt-in
frame counter. `CHIP` holds the faults to inject and the counters to look at.
"""

from tests.legacy.videocore import library

library.load()

from tests.legacy.videocore import camera, components, encoders, ports  # noqa: E402, F401
from tests.legacy.videocore.chip import CHIP, ChipClock  # noqa: E402
from tests.legacy.videocore.scene import Played, Street  # noqa: E402

__all__ = ["CHIP", "ChipClock", "Played", "Street"]
