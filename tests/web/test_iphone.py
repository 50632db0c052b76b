"""What an iPhone needs of a recording, by structure: no iPhone is here to be asked.

AVFoundation asks for two bytes first, takes a server without right answers to ranges for broken,
and plays H.264 whose parameter sets are in the sample entry (`avc1`).
"""

from __future__ import annotations

import pytest

from tests.storage.events import write_event
from tests.storage.test_mp4_layout import boxes
from tests.web.house import Stage, visit


@pytest.fixture
def stage():
    return Stage()


async def in_ranges(visitor, path, step):
    """The file as a player fetches it: two bytes, then range after range of the size it learnt."""
    probe = await visitor.get(path, Range="bytes=0-1")
    assert (probe.code, len(probe.body)) == (206, 2)
    assert probe.headers["Accept-Ranges"] == "bytes"
    assert probe.headers["Content-Type"] == "video/mp4"
    size = int(probe.headers["Content-Range"].partition("bytes 0-1/")[2])
    data = b""
    while len(data) < size:
        last = min(len(data) + step, size) - 1
        some = await visitor.get(path, Range="bytes=%d-%d" % (len(data), last))
        assert some.code == 206
        assert some.headers["Content-Range"] == "bytes %d-%d/%d" % (len(data), last, size)
        assert some.headers["Content-Length"] == str(len(some.body)) == str(last + 1 - len(data))
        data += some.body
    return data


def test_a_finished_part_is_an_ordinary_file_of_avc1_with_its_index_first(tmp_path, stage):
    name = write_event(stage.plug())

    async def scenario(visitor):
        data = await in_ranges(visitor, "/media/%s/120000_p00.mp4" % name.folder, 777)
        assert boxes(data) == ["ftyp", "moov", "mdat"]
        moov = data[: data.index(b"mdat")]
        for box in (b"avc1", b"avcC", b"stts", b"stss", b"stsz"):
            assert box in moov
        assert b"avc3" not in moov
        assert b"mvex" not in moov, "an ordinary moov: no fragments are to be expected"

    visit(tmp_path, scenario, stage)


def test_a_part_that_grows_is_an_ordinary_file_too(tmp_path, stage):
    name = write_event(stage.plug(), (), open_part="kpppkppp")

    async def scenario(visitor):
        led = await visitor.get("/media/%s/120000_p00.part.mp4" % name.folder, Range="bytes=0-1")
        assert led.code == 302
        data = await in_ranges(visitor, led.headers["Location"], 333)
        assert boxes(data) == ["ftyp", "moov", "mdat"]
        opening = data[: data.index(b"mdat")]
        for box in (b"avc1", b"avcC", b"stss"):
            assert box in opening
        assert b"mvex" not in opening

    visit(tmp_path, scenario, stage)


@pytest.mark.parametrize("header", ["bytes=0-1,4-5", "bytes=0-0,-1", "bytes=-1,0-"])
def test_several_ranges_are_answered_by_the_whole_and_never_in_parts(tmp_path, stage, header):
    name = write_event(stage.plug())

    async def scenario(visitor):
        path = "/media/%s/120000_p00.mp4" % name.folder
        answer = await visitor.get(path, Range=header)
        assert (answer.code, answer.headers["Content-Type"]) == (200, "video/mp4")
        assert answer.body == (await visitor.get(path)).body

    visit(tmp_path, scenario, stage)
