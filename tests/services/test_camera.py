"""The camera's keeper, driven by hand: silence, death, return, end."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from dashcamd.cameras import picamera2_stream
from dashcamd.clock import SimClock
from dashcamd.config import Config
from dashcamd.errors import CameraError, DeadCameraError
from dashcamd.handover import Board, Latest, Mailbox, Ring
from dashcamd.services.camera import (
    BACK_OFF_S,
    CHECK_S,
    KEYFRAME_WAIT_S,
    LATE_S,
    QUIET_WAIT_S,
    SILENCE_S,
    START_S,
    CameraService,
)
from dashcamd.services.messages import CameraLost, CameraReady
from dashcamd.testing import ScriptCamera, held
from dashcamd.types import CameraInfo, Frame, Jpeg

CONFIG = Config()


class Pushed:
    """A camera with a thread of its own, whose part the test plays."""

    def __init__(self, start_error=None):
        self.start_error, self.fault = start_error, None
        self.stops, self.jpeg_fps = 0, 0.0

    def start(self, sinks, start_ts):
        if self.start_error:
            raise self.start_error
        self.sinks = sinks
        return CameraInfo("pushed", 640, 480, 25.0, 1.0, "lores")

    def deliver(self, ts):
        self.sinks.frame(Frame(ts, True, b"frame"))

    def check(self):
        if self.fault:
            raise self.fault

    def apply(self, settings):
        return ("iso", "crop")

    def want_jpegs(self, fps):
        self.jpeg_fps = fps

    def stop(self):
        self.stops += 1


class Room:
    def __init__(self, *cameras):
        self.cameras = list(cameras)
        self.clock = SimClock(100.0)
        self.ring, self.fields, self.previews = Ring(10**7), Mailbox(10**4), Latest()
        self.record, self.board = Mailbox(100), Board()
        self.opened = []
        self.settings = held(CONFIG)
        self.service = CameraService(
            self.settings, CONFIG.camera, self.make, self.clock, self.ring, self.fields,
            self.previews, self.record, self.board,
        )  # fmt: skip

    def make(self, settings):
        self.opened.append(self.clock.monotonic())
        return self.cameras.pop(0) if len(self.cameras) > 1 else self.cameras[0]

    def run(self, seconds):
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            delay_s = self.service.step(self.clock.monotonic())
            self.clock.advance_to(min(end, self.clock.monotonic() + max(delay_s, 0.001)))

    @property
    def posted(self):
        return self.board.snapshot()["camera"]


def test_a_pumped_camera_delivers_at_the_pace_of_its_stamps():
    room = Room(ScriptCamera("kppp" * 10, fps=10))
    room.run(2.05)
    assert room.ring.stats.appended == 21
    assert len(room.fields.drain()) == 21
    assert [type(message) for message in room.record.drain()] == [CameraReady]
    assert room.posted["state"] == "delivering"
    assert room.posted["fps"] == 10


class Drawn(ScriptCamera):
    """A camera that is drawn, `cost_s` each picture, and can leave some out."""

    def __init__(self, clock, cost_s, **options):
        super().__init__("k" * 1000, fps=10, **options)
        self._clock, self._cost_s = clock, cost_s
        self.stamps = []

    def skip(self, until):
        before = self._place
        self._place = max(before, round((until - self._start_ts) * self._fps + 0.499))
        return self._place - before

    def pump(self):
        self._clock.advance_to(self._clock.monotonic() + self._cost_s)
        self.stamps.append(super().pump())
        return self.stamps[-1]


def drawn(cost_s, seconds, caplog):
    """A room with a camera that takes `cost_s` of a picture's 0.1 s, after so many seconds."""
    room = Room(None)
    room.cameras = [Drawn(room.clock, cost_s)]
    caplog.clear()
    room.run(seconds)
    return room, room.cameras[0].stamps


def test_on_a_machine_that_is_too_slow_pictures_are_left_out_and_stamps_stay_true(caplog):
    room, stamps = drawn(0.25, 60, caplog)
    assert room.clock.monotonic() - stamps[-1] <= LATE_S + 0.25 + 0.1
    apart = [after - before for before, after in zip(stamps, stamps[1:])]
    assert max(apart) < 0.4, "one by one, not many at a time"
    assert len(stamps) == pytest.approx(60 / 0.25, abs=2), "it does what it can"
    assert room.posted["frames_captured"] == pytest.approx(len(stamps), abs=5)
    assert room.posted["frames_skipped"] == pytest.approx(600 - len(stamps), abs=15)
    assert caplog.text.count("too slow") == 1


def test_a_machine_that_keeps_up_leaves_nothing_out_and_a_hiccup_is_caught_up_with(caplog):
    room, stamps = drawn(0.08, 5, caplog)
    room.clock.advance_to(room.clock.monotonic() + LATE_S - 0.1)
    room.run(30)
    assert len(stamps) == round((stamps[-1] - 100.0) * 10) + 1
    assert (room.posted["frames_skipped"], caplog.text.count("too slow")) == (0, 0)


def test_of_long_pauses_only_the_ends_are_drawn_and_the_machine_is_not_called_slow(caplog):
    room, stamps = drawn(0.01, 5, caplog)
    for _ in range(6):
        room.clock.advance_to(room.clock.monotonic() + 10)
        room.run(5)
    assert stamps[-1] == pytest.approx(195.0, abs=0.2)
    assert len(stamps) == pytest.approx(350 + 6 * 5, abs=10)
    assert room.posted["frames_skipped"] == pytest.approx(950 - len(stamps), abs=10)
    assert "too slow" not in caplog.text


def test_what_was_due_while_the_camera_was_opened_is_not_counted(caplog):
    room = Room(None)
    room.cameras = [Drawn(room.clock, 0.01)]
    room.service.open()
    room.clock.advance_to(103.0)
    room.run(5)
    assert room.cameras[0].stamps[0] >= 102.4
    assert room.posted["frames_skipped"] == 0


def test_a_film_is_played_whole_however_slow_the_machine_is():
    room = Room(ScriptCamera("k" * 100, fps=10))
    room.service.open()
    room.clock.advance_to(120.0)
    room.run(1)
    assert room.ring.stats.appended == 100


def test_the_end_of_a_file_is_an_end_and_no_fault():
    camera = ScriptCamera("kppp", fps=10)
    room = Room(camera)
    room.run(3)
    assert room.service.ended.is_set()
    assert not camera.is_running
    assert room.record.drain()[1:] == [CameraLost("the source has ended")]
    assert len(room.opened) == 1
    room.service.close()
    assert room.posted["state"] == "ended"
    assert room.posted["fault"] is None
    assert room.posted["frames_captured"] == 4


def test_silence_is_a_fault_and_the_camera_is_opened_again():
    first, second = Pushed(), Pushed()
    room = Room(first, second)
    for _ in range(10):
        room.run(0.5)
        first.deliver(room.clock.monotonic())
    room.record.drain()
    room.run(SILENCE_S)
    assert room.posted["state"] == "delivering"
    room.run(1.5)
    assert room.posted["state"] == "lost"
    assert "no picture for" in room.posted["fault"]
    assert first.stops == 1
    (lost,) = room.record.drain()
    assert "no picture for" in lost.why
    room.run(1.5)
    assert room.posted["state"] == "delivering"
    assert room.posted["fault"] is None


class Slow(Pushed):
    """A camera whose start takes so long on the clock of the room, and is silent then."""

    def __init__(self, clock, start_s):
        super().__init__()
        self.clock, self.start_s = clock, start_s

    def start(self, sinks, start_ts):
        self.clock.advance_to(start_ts + self.start_s)
        return super().start(sinks, start_ts)


def slow_room(start_s):
    room = Room(None)
    room.cameras = [Slow(room.clock, start_s)]
    return room


def test_a_camera_that_is_slow_to_start_is_waited_for_with_a_word_about_it():
    room = slow_room(start_s=6.0)
    room.run(6.0 + picamera2_stream.START_S)
    assert "no first picture" in room.posted["fault"]
    assert len(room.opened) == 1
    room.cameras[0].deliver(room.clock.monotonic())
    room.run(2)
    assert room.posted["fault"] is None
    assert room.ring.stats.appended == 1


def test_a_camera_without_a_first_picture_is_opened_again_in_the_end():
    room = slow_room(start_s=0.0)
    room.run(START_S + 4)
    assert room.cameras[0].stops == 1
    assert len(room.opened) == 2


def test_a_camera_may_say_itself_why_it_has_no_first_picture():
    assert START_S > picamera2_stream.START_S + CHECK_S


class Joined:
    """A network camera that sends from the start and whose first keyframe is `wait_s` away."""

    is_live = True

    def __init__(self, clock, wait_s):
        self.clock, self.wait_s = clock, wait_s
        self.stops = 0

    def start(self, sinks, start_ts):
        self.sinks, self.key_ts = sinks, start_ts + self.wait_s
        return CameraInfo("joined", 640, 480, 25.0, 1.0, "lores")

    def check(self):
        pass

    def apply(self, settings):
        return ()

    def want_jpegs(self, fps):
        pass

    def next_ts(self):
        return None

    def pump(self):
        now = self.clock.monotonic() + 0.04
        self.clock.advance_to(now)
        if now < self.key_ts:
            return None
        self.sinks.frame(Frame(now, True, b"frame"))
        return now

    def stop(self):
        self.stops += 1


def joined_room(wait_s):
    room = Room(None)
    room.cameras = [Joined(room.clock, wait_s)]
    return room


def test_a_live_source_is_waited_for_until_its_keyframe_with_a_word_about_it():
    room = joined_room(wait_s=25.0)
    room.run(20)
    assert room.posted["state"] == "delivering"
    assert "its next keyframe is awaited" in room.posted["fault"]
    room.run(10)
    assert room.ring.stats.appended > 100
    assert room.posted["fault"] is None
    assert len(room.opened) == 1, "a camera opened again would be joined in mid-GOP again"


def test_a_live_source_without_keyframes_is_opened_again_in_the_end(caplog):
    room = joined_room(wait_s=1e9)
    room.run(KEYFRAME_WAIT_S - 2)
    assert len(room.opened) == 1
    room.run(6)
    assert "set a shorter keyframe interval" in caplog.text
    assert room.cameras[0].stops == 1
    assert len(room.opened) == 2


def test_a_camera_that_stays_away_is_tried_with_growing_pauses_within_ten_seconds():
    room = Room(Pushed(CameraError("not connected")))
    room.run(60)
    pauses = [after - before for before, after in zip(room.opened, room.opened[1:])]
    assert pauses[:4] == pytest.approx(BACK_OFF_S, abs=0.01)
    assert max(pauses) <= 10
    assert room.posted["fault"] == "not connected"
    assert room.record.drain() == []


def test_the_same_fault_is_logged_once(caplog):
    Room(Pushed(CameraError("not connected"))).run(60)
    assert caplog.text.count("not connected") == 1


def test_a_camera_that_works_again_starts_with_short_pauses_again():
    dead, alive = Pushed(CameraError("not connected")), Pushed()
    room = Room(dead, dead, dead, alive)
    room.run(8)
    assert len(room.opened) == 4
    for _ in range(6):
        alive.deliver(room.clock.monotonic())
        room.run(0.5)
    alive.fault = CameraError("the cable")
    room.run(2.5)
    assert len(room.opened) > 4, (
        "tried again after %g s, not after the next longer pause" % (BACK_OFF_S[0])
    )


def test_what_a_thread_of_the_camera_died_of_is_heard_within_a_second():
    camera = Pushed()
    room = Room(camera)
    room.run(1.5)
    camera.fault = CameraError("the encoder stopped")
    room.run(1.01)
    assert room.posted["fault"] == "the encoder stopped"
    assert room.record.drain()[-1] == CameraLost("the encoder stopped")


def test_an_error_at_the_start_stops_what_was_started():
    camera = Pushed(CameraError("no such sensor"))
    room = Room(camera)
    with pytest.raises(CameraError, match="no such sensor"):
        room.service.open()
    assert camera.stops == 1


def test_a_library_that_cannot_be_closed_any_more_ends_the_process():
    camera = Pushed()
    room = Room(camera)
    room.run(0.5)
    camera.fault = DeadCameraError("the firmware hangs")
    room.run(1.5)
    assert room.service.dead.is_set()
    assert camera.stops == 0
    assert len(room.opened) == 1
    assert [type(message) for message in room.record.drain()] == [CameraReady, CameraLost]


def test_settings_that_cannot_be_honoured_are_named(caplog):
    Room(Pushed()).run(0.1)
    assert "no way to honour these settings: iso, crop" in caplog.text


def test_previews_flow_only_while_a_cover_is_wanted():
    camera = ScriptCamera("kppp" * 20, fps=10)
    room = Room(camera)
    room.run(1.5)
    assert room.previews.peek()[0] == 0
    room.service.want_cover(True)
    room.run(1.5)
    assert room.previews.peek()[0] > 0
    room.service.want_cover(False)
    room.run(1.1)
    before = room.previews.peek()[0]
    room.run(1)
    assert room.previews.peek()[0] == before


def test_a_camera_that_comes_back_is_asked_for_covers_again():
    cameras = [ScriptCamera("kp", fps=10, end_error="cable"), ScriptCamera("kppp" * 20, fps=10)]
    room = Room(*cameras)
    room.service.want_cover(True)
    room.run(5)
    assert cameras[1].jpeg_fps > 0


def test_closing_stops_the_camera_whatever_its_state():
    for camera in (Pushed(), Pushed(CameraError("no"))):
        room = Room(camera)
        room.run(0.5)
        room.service.close()
        room.service.close()
        assert camera.stops >= 1


def test_who_waits_for_pictures_is_told_and_the_rate_follows_the_most_demanding_at_once():
    camera = Pushed()
    room, told = Room(camera), []
    room.service.subscribe(lambda: told.append("frame"), lambda: told.append("jpeg"))
    room.run(1)
    room.service.want_cover(True)
    room.service.want_previews("page", 15.0)
    assert room.service.wake.is_set(), "or the first picture would come a second late"
    room.service.step(room.clock.monotonic())
    assert camera.jpeg_fps == 15
    camera.deliver(room.clock.monotonic())
    camera.sinks.jpeg(Jpeg(room.clock.monotonic(), b"picture"))
    assert told == ["frame", "jpeg"]
    assert room.previews.peek()[1].data == b"picture"
    room.service.want_previews("page", 0.0)
    room.service.want_cover(False)
    room.service.step(room.clock.monotonic())
    assert camera.jpeg_fps == 0


class Choosy(Pushed):
    """Delivers a frame a second with settings it can do; `live` ones change while it runs."""

    def __init__(self, settings, cannot=(), live=("hflip",)):
        super().__init__()
        self.settings, self.cannot, self.live = settings, cannot, live

    def start(self, sinks, start_ts):
        self.ts = start_ts
        if self.settings.resolution in self.cannot:
            raise CameraError("no such resolution")
        return super().start(sinks, start_ts)

    def check(self):
        if self.settings.resolution + " silent" not in self.cannot:
            self.ts += 0.5
            self.deliver(self.ts)

    def apply(self, settings):
        names = [field.name for field in fields(settings)]
        return tuple(
            name
            for name in names
            if name not in self.live and getattr(settings, name) != getattr(self.settings, name)
        )


class Studio(Room):
    """A room whose cameras are made for the settings in force."""

    def __init__(self, cannot=()):
        self.cannot = cannot
        super().__init__(None)

    def make(self, settings):
        super().make(settings)
        self.camera = Choosy(settings, self.cannot)
        return self.camera

    def change(self, **camera):
        before = self.settings.peek()[1]
        self.settings.put(replace(before, camera=replace(before.camera, **camera)))

    def recording(self, state):
        self.board.post("recording", {"state": state})


def test_what_a_camera_can_change_while_it_runs_interrupts_nothing():
    room = Studio()
    room.run(3)
    room.change(hflip=True)
    room.run(3)
    assert len(room.opened) == 1
    assert room.camera.stops == 0


def test_other_settings_open_it_again_with_the_part_before_closed():
    room = Studio()
    room.run(3)
    room.record.drain()
    room.change(resolution="640x480", hflip=True)
    room.run(3)
    assert [type(message) for message in room.record.drain()] == [CameraLost, CameraReady]
    assert room.camera.settings.resolution == "640x480"
    assert room.posted["fault"] is None


def test_an_event_may_end_before_the_camera_is_opened_again_but_not_for_ever():
    room = Studio()
    room.recording("recording")
    room.run(3)
    room.change(resolution="640x480")
    room.run(20)
    assert len(room.opened) == 1
    room.recording("idle")
    room.run(2)
    assert len(room.opened) == 2
    room.recording("recording")
    room.change(resolution="320x240")
    room.run(QUIET_WAIT_S - 2)
    assert len(room.opened) == 2
    room.run(4)
    assert room.camera.settings.resolution == "320x240"


@pytest.mark.parametrize("how", ["640x480", "640x480 silent"])
def test_settings_it_does_not_deliver_with_are_given_up_for_the_former_ones(how):
    room = Studio(cannot=(how,))
    room.run(3)
    room.change(resolution="640x480")
    room.run(START_S + 8)
    assert room.camera.settings.resolution == "1280x720"
    assert room.posted["state"] == "delivering"
    assert "[camera] settings are not used" in room.posted["fault"]
    assert not room.service.is_lost
    opened = len(room.opened)
    room.run(60)
    assert len(room.opened) == opened, "they are not tried again and again"
    room.change(resolution="320x240")
    room.run(5)
    assert room.posted["fault"] is None
    assert room.camera.settings.resolution == "320x240"


def test_kept_settings_that_do_not_work_after_a_restart_give_way_to_the_file_s():
    room = Studio(cannot=("640x480",))
    room.change(resolution="640x480")
    room.run(5)
    assert room.camera.settings.resolution == "1280x720"
    assert room.posted["state"] == "delivering"


def test_a_camera_that_is_away_altogether_gets_both_settings_in_turn():
    room = Studio(cannot=("640x480", "1280x720"))
    room.change(resolution="640x480")
    room.run(20)
    room.service._make = lambda settings: Choosy(settings, ("1280x720",))
    room.run(20)
    assert room.posted["state"] == "delivering"
    assert room.posted["fault"] is None, "the changed ones work: there is nothing to complain of"
