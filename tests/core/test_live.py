"""What the page is shown of the detector."""

import json

from dashcamd.config import MotionConfig
from dashcamd.core.live import Live
from dashcamd.core.watch import Watch
from dashcamd.core.zones import painted, squares_text
from tests.core.fields import COLS, ROWS, still, walk


def live_of(fields, **motion):
    watch = Watch(MotionConfig(**motion))
    seen = [watch.step(one) for one in fields][-1]
    return Live(seen, watch.detector.standing, watch.detector.least_blocks).as_json()


def test_the_blocks_that_stand_out_are_where_the_walker_is():
    said = live_of(still(0, 5) + walk(5, 3))
    json.dumps(said)
    blocks = painted(said["blocks"], ROWS, COLS)
    assert blocks.sum() == said["count"] == 6
    assert blocks[12:15, 11:13].all()
    assert said["is_moving"]
    assert said["is_motion"]
    assert said["least"] == 3
    assert said["ego"] == "still"


def test_what_is_painted_over_does_not_stand_out():
    said = live_of(still(0, 5) + walk(5, 3), ignore="1x1:8")
    assert not painted(said["blocks"], ROWS, COLS).any()
    assert not said["is_motion"]


def test_a_mask_is_written_as_the_setting_reads_it():
    for text in ("4x2:8f", "3x1:2", "1x1:8", "40x30:" + "0f" * 150):
        cols, rows = (int(side) for side in text.partition(":")[0].split("x"))
        assert squares_text(painted(text, rows, cols)) == text
