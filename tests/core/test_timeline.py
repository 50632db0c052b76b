from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.timeline import DRIFT, Moment, Timeline
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
        timeline.offer(anchor(ts=at, uncertainty_s=uncertainty_s))
        after = timeline.moment(at)
        assert after.uncertainty_s <= min(
            uncertainty_s, before.uncertainty_s if before else uncertainty_s
        )
    assert timeline.moment(ts) is not None


@given(st.floats(0, 4e9))
def test_iso_is_utc_to_the_millisecond(wall):
    text = Moment(0, wall, 1, "ntp").iso
    assert text.endswith("Z")
    back = datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc).timestamp()
    assert -1e-6 <= wall - back < 0.001001
