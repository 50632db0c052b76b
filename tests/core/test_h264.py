from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core import h264
from dashcamd.core.h264 import ParameterSets, avcc, is_keyframe, nal_units, parse_sps, to_sample
from dashcamd.errors import MediaError
from dashcamd.testing import PPS, SPS, sps, stream

SHORT, LONG = b"\0\0\1", b"\0\0\0\1"

payloads = st.lists(
    st.tuples(
        st.sampled_from([SHORT, LONG, b"\0\0" + LONG]),
        st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\0", b"\7") + b"\x80"),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)
zeros_and_ones = st.lists(st.sampled_from([0, 0, 0, 1, 2, 255]), max_size=400).map(bytes)


@settings(deadline=None)
@given(payloads, st.booleans())
def test_nal_units_are_found_whatever_stands_between_them(parts, is_large):
    filler = b"\x41" + b"\xaa" * 13_000 if is_large else b"\x41\x80"
    units = [payload for _, payload, _ in parts] + [filler]
    data = b"".join(code + payload + bytes(zeros) for code, payload, zeros in parts)
    data += LONG + filler
    assert [data[start:end] for start, end in nal_units(data)] == units


@settings(deadline=None, max_examples=300)
@given(zeros_and_ones, st.integers(0, 1))
def test_both_scans_find_the_same_start_codes(tail, odd):
    data = bytes([9] * odd) + tail
    assert h264._scan_words(data) == h264._scan_bytes(data)


@pytest.mark.parametrize("size", [11_999, 12_000, 12_001, 50_001])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 777, -3, -4])
def test_a_start_code_is_found_at_any_place_in_a_large_unit(size, place):
    data = bytearray(b"\x55" * size)
    place %= size
    data[place : place + 3] = SHORT
    assert h264._start_codes(bytes(data[:size])) == [place]


def test_a_unit_of_zeros_is_scanned_without_going_through_each():
    assert h264._scan_words(bytes(100_000) + SHORT) == [100_000]


def test_sample_keeps_slices_and_sei_and_drops_what_mp4_stores_elsewhere():
    sei, first, second = b"\x06\5\1\x33\x80", b"\x65\x88\x99", b"\x65\x11\x22\x33"
    aud, filler = b"\x09\x10", b"\x0c\xff\xff\x80"
    data = b"".join(SHORT + nal for nal in (aud, SPS, PPS, sei, first, second, filler)) + bytes(3)
    sample = to_sample(data)
    kept = b"".join(len(nal).to_bytes(4, "big") + nal for nal in (sei, first, second))
    assert b"".join(sample.buffers) == kept
    assert sample.size == len(kept)
    assert sample.parameter_sets == ParameterSets((SPS,), (PPS,))


def test_sample_refers_to_the_frame_instead_of_copying_it():
    data = LONG + b"\x41" + b"\xaa" * 20_000
    views = [buffer for buffer in to_sample(data).buffers if isinstance(buffer, memoryview)]
    assert [view.obj is data for view in views] == [True]


@pytest.mark.parametrize("data", [b"", b"\0\0\1", b"\0\0\0\1", bytes(9), b"no start code at all"])
def test_an_access_unit_without_nal_unit_is_a_media_error(data):
    with pytest.raises(MediaError, match=r"no H\.264 start code"):
        to_sample(data)


@settings(deadline=None)
@given(zeros_and_ones)
def test_to_sample_either_adds_up_or_is_a_media_error(data):
    try:
        sample = to_sample(data)
    except MediaError:
        return
    assert sum(map(len, sample.buffers)) == sample.size


def test_keyframes_are_those_with_an_idr_slice():
    assert [is_keyframe(frame.data) for frame in stream("kpkpp")] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_parameter_sets_are_counted_once():
    data = b"".join(LONG + nal for nal in (SPS, PPS, SPS, PPS, b"\x65\x88\x80"))
    assert h264.parameter_sets(data) == ParameterSets((SPS,), (PPS,))


def test_handmade_sps_reads_back():
    assert parse_sps(sps(120, 68))[:5] == (66, 0xC0, 10, 1920, 1088)
    assert parse_sps(SPS).codec == "avc1.42C00A"


@pytest.mark.parametrize("profile", ["baseline", "main", "high", "high10", "high422", "high444"])
@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (322, 242), (64, 50)])
def test_sps_of_a_real_encoder_gives_the_cropped_size(profile, size):
    av = pytest.importorskip("av", reason="PyAV (extra 'media') encodes the parameter sets")
    formats = {"high10": "yuv420p10le", "high422": "yuv422p", "high444": "yuv444p"}
    raw = io.BytesIO()
    with av.open(raw, "w", format="h264") as container:
        encoder = container.add_stream("libx264", rate=30)
        encoder.width, encoder.height = size
        encoder.pix_fmt = formats.get(profile, "yuv420p")
        encoder.options = {"profile": profile, "preset": "veryfast"}
        picture = av.VideoFrame(*size, encoder.pix_fmt)
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(encoder.encode(picture))
        container.mux(encoder.encode(None))
    sets = h264.parameter_sets(raw.getvalue())
    found = parse_sps(sets.sps[0])
    assert (found.width, found.height) == size
    record = avcc(sets)
    assert record[:4] == bytes((1, *sets.sps[0][1:4]))
    has_extension = record[-4] & 0xFC == 0xFC and record[-1] == 0
    assert has_extension == profile.startswith("high")


def test_high_profile_record_names_chroma_and_depth():
    # profile 110, 4:2:0, 10 bits: seq id, chroma 1, luma +2, chroma +2, no bypass, no matrix
    bits = "1" + "010" + "011" + "011" + "0" + "0"
    bits += "1" + "011" + "010" + "0" + "010" + "010" + "11" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    nal = b"\x67\x6e\0\x1f" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert avcc(ParameterSets((nal,), (PPS,)))[-4:] == bytes((0xFD, 0xFA, 0xFA, 0))


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=60), st.sampled_from([66, 77, 100, 110, 244]))
def test_hostile_sps_is_a_media_error_or_a_possible_size(tail, profile):
    try:
        found = parse_sps(bytes((0x67, profile, 0, 30)) + tail)
    except MediaError:
        return
    assert 0 < found.width <= 16_384
    assert 0 < found.height <= 16_384


@pytest.mark.parametrize("sets", [ParameterSets((), ()), ParameterSets((SPS,), ())])
def test_a_stream_without_parameter_sets_cannot_begin_a_file(sets):
    with pytest.raises(MediaError, match="no SPS and PPS"):
        avcc(sets)


def test_too_many_parameter_sets_are_a_media_error():
    with pytest.raises(MediaError, match="too many"):
        avcc(ParameterSets((SPS,) * 32, (PPS,)))
