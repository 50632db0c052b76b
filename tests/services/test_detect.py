"""The detect thread by hand: every field judged, in order, and the recorder told."""

from __future__ import annotations

import numpy as np

from dashcamd.app import RECORD_MESSAGES
from dashcamd.config import Config, MotionConfig
from dashcamd.handover import Board, Mailbox
from dashcamd.services.detect import DetectService
from dashcamd.services.health import HealthService
from dashcamd.services.messages import Armed, Bumped, Judged, Triggered, coalesce, may_go
from dashcamd.testing import ScriptCamera, held
from dashcamd.types import MOTION_DTYPE, Motion, MotionField, Sinks
from tests.core.fields import still
from tests.core.test_ego import drive, shaken


class Desk:
    def __init__(self, limit=10_000, **motion):
        self.fields, self.record, self.board = Mailbox(limit), Mailbox(10_000), Board()
        self.settings = held(Config(motion=MotionConfig(**{"warm_up_s": 0.5, **motion})))
        self.service = DetectService(self.settings, self.fields, self.record, self.board)
        self.now = 0.0

    def play(self, motion):
        """Fields after a script at ten a second, judged as they come."""
        camera = ScriptCamera("k" * len(motion), motion, fps=10)
        camera.start(Sinks(lambda _: None, self.fields.put, lambda _: None), self.now)
        for _ in motion:
            self.now = camera.pump()
            self.service.step(self.now)
        return self.record.drain()

    @property
    def posted(self):
        return self.board.snapshot()["motion"]


def test_every_field_is_reported_with_or_without_motion():
    said = Desk().play("." * 20 + "#" * 10 + "." * 10)
    assert [type(message) for message in said] == [Judged] * 40
    assert [message.ts for message in said] == sorted(message.ts for message in said)
    moving = [place for place, message in enumerate(said) if message.motion]
    assert moving == list(range(moving[0], 31)), (
        "once it is told, every field prolongs it, or rests"
    )
    assert 20 < moving[0] < 29, "never by a single field"
    assert said[moving[0]].motion.first == said[20].ts, "told from its first field"
    assert said[30].motion.last == said[30].ts


def test_a_single_flicker_is_no_motion():
    assert not [message for message in Desk().play("." * 20 + "#" + "." * 20) if message.motion]


def test_motion_while_the_camera_warms_up_is_not_believed():
    assert not [message for message in Desk(warm_up_s=3.0).play("#" * 25) if message.motion]


def test_switched_off_it_still_says_how_far_it_is():
    said = Desk(enabled=False).play("." * 20 + "#" * 10)
    assert len(said) == 30
    assert not [message for message in said if message.motion]


def test_dropped_fields_are_counted_and_shown():
    desk = Desk(limit=8)
    blocks = np.zeros((4, 5), MOTION_DTYPE)
    for number in range(20):
        desk.fields.put(MotionField(number / 10, blocks, 1.0, "lores"))
    desk.service.step(10.0)
    assert desk.posted["fields_dropped"] == 12
    assert desk.posted["fields_judged"] == 8


def test_fields_of_an_encoder_are_judged_and_told_in_pools():
    desk = Desk()
    for one in still(0, 5, fps=20, source="videocore"):
        desk.fields.put(one)
    desk.service.step(5.0)
    assert desk.posted["fields_judged"] in (50, 51)
    stamps = [message.ts for message in desk.record.drain()]
    assert stamps == sorted(stamps)
    assert stamps[-1] >= 4.85


def test_closing_judges_what_is_left():
    desk = Desk()
    desk.fields.put(MotionField(1.0, np.zeros((4, 5), MOTION_DTYPE), 1.0, "lores"))
    desk.service.close()
    assert [message.ts for message in desk.record.drain()] == [1.0]


def test_closing_judges_a_pool_that_is_not_complete():
    desk, last = Desk(), 0.0
    for one in still(0, 2, fps=25, source="videocore"):
        desk.fields.put(one)
        desk.service.step(one.ts)
        last = one.ts
        told = [message.ts for message in desk.record.drain()]
    assert told == []
    desk.service.close()
    (rest,) = [message.ts for message in desk.record.drain()]
    assert last - 0.1 < rest <= last


def test_the_board_says_what_is_seen_and_why():
    desk = Desk()
    assert desk.play("." * 5)
    assert not desk.posted["is_moving"]
    desk.play("." * 20 + "#" * 12)
    assert desk.posted["is_moving"]
    assert desk.posted["blocks"] >= 9
    assert "largest group" in desk.posted["reason"]


def test_judgements_fold_without_losing_motion():
    first, second = Motion(1.0, 2.0, peak_blocks=5), Motion(2.5, 3.0, peak_blocks=9)
    assert coalesce(Judged(1.0), Judged(2.0)) == Judged(2.0)
    assert coalesce(Judged(2.0, first), Judged(3.0)) == Judged(3.0, first)
    both = coalesce(Judged(2.0, first), Judged(3.0, second))
    assert both == Judged(3.0, Motion(1.0, 3.0, peak_blocks=9))
    later = Motion(9.0, 9.5)
    assert coalesce(Judged(3.0, second), Judged(9.5, later)) is None
    for other in (Triggered(1.0, "x"), Armed(1.0, True)):
        assert coalesce(Judged(1.0), other) is None
        assert coalesce(other, Judged(1.0)) is None


def bad_road(box, seconds):
    """What record is told on a road that bumps every other second, ten fields a second."""
    for tick in range(seconds * 10):
        ts, place = tick / 10, tick % 20
        motion = Motion(ts - 1, ts, "bump" if place == 15 else "motion") if place < 16 else None
        box.put(Judged(ts, motion))
        if place == 15:
            box.put(Bumped(ts - 1))


def test_ten_minutes_of_a_stalled_stick_on_a_bad_road_lose_no_message():
    box = Mailbox(RECORD_MESSAGES, coalesce, may_go)
    bad_road(box, 600)
    assert box.dropped == 0
    assert sum(isinstance(message, Bumped) for message in box.drain()) == 300


def test_however_long_that_lasts_a_command_waits():
    box = Mailbox(64, coalesce, may_go)
    box.put(Triggered(0.0, "button"))
    bad_road(box, 60)
    assert box.dropped
    assert box.drain()[0] == Triggered(0.0, "button")


def test_a_drive_never_folds_into_motion_nor_motion_into_a_drive():
    walk, drive = Motion(1.0, 2.0), Motion(2.0, 2.1, "driving")
    assert coalesce(Judged(2.0, walk), Judged(2.1, drive)) is None
    assert coalesce(Judged(2.1, drive), Judged(2.2, Motion(2.1, 2.2, "driving"))) is not None


def test_the_board_says_what_the_camera_itself_does():
    desk = Desk(mode="car", warm_up_s=0.0)
    for one in still(0, 5) + shaken(5, [4, -4, 3, -2, 1, 0]) + still(5.6, 5) + drive(11, 5):
        desk.fields.put(one)
        desk.service.step(one.ts)
    said = desk.record.drain()
    assert [message.ts for message in said if isinstance(message, Bumped)] == [5.0]
    assert {one.motion.reason for one in said if isinstance(one, Judged) and one.motion} == {
        "bump",
        "driving",
    }
    assert desk.posted["ego"] == "driving"
    assert desk.posted["is_driving"]
    assert desk.posted["bumps"] == 1
    assert desk.posted["mode"] == "car"


def test_what_was_seen_is_told_to_keep_a_minute_at_a_time_and_at_the_end():
    desk = Desk()
    keep = Mailbox(100)
    service = DetectService(desk.settings, desk.fields, desk.record, desk.board, keep)
    for one in still(0, 130):
        desk.fields.put(one)
    service.step(130.0)
    assert [round(message.chunk.end) for message in keep.drain()] == [59, 119]
    service.close()
    (last,) = keep.drain()
    assert last.chunk.end >= 128


def test_painted_squares_are_taken_up_while_the_daemon_runs():
    desk = Desk()
    assert [message for message in desk.play("." * 30 + "#" * 10) if message.motion]
    desk.settings.put(Config(motion=MotionConfig(ignore="1x1:8")))
    assert not [message for message in desk.play("." * 30 + "#" * 10) if message.motion]


def test_health_is_what_the_machine_says():
    board = Board()
    HealthService(lambda: {"temperature_c": 55.0}, board).step(0.0)
    assert board.snapshot()["health"] == {"temperature_c": 55.0}
