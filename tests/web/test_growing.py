from __future__ import annotations

import struct

import pytest

from dashcamd.storage.mp4_boxes import TIMESCALE
from dashcamd.storage.mp4_parse import read_box
from dashcamd.testing import stream
from dashcamd.web.growing import freeze
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


def served(frozen, file, step=1000):
    """The whole answer, put together from pieces of all sizes."""
    data = b""
    while len(data) < frozen.size:
        piece = frozen.read(file, len(data), step)
        assert piece
        data += piece
        step = step * 7 % 501 + 1
    return data


def boxes(data):
    file, offset, kinds = Bytes(data), 0, []
    while offset < len(data):
        box = read_box(file, offset)
        kinds.append(box.kind.decode())
        offset = box.end
    assert offset == len(data)
    return kinds


def test_a_growing_part_gets_an_index_before_its_first_fragment():
    file = source(recorded(FRAMES, close=False), PART)
    frozen = freeze(file)
    assert boxes(served(frozen, file)) == ["ftyp", "free", "moov", "sidx"] + ["moof", "mdat"] * 3


def test_what_is_written_halfway_is_left_out():
    file = source(recorded(FRAMES, close=False), PART)
    whole = freeze(file)
    for cut in (1, 10, 100):
        frozen = freeze(Bytes(file.data[:-cut]))
        assert boxes(served(frozen, file)).count("moof") == 2
        assert frozen.end < whole.end


def test_the_index_leads_to_every_fragment_and_adds_up():
    file = source(recorded(FRAMES, close=False), PART)
    frozen = freeze(file)
    data = served(frozen, file)
    index = read_box(Bytes(data), frozen.at)
    version, reference, timescale = struct.unpack_from(">III", data, index.body)
    assert (version >> 24, reference, timescale) == (1, 1, TIMESCALE)
    first, skip, _, count = struct.unpack_from(">QQHH", data, index.body + 12)
    offset, seconds = index.end + skip, 0.0
    for row in range(count):
        size, duration, flags = struct.unpack_from(">III", data, index.body + 32 + 12 * row)
        assert data[offset + 4 : offset + 8] == b"moof"
        assert flags >> 31 == 1, "begins with a keyframe"
        offset, seconds = offset + size, seconds + duration / timescale
    assert offset == len(data)
    assert (first, count) == (0, 3)
    assert seconds == pytest.approx(12 / 30, abs=1e-3)


def test_a_part_that_was_closed_meanwhile_is_served_as_it_was():
    open_file = source(recorded(FRAMES, close=False), PART)
    closed_file = source(recorded(FRAMES), DONE)
    before = freeze(open_file)
    after = freeze(closed_file, before.end)
    assert after.end == before.end
    assert served(after, closed_file) == served(before, open_file)


def test_the_answer_is_one_file_although_more_is_written():
    file = source(recorded(FRAMES, close=False), PART)
    early = freeze(Bytes(file.data[: freeze(file).end - 1]))
    assert freeze(file, early.end) == early


def test_there_is_nothing_to_freeze_before_the_first_fragment():
    file = source(recorded(FRAMES, close=False), PART)
    assert freeze(Bytes(file.data[: freeze(file).at + 20])) is None
    assert freeze(Bytes(b"")) is None
    assert freeze(Bytes(b"nonsense" * 100)) is None


def test_the_frozen_file_decodes_frame_by_frame(decoded_numbers):
    file = source(recorded(FRAMES, close=False), PART)
    assert decoded_numbers(served(freeze(file), file)) == list(range(12))
