"""Frames in = frames out: the counters burnt into the pictures, read back from decoded files.

``DASHCAMD_PATTERNS=1000`` is the long form (``make test-real-full``); the short one plays 300.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Tuple

import pytest

from benchmarks.clip import Clip, encode
from dashcamd.services.messages import Triggered
from tests.real.house import START_S, Simulation, config_of
from tests.real.playback import files, is_run, stored

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FRAMES, FPS = 400, 10.0
PATTERNS = int(os.environ.get("DASHCAMD_PATTERNS", "300"))
SETTLED_S = 1.5
"""How late the detector may confirm motion: it asks for several fields in a row."""


@pytest.fixture(scope="module")
def clips() -> List[Clip]:
    """The same pictures with three lengths of GOP."""
    return [encode(FRAMES, fps=FPS, gop_s=gop_s) for gop_s in (0.5, 1.0, 2.0)]


def memory_folder():
    """Where the disk costs nothing: it is not what is looked at here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


class Pattern(NamedTuple):
    """One random afternoon: when something moves, when somebody triggers, and the rules."""

    gop: int
    motion: List[Tuple[int, int]]
    triggers: List[float]
    rules: dict

    @classmethod
    def draw(cls, seed: int) -> Pattern:
        dice = random.Random(seed)
        motion = []
        for _ in range(dice.randint(0, 4)):
            first = dice.randint(15, FRAMES - 30)
            motion.append((first, first + dice.randint(1, 120)))
        pre, post = dice.choice((0, 1.5, 5)), dice.choice((0, 1.5, 5))
        rules = {
            "pre_roll_s": pre,
            "post_roll_s": post,
            "gap_s": pre + post + 2 + dice.choice((0, 3, 8)),
            "segment_s": dice.choice((2, 3.3, 7, 120)),
            "manual_s": dice.choice((1, 4)),
        }
        triggers = [dice.uniform(1, FRAMES / FPS - 3) for _ in range(dice.choice((0, 0, 1, 3)))]
        return cls(dice.randrange(3), motion, sorted(triggers), rules)

    def is_moving(self, number: int) -> bool:
        return any(first <= number < end for first, end in self.motion)

    def wanted(self) -> List[Tuple[float, float]]:
        """Stretches in frames that must be on the volume whatever the detector's latency."""
        pre, post = self.rules["pre_roll_s"] * FPS, self.rules["post_roll_s"] * FPS
        settled = SETTLED_S * FPS
        stretches = [
            (first + settled - pre, end + post - settled)
            for first, end in self.motion
            if end - first >= 2 * settled
        ]
        for trigger in self.triggers:
            at = trigger * FPS
            stretches.append((at - pre, at + self.rules["manual_s"] * FPS + post))
        return [(max(0, first), min(FRAMES, end)) for first, end in stretches]


def play(pattern: Pattern, clips: List[Clip], root: Path) -> Simulation:
    clip = clips[pattern.gop]
    house = Simulation(config_of(clip, root, ring_mib=8, **pattern.rules), clip, pattern.is_moving)
    for at in pattern.triggers:
        house.run_to(at)
        house.tell(Triggered(START_S + at, "door bell"))
    house.run_to()
    house.close()
    return house


def check(pattern: Pattern, house: Simulation, root: Path) -> int:
    events = stored(root)
    written: List[int] = []
    for event in events:
        parts = files(root, event)
        assert event.facts.is_closed
        assert [part.frames for part in event.facts.parts] == [len(part) for part in parts]
        assert is_run([number for part in parts for number in part]), "a hole inside an event"
        limit = (pattern.rules["segment_s"] + clip_gop(pattern)) * FPS
        assert all(len(part) <= limit + 1 for part in parts)
        written += [number for part in parts for number in part]
    assert written == sorted(set(written)), "a frame is in two files"
    for first, end in pattern.wanted():
        missing = [number for number in range(FRAMES) if first <= number < end]
        assert set(missing) <= set(written), "a wanted frame is in no file"
    counters = house.status["counters"]
    assert counters["frames_lost"] == 0
    assert counters["frames_captured"] == FRAMES
    assert counters["frames_written"] == len(written)
    return len(written)


def clip_gop(pattern: Pattern) -> float:
    return (0.5, 1.0, 2.0)[pattern.gop]


@pytest.mark.parametrize("block", range(10))
def test_no_frame_is_lost_or_doubled_in_random_patterns(block, clips):
    total = 0
    for seed in range(block * PATTERNS // 10, (block + 1) * PATTERNS // 10):
        pattern = Pattern.draw(seed)
        root = Path(tempfile.mkdtemp(dir=memory_folder()))
        try:
            total += check(pattern, play(pattern, clips, root), root)
        except AssertionError as error:
            raise AssertionError("pattern %d, %s: %s" % (seed, pattern, error)) from error
        finally:
            shutil.rmtree(root)
    assert total > PATTERNS // 10 * FRAMES // 10, "the patterns hardly record anything"
