"""H.264 from files and cameras in the form the house wants: Annex B, parameter sets at each IDR.

MP4 and Matroska keep NAL units behind their lengths and the parameter sets apart (avcC,
ISO/IEC 14496-15, 5.3.3); transport streams and raw files have start codes (14496-10, annex B).
Pure, any thread; hostile bytes raise `MediaError` and nothing else.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from dashcamd.errors import MediaError

START_CODE = b"\0\0\0\1"

SLICE, PARTITION, IDR, SPS, PPS, DELIMITER = 1, 2, 5, 7, 8, 9
"""``nal_unit_type`` (14496-10, table 7-1)."""

PICTURES = frozenset((SLICE, PARTITION, IDR))

B_SLICE = 1
"""``slice_type`` modulo 5 (14496-10, table 7-6)."""


class Configuration(NamedTuple):
    """What a stream's header says: `length_bytes` 0 for Annex B, and the parameter sets."""

    length_bytes: int
    parameter_sets: Tuple[bytes, ...]


class Unit(NamedTuple):
    """An access unit: whether decoding may begin here, whether it is bidirectional, the bytes."""

    is_idr: bool
    has_b_slice: bool
    data: bytes


def parse_configuration(extradata: bytes) -> Configuration:
    """Read a stream header: an avcC record, Annex B parameter sets, or nothing at all.

    Raises `MediaError` when the record ends too early.
    """
    if not extradata or extradata.startswith((b"\0\0\1", START_CODE)):
        return Configuration(0, tuple(nal for nal in split(extradata) if _kind(nal) in (SPS, PPS)))
    if len(extradata) < 7 or extradata[0] != 1:
        raise MediaError("the H.264 header of %d bytes is damaged" % len(extradata))
    place, sets = 5, []
    for mask in (31, 255):
        count = _byte(extradata, place) & mask
        place += 1
        for _ in range(count):
            size = _byte(extradata, place) << 8 | _byte(extradata, place + 1)
            nal = extradata[place + 2 : place + 2 + size]
            if len(nal) < size:
                raise MediaError("the H.264 header ends inside a parameter set")
            sets.append(nal)
            place += 2 + size
    return Configuration((extradata[4] & 3) + 1, tuple(nal for nal in sets if nal))


class Gluer:
    """Turns packets of one stream into access units that stand for themselves.

    Parameter sets that arrive in band replace those of the header from then on. One thread.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._length_bytes = configuration.length_bytes
        self._sets: Dict[Tuple[int, int], bytes] = {}
        for nal in configuration.parameter_sets:
            self._keep(nal)

    @property
    def has_parameter_sets(self) -> bool:
        """Whether an SPS and a PPS are known: a decoder could begin."""
        return {kind for kind, _ in self._sets} == {SPS, PPS}

    def unit(self, packet: bytes) -> Optional[Unit]:
        """The access unit of a packet, None when it holds no picture. Raises `MediaError`."""
        nals = self._split(packet)
        kinds = [_kind(nal) for nal in nals]
        for nal, kind in zip(nals, kinds):
            if kind in (SPS, PPS):
                self._keep(nal)
        if not PICTURES.intersection(kinds):
            return None
        is_idr = IDR in kinds
        if is_idr and not _is_in_order(kinds):
            rest = [nal for nal, kind in zip(nals, kinds) if kind not in (SPS, PPS)]
            nals = self._glued(rest)
        return Unit(is_idr, _has_b_slice(nals), b"".join(START_CODE + nal for nal in nals))

    def _glued(self, nals: List[bytes]) -> List[bytes]:
        """The NAL units behind the parameter sets; only a delimiter stays in front."""
        sets = [self._sets[key] for key in sorted(self._sets)]
        if nals and _kind(nals[0]) == DELIMITER:
            return [nals[0], *sets, *nals[1:]]
        return [*sets, *nals]

    def _keep(self, nal: bytes) -> None:
        kind = _kind(nal)
        if kind in (SPS, PPS) and len(nal) > 1:
            self._sets[kind, _set_id(nal)] = nal

    def _split(self, packet: bytes) -> List[bytes]:
        if self._length_bytes == 0 or packet.startswith(START_CODE):
            return split(packet)
        return _split_lengths(packet, self._length_bytes)


def split(data: bytes) -> List[bytes]:
    """The NAL units between start codes, without padding."""
    parts = data.split(b"\0\0\1")[1:]
    return [nal for nal in (part.rstrip(b"\0") for part in parts) if nal]


def _split_lengths(packet: bytes, length_bytes: int) -> List[bytes]:
    nals, place = [], 0
    while place < len(packet):
        start = place + length_bytes
        place = start + int.from_bytes(packet[place:start], "big")
        if place > len(packet) or start > len(packet):
            raise MediaError("an H.264 packet of %d bytes is cut short" % len(packet))
        if place > start:
            nals.append(packet[start:place])
    return nals


def _is_in_order(kinds: List[int]) -> bool:
    """Whether an SPS comes first, then a PPS, then the IDR picture."""
    firsts = [kinds.index(kind) if kind in kinds else len(kinds) for kind in (SPS, PPS, IDR)]
    return firsts == sorted(firsts)


def _has_b_slice(nals: List[bytes]) -> bool:
    for nal in nals:
        if _kind(nal) == SLICE:
            _, place = _exp_golomb(nal, 8)
            kind, _ = _exp_golomb(nal, place)
            if kind % 5 == B_SLICE:
                return True
    return False


def _set_id(nal: bytes) -> int:
    """``seq_parameter_set_id`` or ``pic_parameter_set_id``, so that a newer one replaces it."""
    return _exp_golomb(nal, 32 if _kind(nal) == SPS else 8)[0]


def _exp_golomb(nal: bytes, bit: int) -> Tuple[int, int]:
    """The unsigned number at `bit` and where it ends (14496-10, 9.1); 0 beyond the end.

    Only the first bytes are looked at, where no emulation prevention byte can stand: two zero
    bytes would need a number above 32767.
    """
    head = int.from_bytes(nal[:16].ljust(16, b"\0"), "big")
    zeros = 0
    while bit + zeros < 96 and not head >> (127 - bit - zeros) & 1:
        zeros += 1
    end = bit + 2 * zeros + 1
    if end > 128:
        return 0, bit
    return (head >> (128 - end) & ((1 << (zeros + 1)) - 1)) - 1, end


def _kind(nal: bytes) -> int:
    return nal[0] & 31 if nal else 0


def _byte(data: bytes, place: int) -> int:
    if place >= len(data):
        raise MediaError("the H.264 header ends too early")
    return data[place]
