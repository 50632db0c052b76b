"""Chunks of the VideoCore's encoder become whole access units: scenarios as strings.

A scenario is words: ``h`` headers, ``k`` a keyframe, ``p`` another picture. A capital letter is a
chunk that something follows, so ``PPp`` is one picture in three chunks.
"""

from __future__ import annotations

from typing import List, Optional

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.cameras.chunks import HEADERS, KEY, PLAIN, AccessUnits
from dashcamd.types import Frame

KINDS = {"h": HEADERS, "k": KEY, "p": PLAIN}
PERIOD_S = 0.04


def to_ts(pts_us: Optional[int]) -> float:
    return 7.0 if pts_us is None else pts_us * 1e-6


def join(scenario: str, stamped: bool = True) -> List[Frame]:
    """Feed `scenario`; each chunk's bytes are its letter, each picture is 40 ms after the last."""
    units, frames, pts_us, is_first = AccessUnits(to_ts, PERIOD_S), [], 0, True
    for letter in scenario.replace(" ", ""):
        kind = KINDS[letter.lower()]
        if is_first and kind != HEADERS:
            pts_us += 40_000
        stamp = pts_us if stamped and is_first and kind != HEADERS else None
        is_first = letter.islower()
        frame = units.add(letter.encode(), kind, stamp, is_first)
        frames += [frame] if frame else []
    return frames


def shown(frames: List[Frame]) -> str:
    return " ".join(("*" if f.key else "") + f.data.decode() for f in frames)


def test_headers_are_glued_to_their_keyframe():
    assert shown(join("h k p p h k p")) == "*hk p p *hk p"


def test_chunks_are_joined_and_keep_the_first_stamp():
    frames = join("Hh Kk p PPp")
    assert shown(frames) == "*HhKk p PPp"
    assert [round(f.ts, 3) for f in frames] == [0.04, 0.08, 0.12]


def test_nothing_comes_out_before_a_keyframe_with_headers():
    assert shown(join("p p k p h p k p")) == "*hk p"


def test_a_keyframe_that_lost_its_headers_gets_the_last_ones():
    assert shown(join("h k p k p")) == "*hk p *hk p"


def test_half_a_picture_is_dropped_when_the_encoder_starts_another_thing():
    assert shown(join("h k p PP h k p")) == "*hk p *hk p"
    assert shown(join("h k p KK p")) == "*hk p p"


def test_a_picture_in_one_chunk_is_not_copied():
    units = AccessUnits(to_ts, PERIOD_S)
    units.add(b"h", HEADERS, None, True)
    units.add(b"k", KEY, 1, True)
    chunk = bytes(1000)
    frame = units.add(chunk, PLAIN, 2, True)
    assert frame is not None
    assert frame.data is chunk


def test_missing_stamps_are_one_period_apart():
    assert [round(f.ts, 3) for f in join("h k p p", stamped=False)] == [7.0, 7.04, 7.08]


@given(st.lists(st.integers(min_value=-50_000, max_value=50_000), min_size=1, max_size=40))
def test_stamps_rise_strictly_whatever_the_encoder_says(steps):
    units = AccessUnits(to_ts, PERIOD_S)
    units.add(b"h", HEADERS, None, True)
    pts_us, stamps = 10_000_000, []
    for step in steps:
        pts_us += step
        frame = units.add(b"k", KEY, pts_us, True)
        assert frame is not None
        stamps.append(frame.ts)
    assert all(a < b for a, b in zip(stamps, stamps[1:]))


@given(st.text(alphabet="hkpHKP", max_size=60))
def test_every_frame_is_whole_and_the_first_is_a_keyframe(scenario):
    frames = join(scenario)
    assert not frames or frames[0].key
    for frame in frames:
        text = frame.data.decode()
        assert text[-1] == ("k" if frame.key else "p")
        assert text.lower().lstrip("h") == text[-1] * len(text.lower().lstrip("h"))
        assert ("h" in text) == frame.key
