"""Real H.264 made by hand, bit by bit and without an encoder, for tests.

32x32 pixels: IDR pictures of I_PCM macroblocks, P pictures that are skipped but for one I_PCM
macroblock. Every picture shows its own number, so that a test can decode a file with any decoder
and see which frames are in it. Clause numbers are those of ISO/IEC 14496-10.
"""

from __future__ import annotations

import re
from typing import Any, List

from dashcamd.types import Frame, Seconds

SIDE_PX = 32
"""Width and height of the pictures of `stream`."""

_DIGITS, _DIGIT_BASE, _DIGIT_STEP, _DARKEST = 4, 64, 3, 32
_START_CODE = b"\0\0\0\1"
_GREY = bytes([128]) * 256
_CHROMA = bytes([128]) * 128


def stream(
    pattern: str,
    *,
    fps: float = 30.0,
    start_ts: Seconds = 1000.0,
    first_number: int = 0,
    pad_bytes: int = 0,
) -> List[Frame]:
    """Frames after a pattern such as ``"kpppkppp"``: ``k`` an IDR picture with SPS and PPS.

    Frame i shows the number ``first_number + i``. `pad_bytes` of SEI make each frame larger.
    """
    frames = []
    since_key = idr = 0
    for place, letter in enumerate(pattern):
        number = first_number + place
        is_key = letter == "k"
        idr, since_key = (idr + 1, 0) if is_key else (idr, since_key + 1)
        picture = idr_picture(number, idr) if is_key else p_picture(number, since_key)
        head = _START_CODE + SPS + _START_CODE + PPS if is_key else b""
        padding = _START_CODE + _sei(pad_bytes) if pad_bytes else b""
        data = head + padding + _START_CODE + picture
        frames.append(Frame(start_ts + place / fps, is_key, data))
    return frames


def number_in(luma: Any) -> int:
    """The number that a decoded picture shows; `luma` is its Y plane as rows of bytes."""
    number = 0
    for digit in range(_DIGITS):
        level = int(luma[8][digit * 4 + 1])
        number = number * _DIGIT_BASE + round((level - _DARKEST) / _DIGIT_STEP)
    return number


def idr_picture(number: int, idr: int) -> bytes:
    """The NAL unit of an IDR picture, four I_PCM macroblocks (14496-10, 7.3.3, 7.3.5)."""
    header = _ue(0) + _ue(7) + _ue(0) + "0000" + _ue(idr % 2) + "00" + _ue(0) + _ue(1)
    rbsp = _aligned(header + _ue(25)) + _numbered(number)
    for _ in range(3):
        rbsp += _aligned(_ue(25)) + _GREY + _CHROMA
    return _nal(0x65, rbsp + b"\x80")


def p_picture(number: int, since_key: int) -> bytes:
    """The NAL unit of a P picture: the number as I_PCM, the other macroblocks skipped."""
    header = _ue(0) + _ue(5) + _ue(0) + format(since_key % 16, "04b") + "000" + _ue(0) + _ue(1)
    rbsp = _aligned(header + _ue(0) + _ue(30)) + _numbered(number) + _closed(_ue(3))
    return _nal(0x41, rbsp)


def _numbered(number: int) -> bytes:
    row = b""
    for digit in reversed(range(_DIGITS)):
        value = number // _DIGIT_BASE**digit % _DIGIT_BASE
        row += bytes([_DARKEST + _DIGIT_STEP * value]) * 4
    return row * 16 + _CHROMA


def _ue(value: int) -> str:
    """Exp-Golomb code (9.1) of `value`; a signed zero has the same bits."""
    bits = format(value + 1, "b")
    return "0" * (len(bits) - 1) + bits


def _aligned(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _closed(bits: str) -> bytes:
    return _aligned(bits + "1")


def _nal(header: int, rbsp: bytes) -> bytes:
    """A NAL unit with emulation prevention (7.4.1)."""
    return bytes([header]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", rbsp)


def _sei(size: int) -> bytes:
    """User data (D.1.6) that makes a frame `size` bytes larger."""
    return _nal(
        0x06, b"\5" + b"\xff" * (size // 255) + bytes([size % 255]) + b"\x55" * size + b"\x80"
    )


def sps(width_blocks: int = 2, height_blocks: int = 2) -> bytes:
    """A Baseline SPS (7.3.2.1.1): picture order type 2, one reference frame."""
    size = _ue(width_blocks - 1) + _ue(height_blocks - 1)
    bits = _ue(0) + _ue(0) + _ue(2) + _ue(1) + "0" + size + "1100"
    return _nal(0x67, bytes((66, 0xC0, 10)) + _closed(bits))


SPS = sps()
"""The sequence parameter set of `stream`, without start code."""

PPS = _nal(0x68, _closed("11" + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + "111" + "100"))
"""Its picture parameter set: CAVLC, deblocking controlled per slice."""
