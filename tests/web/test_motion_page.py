"""What the page shows of the detector and the log, and what it may ask of last night."""

from __future__ import annotations

import asyncio
import json

import pytest

from dashcamd.config import MotionConfig
from dashcamd.core.live import Live
from dashcamd.core.watch import Watch
from dashcamd.health.log_lines import Line
from dashcamd.storage import what_if
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk
from tests.core.fields import still, walk
from tests.storage.test_what_if import disk_of, visits
from tests.web.house import Stage, content, visit

from dashcamd.web import what_ifs  # isort: skip

WHAT_IF = "/api/v1/motion/what-if"


def seen(fields):
    watch = Watch(MotionConfig())
    last = [watch.step(one) for one in fields][-1]
    return Live(last, watch.detector.standing, watch.detector.least_blocks)


async def told(reader):
    assert await reader.readline() == b"event: motion\n"
    line = await reader.readline()
    assert await reader.readline() == b"\n"
    return json.loads(line[len(b"data: ") :])


def test_what_the_detector_sees_is_pushed_while_it_is_looked_at(tmp_path):
    async def scenario(visitor):
        stage, motion = visitor.stage, visitor.site.motion
        head, reader, writer = await visitor.stream("/api/v1/motion")
        assert "text/event-stream" in head
        assert await told(reader) == {"ts": None}
        stage.motion.put(seen(still(0, 5) + walk(5, 3)))
        said = await told(reader)
        assert (said["count"], said["is_motion"], said["veto"]) == (6, True, None)
        stage.motion.put(seen(still(0, 0.2)))
        assert (await told(reader))["veto"] == "warming up"
        assert motion.is_watched
        writer.close()
        while motion.is_watched or motion._timer is not None:
            await asyncio.sleep(0)

    visit(tmp_path, scenario)


def test_nothing_is_said_twice(tmp_path):
    async def scenario(visitor):
        visitor.stage.motion.put(seen(still(0, 1)))
        _, reader, writer = await visitor.stream("/api/v1/motion")
        await told(reader)
        visitor.site.motion._beat()
        visitor.site.motion._beat()
        visitor.stage.motion.put(seen(still(0, 2)))
        visitor.site.motion._beat()
        await told(reader)
        more = await told(reader)
        assert more["ts"] > 1
        writer.close()

    visit(tmp_path, scenario)


@pytest.fixture(scope="module")
def traced():
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "boot")
    for path in (source := disk_of(visits(100, 300), visits(200))).paths:
        disk.make_dirs(path.rpartition("/")[0])
        disk.put(path, source.content(path))
    return volume


def test_other_settings_are_weighed_against_those_in_force(tmp_path, traced):
    stage = Stage()
    stage.slot.put(traced)

    async def scenario(visitor):
        asked = {"motion": {"ignore": "1x1:8"}}
        answer = content(await visitor.post(WHAT_IF, asked))
        assert answer.pop("covered_s") == pytest.approx(800, abs=20)
        assert answer == {
            "events": 0, "now": 3, "hours_looked": 2, "hours_found": 2, "is_complete": True,
        }  # fmt: skip
        same = content(await visitor.post(WHAT_IF, {"motion": {}, "hours": 1}))
        assert (same["events"], same["now"]) == (1, 1)
        assert stage.asked == [], "nothing was changed"

    visit(tmp_path, scenario, stage)


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        ({"motion": {"sensitivity": 99}}, 409, "1 to 10"),
        ({"motion": {"nonsense": 1}}, 409, "nonsense"),
        ({"motion": 5}, 400, "object"),
        ({}, 400, "missing"),
        ({"motion": {}, "hours": 25}, 400, "24"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(tmp_path, traced, body, code, word):
    stage = Stage()
    stage.slot.put(traced)

    async def scenario(visitor):
        answer = await visitor.post(WHAT_IF, body)
        assert (answer.code, word in content(answer)["error"]) == (code, True)

    visit(tmp_path, scenario, stage)


def test_without_a_stick_nobody_knows(tmp_path):
    async def scenario(visitor):
        answer = await visitor.post(WHAT_IF, {"motion": {}})
        assert (answer.code, "no stick" in content(answer)["error"]) == (409, True)

    visit(tmp_path, scenario)


def wait_for_work(monkeypatch):
    """Replays that go on until they are told to end: the sensitivities that began and ended."""
    begun, ended = [], []

    def endless(disk, settings, gap_s, hours, is_over, memory):
        begun.append(settings[0].sensitivity)
        while not is_over():
            pass
        ended.append(settings[0].sensitivity)
        return what_if.WhatIf(((), ()), 0.0, 0, 1)

    monkeypatch.setattr(what_ifs, "what_if", endless)
    return begun, ended


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def run_in_threads(visitor):
    loop = asyncio.get_running_loop()
    visitor.site.what_ifs._in_thread = lambda act: loop.run_in_executor(None, act)


def test_the_newest_question_ends_the_one_before(tmp_path, traced, monkeypatch):
    stage, (begun, ended) = Stage(), wait_for_work(monkeypatch)
    stage.slot.put(traced)

    async def scenario(visitor):
        run_in_threads(visitor)
        asked = []
        for sensitivity in (1, 2, 3):
            body = {"motion": {"sensitivity": sensitivity}}
            asked.append(asyncio.ensure_future(visitor.post(WHAT_IF, body)))
            await until(lambda: len(begun) == len(asked))
        for question in asked[:2]:
            answer = await question
            assert (answer.code, content(answer)["error"]) == (409, what_ifs.SUPERSEDED)
        assert ended == [1, 2]
        assert not asked[2].done()
        visitor.site.what_ifs.close()
        assert (await asked[2]).code == 409

    visit(tmp_path, scenario, stage)


@pytest.mark.parametrize("trouble", ["the stick is gone", "the recorder is behind"])
def test_the_recording_goes_first(tmp_path, traced, monkeypatch, trouble):
    stage, (begun, ended) = Stage(), wait_for_work(monkeypatch)
    stage.slot.put(traced)

    async def scenario(visitor):
        run_in_threads(visitor)
        asked = asyncio.ensure_future(visitor.post(WHAT_IF, {"motion": {}}))
        await until(lambda: begun)
        if trouble == "the stick is gone":
            stage.slot.put(None)
        else:
            stage.board.post("recording", {"backlog_frames": 1000})
        answer = await asked
        assert (answer.code, content(answer)["is_complete"]) == (200, False)
        assert len(ended) == 1

    visit(tmp_path, scenario, stage)


def test_the_log_is_told_newest_first_and_warnings_alone(tmp_path):
    stage = Stage()
    stage.log.put(
        (
            Line(stage.now - 60, "info", "app", "hello"),
            Line(stage.now - 30.25, "warning", "services.volumes", "<b>slow</b>", 3),
        )
    )

    async def scenario(visitor):
        newest, oldest = content(await visitor.get("/api/v1/log"))["lines"]
        assert newest == {
            "age_s": 30.2, "level": "warning", "room": "services.volumes",
            "text": "<b>slow</b>", "times": 3,
        }  # fmt: skip
        assert oldest["text"] == "hello"
        assert content(await visitor.get("/api/v1/log?level=warning"))["lines"] == [newest]
        assert content(await visitor.get("/api/v1/log?level=info"))["lines"] == [newest, oldest]
        assert (await visitor.get("/api/v1/log?level=x")).code == 400

    visit(tmp_path, scenario, stage)


def test_an_empty_log_is_no_trouble(tmp_path):
    async def scenario(visitor):
        assert content(await visitor.get("/api/v1/log")) == {"lines": []}

    visit(tmp_path, scenario)
