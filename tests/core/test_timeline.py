from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.timeline import (
    CONTESTED_S,
    DRIFT,
    EARLIEST_WALL,
    RANK,
    Moment,
    Timeline,
    age_s,
    is_better,
    label,
)
from dashcamd.types import Anchor

NOON = 1_800_000_000.0
STAMPS = st.floats(0, 1e7)


def anchor(ts=100.0, wall=NOON, uncertainty_s=1.0, source="ntp"):
    return Anchor(ts, wall, uncertainty_s, source)


def test_without_an_anchor_nothing_has_a_label():
    assert Timeline().moment(5.0) is None
    assert Timeline().anchor is None


@given(STAMPS, STAMPS)
def test_a_label_keeps_its_distance_to_the_anchor(ts, other):
    timeline = Timeline(anchor())
    moment, later = timeline.moment(ts), timeline.moment(other)
    assert moment.wall - NOON == pytest.approx(ts - 100.0, abs=1e-5)
    assert moment.wall - later.wall == pytest.approx(ts - other, abs=1e-5)
    assert moment.uncertainty_s == pytest.approx(1.0 + DRIFT * abs(ts - 100.0))
    assert moment.source == "ntp"


def test_a_better_anchor_wins_and_a_worse_one_does_not():
    timeline = Timeline(anchor(uncertainty_s=3600, source="system"))
    assert timeline.offer(anchor(wall=NOON + 50, uncertainty_s=0.5, source="gps"))
    assert not timeline.offer(anchor(wall=NOON - 5000, uncertainty_s=60, source="phone"))
    assert timeline.moment(100).wall == NOON + 50
    assert timeline.anchor.source == "gps"


def test_the_same_source_is_believed_again_once_the_crystal_has_drifted():
    timeline = Timeline(anchor(ts=0, uncertainty_s=0.5))
    assert not timeline.offer(anchor(ts=0, uncertainty_s=0.5))
    assert timeline.offer(anchor(ts=10_000, wall=NOON + 10_001, uncertainty_s=0.5))
    assert timeline.moment(10_000).wall == NOON + 10_001


@given(st.lists(st.tuples(STAMPS, st.floats(0, 1e4)), min_size=1, max_size=20), STAMPS)
def test_offers_never_make_a_label_less_certain(offers, ts):
    timeline = Timeline()
    for at, uncertainty_s in offers:
        before = timeline.moment(at)
        timeline.offer(anchor(ts=at, wall=NOON + at, uncertainty_s=uncertainty_s))
        after = timeline.moment(at)
        bounds = [uncertainty_s] if before is None else [uncertainty_s, before.uncertainty_s]
        # Anchors without any uncertainty contradict each other by a rounding error.
        assert after.uncertainty_s <= min(bounds) or uncertainty_s == 0
    assert timeline.moment(ts) is not None


@given(st.floats(0, 4e9))
def test_iso_is_utc_to_the_millisecond(wall):
    text = Moment(0, wall, 1, "ntp").iso
    assert text.endswith("Z")
    back = datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc).timestamp()
    assert -1e-6 <= wall - back < 0.001001


YEARS = 10 * 365 * 86400.0


@pytest.mark.parametrize("step", [-300 * 86400.0, YEARS])
def test_a_clock_that_steps_by_years_moves_no_label_that_somebody_confirmed(step):
    timeline = Timeline(anchor(ts=0, wall=NOON, uncertainty_s=0.5))
    assert not timeline.offer(anchor(ts=10_000, wall=NOON + 10_000 + step, uncertainty_s=0.1))
    assert timeline.moment(10_000).wall == NOON + 10_000
    assert timeline.moment(10_000).uncertainty_s >= abs(step), "one of the two must be wrong"
    assert not timeline.offer(anchor(ts=10_010, wall=NOON + 10_010 + step, uncertainty_s=0.1))


def test_whoever_ought_to_know_better_corrects_who_does_not():
    timeline = Timeline(anchor(uncertainty_s=120, source="rtc"))
    assert timeline.offer(anchor(wall=NOON + YEARS, uncertainty_s=2, source="phone"))
    assert timeline.moment(100).uncertainty_s == 2, "an RTC with a dead battery is no contradiction"
    assert timeline.offer(anchor(wall=NOON + YEARS + 300, uncertainty_s=0.5, source="ntp"))
    assert timeline.moment(100).uncertainty_s == 0.5, "nor is a phone that is five minutes fast"
    assert not timeline.offer(anchor(wall=NOON, uncertainty_s=0.1, source="phone"))
    assert timeline.moment(100).wall == NOON + YEARS + 300


@given(st.floats(EARLIEST_WALL, 4e9), st.sampled_from([*RANK, "another"]), st.booleans())
def test_whatever_a_clock_says_later_in_a_boot_nothing_is_older_by_it(wall, source, is_restarted):
    right, event = anchor(ts=0, wall=NOON, uncertainty_s=0.5), Moment(-50, NOON - 50, 0.5, "ntp")
    timeline = Timeline() if is_restarted else Timeline(right)
    timeline.remember(right)
    timeline.offer(anchor(ts=10_000, wall=wall, uncertainty_s=0.5, source=source))
    present = timeline.moment(10_000)
    age = age_s(event, present) if present else None
    assert age is None or age <= 10_050 + CONTESTED_S


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_contested_label_is_doubtful_enough_though_who_was_right_was_not_exact(is_restarted):
    phone = anchor(ts=0.0, wall=NOON + 1.8, uncertainty_s=2.0, source="phone")
    timeline = Timeline(None if is_restarted else phone)
    if is_restarted:
        timeline.remember(phone)
    timeline.offer(anchor(ts=0.0, wall=NOON + YEARS, uncertainty_s=0.5, source="ntp"))
    moment = timeline.moment(0.0)
    assert moment.source == "ntp"
    assert abs(moment.wall - NOON) <= moment.uncertainty_s


def test_what_was_known_earlier_in_a_boot_gives_no_label_and_contests_who_ought_to_know():
    timeline = Timeline()
    timeline.remember(anchor())
    assert timeline.moment(100) is None
    assert timeline.offer(anchor(ts=500, wall=NOON + YEARS, uncertainty_s=3600, source="system"))
    assert timeline.moment(500).uncertainty_s == 3600, "it says itself that it does not know"
    assert timeline.offer(anchor(ts=500, wall=NOON + 400, uncertainty_s=0.5))
    assert timeline.moment(500).uncertainty_s == 0.5
    timeline.remember(anchor(wall=-5e11))
    assert timeline.moment(500).uncertainty_s == 0.5, "no clock says that"
    timeline.remember(anchor(wall=NOON + YEARS, source="phone"))
    assert timeline.moment(500).uncertainty_s >= YEARS


def test_a_system_clock_that_nobody_confirmed_may_be_set_by_hand():
    timeline = Timeline(anchor(wall=NOON - 30 * 86400, uncertainty_s=3600, source="system"))
    assert timeline.offer(anchor(ts=500, wall=NOON, uncertainty_s=3600, source="system"))
    assert timeline.moment(500).wall == NOON


@pytest.mark.parametrize("wall", [-1.0, 0.0, 3600.0, EARLIEST_WALL - 1, 5e9, 1e300])
def test_a_clock_that_was_never_set_is_no_anchor(wall):
    timeline = Timeline()
    assert not timeline.offer(anchor(wall=wall, source="phone"))
    assert timeline.moment(5) is None


MOMENTS = st.builds(
    Moment,
    st.just(100.0),
    st.sampled_from([NOON, NOON + 1, NOON + 4000, NOON + YEARS, NOON - YEARS]),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 120.0, 3600.0]),
    st.sampled_from([*RANK, "another"]),
)


@given(MOMENTS, MOMENTS)
def test_of_two_labels_at_most_one_is_better_so_dating_comes_to_an_end(one, other):
    assert not is_better(one, one)
    assert not (is_better(one, other) and is_better(other, one))
    assert is_better(one, None)


@given(MOMENTS, MOMENTS)
def test_nothing_is_old_on_the_word_of_a_phone_or_of_a_clock_that_nobody_confirmed(event, present):
    age = age_s(event, present)
    if {event.source, present.source} & {"system", "rtc", "phone", "another"}:
        assert age is None
    else:
        assert age <= present.wall - event.wall


def test_a_label_knows_how_far_it_is_from_its_anchor():
    assert label(10_100.0, anchor(uncertainty_s=2)).uncertainty_s == pytest.approx(3.0)
