"""The whole daemon on unmodified picamera: what a person in front of the Pi would see."""

from __future__ import annotations

import pytest

from tests.legacy.conftest import REASON

pytest.importorskip("tests.legacy.videocore", reason=REASON)

from dashcamd.cameras.scene import Script
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.clock import SimClock
from dashcamd.testing import SlowDisk
from tests.legacy.house import FPS, Daemon, is_gapless, joined
from tests.legacy.videocore import Played

pytestmark = pytest.mark.timeout(300)

MOVES_FROM_S, MOVES_TO_S = 10, 24
PASSAGE = "." * MOVES_FROM_S + "wwwwcccccwwwww" + "." * 20
BUSY = "......" + "wwwwwwcccccc" * 20
"""Something moves from second 6 on, without an end."""

FAULT_S, RETURN_S = 5.0, 10.0
"""A fault is in the status after the one, and recording goes on after the other at most."""

SLACK_S = 3.0
"""What a machine that other work shares may take besides; the times themselves are printed."""


@pytest.fixture
def make_daemon(chip, tmp_path):
    """Makes daemons that record into a folder, and ends those that a failed test left running."""
    made = []

    def make(*given, **named):
        made.append(Daemon(tmp_path, *given, **named))
        return made[-1]

    yield make
    for daemon in made:
        daemon.finish()


def assert_whole(daemon):
    """Every file on the volume is closed, playable and as it was written."""
    reports = daemon.verified()
    assert reports
    assert {(report["status"], report["gaps"]) for report in reports} == {("ok", 0)}
    assert [path.name for path in daemon.folder.rglob("*.part.mp4")] == []


def test_a_passage_becomes_one_event_with_pre_roll_and_splits(chip, make_daemon):
    chip.set_speed(4)
    chip.scene = Played(PASSAGE, FPS)
    daemon = make_daemon(segment_s=6.0)
    assert daemon.play(scene_s=40) == 0
    (event,) = daemon.events()
    numbers = joined(event)
    assert chip.pictures_dropped == 0
    assert is_gapless(numbers)
    assert numbers[0] <= (MOVES_FROM_S - 2) * FPS
    assert (MOVES_TO_S + 2) * FPS <= numbers[-1] <= (MOVES_TO_S + 6) * FPS
    assert len(event) >= 3
    assert all(part.key_first and part.duration_s <= 6.0 + 1.0 for part in event)
    assert_whole(daemon)
    assert daemon.house.status()["counters"]["frames_written"] == len(numbers)


def test_ten_minutes_of_a_still_scene_record_nothing(chip, make_daemon, monkeypatch):
    chip.set_speed(20)
    # At this speed a busy machine would seem a silent camera.
    monkeypatch.setattr("dashcamd.cameras.picamera.FRAME_STALL_S", 60.0)
    monkeypatch.setattr("dashcamd.services.camera.SILENCE_S", 60.0)
    monkeypatch.setattr("dashcamd.services.camera.START_S", 60.0)
    chip.scene = Played(".", 10)
    daemon = make_daemon(camera={"framerate": 10.0})
    assert daemon.play(scene_s=600) == 0
    assert daemon.events() == []
    assert daemon.house.status()["motion"]["fields_judged"] > 600 * 10 * 0.85


def freeze(chip):
    chip.frozen = True


def unplug(chip):
    chip.unplug()


def silence(chip):
    chip.encoder_fault = "silent"


def end_of_stream(chip):
    chip.encoder_fault = "eos"


@pytest.mark.parametrize("inject", [freeze, unplug, silence, end_of_stream])
def test_a_camera_that_dies_in_an_event_is_shown_and_records_again(
    chip, make_daemon, inject, capsys
):
    chip.set_speed(2)
    chip.scene = Played(BUSY, FPS)
    daemon = make_daemon()
    daemon.start()
    daemon.until(lambda status: status["recording"])
    inject(chip)
    took_s = daemon.until(lambda status: any(f.startswith("camera") for f in status["faults"]))
    daemon.until(lambda status: not status["event"] and status["state"] == "camera lost")
    daemon.until(lambda status: list(daemon.folder.rglob("*.part.mp4")) == [])
    assert_whole(daemon)
    (before,) = daemon.events()
    chip.plug()
    chip.encoder_fault = None
    back_s = daemon.until(lambda status: status["recording"] and not status["faults"])
    assert daemon.finish() == 0
    with capsys.disabled():
        print(
            "\n%s: shown after %.1f s, recording %.1f s after the return"
            % (inject.__name__, took_s, back_s)
        )
    assert took_s < FAULT_S + SLACK_S
    assert back_s < RETURN_S + SLACK_S
    assert_whole(daemon)
    assert is_gapless(joined(before))
    assert len(daemon.events()) == 2
    assert is_gapless(joined(daemon.events()[1]))


def test_a_camera_in_use_elsewhere_is_waited_for(chip, make_daemon):
    chip.set_speed(2)
    chip.scene = Played(BUSY, FPS)
    chip.camera_busy = True
    daemon = make_daemon()
    daemon.start()
    daemon.until(lambda status: any("in use by another program" in f for f in status["faults"]))
    chip.camera_busy = False
    back_s = daemon.until(lambda status: status["camera"].get("state") == "delivering")
    daemon.until(lambda status: status["recording"])
    assert daemon.finish() == 0
    assert back_s < RETURN_S + SLACK_S
    assert_whole(daemon)


def test_a_camera_plugged_in_later_is_found(chip, make_daemon):
    chip.set_speed(2)
    chip.scene = Played(BUSY, FPS)
    chip.camera_present = False
    daemon = make_daemon()
    daemon.start()
    daemon.until(lambda status: any("not plugged in" in f for f in status["faults"]))
    chip.plug()
    back_s = daemon.until(lambda status: status["recording"])
    assert daemon.finish() == 0
    assert back_s < RETURN_S + 6 + SLACK_S
    assert_whole(daemon)


def test_a_stalling_disk_costs_the_camera_no_picture(chip, make_daemon, capsys):
    chip.set_speed(2)
    chip.scene = Played(BUSY, FPS)
    began = chip.now()
    stalls = [(began + at, 2.0) for at in (9, 14, 19, 24)]
    daemon = make_daemon(lambda disk: SlowDisk(disk, daemon.clock, stalls))
    assert daemon.play(scene_s=40) == 0
    (event,) = daemon.events()
    assert chip.pictures_dropped == 0
    assert is_gapless(joined(event))
    assert_whole(daemon)
    with capsys.disabled():
        print("\nin callbacks while the disk stalls, by the wall clock: " + spread(chip.callback_s))
        print("the same in time of a processor: " + spread(chip.callback_cpu_s))
    # p99.9 of a machine that other work shares says more about that work; it is printed above.
    assert at(chip.callback_cpu_s, 0.99) < 0.001


PASSAGES = "........wwwwww" + "." * 14 + "cccc" + "." * 14 + "wwwww" + "." * 12


def test_picameras_vectors_and_decoded_luma_see_the_same_events(chip, make_daemon, tmp_path):
    """The same scene through the encoder's vectors and through the field of all other cameras."""
    chip.set_speed(4)
    chip.scene = Played(PASSAGES, FPS)
    vectors = make_daemon()
    assert vectors.play(scene_s=len(PASSAGES)) == 0

    def drawn(config, clock):
        return SyntheticCamera(config, Script(PASSAGES, repeats=False), clock)

    (tmp_path / "luma").mkdir()
    plain = {"source": "synthetic", "annotate_text": ""}
    luma = Daemon(tmp_path / "luma", camera=plain, make=drawn, clock=SimClock())
    assert luma.run(duration_s=len(PASSAGES)) == 0
    seen, expected = vectors.motions(), luma.motions()
    print("vectors: %s\nluma:    %s" % (seen, expected))
    assert len(seen) == 3
    assert seen == [pytest.approx(motion, abs=0.5) for motion in expected]


def at(times_s, quantile):
    """The time that `quantile` of all calls stay under."""
    return sorted(times_s)[int(len(times_s) * quantile)]


def spread(times_s):
    places = ("median", 0.5), ("p99", 0.99), ("p99.9", 0.999)
    words = ["%s %.3f" % (name, 1000 * at(times_s, quantile)) for name, quantile in places]
    return "%s, worst %.3f ms of %d" % (", ".join(words), 1000 * max(times_s), len(times_s))
