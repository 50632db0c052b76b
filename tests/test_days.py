"""Days in a car with one small stick: the whole house, on simulated time.

A picture or two a second; each is judged, written and in time deleted as any other. What must hold
is looked at every simulated minute.
"""

from __future__ import annotations

import pytest

from dashcamd.core.retention import marks
from dashcamd.storage import catalog
from dashcamd.storage.locking import set_lock
from dashcamd.testing import MemoryDisk, ScriptCamera
from tests.daemon import Daemon, settings, sound_frames

HOUR_S = 3600
MIB = 1 << 20
CYCLE = "." * 200 + "#" * 20 + "." * 80
"""Five minutes: something moves in the fourth."""

SLACK_BYTES = 64 * 1024
"""Video of the ten seconds between two looks at the free space, a sidecar and a page's file."""


class Days:
    """A daemon whose stick is too small for what it records."""

    def __init__(self, hours, fps, capacity, **recording):
        self.fps, self.seconds = fps, hours * HOUR_S
        self.disk = MemoryDisk(capacity)
        motion = CYCLE * (self.seconds // len(CYCLE) + 1)
        by_frame = "".join(letter * fps for letter in motion)
        gop = "k" + "p" * (2 * fps - 1)
        camera = ScriptCamera(gop * (self.seconds // 2), by_frame, fps=fps, pad_bytes=2000)
        config = settings(gap_s=12.0, pre_roll_s=4.0, ring_mib=4, lifeboat_mib=4, **recording)
        self.daemon = Daemon(camera, self.disk, config=config)
        self.low = marks(MIB, 25.0, capacity).low

    def minutes(self):
        """Live on, and hold each minute to what is always true."""
        for minute in range(1, self.seconds // 60):
            self.daemon.run(60)
            self.disk.journal.clear()
            status = self.daemon.status
            assert status["faults"] == [], minute
            assert status["counters"]["frames_lost"] == status["counters"]["gaps"] == 0, minute
            assert self.disk.space().free >= self.low - SLACK_BYTES, minute
            if minute % 60 == 0:
                print("hour", minute // 60, status["counters"], flush=True)
            yield minute, status

    def lock(self, event):
        """Lock an event on the stick, as a person would; all of its content."""
        set_lock(self.disk, event.name.folder, True)
        return {path: self.disk.content(path) for path in event.parts}

    def events(self):
        return catalog.events(self.disk)


def spans(events):
    """Start and end of every part, in order."""
    parts = [part for event in events for part in event.facts.parts]
    return [(part.start, part.start + part.duration_s) for part in parts]


HOURS = [
    pytest.param(1, id="an hour", marks=pytest.mark.timeout(120)),
    pytest.param(
        72, id="three days", marks=[pytest.mark.real, pytest.mark.full, pytest.mark.timeout(7200)]
    ),
]


@pytest.mark.parametrize("hours", HOURS)
def test_motion_now_and_then_is_recorded_as_long_as_it_lasts(hours):
    days = Days(hours, 2, min(24, hours) * MIB)
    kept, written = {}, 0
    for minute, status in days.minutes():
        if minute == 12:
            kept = days.lock(days.events()[0])
            assert kept
        if minute % 5 == 0:
            before, written = written, status["counters"]["frames_written"]
            assert written > before, "no event in these five minutes: %d" % minute
    days.daemon.close()
    assert days.daemon.status["keep"]["events_deleted"] > 0
    first, *others = days.events()
    assert {path: days.disk.content(path) for path in first.parts} == kept
    numbers = [event.number for event in others]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "the oldest went first"
    assert others[-1].facts.last_motion > 1000 + days.seconds - 2 * len(CYCLE)
    assert all(sound_frames(days.disk, path) for event in others for path in event.parts)


@pytest.mark.parametrize("hours", HOURS)
def test_continuous_recording_never_stops(hours):
    days = Days(hours, 1, min(32, 8 * hours) * MIB, mode="continuous", event_max_s=600.0)
    kept = {}
    for minute, status in days.minutes():
        counters = status["counters"]
        assert status["state"] == "recording"
        assert counters["frames_captured"] - counters["frames_written"] <= 4, minute
        if minute == 25:
            kept = days.lock(days.events()[0])
            assert kept
    days.daemon.close()
    first, *others = days.events()
    assert {path: days.disk.content(path) for path in first.parts} == kept
    lasting = spans(others)
    for (_, end), (start, _) in zip(lasting, lasting[1:]):
        assert start == pytest.approx(end, abs=1e-3), "a seam"
    assert lasting[-1][1] > 1000 + days.seconds - 65
