from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.errors import MediaError, StorageError
from dashcamd.storage.mp4_boxes import FLIP_OFFSET, FTYP, INIT_OFFSET, PLACEHOLDER
from dashcamd.storage.mp4_reader import inspect_source
from dashcamd.storage.mp4_recovery import recover
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.testing import FlakyDisk, MemoryDisk, stream
from tests.storage.recordings import DONE, PART, only_path, recorded

FRAMES = stream("kppp" * 5, first_number=500)
GOP = 4


def disk_with(data, path="x.mp4"):
    disk = MemoryDisk()
    disk.put(path, data)
    return disk


def recovered(data):
    disk = disk_with(data)
    return recover(disk, "x.mp4"), disk.content("x.mp4")


def growing():
    return recorded(FRAMES, close=False).content(PART)


def finished():
    return recorded(FRAMES).content(DONE)


FILES = {"growing": growing(), "finished": finished()}


def fragment_offsets(data):
    places, place = [], data.find(b"moof")
    while place >= 0:
        places.append(place - 4)
        place = data.find(b"moof", place + 4)
    return places


def synced_frames(journal, step):
    return sum(op.act == "sync" for op in journal[:step]) * GOP


STEPS = len(recorded(FRAMES).journal)


@pytest.mark.parametrize("step", range(2, STEPS + 1))
@pytest.mark.parametrize("model", ["everything reached the medium", "only what was synced"])
def test_a_cut_between_any_two_steps_loses_no_synced_frame(step, model, decoded_numbers):
    disk = recorded(FRAMES)
    synced = synced_frames(disk.journal, step)
    after = disk.at(step) if model.startswith("everything") else disk.after_cut(step)
    if not after.paths:
        assert synced == 0 or step < 4
        return
    path = only_path(after)
    result = recover(after, path)
    assert result.frames >= synced
    if result.frames:
        assert decoded_numbers(after.content(path)) == list(range(500, 500 + result.frames))
        assert inspect_source(after.open(path)).status == "ok"


def test_a_write_torn_at_any_byte_loses_no_synced_frame():
    disk = recorded(FRAMES)
    chance = random.Random(7)
    for step, op in enumerate(disk.journal):
        sizes = range(1, len(op.data)) if op.act == "overwrite" else []
        if op.act == "write":
            sizes = sorted(chance.sample(range(1, len(op.data)), 12))
        for torn in sizes:
            after = disk.at(step, torn)
            path = only_path(after)
            result = recover(after, path)
            assert result.frames >= synced_frames(disk.journal, step)
            if result.frames:
                info = inspect_source(after.open(path))
                assert (info.status, info.frames) == ("ok", result.frames)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(growing())))
def test_a_growing_file_cut_at_any_byte_keeps_every_whole_frame(size):
    data = growing()
    result, content = recovered(data[:size])
    ends = []
    for offset in fragment_offsets(data):
        info = inspect_source(disk_with(data).open("x.mp4"))
        assert info.frames == len(FRAMES)
        ends.append(offset)
    whole = sum(1 for offset in [*ends[1:], len(data)] if offset <= size) * GOP
    assert whole <= result.frames < whole + GOP
    if result.frames:
        assert inspect_source(disk_with(content).open("x.mp4")).frames == result.frames
        assert result.bytes_cut <= size


def test_whole_frames_of_an_unfinished_fragment_are_kept(decoded_numbers):
    data = growing()
    result, content = recovered(data[:-300])
    assert result.frames == len(FRAMES) - 1
    assert decoded_numbers(content) == list(range(500, 500 + result.frames))


def test_video_is_never_moved_or_rewritten():
    data = growing()
    _, content = recovered(data)
    changed = [at for at, (old, new) in enumerate(zip(data, content)) if old != new]
    assert set(changed) <= set(range(FLIP_OFFSET, INIT_OFFSET))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.booleans(), min_size=16, max_size=16))
def test_a_header_flip_torn_in_any_way_is_finished(mix):
    old, new = growing(), bytearray(finished())
    for place, is_new in enumerate(mix):
        if not is_new:
            new[FLIP_OFFSET + place] = old[FLIP_OFFSET + place]
    result, content = recovered(bytes(new))
    assert result.frames == len(FRAMES)
    assert content == finished()


@pytest.mark.parametrize(
    "tail", [bytes(1), bytes(100_000), b"\xff" * 5000, b"moof" * 999, b"\0\0\0\0moof" * 99]
)
def test_whatever_follows_the_last_fragment_is_cut(tail, decoded_numbers):
    result, content = recovered(growing() + tail)
    assert (result.frames, result.bytes_cut, result.status) == (len(FRAMES), len(tail), "recovered")
    assert content == finished()


def test_blocks_that_never_reached_the_medium_are_not_taken_for_video():
    data = bytearray(growing())
    last = fragment_offsets(data)[-1]
    data[-700:-300] = bytes(400)
    result, _ = recovered(bytes(data))
    assert len(FRAMES) - GOP < result.frames < len(FRAMES)
    data[last + 300 :] = bytes(len(data) - last - 300)
    result, _ = recovered(bytes(data))
    assert result.frames == len(FRAMES) - GOP


def test_a_bad_stretch_in_the_middle_is_stepped_over(decoded_numbers):
    data = bytearray(growing())
    second = fragment_offsets(data)[1]
    data[second : second + 64] = b"\xa5" * 64
    result, content = recovered(bytes(data))
    assert (result.frames, result.bytes_cut) == (len(FRAMES) - GOP, 0)
    assert decoded_numbers(content) == [*range(500, 504), *range(508, 520)]
    info = inspect_source(disk_with(content).open("x.mp4"))
    assert [gap.after for gap in info.gaps] == [3]


def test_without_its_first_keyframe_a_file_begins_at_the_next(decoded_numbers):
    disk = MemoryDisk()
    file = disk.create("x.mp4")
    writer = Mp4Writer(file)
    for start in (0, 2, 4, 8):
        writer.append(FRAMES[start : start + (2 if start < 4 else 4)])
    data = bytearray(disk.content("x.mp4"))
    first = fragment_offsets(data)[0]
    data[first : first + 50] = b"\xa5" * 50
    result, content = recovered(bytes(data))
    assert result.frames == 8
    assert decoded_numbers(content) == list(range(504, 512))


def test_a_finished_file_is_left_alone():
    data = finished()
    assert recovered(data) == ((len(FRAMES), 0, "finished"), data)


def test_somebody_elses_finished_file_is_left_alone(tmp_path):
    av = pytest.importorskip("av", reason="PyAV (extra 'media') makes the file")
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=30)
        track.width, track.height = 64, 64
        picture = av.VideoFrame(64, 64, "yuv420p")
        container.mux(track.encode(picture))
        container.mux(track.encode(None))
    data = path.read_bytes()
    assert recovered(data) == ((1, 0, "finished"), data)


@pytest.mark.parametrize(
    "size", [0, 1, 8, len(FTYP), INIT_OFFSET, INIT_OFFSET + 4, INIT_OFFSET + 300]
)
def test_a_stub_is_empty_and_stays_as_it_is(size):
    data = growing()[:size]
    assert recovered(data) == ((0, 0, "empty"), data)


@pytest.mark.parametrize("size", [1, 512, 3_000_000])
def test_preallocated_zeros_are_empty(size):
    assert recovered(bytes(size)) == ((0, 0, "empty"), bytes(size))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([b"", FTYP, FTYP + PLACEHOLDER]))
def test_what_is_not_ours_is_refused_by_name_and_untouched(junk, head):
    data = head + junk
    disk = disk_with(data, "dir.mp4")
    try:
        answer = str(recover(disk, "dir.mp4").frames)
    except MediaError as error:
        answer = str(error)
    assert answer == "0" or "dir.mp4 is not a recording of dashcamd" in answer
    assert disk.content("dir.mp4") == data
    assert disk.journal == []


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_damaged_files_are_refused_or_become_sound(data):
    base = bytearray(FILES[data.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(base) - 1))
        value = data.draw(
            st.sampled_from([b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\1", b"moov", b"\x7f"])
        )
        base[place : place + len(value)] = value
    disk = disk_with(bytes(base))
    try:
        result = recover(disk, "x.mp4")
    except MediaError:
        assert disk.content("x.mp4") == bytes(base)
        return
    if result.status == "recovered":
        found = inspect_source(disk.open("x.mp4"))
        assert found.frames == result.frames


@pytest.mark.parametrize(
    "kind", [b"moof", b"mdat", b"moov", b"trun", b"stsz", b"stts", b"stsc", b"stco"]
)
@pytest.mark.parametrize("value", [0x7FFF_FFFF, 0xFFFF_FFFF])
@pytest.mark.parametrize("where", [-4, 4, 8, 12])
@pytest.mark.parametrize("source", [growing, finished])
def test_a_huge_number_in_a_header_costs_no_memory(kind, value, where, source):
    data = bytearray(source())
    place = data.rfind(kind) + where
    data[place : place + 4] = value.to_bytes(4, "big")
    disk = disk_with(bytes(data))
    tracemalloc.start()
    try:
        recover(disk, "x.mp4")
    except MediaError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12_000_000


def test_a_file_system_error_is_passed_on_and_recovery_can_be_repeated():
    counted = FlakyDisk(disk_with(growing() + b"junk"))
    recover(counted, "x.mp4")
    for call in range(1, counted.calls + 1):
        disk = disk_with(growing() + b"junk")
        with pytest.raises(StorageError):
            recover(FlakyDisk(disk, call), "x.mp4")
        assert recover(disk, "x.mp4").frames == len(FRAMES)
        assert disk.content("x.mp4") == finished()


@pytest.mark.parametrize("missing", [0, 1, 500, 1200])
def test_recovery_cut_at_any_point_is_taken_up_again(missing):
    data = growing() + b"\0junk"
    data = data[: len(data) - 5 - missing] if missing else data
    disk = disk_with(data)
    expected = recover(disk, "x.mp4")
    wanted = disk.content("x.mp4")
    for step, op in enumerate(disk.journal):
        torn_sizes = {0, 1, len(op.data) // 2, max(0, len(op.data) - 1)}
        for again in [disk.at(step, torn) for torn in torn_sizes] + [disk.after_cut(step)]:
            assert recover(again, "x.mp4").frames == expected.frames
            assert again.content("x.mp4") == wanted
    assert recover(disk, "x.mp4") == (expected.frames, 0, "finished")


@pytest.mark.parametrize(
    ("where", "value"),
    [("mdat size", b"\0\1\1\1"), ("sample size", bytes(4)), ("sample duration", bytes(4))],
)
def test_a_fragment_that_contradicts_itself_is_stepped_over(where, value):
    data = bytearray(growing())
    second, third = fragment_offsets(data)[1:3]
    run = data.find(b"trun", second)
    places = {
        "mdat size": data.find(b"mdat", second) - 4,
        "sample duration": run + 16,
        "sample size": run + 20,
    }
    data[places[where] : places[where] + 4] = value
    result, _ = recovered(bytes(data))
    assert third > second
    assert (result.frames, result.bytes_cut) == (len(FRAMES) - GOP, 0)
