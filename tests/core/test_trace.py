"""A night in a few megabytes, and the same verdicts from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.config import MotionConfig
from dashcamd.core.trace import HOUR_BYTES, TraceChunk, Tracer, chunks_of, fields_of, whole_chunk
from dashcamd.core.tracker import intervals
from dashcamd.core.watch import Watch
from dashcamd.types import MotionField
from tests.core.fields import field, still, walk
from tests.core.test_detector import any_field


def traced(fields, is_driving=False):
    """The bytes of a file that holds the trace of `fields`."""
    tracer = Tracer()
    chunks = [tracer.take(one, is_driving) for one in fields] + [tracer.flush()]
    return b"".join(chunk.encoded({"boot_id": "b"}) for chunk in chunks if chunk is not None)


def back(data):
    return [one for chunk, _ in chunks_of(data) for one in fields_of(chunk)]


def events(fields, **motion):
    watch = Watch(MotionConfig(**motion))
    told = [watch.step(one).motion for one in fields]
    return [(one.first, one.last) for one in intervals([m for m in told if m], 2.0)]


NIGHT = still(0, 40) + walk(40, 8) + still(48, 60) + walk(108, 8) + still(116, 20)


def test_a_replayed_trace_gives_the_events_of_the_night_within_two_tenths():
    live, replayed = events(NIGHT), events(back(traced(NIGHT)))
    assert len(live) == len(replayed) == 2
    for one, other in zip(live, replayed):
        assert one == pytest.approx(other, abs=0.2)


def test_a_trace_can_be_asked_what_other_settings_would_have_done():
    fields = back(traced(NIGHT))
    assert events(fields, ignore="1x1:8") == []
    faint = still(0, 20) + [
        field(20 + i / 10, patches=[(12, int(0.3 * i), 2, 2, 1300)]) for i in range(60)
    ]
    assert events(faint) == []
    assert len(events(back(traced(faint)), sensitivity=9)) == 1


def test_nothing_is_kept_once_a_second_and_what_happens_ten_times():
    assert len(back(traced(still(0, 60)))) == pytest.approx(78, abs=4)
    walker = [one for one in back(traced(NIGHT)) if 40 <= one.ts <= 48]
    assert len(walker) == pytest.approx(80, abs=2)


def test_a_fast_source_is_thinned_to_at_most_fourteen_a_second():
    fields = [field(i / 30, patches=[(12, i % 30, 3, 3, 6000)]) for i in range(300)]
    assert 90 <= len(back(traced(fields))) <= 140


def test_a_drive_is_kept_as_idle():
    fields = [field(i / 10, noise=3000) for i in range(600)]
    assert len(back(traced(fields, is_driving=True))) <= 62


def test_sad_comes_back_within_a_step_and_vectors_exactly():
    one = field(0.0, noise=400, patches=[(3, 3, 4, 4, 65535, -5, 7), (9, 9, 2, 2, 0)])
    again = back(traced([one]))[0]
    assert (again.source, again.scale, again.ts) == (one.source, one.scale, one.ts)
    for axis in "xy":
        assert (again.blocks[axis][:, :-1] == one.blocks[axis][:, :-1]).all()
    was, now = (f.blocks["sad"][:, :-1].astype(float) for f in (one, again))
    assert (np.abs(np.sqrt(was) - np.sqrt(now)) <= 1.01).all()


def test_a_storm_takes_no_more_than_is_said():
    tracer, total = Tracer(), 0
    for i in range(3000):
        one = STORM[i % len(STORM)]
        chunk = tracer.take(MotionField(i / 10, one.blocks, 1.0, one.source))
        total += len(chunk.encoded({})) if chunk else 0
    assert HOUR_BYTES / 4 < total <= HOUR_BYTES * (1 / 4 + 300 / 3600 + 1 / 8)
    assert tracer.left_out == 0, "thinned, not left out"


STORM = [field(i / 10, rows=60, cols=80) for i in range(50)]
for _number, _one in enumerate(STORM):
    _one.blocks["sad"] = np.random.default_rng(_number).integers(0, 20_000, (60, 81))


def test_a_torn_tail_is_cut_and_the_rest_is_read():
    data = traced(NIGHT)
    first = whole_chunk(data, 0)
    whole = len(back(data))
    for end in (len(data) - 1, first + 10, first - 1, 3, 0):
        assert len(back(data[:end])) < whole
    assert len(back(data[:first])) > 0
    assert len(list(chunks_of(data[: first + 10]))) == 1


def test_a_flipped_bit_ends_the_file_there():
    data = bytearray(traced(NIGHT))
    data[whole_chunk(bytes(data), 0) + 40] ^= 1
    assert len(list(chunks_of(bytes(data)))) == 1


@given(st.binary(max_size=300))
def test_no_file_makes_it_raise(data):
    assert isinstance(back(data), list)
    assert isinstance(back(b"DCT1" + data), list)


@given(st.binary(max_size=200), st.integers(1, 600), st.integers(1, 600))
def test_no_body_makes_it_raise(body, rows, cols):
    chunk = TraceChunk(0.0, 1.0, 3, rows, cols, "lores", 1.0, body)
    assert isinstance(back(chunk.encoded({})), list)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(any_field, st.floats(-10, 1e6)), max_size=8))
def test_any_field_survives(script):
    fields = [MotionField(ts, blocks, 1.0, "lores") for blocks, ts in script]
    for one in back(traced(fields)):
        assert one.blocks.shape[1] > 1
