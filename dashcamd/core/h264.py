"""H.264 access units taken apart: NAL units, parameter sets and the form MP4 stores them in.

A camera delivers Annex B: NAL units behind start codes (ISO/IEC 14496-10, annex B). MP4 wants
every NAL unit behind its length (14496-15, 5.3.2), so each byte of video has to be looked at once
for start codes. That scan is the larger half of what the writer costs, hence `_scan_words`.
Nothing here copies video: samples are lists of buffers for ``writev``.

Pure functions, any thread; hostile bytes raise `MediaError` and nothing else.
"""

from __future__ import annotations

import re
import struct
from typing import List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from dashcamd.errors import MediaError

Buffer = Union[bytes, memoryview]
"""What ``writev`` takes."""

NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, NAL_AUD, NAL_FILLER = 5, 6, 7, 8, 9, 12
"""``nal_unit_type`` (14496-10, table 7-1)."""

_START_CODE = b"\0\0\1"
_START_CODES = re.compile(_START_CODE)
_NOT_IN_SAMPLES = frozenset((NAL_SPS, NAL_PPS, NAL_AUD, NAL_FILLER))
_LENGTH = struct.Struct(">I")

_WORD_SCAN_FROM_BYTES = 12_000
"""Below this ``re`` is fastest, above it numpy: 41 kB cost 9 us, 16 us with ``re``, 31 us with
``bytes.find`` (``benchmarks/nal_scan.py``)."""

_CANDIDATES_LIMIT = 256
"""With more suspicious words than this the unit is mostly zeros and ``re`` is better."""

_START_WORD_MASK = np.frombuffer(b"\xff\xfe", np.uint16)[0]
"""Of every start code two bytes lie in one aligned 16-bit word: ``00 00`` or ``00 01``."""

_NO_CHROMA_EXTENSION = frozenset((66, 77, 88))
"""Profiles whose avcC ends after the parameter sets (14496-15, 5.3.3.1.2)."""

_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""Profiles whose SPS carries chroma format and bit depth (14496-10, 7.3.2.1.1)."""

_SPS_LIMIT_BYTES = 1024
"""Real ones have 10 to 100 bytes; reading bits costs by the length of the whole."""

_MAX_SIDE_PX = 16_384
"""More than level 6.2 allows in one direction; larger numbers are damage, not video."""


class ParameterSets(NamedTuple):
    """The SPS and PPS NAL units of a stream, without start codes."""

    sps: Tuple[bytes, ...]
    pps: Tuple[bytes, ...]


class Sample(NamedTuple):
    """An access unit as MP4 stores it: `buffers` in order, `size` bytes together.

    `parameter_sets` are those that stood in the access unit; they are not part of `buffers`.
    """

    buffers: List[Buffer]
    size: int
    parameter_sets: ParameterSets


class Sps(NamedTuple):
    """What a sequence parameter set says of its pictures; sizes in pixels after cropping."""

    profile: int
    constraints: int
    level: int
    width: int
    height: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int

    @property
    def codec(self) -> str:
        """The RFC 6381 name that browsers ask for, such as ``avc1.42C01F``."""
        return "avc1.%02X%02X%02X" % (self.profile, self.constraints, self.level)


_NO_PARAMETER_SETS = ParameterSets((), ())


def nal_units(data: bytes) -> List[Tuple[int, int]]:
    """Where each NAL unit of an access unit begins and ends, start codes and padding left out."""
    return _spans(data, _start_codes(data))


def is_keyframe(data: bytes) -> bool:
    """Whether an access unit is an IDR picture: decoding may begin here."""
    return any(data[start] & 31 == NAL_IDR for start, _ in nal_units(data))


def parameter_sets(data: bytes) -> ParameterSets:
    """SPS and PPS of an access unit, in order."""
    return to_sample(data).parameter_sets


def to_sample(data: bytes) -> Sample:
    """Turn an Annex B access unit into an MP4 sample without copying the video.

    Parameter sets, access unit delimiters and filler are left out, SEI stays. Raises
    `MediaError` when no NAL unit is found.
    """
    codes = _start_codes(data)
    view = memoryview(data)
    if len(codes) == 1 and data[-1] > 1 and data[codes[0] + 3] & 31 not in _NOT_IN_SAMPLES:
        # One slice, the usual camera: nothing to strip, nothing to loop over.
        size = len(data) - codes[0] - 3
        return Sample([_LENGTH.pack(size), view[-size:]], size + 4, _NO_PARAMETER_SETS)
    spans = _spans(data, codes)
    if not spans:
        raise MediaError("an access unit of %d bytes has no H.264 start code" % len(data))
    buffers: List[Buffer] = []
    size = 0
    sets = _NO_PARAMETER_SETS
    for start, end in spans:
        kind = data[start] & 31
        if kind in _NOT_IN_SAMPLES:
            sets = _with_set(sets, kind, data[start:end])
            continue
        buffers.append(_LENGTH.pack(end - start))
        buffers.append(view[start:end])
        size += 4 + end - start
    return Sample(buffers, size, sets)


def parse_sps(nal: bytes) -> Sps:
    """Read a sequence parameter set as far as its cropping (14496-10, 7.3.2.1.1)."""
    if len(nal) < 5 or nal[0] & 31 != NAL_SPS:
        raise MediaError("not an H.264 sequence parameter set (%d bytes)" % len(nal))
    bits = _Bits(nal[4:_SPS_LIMIT_BYTES].replace(b"\0\0\3", b"\0\0"))
    profile = nal[1]
    bits.ue()  # seq_parameter_set_id
    chroma_format, luma_bits, chroma_bits = 1, 8, 8
    if profile in _HIGH_PROFILES:
        chroma_format, luma_bits, chroma_bits = _parse_high(bits)
    _skip_order_count(bits)
    width, height = _parse_size(bits, chroma_format)
    return Sps(profile, nal[2], nal[3], width, height, chroma_format, luma_bits, chroma_bits)


def avcc(sets: ParameterSets) -> bytes:
    """The decoder configuration record of a stream with these parameter sets."""
    if not sets.sps or not sets.pps:
        raise MediaError("the keyframe has no SPS and PPS: a file cannot begin here")
    if len(sets.sps) > 31 or len(sets.pps) > 255 or max(map(len, sets.sps + sets.pps)) > 65_535:
        raise MediaError("too many or too large H.264 parameter sets")
    first = parse_sps(sets.sps[0])
    parts = [bytes((1, first.profile, first.constraints, first.level, 0xFF, 0xE0 | len(sets.sps)))]
    parts += _sized(sets.sps)
    parts.append(bytes((len(sets.pps),)))
    parts += _sized(sets.pps)
    if first.profile not in _NO_CHROMA_EXTENSION:
        depths = (0xF8 | (first.luma_bits - 8), 0xF8 | (first.chroma_bits - 8))
        parts.append(bytes((0xFC | first.chroma_format, *depths, 0)))
    return b"".join(parts)


def _spans(data: bytes, codes: Sequence[int]) -> List[Tuple[int, int]]:
    spans = []
    for place, code in enumerate(codes):
        start = code + 3
        end = codes[place + 1] if place + 1 < len(codes) else len(data)
        while end > start and data[end - 1] == 0:  # trailing_zero_8bits, 4-byte start codes
            end -= 1
        if end > start:
            spans.append((start, end))
    return spans


def _sized(nals: Sequence[bytes]) -> List[bytes]:
    return [struct.pack(">H", len(nal)) + nal for nal in nals]


def _with_set(sets: ParameterSets, kind: int, nal: bytes) -> ParameterSets:
    if kind == NAL_SPS and nal not in sets.sps:
        return ParameterSets((*sets.sps, nal), sets.pps)
    if kind == NAL_PPS and nal not in sets.pps:
        return ParameterSets(sets.sps, (*sets.pps, nal))
    return sets


def _start_codes(data: bytes) -> List[int]:
    if len(data) < _WORD_SCAN_FROM_BYTES:
        return _scan_bytes(data)
    return _scan_words(data)


def _scan_bytes(data: bytes) -> List[int]:
    return [found.start() for found in _START_CODES.finditer(data)]


def _scan_words(data: bytes) -> List[int]:
    """Find start codes through the aligned words that could be part of one.

    Random data has one such word in 32768, so what remains for Python is a handful of places.
    """
    words = np.frombuffer(data, np.uint16, len(data) >> 1)
    suspicious = ((words & _START_WORD_MASK) == 0).tobytes()
    places: List[int] = []
    word = -1
    for _ in range(_CANDIDATES_LIMIT):
        word = suspicious.find(b"\1", word + 1)
        if word < 0:
            return places
        place = data.find(_START_CODE, max(word * 2 - 1, 0), word * 2 + 3)
        if place >= 0 and (not places or place > places[-1]):
            places.append(place)
    return _scan_bytes(data)


class _Bits:
    """Reads the bits of an RBSP; running off the end is a `MediaError`."""

    def __init__(self, rbsp: bytes) -> None:
        self._value = int.from_bytes(rbsp, "big")
        self._left = len(rbsp) * 8

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        if count > self._left:
            raise MediaError("an H.264 sequence parameter set ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (14496-10, 9.1)."""
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _parse_high(bits: _Bits) -> Tuple[int, int, int]:
    chroma_format = bits.ue()
    if chroma_format == 3:
        bits.u(1)  # separate_colour_plane_flag
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    if chroma_format > 3 or max(luma_bits, chroma_bits) > 14:
        raise MediaError("an H.264 sequence parameter set has an impossible chroma format or depth")
    bits.u(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.u(1):
        for matrix in range(8 if chroma_format != 3 else 12):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if matrix < 6 else 64)
    return chroma_format, luma_bits, chroma_bits


def _skip_scaling_list(bits: _Bits, count: int) -> None:
    last, following = 8, 8
    for _ in range(count):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_order_count(bits: _Bits) -> None:
    """Skip frame number and picture order count, and the number of reference frames."""
    bits.ue()
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(_at_most(bits.ue(), 255)):
            bits.se()
    bits.ue()
    bits.u(1)


def _parse_size(bits: _Bits, chroma_format: int) -> Tuple[int, int]:
    width_blocks, height_units = bits.ue() + 1, bits.ue() + 1
    frame_only = bits.u(1)
    if not frame_only:
        bits.u(1)  # mb_adaptive_frame_field_flag
    bits.u(1)  # direct_8x8_inference_flag
    left = right = top = bottom = 0
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    unit_x = 2 if chroma_format in (1, 2) else 1
    unit_y = (2 if chroma_format == 1 else 1) * (2 - frame_only)
    width = width_blocks * 16 - unit_x * (left + right)
    height = height_units * 16 * (2 - frame_only) - unit_y * (top + bottom)
    if not (0 < width <= _MAX_SIDE_PX and 0 < height <= _MAX_SIDE_PX):
        raise MediaError("an H.264 sequence parameter set claims %d x %d pixels" % (width, height))
    return width, height


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise MediaError("an H.264 sequence parameter set holds an impossible number")
    return value
