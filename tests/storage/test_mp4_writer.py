from __future__ import annotations

import errno
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.core.h264 import to_sample
from dashcamd.errors import MediaError, StorageError
from dashcamd.storage.mp4_boxes import FTYP
from dashcamd.storage.mp4_parse import read_fragment, read_opening
from dashcamd.storage.mp4_reader import inspect_source
from dashcamd.storage.mp4_recovery import is_unfinished, recover
from dashcamd.storage.mp4_writer import FrameUnusable, Mp4Writer, StreamChanged
from dashcamd.testing import PPS, SPS, FlakyDisk, MemoryDisk, sps, stream
from dashcamd.types import Frame
from tests.storage.recordings import DONE, PART, gops, only_path, record, recorded


def started(disk=None):
    disk = disk or MemoryDisk()
    file = disk.create("a.mp4")
    return disk, file, Mp4Writer(file)


def info_of(disk, path="a.mp4"):
    return inspect_source(disk.open(path))


def test_closed_file_holds_every_frame_in_order(decoded_numbers):
    frames = stream("kppppp" * 7, first_number=1000)
    disk = recorded(frames)
    assert decoded_numbers(disk.content(DONE)) == list(range(1000, 1042))
    info = info_of(disk, DONE)
    assert (info.status, info.is_finished, info.frames) == ("ok", True, 42)
    assert info.keyframes == tuple(range(0, 42, 6))
    assert (info.width, info.height) == (32, 32)
    assert info.created_wall == 1_700_000_000


def test_growing_file_plays_up_to_its_last_fragment(decoded_numbers):
    frames = stream("kppp" * 5)
    content = recorded(frames, close=False).content(PART)
    assert decoded_numbers(content) == list(range(20))


def test_closed_file_is_an_ordinary_mp4_to_a_box_walker():
    content = recorded(stream("kppp" * 3)).content(DONE)
    mdat_size = int.from_bytes(content[len(FTYP) + 8 : len(FTYP) + 16], "big")
    assert content[len(FTYP) : len(FTYP) + 8] == b"\0\0\0\1mdat"
    assert content[len(FTYP) + mdat_size + 4 :][:4] == b"moov"
    assert b"mvex" not in content[len(FTYP) + mdat_size :]


@settings(deadline=None)
@given(
    st.text("kp", max_size=60).map("k".__add__),
    st.sets(st.integers(1, 60)),
    st.sampled_from([23.976, 25.0, 29.97, 30.0, 59.94, 7.3]),
)
def test_frames_may_be_handed_over_in_any_portions(pattern, cuts, fps):
    frames = stream(pattern, fps=fps, start_ts=123_456.789)
    whole, parts = started(), started()
    whole[2].append(frames)
    start = 0
    for end in [*sorted(cut for cut in cuts if cut < len(frames)), len(frames)]:
        parts[2].append(frames[start:end], frames[end].ts if end < len(frames) else None)
        start = end
    for _, _, writer in (whole, parts):
        writer.close()
    seen, expected = info_of(parts[0]), info_of(whole[0])
    assert seen.times_s == expected.times_s
    assert seen.keyframes == expected.keyframes
    assert seen.keyframes == tuple(i for i, letter in enumerate(pattern) if letter == "k")
    for time, frame in zip(seen.times_s, frames):
        assert abs(time - (frame.ts - frames[0].ts)) < 1 / 90_000
    assert seen.status == "ok"


def test_an_hour_of_odd_stamps_does_not_drift():
    picture = stream("k")[0].data
    frames = [Frame(5e5 + place * 15.015 / 7, True, picture) for place in range(1700)]
    disk, _, writer = started()
    for place in range(len(frames) - 1):
        writer.append(frames[place : place + 1], frames[place + 1].ts)
    writer.append(frames[-1:])
    writer.close()
    info = info_of(disk)
    assert abs(info.times_s[-1] - (frames[-1].ts - frames[0].ts)) < 1 / 90_000
    assert info.duration_s == pytest.approx(15.015 / 7 * len(frames), abs=1e-4)


@pytest.mark.parametrize(
    ("next_ts", "last_s"), [(None, 0.5), (1003.25, 0.75), (1000.0, 1 / 90_000)]
)
def test_the_last_duration_is_what_the_next_stamp_says(next_ts, last_s):
    disk, _, writer = started()
    writer.append(stream("kpppp k".replace(" ", ""), fps=2)[:6], next_ts)
    writer.close()
    assert info_of(disk).duration_s == pytest.approx(2.5 + last_s, abs=1e-4)


def test_a_single_frame_makes_a_file(decoded_numbers):
    disk = recorded(stream("k", first_number=7))
    assert decoded_numbers(disk.content(DONE)) == [7]
    assert info_of(disk, DONE).duration_s == pytest.approx(1 / 30, abs=1e-4)


def test_repeated_and_falling_stamps_still_rise_in_the_file():
    frames = stream("kpppp")
    frames[2].ts = frames[1].ts
    frames[3].ts = frames[1].ts - 1
    disk, _, writer = started()
    writer.append(frames)
    writer.close()
    times = info_of(disk).times_s
    assert all(before < after for before, after in zip(times, times[1:]))


def test_properties_tell_what_was_written():
    disk, file, writer = started()
    assert (writer.frames, writer.duration_s > 0, writer.first_ts, writer.last_ts) == (
        0,
        False,
        None,
        None,
    )
    frames = stream("kppp", fps=4)
    writer.append(frames, 1001.0)
    assert (writer.frames, writer.duration_s) == (4, pytest.approx(1.0))
    assert (writer.first_ts, writer.last_ts) == (1000.0, 1000.75)
    assert writer.size_bytes == file.size
    writer.close()
    assert writer.size_bytes == len(disk.content("a.mp4"))


def test_new_parameter_sets_end_the_part_and_lose_nothing(decoded_numbers):
    frames = stream("kppkppkpp")
    other = sps(4, 4)
    changed = frames[6].data.replace(SPS, other)
    frames[6] = Frame(frames[6].ts, True, changed)
    disk, _, writer = started()
    writer.append(frames[:3], frames[3].ts)
    before = disk.content("a.mp4")
    with pytest.raises(StreamChanged) as caught:
        writer.append(frames[3:])
    assert caught.value.index == 3
    assert disk.content("a.mp4") == before
    writer.append(frames[3:6], frames[6].ts)
    writer.close()
    assert decoded_numbers(disk.content("a.mp4")) == list(range(6))


def test_keyframes_that_repeat_only_some_sets_go_on():
    frames = stream("kpkp")
    bare = Frame(frames[2].ts, True, frames[2].data.replace(b"\0\0\0\1" + SPS, b""))
    disk, _, writer = started()
    writer.append([frames[0], frames[1], bare, frames[3]])
    writer.close()
    assert info_of(disk).keyframes == (0, 2)


@pytest.mark.parametrize("first", ["p", "bare k"])
def test_a_file_cannot_begin_without_parameter_sets(first):
    frames = stream("kp")
    bare = Frame(1.0, True, b"\0\0\1\x65\x88\x80")
    disk, _, writer = started()
    with pytest.raises(MediaError, match="no SPS and PPS"):
        writer.append([frames[1] if first == "p" else bare])
    writer.append(frames)
    writer.close()
    assert info_of(disk).frames == 2


@pytest.mark.parametrize("data", [b"", b"junk", b"\0\0\1" + SPS + b"\0\0\1" + PPS])
def test_a_frame_without_picture_is_refused_and_nothing_is_written(data):
    disk, _, writer = started()
    frames = stream("kpp")
    writer.append(frames[:2])
    before = disk.content("a.mp4")
    with pytest.raises(MediaError):
        writer.append([frames[2], Frame(1000.5, False, data)])
    assert disk.content("a.mp4") == before
    writer.append(frames[2:])
    writer.close()
    assert info_of(disk).frames == 3


def test_closing_twice_or_without_frames_is_harmless():
    disk, _, writer = started()
    writer.close()
    writer.close()
    assert disk.content("a.mp4") == b""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.ENODEV])
def test_whatever_call_fails_synced_frames_are_recovered(code, decoded_numbers):
    frames = stream("kppp" * 3)
    counted = FlakyDisk(MemoryDisk())
    record(counted, frames)
    for call in range(1, counted.calls + 1):
        disk = MemoryDisk()
        with pytest.raises(StorageError) as caught:
            record(FlakyDisk(disk, call, code), frames)
        assert caught.value.errno == code
        if not disk.paths:
            continue
        synced = sum(op.act == "sync" for op in disk.journal) * 4
        path = only_path(disk)
        found = recover(disk, path)
        assert found.frames >= min(synced, len(frames))
        if found.frames:
            assert decoded_numbers(disk.content(path)) == list(range(found.frames))


def test_a_full_disk_ends_the_part_as_an_ordinary_mp4(decoded_numbers):
    frames = stream("kppp" * 10, pad_bytes=2000)
    disk, file, writer = started(MemoryDisk(capacity_bytes=50_000))
    for gop in gops(frames)[:4]:
        writer.append(gop)
        file.sync()
    with pytest.raises(StorageError, match="the volume is full"):
        writer.append(gops(frames)[4])
    writer.close()
    assert decoded_numbers(disk.content("a.mp4")) == list(range(16))
    assert info_of(disk).status == "ok"


def test_a_full_disk_at_the_index_leaves_a_file_that_closes_once_there_is_room(decoded_numbers):
    frames = stream("kppp" * 4)
    disk, _, writer = started()
    writer.append(frames)
    disk._capacity = len(disk.content("a.mp4")) + 100
    for _ in range(2):
        with pytest.raises(StorageError, match="the volume is full"):
            writer.close()
    assert is_unfinished(disk.open("a.mp4"))
    disk._capacity = 10**6
    writer.close()
    assert decoded_numbers(disk.content("a.mp4")) == list(range(16))
    assert info_of(disk).status == "ok"


def test_a_failed_append_can_be_repeated_once_there_is_room(decoded_numbers):
    disk = MemoryDisk()
    flaky = FlakyDisk(disk, 4, errno.ENOSPC, once=True)
    file = flaky.create("a.mp4")
    writer = Mp4Writer(file)
    first, second = gops(stream("kpppkppp"))
    writer.append(first)
    file.sync()
    with pytest.raises(StorageError):
        writer.append(second)
    writer.append(second)
    writer.close()
    assert decoded_numbers(disk.content("a.mp4")) == list(range(8))


def test_an_endless_gop_is_cut_into_fragments_and_stays_whole():
    frames = stream("k" + "p" * 9)
    tail = [Frame(1001 + place / 30, False, frames[1].data) for place in range(9000)]
    disk, _, writer = started()
    writer.append(frames + tail)
    writer.close()
    info = info_of(disk)
    assert (info.frames, info.keyframes, info.status) == (9010, (0,), "ok")
    assert disk.content("a.mp4").count(b"moof") == 2


def test_offsets_beyond_four_gigabytes_are_written_in_full():
    from dashcamd.storage.mp4_boxes import Samples, index, track_for
    from dashcamd.storage.mp4_parse import _parse_movie

    samples = Samples()
    for place in (100, 2**32 + 5):
        samples.add_fragment(place, [10, 20], [place, place + 1], (0,))
    track = track_for(to_sample(stream("k")[0].data).parameter_sets, 0)
    movie = _parse_movie(index(track, samples)[8:])
    assert movie.offsets.tolist() == [100, 110, 2**32 + 5, 2**32 + 15]


def test_the_writer_holds_references_not_copies():
    frames = stream("kppppppp", pad_bytes=1_000_000)

    class Sink:
        size = 0

        def write(self, buffers):
            self.size += sum(map(len, buffers))

    tracemalloc.start()
    writer = Mp4Writer(Sink())
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    writer.append(frames)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 3_000_000


def test_the_index_is_synced_before_the_header_flip_and_both_before_the_rename():
    disk = recorded(stream("kppp"))
    last_sync = max(place for place, op in enumerate(disk.journal) if op.act == "sync")
    acts = [op.act for op in disk.journal[last_sync + 1 :]]
    closing = ["write", "sync_all", "overwrite", "sync_all", "rename", "sync_dir"]
    assert acts == ["sync_dir", *closing]
    assert disk.after_cut(len(disk.journal)).content(DONE) == disk.content(DONE)


def test_each_fragment_ends_where_the_next_begins():
    _, file, writer = started()
    frames = stream("kppkpkppp", fps=7.7)
    writer.append(frames[:5], frames[5].ts)
    writer.append(frames[5:])
    opening = read_opening(file)
    fragments = [read_fragment(file, opening.end)]
    while fragments[-1].end < file.size:
        fragments.append(read_fragment(file, fragments[-1].end))
    ends = [fragment.time + sum(fragment.durations) for fragment in fragments]
    assert ends[:-1] == [fragment.time for fragment in fragments[1:]]
    assert [len(fragment.sizes) for fragment in fragments] == [3, 2, 4]
    assert [fragment.is_key for fragment in fragments] == [True, True, True]


def test_a_frame_that_is_no_video_is_named_and_nothing_is_written():
    frames = stream("kpppkppp")
    disk, _, writer = started()
    for data in (b"no start code", b"\0\0\0\1" + SPS):
        with pytest.raises(FrameUnusable) as caught:
            writer.append([*frames[:6], Frame(frames[6].ts, frames[6].key, data), frames[7]])
        assert caught.value.index == 6
    assert disk.content("a.mp4") == b""
    writer.append(frames[:6])
    writer.close()
    assert info_of(disk).frames == 6


@pytest.mark.parametrize("hours", [2, 14, 10**6])
def test_a_frame_that_comes_hours_late_is_in_no_part_with_the_one_before(hours):
    frames = stream("kppp")
    late = Frame(frames[3].ts + hours * 3600, frames[3].key, frames[3].data)
    disk, _, writer = started()
    with pytest.raises(FrameUnusable) as caught:
        writer.append([*frames[:3], late])
    assert caught.value.index == 3
    writer.append(frames[:3])
    writer.close()
    assert info_of(disk).duration_s == pytest.approx(3 / 30, abs=0.001)


@pytest.mark.parametrize("hours", [2, 14, 10**6])
def test_a_last_frame_does_not_last_for_hours(hours):
    frames = stream("kppp")
    disk, _, writer = started()
    writer.append(frames, frames[3].ts + hours * 3600)
    writer.close()
    assert info_of(disk).duration_s == pytest.approx(4 / 30, abs=0.001)


def test_a_frame_that_comes_half_an_hour_late_is_recovered_with_the_others():
    frames = stream("kppp")
    late = Frame(frames[3].ts + 1800, frames[3].key, frames[3].data)
    disk, file, writer = started()
    writer.append(frames[:3])
    writer.append([late])
    file.sync()
    assert recover(disk, "a.mp4").frames == 4
    assert info_of(disk).duration_s > 1800
