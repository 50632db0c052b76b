import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashcamd.core.pace import FIELD_S
from dashcamd.core.pooling import Pool
from dashcamd.types import MOTION_DTYPE, MotionField
from tests.core.fields import field


def pooled(fields):
    return [one for one in map(Pool().step, fields) if one is not None]


def film(fps, seconds=5.0, keyframe_s=1.0, start=0.0):
    """Fields of an encoder: one a picture, none of a keyframe."""
    return [
        field(start + i / fps, source="videocore", rows=3, cols=4)
        for i in range(round(seconds * fps))
        if i % round(keyframe_s * fps)
    ]


@pytest.mark.parametrize(("fps", "number"), [(8, 1), (10, 1), (15, 2), (20, 2), (25, 3), (30, 3)])
def test_a_pool_is_about_a_tenth_of_a_second_at_any_rate(fps, number):
    fields = film(fps)
    told = pooled(fields)[3:]
    stamps = [one.ts for one in fields]
    held = np.diff([stamps.index(one.ts) for one in told])
    assert set(held) == {number}
    assert number / fps == pytest.approx(FIELD_S, abs=0.03)


@pytest.mark.parametrize("fps", [10, 15, 20, 24, 30])
def test_the_first_pool_is_as_long_as_all_others(fps):
    fields = film(fps, 2, keyframe_s=10)
    for one in fields:
        one.blocks["sad"] = 100
    assert len({int(one.blocks["sad"].max()) for one in pooled(fields)}) == 1


def test_fields_slower_than_any_pool_are_lost_no_more_than_one():
    fields = film(1, 10, keyframe_s=100)
    assert [one.ts for one in pooled(fields)] == [one.ts for one in fields[1:]]


def test_stamps_that_tremble_do_not_change_how_many_are_added():
    rng = np.random.default_rng(4)
    fields = film(25, 60)
    stamps = [one.ts + rng.normal(0, 0.002) for one in fields]
    told = pooled(MotionField(ts, one.blocks, 1.0, one.source) for ts, one in zip(stamps, fields))
    assert set(np.diff([stamps.index(one.ts) for one in told[5:]])) == {3}


def test_sad_and_vectors_are_sums_with_the_stamp_of_the_first():
    fields = film(20, 2)
    for i, one in enumerate(fields):
        one.blocks["x"], one.blocks["y"], one.blocks["sad"] = 2, -(i % 3), 300 + i
    told = pooled(fields)[-1]
    first, second = fields[-2:] if told.ts == fields[-2].ts else fields[-3:-1]
    assert told.ts == first.ts
    for name in ("sad", "x", "y"):
        total = first.blocks[name].astype(int) + second.blocks[name]
        assert (told.blocks[name] == total).all()
    assert (told.scale, told.source) == (first.scale, first.source)


def test_fields_of_decoded_pictures_pass_untouched():
    fields = [field(i / 30, source=source) for i, source in enumerate(["lores", "ffmpeg"] * 5)]
    assert all(a is b for a, b in zip(pooled(fields), fields))


def test_nothing_is_added_over_a_hole_in_the_film_or_to_another_size():
    early, late = film(20, 1.1), film(20, 1, start=60.0)
    told = [one.ts for one in pooled([*early, *late])]
    assert late[0].ts in told
    larger = [field(60 + i / 20, source="videocore", rows=5, cols=6) for i in range(4)]
    assert [one.blocks.shape for one in pooled([*early, *larger])[-2:]] == [(5, 7)] * 2


some_blocks = hnp.arrays(
    MOTION_DTYPE,
    (3, 5),
    elements=st.one_of(
        st.tuples(st.integers(-128, 127), st.integers(-128, 127), st.integers(0, 65535)),
        st.tuples(st.integers(-40, 40), st.integers(-40, 40), st.integers(0, 20000)),
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(some_blocks, min_size=8, max_size=8), st.sampled_from([20, 25]))
def test_a_sad_that_does_not_fit_is_the_most_that_does(planes, fps):
    fields = [MotionField(i / fps, one, 1.0, "videocore") for i, one in enumerate(planes)]
    number = 2 if fps == 20 else 3
    told = pooled(fields)[-1]
    start = round(told.ts * fps)
    held = planes[start : start + number]
    total = sum(one["sad"].astype(int) for one in held)
    assert (told.blocks["sad"] == np.minimum(total, 65535)).all()
    for axis in "xy":
        total = sum(one[axis].astype(int) for one in held)
        assert (told.blocks[axis] == (total + 128) % 256 - 128).all()
