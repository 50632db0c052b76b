"""From the library's callbacks to whole frames, ages and faults; on a simulated clock."""

import threading

import pytest

from dashcamd.cameras.picamera2_stream import STALL_S, START_S, FrameStream, headers_of
from dashcamd.clock import SimClock
from dashcamd.errors import CameraError, DeadCameraError
from dashcamd.testing import stream as h264
from dashcamd.types import Sinks

KEY, DELTA = (frame.data for frame in h264("kp"))
HEADERS = headers_of(KEY)
SENSOR_US = 999_980_000


class Rig:
    def __init__(self, fps=25.0):
        self.clock = SimClock(1000.0)
        self.frames = []
        sinks = Sinks(self.frames.append, lambda field: None, lambda jpeg: None)
        self.stream = FrameStream(sinks, self.clock, 0.0, fps)
        self.sensor_us = SENSOR_US

    def picture(self, data=DELTA, is_key=False, encoded=True):
        self.stream.picture_seen(self.sensor_us)
        if encoded:
            self.stream.encoded(data, is_key, self.sensor_us)
        self.sensor_us += 40_000
        self.clock.advance_to(self.clock.monotonic() + 0.04)

    def wait(self, seconds):
        self.clock.advance_to(self.clock.monotonic() + seconds)


def test_delivery_begins_with_the_first_keyframe():
    rig = Rig()
    for is_key in (False, False, True, False):
        rig.picture(KEY if is_key else DELTA, is_key)
    assert [frame.key for frame in rig.frames] == [True, False]


def test_frames_bear_the_sensors_stamps_on_our_clock():
    rig = Rig()
    rig.picture(KEY, True)
    rig.picture()
    assert [frame.ts for frame in rig.frames] == [999.98, 1000.02]


def test_stamps_rise_strictly_even_when_the_sensors_do_not():
    rig = Rig()
    rig.picture(KEY, True)
    rig.sensor_us = SENSOR_US
    rig.picture()
    rig.sensor_us = SENSOR_US - 500
    rig.picture()
    assert [frame.ts for frame in rig.frames] == [999.98, 999.980001, 999.980002]


def test_keyframe_without_parameter_sets_gets_the_last_ones():
    rig = Rig()
    rig.picture(KEY, True)
    rig.picture(KEY[len(HEADERS) :], True)
    assert rig.frames[1].data == KEY


def test_delivery_does_not_begin_without_parameter_sets():
    rig = Rig()
    rig.picture(KEY[len(HEADERS) :], True)
    rig.picture()
    assert rig.frames == []


def test_headers_are_found_behind_a_delimiter_and_before_sei():
    delimiter, sei = b"\0\0\0\1\x09\x10", b"\0\0\1\x06\x05\x01\x00\x80"
    assert headers_of(delimiter + HEADERS + sei + KEY[len(HEADERS) :]) == HEADERS
    assert headers_of(DELTA) == b""
    assert headers_of(b"") == b""


def test_healthy_camera_checks_out():
    rig = Rig()
    for number in range(200):
        rig.picture(KEY if number % 25 == 0 else DELTA, number % 25 == 0)
        rig.stream.check()
    assert not rig.stream.is_hopeless


def test_start_may_take_longer_than_a_stall():
    rig = Rig()
    rig.wait(START_S)
    rig.stream.check()
    rig.wait(0.1)
    with pytest.raises(DeadCameraError, match="no picture from the sensor for 8"):
        rig.stream.check()


def test_silent_sensor_is_dead():
    rig = Rig()
    rig.picture(KEY, True)
    rig.wait(STALL_S)
    assert rig.stream.is_hopeless
    with pytest.raises(DeadCameraError, match="no picture from the sensor"):
        rig.stream.check()


def test_silent_encoder_is_dead_although_pictures_come():
    rig = Rig()
    rig.picture(KEY, True)
    for _ in range(100):
        rig.picture(encoded=False)
    with pytest.raises(DeadCameraError, match="no output of the encoder"):
        rig.stream.check()


def test_ended_camera_thread_is_known_at_once():
    rig = Rig()
    thread = threading.Thread(target=rig.picture, args=(KEY, True))
    thread.start()
    thread.join()
    assert rig.stream.is_hopeless
    with pytest.raises(DeadCameraError, match="camera thread has ended"):
        rig.stream.check()
    rig.stream.fail("the H.264 encoder", OSError("no such device"))
    with pytest.raises(DeadCameraError, match="no such device"):
        rig.stream.check()


def test_slow_frame_rate_is_not_a_stall():
    rig = Rig(fps=0.5)
    rig.picture(KEY, True)
    rig.wait(STALL_S)
    rig.stream.check()


def test_first_fault_is_raised_and_can_be_recovered_from():
    rig = Rig()
    rig.picture(KEY, True)
    rig.stream.fail("the H.264 encoder", OSError(12, "no memory"))
    rig.stream.fail("something else", ValueError("later"))
    with pytest.raises(CameraError, match=r"the H.264 encoder failed: OSError: .*no memory") as why:
        rig.stream.check()
    assert not isinstance(why.value, DeadCameraError)


def test_nothing_is_delivered_after_close():
    rig = Rig()
    rig.picture(KEY, True)
    rig.stream.close()
    rig.picture(KEY, True)
    assert len(rig.frames) == 1
