"""Served with the index first: the same pictures, whatever is asked for and whoever made it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.storage import mp4_layout
from dashcamd.storage.mp4_layout import Extent, Layout, faststart, frozen
from dashcamd.storage.mp4_parse import read_box, read_movie
from dashcamd.storage.mp4_reader import inspect_source
from dashcamd.testing import stream
from tests.storage.recordings import DONE, PART, recorded

FRAMES = stream("kpppkpppkppp")


class Bytes:
    def __init__(self, data):
        self.data = bytes(data)

    @property
    def size(self):
        return len(self.data)

    def read(self, offset, size):
        return self.data[offset : offset + size]


def source(disk, path):
    file = disk.open(path)
    try:
        return Bytes(file.read(0, file.size))
    finally:
        file.close()


FINISHED = source(recorded(FRAMES), DONE)
GROWING = source(recorded(FRAMES, close=False), PART)


def served(layout, file, step=1000):
    """The whole answer, put together from pieces of all sizes."""
    data = b""
    while len(data) < layout.size:
        piece = layout.read(file, len(data), step)
        assert piece
        data += piece
        step = step * 7 % 501 + 1
    assert layout.read(file, layout.size, 1) == b""
    return data


def boxes(data):
    file, offset, kinds = Bytes(data), 0, []
    while offset < len(data):
        box = read_box(file, offset)
        kinds.append(box.kind.decode())
        offset = box.end
    assert offset == len(data)
    return kinds


def samples(file):
    """The bytes of every frame, by the file's own index."""
    movie = read_movie(file)
    return [file.read(offset, size) for offset, size in zip(movie.offsets, movie.sizes)]


def test_a_finished_part_has_its_index_first_and_the_same_frames():
    moved = Bytes(served(faststart(FINISHED), FINISHED))
    assert boxes(moved.data) == ["ftyp", "moov", "mdat"]
    assert moved.size == FINISHED.size
    assert samples(moved) == samples(FINISHED)
    assert inspect_source(moved) == inspect_source(FINISHED)


def test_a_growing_part_is_served_as_the_finished_file_it_would_be():
    assert served(frozen(GROWING), GROWING) == served(faststart(FINISHED), FINISHED)


def test_what_is_written_halfway_is_left_out():
    whole = frozen(GROWING)
    for cut in (1, 10, 100):
        file = Bytes(GROWING.data[:-cut])
        early = frozen(file)
        assert len(samples(Bytes(served(early, file)))) == 8
        assert early.upto < whole.upto


def test_a_part_that_was_closed_meanwhile_is_served_as_it_was():
    before = frozen(Bytes(GROWING.data[:-1]))
    after = frozen(FINISHED, before.upto)
    assert after == before
    assert served(after, FINISHED) == served(before, GROWING)


def test_there_is_nothing_to_freeze_before_the_first_fragment():
    start = GROWING.data.index(b"moof")
    for data in (GROWING.data[: start + 20], b"", b"nonsense" * 100):
        assert frozen(Bytes(data)) is None


def test_the_pictures_are_the_same(decoded_numbers):
    wanted = list(range(12))
    assert decoded_numbers(FINISHED.data) == wanted
    assert decoded_numbers(served(faststart(FINISHED), FINISHED)) == wanted
    assert decoded_numbers(served(frozen(GROWING), GROWING)) == wanted


def test_an_index_of_wide_offsets_is_moved_too(monkeypatch):
    """Ours has them beyond 4 GiB; here the narrow table is rewritten as a wide one."""
    data = bytearray(FINISHED.data)
    at = data.rindex(b"stco") - 4
    size, _, flags, count = struct.unpack_from(">I4sII", data, at)
    offsets = struct.unpack_from(">%dI" % count, data, at + 16)
    wide = struct.pack(">I4sII%dQ" % count, 16 + 8 * count, b"co64", flags, count, *offsets)
    data[at : at + size] = wide
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = data.rindex(name) - 4
        (before,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, before + len(wide) - size)
    file = Bytes(data)
    assert samples(file) == samples(FINISHED)
    assert samples(Bytes(served(faststart(file), file))) == samples(FINISHED)


def without(kind):
    at = FINISHED.data.rindex(kind)
    return FINISHED.data[:at] + b"xxxx" + FINISHED.data[at + 4 :]


def with_count(count):
    at = FINISHED.data.rindex(b"stco") + 8
    return FINISHED.data[:at] + struct.pack(">I", count) + FINISHED.data[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        GROWING.data,
        FINISHED.data[:-1],
        FINISHED.data + b"\0",
        FINISHED.data + struct.pack(">I4s", 8, b"free"),
        served(faststart(FINISHED), FINISHED),
        without(b"stbl"),
        without(b"mdia"),
        with_count(0xFFFF_FFFF),
        with_count(4),
        b"",
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"moov"),
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"free") * 40,
    ],
)
def test_what_is_no_file_with_its_index_at_the_end_is_left_as_it_is(data):
    assert faststart(Bytes(data)) is None


def test_an_index_that_leads_outside_the_data_is_not_moved():
    at = FINISHED.data.rindex(b"stco") + 12
    for offset in (0, FINISHED.size):
        data = FINISHED.data[:at] + struct.pack(">I", offset) + FINISHED.data[at + 4 :]
        assert faststart(Bytes(data)) is None


def test_an_index_has_a_bound(monkeypatch):
    monkeypatch.setattr(mp4_layout, "MOOV_LIMIT_BYTES", 100)
    assert faststart(FINISHED) is None


def test_a_growing_part_is_followed_to_a_bound(monkeypatch):
    monkeypatch.setattr(mp4_layout, "SAMPLE_LIMIT", 5)
    assert len(samples(Bytes(served(frozen(GROWING), GROWING)))) == 8


class Reads(Bytes):
    """Adds up what is read."""

    total = 0

    def read(self, offset, size):
        data = super().read(offset, size)
        self.total += len(data)
        return data


def test_little_is_read_of_a_large_file():
    movie_bytes = FINISHED.size - FINISHED.data.rindex(b"moov") + 4
    file = Reads(FINISHED.data)
    faststart(file)
    assert file.total <= movie_bytes + 16 * 4


@given(cut=st.integers(0, GROWING.size), offset=st.integers(0, 9000), size=st.integers(0, 9000))
def test_any_range_is_that_of_the_whole(cut, offset, size):
    for file, layout in ((GROWING, frozen(GROWING, cut)), (FINISHED, faststart(FINISHED))):
        if layout is None:
            continue
        whole, got = served(layout, file), b""
        end = min(offset + size, layout.size)
        while offset + len(got) < end:
            piece = layout.read(file, offset + len(got), end - offset - len(got))
            assert piece
            got += piece
        assert got == whole[offset:end]


@given(place=st.integers(0, FINISHED.size - 1), value=st.integers(0, 255))
def test_one_wrong_byte_does_no_harm(place, value):
    for file, find in ((FINISHED, faststart), (GROWING, frozen)):
        data = bytearray(file.data)
        data[min(place, len(data) - 1)] = value
        broken = Bytes(data)
        layout = find(broken)
        assert layout is None or len(served(layout, broken)) == layout.size


def test_seams_are_crossed_by_the_caller():
    layout = Layout((b"ab", Extent(1, 3), b"", b"z"))
    file = Bytes(b"0123456")
    assert layout.size == 5
    assert served(layout, file) == b"ab12z"
    assert layout.read(file, 1, 9) == b"b"
    assert layout.read(file, 2, 9) == b"12"
