"""Finds a USB webcam among the many nodes called ``/dev/video*``.

On a Pi most of them are codecs and image processors; only a node that captures, is no
memory-to-memory device and hangs on USB is a webcam.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Optional

VIDIOC_QUERYCAP = 0x80685600
"""``_IOR('V', 0, struct v4l2_capability)`` of linux/videodev2.h, whose size is 104 bytes."""

CAPABILITY = struct.Struct("=16s32s32sIII12x")
CAPTURES, HAS_OWN_CAPABILITIES = 0x00000001, 0x80000000


def find_webcam(folder: Path = Path("/dev")) -> Optional[Path]:
    """The first webcam's device node, or None."""
    nodes = sorted(folder.glob("video[0-9]*"), key=lambda node: (len(node.name), node.name))
    return next((node for node in nodes if is_webcam(node)), None)


def is_webcam(node: Path) -> bool:
    """Whether `node` is a USB video capture device that this user may open."""
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        answer = fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytes(CAPABILITY.size))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return is_usb_capture(answer)


def is_usb_capture(answer: bytes) -> bool:
    """Read a ``struct v4l2_capability``."""
    _, _, bus, _, all_capabilities, own_capabilities = CAPABILITY.unpack(answer)
    has_own = all_capabilities & HAS_OWN_CAPABILITIES
    capabilities = own_capabilities if has_own else all_capabilities
    return bool(capabilities & CAPTURES) and bus.startswith(b"usb")
