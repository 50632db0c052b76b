"""A push button between a GPIO pin and ground, through the kernel's character device.

No library is needed: one ioctl asks for the line with pull-up, falling edges and debouncing, after
which its descriptor gives one record for each press. Layouts and numbers are those of version 2 of
the interface (include/uapi/linux/gpio.h, Linux 5.10 and newer).
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Optional

from dashcamd.errors import OperationError

CHIP = "/dev/gpiochip0"
"""The 40-pin header on every Pi before the Pi 5; there the kernel keeps the name as a link."""

GET_LINE = 0xC250B407
"""``GPIO_V2_GET_LINE_IOCTL``: read and write, 592 bytes, type 0xB4, number 7."""

REQUEST = struct.Struct("=64I32sQI20s4IQ216sII20si")
"""``struct gpio_v2_line_request``: offsets, consumer, then ``gpio_v2_line_config`` (flags, number
of attributes, padding; the first attribute's id, padding, value in two halves and mask; the other
nine), number of lines, event buffer, padding, descriptor."""

EVENT_BYTES = 48
"""``struct gpio_v2_line_event``."""

INPUT, EDGE_FALLING, BIAS_PULL_UP = 1 << 2, 1 << 5, 1 << 8
DEBOUNCE = 3
DEBOUNCE_US = 30_000
"""A cheap push button bounces for up to 20 ms."""


def request(line: int) -> bytearray:
    """The question for input `line` with pull-up, its falling edges debounced."""
    offsets = (line, *[0] * 63)
    flags = INPUT | EDGE_FALLING | BIAS_PULL_UP
    attribute = (DEBOUNCE, 0, DEBOUNCE_US, 0)
    config = (flags, 1, b"", *attribute, 1, b"")
    return bytearray(REQUEST.pack(*offsets, b"dashcamd", *config, 1, 0, b"", -1))


class GpioButton:
    """The port is `is_pressed_anew`, for one thread; the line is ours until `close`."""

    def __init__(self, line: int, chip: str = CHIP) -> None:
        """Take `line` (BCM number). Raises `OperationError` with what to do about it."""
        self._fd: Optional[int] = None
        try:
            self._fd = _line(line, chip)
        except OSError as error:
            raise OperationError(
                "the eject button at GPIO %d cannot be used: %s (%s); set [hardware] eject_gpio "
                "to a free pin, or to -1" % (line, error.strerror, chip)
            ) from None

    def is_pressed_anew(self) -> bool:
        """Whether it was pressed since the last call. Never waits."""
        presses = 0
        while self._fd is not None:
            try:
                presses += len(os.read(self._fd, EVENT_BYTES * 16)) // EVENT_BYTES
            except BlockingIOError:
                break
        return presses > 0

    def close(self) -> None:
        """Give the line back."""
        descriptor, self._fd = self._fd, None
        if descriptor is not None:
            os.close(descriptor)


def _line(line: int, chip: str) -> int:
    """A non-blocking descriptor of the line's events. Raises `OSError`."""
    asked = request(line)
    descriptor = os.open(chip, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, GET_LINE, asked)
    finally:
        os.close(descriptor)
    found: int = REQUEST.unpack(asked)[-1]
    os.set_blocking(found, False)
    return found
