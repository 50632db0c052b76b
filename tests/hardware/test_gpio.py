"""The question that the kernel is asked for a button, and a button that is not there.

The layout is compared with the offsets of include/uapi/linux/gpio.h; a real line needs a Pi
(docs/hardware.md).
"""

import struct

import pytest

from dashcamd.errors import OperationError
from dashcamd.hardware import gpio
from dashcamd.hardware.gpio import GpioButton


def test_the_question_is_laid_out_as_the_kernels_header_says():
    asked = bytes(gpio.request(17))
    assert len(asked) == 592
    assert gpio.GET_LINE == (3 << 30) | (592 << 16) | (0xB4 << 8) | 7
    assert struct.unpack_from("=I", asked, 0) == (17,)
    assert asked[256:288].rstrip(b"\0") == b"dashcamd"
    assert struct.unpack_from("=QI", asked, 288) == (4 | 32 | 256, 1)
    debounce, mask = struct.unpack_from("=II", asked, 320), struct.unpack_from("=Q", asked, 336)
    assert debounce == (3, 0)
    assert struct.unpack_from("=I", asked, 328) == (30_000,)
    assert mask == (1,)
    assert struct.unpack_from("=I", asked, 560) == (1,)
    assert struct.unpack_from("=i", asked, 588) == (-1,)


def test_a_chip_that_is_not_there_is_said_with_what_to_do(tmp_path):
    with pytest.raises(OperationError, match=r"GPIO 17 .*No such file.*eject_gpio"):
        GpioButton(17, str(tmp_path / "gpiochip0"))


def test_a_file_that_is_no_chip_is_refused_and_closed(tmp_path):
    chip = tmp_path / "gpiochip0"
    chip.write_bytes(b"")
    with pytest.raises(OperationError, match="cannot be used"):
        GpioButton(17, str(chip))
