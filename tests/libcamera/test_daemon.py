"""The whole daemon on the real picamera2: what is on the volume afterwards, and how soon."""

from __future__ import annotations

import os
import threading

import av
import pytest

from dashcamd.cameras.scene import read_counter
from tests.libcamera.house import House, has_camera_fault, is_recording

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("sensor")]

FPS = 25
STILL_S = float(os.environ.get("DASHCAMD_STILL_S", "30"))
FAULT_LIMIT_S, RETURN_LIMIT_S = 5.0, 10.0


@pytest.fixture
def house(tmp_path, request):
    script, mode = getattr(request, "param", ("w", "continuous"))
    made = House(tmp_path, script, mode)
    yield made
    made.close()
    print(made.log)


def numbers_in(path):
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray8") for frame in container.decode(video=0)]
    return [read_counter(luma) for luma in frames]


def assert_playable_and_exact(house, count):
    verdict = house.ask("verify", "--storage", str(house.volume))
    assert verdict["ok"]
    assert len(verdict["files"]) >= count
    assert {one["status"] for one in verdict["files"]} == {"ok"}
    for path in house.files():
        numbers = numbers_in(path)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("house", [("......wwwww" + "." * 600, "motion")], indirect=True)
def test_somebody_walking_by_is_one_event_with_pre_roll_and_exact_splits(house):
    """He walks from second 6 to 11; 3 s before and after are kept, a file holds 4 s."""
    house.open()
    house.seconds_until(is_recording)
    house.seconds_until(lambda status: status and not status["event"])
    house.close()
    assert house.exits == [0]
    events = house.ask("events", "--storage", str(house.volume))
    assert [(event["reason"], event["state"]) for event in events] == [("motion", "closed")]
    assert_playable_and_exact(house, 3)
    parts = [numbers_in(path) for path in house.files()]
    numbers = [number for part in parts for number in part]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for part in parts[:-1]:  # cut at the first keyframe that is 4 s or later, a GOP is 1 s
        assert 4 * FPS <= len(part) <= 5 * FPS
        assert len(part) % FPS == 0
    assert 6 * FPS - 4 * FPS <= numbers[0] <= 6 * FPS - 2 * FPS
    assert 11 * FPS + 2 * FPS <= numbers[-1] <= 11 * FPS + 4 * FPS


@pytest.mark.parametrize("house", [(".", "motion")], indirect=True)
def test_still_scene_records_nothing(house):
    """$DASHCAMD_STILL_S seconds; 600 was run for the record."""
    house.open()
    house.seconds_until(lambda status: status and status["counters"]["frames_captured"] > 0)
    threading.Event().wait(STILL_S)
    status = house.status()
    house.close()
    assert status["counters"]["frames_captured"] > (STILL_S - 2) * FPS * 0.9
    assert status["motion"]["last_field_age_s"] < 2
    assert status["counters"]["frames_written"] == 0
    assert house.files() == []


@pytest.mark.parametrize("accident", ["frozen", "disconnected", "encoder-silence"])
def test_dead_camera_ends_the_daemon_which_records_again_when_it_is_back(house, accident):
    house.open()
    house.seconds_until(is_recording)
    house.stage.begin(accident)
    shown_s = house.seconds_until(lambda status: has_camera_fault(status) or house.exits)
    assert shown_s < FAULT_LIMIT_S
    house.seconds_until(lambda status: house.exits)
    assert house.exits == [1]
    assert "process must end and be started again" in house.log
    assert_playable_and_exact(house, 1)
    house.stage.end(accident)
    assert house.seconds_until(is_recording) < RETURN_LIMIT_S
    house.close()
    assert_playable_and_exact(house, 2)


def test_failing_encoder_is_survived_by_the_daemon(house):
    house.open()
    house.seconds_until(is_recording)
    house.stage.begin("encoder-error")
    assert house.seconds_until(has_camera_fault) < FAULT_LIMIT_S
    house.seconds_until(lambda status: status and not status["recording"])
    house.stage.end("encoder-error")
    assert house.seconds_until(is_recording) < RETURN_LIMIT_S
    house.close()
    assert house.exits == [0]
    assert_playable_and_exact(house, 2)


@pytest.mark.parametrize("accident", ["busy", "absent"])
def test_camera_that_comes_later_is_found(house, accident):
    house.stage.begin(accident)
    house.open()
    house.seconds_until(lambda status: status is not None)
    assert house.seconds_until(has_camera_fault) < FAULT_LIMIT_S
    threading.Event().wait(4)
    house.stage.end(accident)
    assert house.seconds_until(is_recording) < RETURN_LIMIT_S
    house.close()
    assert house.exits == [0]
    assert_playable_and_exact(house, 1)
