"""One scene, two ways to see it: picamera2's lores and the software camera's own fields."""

from __future__ import annotations

from dataclasses import replace

from dashcamd.cameras.scene import Script
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.core.detector import Detector
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker
from tests.cameras.contract import PumpedContract
from tests.libcamera.conftest import SCRIPT

FPS = 25.0
ROUND_S = float(len(SCRIPT))
WALK_S = (float(SCRIPT.index("w")), float(SCRIPT.rindex("w") + 1))
TOLERANCE_S = 0.5


def motions(fields):
    """First and last second of every motion in `fields`, on their own clock."""
    found = replay_fields(fields, Detector(), Tracker(), SimClock().monotonic, gap_s=2.0)
    return [(one.first, one.last) for one in found.motions]


def in_one_round(pair):
    """The same motion in the seconds of the script's first round."""
    begin = pair[0] // ROUND_S * ROUND_S
    return pair[0] - begin, pair[1] - begin


def agree(one, other):
    return all(abs(a - b) <= TOLERANCE_S for a, b in zip(one, other))


def test_lores_and_drawn_fields_show_the_same_events(rig):
    from tests.libcamera.rig import counters

    rig.start(framerate=FPS)
    rig.wait_for_frames(round(1.5 * ROUND_S * FPS))
    rig.camera.stop()
    first = counters(rig.frames[:1])[0]
    scene_s = {frame.ts: (first + place) / FPS for place, frame in enumerate(rig.frames)}
    begin, end = (scene_s[rig.frames[place].ts] for place in (0, -1))
    seen = motions([replace(field, ts=scene_s[field.ts]) for field in rig.fields])
    whole = [in_one_round(pair) for pair in seen if pair[0] > begin + 2 and pair[1] < end - 1]

    config = CameraConfig(source="synthetic", resolution="640x480", framerate=FPS)
    camera = SyntheticCamera(config, Script(SCRIPT), SimClock())
    delivered = PumpedContract().run(camera, round(2 * ROUND_S * FPS))
    camera.stop()
    start_ts = delivered.frames[0].ts
    drawn = [(a - start_ts, b - start_ts) for a, b in motions(delivered.fields)]

    assert whole
    assert len(drawn) == 2
    for pair in (*whole, *map(in_one_round, drawn)):
        assert agree(pair, WALK_S)
        assert all(agree(pair, in_one_round(other)) for other in drawn)
