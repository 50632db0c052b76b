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
def test_a_sum_that_does_not_fit_is_the_most_that_does(planes, fps):
    fields = [MotionField(i / fps, one, 1.0, "videocore") for i, one in enumerate(planes)]
    number = 2 if fps == 20 else 3
    told = pooled(fields)[-1]
    start = round(told.ts * fps)
    held = planes[start : start + number]
    for name, (least, most) in {"sad": (0, 65535), "x": (-128, 127), "y": (-128, 127)}.items():
        total = sum(one[name].astype(int) for one in held)
        assert (told.blocks[name] == np.clip(total, least, most)).all()


def test_what_moves_fast_does_not_turn_round():
    """A car that makes 50 pixels from picture to picture, 30 times a second."""
    fields = film(30, 2)
    for one in fields:
        one.blocks["x"], one.blocks["y"] = 50, -50
    last = pooled(fields)[-1].blocks
    assert {(int(one["x"]), int(one["y"])) for one in last.ravel()} == {(127, -128)}


@pytest.mark.parametrize("stamps", [[0.0, 0.001], [i / 90 for i in range(400)]])
def test_a_pace_that_was_learnt_wrong_holds_nothing_back(stamps):
    later = [stamps[-1] + i / 10 for i in range(1, 40)]
    fields = [field(ts, source="videocore", rows=3, cols=4) for ts in [*stamps, *later]]
    told = [one.ts for one in pooled(fields) if one.ts >= stamps[-1]]
    assert max(np.diff(told)) <= 0.3 + 1e-6


def test_what_is_held_is_told_when_nothing_more_comes():
    pool, fields = Pool(), film(25, 1)
    told = [pool.step(one) for one in fields]
    rest = pool.flush()
    assert (rest is None) == (told[-1] is not None)
    held = fields[-1 - [one is not None for one in reversed(told)].index(True) :]
    assert rest is None or rest.ts in [one.ts for one in held]
    assert pool.flush() is None
