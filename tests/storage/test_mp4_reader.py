from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.errors import StorageError
from dashcamd.storage.mp4_boxes import INIT_OFFSET
from dashcamd.storage.mp4_parse import nal_problem
from dashcamd.storage.mp4_reader import (
    complete_until,
    complete_until_of,
    inspect,
    inspect_source,
    sha256,
)
from dashcamd.testing import MemoryDisk, stream
from dashcamd.types import Frame
from tests.storage.recordings import DONE, PART, recorded
from tests.storage.test_mp4_recovery import FILES, disk_with, finished, growing


def info_of(data):
    return inspect_source(disk_with(data).open("x.mp4"))


def test_growing_and_finished_file_tell_the_same():
    old, new = info_of(growing()), info_of(finished())
    assert (old.is_finished, new.is_finished) == (False, True)
    same = (
        "status",
        "frames",
        "duration_s",
        "times_s",
        "keyframes",
        "gaps",
        "width",
        "created_wall",
    )
    assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
    assert old.problem == ""


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_file_muxed_by_ffmpeg_reads_the_same(b_frames):
    av = pytest.importorskip("av", reason="PyAV (extra 'media') makes the file")
    raw = io.BytesIO()
    with av.open(raw, "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=24)
        track.width, track.height = 160, 120
        track.options = {"bf": str(b_frames), "g": "10", "preset": "veryfast"}
        for number in range(50):
            picture = av.VideoFrame(160, 120, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([number * 5]) * plane.buffer_size)
            picture.pts = number
            container.mux(track.encode(picture))
        container.mux(track.encode(None))
    info = info_of(raw.getvalue())
    with av.open(io.BytesIO(raw.getvalue())) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert (info.status, info.frames, info.width, info.height) == ("ok", 50, 160, 120)
    assert list(info.keyframes) == [at for at, packet in enumerate(packets) if packet.is_keyframe]
    start = packets[0].dts
    assert list(info.times_s) == pytest.approx(
        [float((packet.dts - start) * packet.time_base) for packet in packets]
    )


def test_a_missing_frame_is_a_gap_and_jitter_is_not():
    frames = stream("kppp" * 10, fps=20)
    jittered = [
        Frame(frame.ts + (place % 5 == 2) * 0.04, frame.key, frame.data)
        for place, frame in enumerate(frames)
    ]
    assert info_of(recorded(jittered).content(DONE)).gaps == ()
    holed = frames[:10] + frames[13:]
    (gap,) = info_of(recorded(holed).content(DONE)).gaps
    assert gap.after == 9
    assert gap.seconds == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: b"", "neither an MP4"),
        (lambda data: b"\0" * 99, "neither an MP4"),
        (lambda data: b"MZ" + data[2:], "neither an MP4"),
        (lambda data: growing()[:-1], "no whole fragment"),
        (lambda data: growing() + b"x", "last 1 bytes"),
        (lambda data: growing()[:900], "no frame in it"),
    ],
)
def test_damage_is_named(spoil, problem):
    info = info_of(spoil(finished()))
    assert info.status == "damaged"
    assert problem in info.problem


def patched(data, kind, where, value):
    data = bytearray(data)
    place = data.rfind(kind) + where
    data[place : place + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "where", "value", "problem"),
    [
        (b"stco", 12, b"\x7f\xff\xff\xff", "outside the file"),
        (b"stco", 12, b"\0\0\4\1", "NAL unit of"),
        (b"stsz", 12, b"\0\0\0\1", "number of samples"),
        (b"stsz", 16, b"\0\0\0\5", "NAL unit of"),
        (b"stts", 12, b"\0\0\0\1", "durations for another number"),
        (b"stss", 12, b"\0\0\0\2", "not a keyframe"),
        (b"stss", 12, b"\xff\0\0\2", "beyond the last sample"),
        (b"stsc", 12, b"\0\0\0\2", "out of order"),
        (b"stsc", 16, b"\0\0\0\1", "chunks for another number"),
        (b"vide", 0, b"soun", "no video track"),
        (b"mdhd", 24, b"\0\0\0\0", "time scale"),
        (b"stsz", 0, b"zzzz", "stsz box is missing"),
        (b"stsd", -4, b"\x7f\0\0\0", "does not fit"),
    ],
)
def test_a_false_index_is_named(kind, where, value, problem):
    info = info_of(patched(finished(), kind, where, value))
    assert info.status == "damaged"
    assert problem in info.problem


def test_nal_lengths_that_add_up_by_overrun_are_seen():
    disk = disk_with(b"\0\0\0\2ab" + b"\0\0\0\3cd")
    assert nal_problem(disk.open("x.mp4"), 0, 6) is None
    assert "3 bytes in the 6 bytes left" in nal_problem(disk.open("x.mp4"), 0, 12)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_no_damage_raises(data):
    base = bytearray(FILES[data.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(base) - 1))
        base[place : place + 4] = data.draw(st.binary(min_size=1, max_size=4))
    size = data.draw(st.integers(0, len(base)))
    info = info_of(bytes(base[:size]))
    assert info.status in ("ok", "damaged")
    assert (info.status == "ok") == (info.problem == "")
    assert 0 <= complete_until_of(disk_with(bytes(base[:size])).open("x.mp4")) <= size


def test_complete_until_follows_a_growing_file(tmp_path):
    disk = recorded(stream("kppp" * 4), close=False)
    content = disk.content(PART)
    ends = [op.offset + len(op.data) for op in disk.journal if op.act == "write"]
    path = tmp_path / "a.mp4"
    known = 0
    for size in [0, 20, *range(600, len(content), 97), len(content)]:
        path.write_bytes(content[:size])
        answer = complete_until(str(path), known)
        assert answer == complete_until(str(path))
        assert answer in (0, *ends) or answer < ends[0]
        assert answer <= size
        known = answer
    assert known == len(content)
    path.write_bytes(finished())
    assert complete_until(str(path)) == len(finished())


def test_files_are_read_from_disk_and_hashed(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(finished())
    assert inspect(str(path)) == info_of(finished())
    assert sha256(str(path)) == hashlib.sha256(finished()).hexdigest()
    for act in (inspect, sha256, complete_until):
        with pytest.raises(StorageError, match="it is not there"):
            act(str(tmp_path / "none.mp4"))


def test_an_empty_disk_has_nothing_to_inspect():
    with pytest.raises(StorageError):
        MemoryDisk().open("x.mp4")


class VastSource:
    """A file that claims a terabyte: `head`, then zeros; remembers the largest piece asked for."""

    size = 1 << 40

    def __init__(self, head):
        self._head = head
        self.largest = 0

    def read(self, offset, size):
        self.largest = max(self.largest, size)
        if size > 1 << 27:
            raise AssertionError("asked for %d bytes at once" % size)
        return self._head[offset : offset + size].ljust(size, b"\0")


@pytest.mark.parametrize(
    "head",
    [
        (1).to_bytes(4, "big") + b"moov" + (1 << 39).to_bytes(8, "big"),
        growing()[:INIT_OFFSET] + b"\x7f\0\0\0moov",
        growing()[: growing().find(b"moof") - 4] + b"\x7f\0\0\0moof",
    ],
)
def test_a_box_that_claims_gigabytes_is_not_read(head):
    source = VastSource(head)
    assert inspect_source(source).status == "damaged"
    assert source.largest < 1 << 21


def test_a_count_without_table_allocates_nothing():
    data = patched(finished(), b"stsz", 8, b"\0\0\0\5\xff\xff\xff\xff")
    assert "more than any recording has" in info_of(data).problem
