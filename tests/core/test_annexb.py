"""Packets of any container become access units that stand for themselves."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.annexb import (
    IDR,
    PPS,
    SPS,
    START_CODE,
    Configuration,
    Gluer,
    parse_configuration,
    split,
)
from dashcamd.errors import MediaError

SPS_NAL = bytes((0x67, 66, 0xC0, 31, 0xDA, 2, 0x80))
SPS_NEWER = bytes((0x67, 66, 0xC0, 40, 0xDA, 2, 0x80))
PPS_NAL = bytes((0x68, 0xCE, 0x3C, 0x80))
IDR_NAL = bytes((0x65, 0x88, 0x84, 1, 2, 3))
P_NAL = bytes((0x41, 0x9A, 4, 5, 6))
B_NAL = bytes((0x01, 0x9E, 7, 8, 9))
SEI_NAL = bytes((0x06, 5, 1, 0, 0x80))
DELIMITER_NAL = bytes((0x09, 0xF0))


def avcc(sps: bytes = SPS_NAL, pps: bytes = PPS_NAL, length_bytes: int = 4) -> bytes:
    head = bytes((1, 66, 0xC0, 31, 0xFC | (length_bytes - 1), 0xE1))
    return head + len(sps).to_bytes(2, "big") + sps + b"\1" + len(pps).to_bytes(2, "big") + pps


def lengths(*nals: bytes, length_bytes: int = 4) -> bytes:
    return b"".join(len(nal).to_bytes(length_bytes, "big") + nal for nal in nals)


def annexb(*nals: bytes) -> bytes:
    return b"".join(START_CODE + nal for nal in nals)


def nals_of(gluer: Gluer, packet: bytes) -> List[bytes]:
    unit = gluer.unit(packet)
    assert unit is not None
    return split(unit.data)


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_parameter_sets_of_the_header_are_glued_to_each_idr(length_bytes: int) -> None:
    gluer = Gluer(parse_configuration(avcc(length_bytes=length_bytes)))
    assert gluer.has_parameter_sets
    packet = lengths(SEI_NAL, IDR_NAL, length_bytes=length_bytes)
    assert nals_of(gluer, packet) == [SPS_NAL, PPS_NAL, SEI_NAL, IDR_NAL]
    assert nals_of(gluer, lengths(P_NAL, length_bytes=length_bytes)) == [P_NAL]


def test_annex_b_with_its_own_parameter_sets_stays_as_it_is() -> None:
    gluer = Gluer(parse_configuration(b""))
    assert nals_of(gluer, annexb(SPS_NAL, PPS_NAL, IDR_NAL)) == [SPS_NAL, PPS_NAL, IDR_NAL]
    assert gluer.has_parameter_sets


def test_a_delimiter_stays_in_front() -> None:
    gluer = Gluer(parse_configuration(annexb(SPS_NAL, PPS_NAL)))
    packet = annexb(DELIMITER_NAL, IDR_NAL)
    assert nals_of(gluer, packet) == [DELIMITER_NAL, SPS_NAL, PPS_NAL, IDR_NAL]


def test_newer_parameter_sets_replace_those_of_the_header() -> None:
    gluer = Gluer(parse_configuration(avcc()))
    nals_of(gluer, lengths(SPS_NEWER, PPS_NAL, IDR_NAL))
    assert nals_of(gluer, lengths(IDR_NAL)) == [SPS_NEWER, PPS_NAL, IDR_NAL]


def test_only_an_idr_is_a_keyframe_and_b_slices_are_seen() -> None:
    gluer = Gluer(Configuration(0, (SPS_NAL, PPS_NAL)))
    units = [gluer.unit(annexb(nal)) for nal in (IDR_NAL, P_NAL, B_NAL)]
    assert [unit.is_idr for unit in units if unit] == [True, False, False]
    assert [unit.has_b_slice for unit in units if unit] == [False, False, True]


def test_a_packet_without_a_picture_is_none_but_its_sets_count() -> None:
    gluer = Gluer(Configuration(0, ()))
    assert not gluer.has_parameter_sets
    assert gluer.unit(annexb(SPS_NAL, PPS_NAL)) is None
    assert gluer.has_parameter_sets


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_packet_that_is_cut_short_is_damaged(cut: int) -> None:
    gluer = Gluer(parse_configuration(avcc()))
    packet = lengths(P_NAL, P_NAL)
    if cut == len(lengths(P_NAL)):
        return
    with pytest.raises(MediaError, match="cut short"):
        gluer.unit(packet[:-cut])


@pytest.mark.parametrize("cut", range(1, len(avcc()) - 1))
def test_a_header_that_ends_too_early_is_damaged(cut: int) -> None:
    with pytest.raises(MediaError):
        parse_configuration(avcc()[:-cut])


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_hostile_bytes_are_a_media_error_and_nothing_else(header: bytes, packet: bytes) -> None:
    try:
        gluer = Gluer(parse_configuration(header))
        unit = gluer.unit(packet)
    except MediaError:
        return
    assert unit is None or unit.data.startswith(START_CODE)


@given(st.lists(st.sampled_from([SPS_NAL, PPS_NAL, IDR_NAL, P_NAL, B_NAL, SEI_NAL]), max_size=8))
def test_every_idr_has_its_parameter_sets_in_front(nals: List[bytes]) -> None:
    gluer = Gluer(parse_configuration(avcc()))
    unit = gluer.unit(lengths(*nals))
    if unit is not None and unit.is_idr:
        kinds = [nal[0] & 31 for nal in split(unit.data)]
        assert kinds.index(SPS) < kinds.index(PPS) < kinds.index(IDR)
