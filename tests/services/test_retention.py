"""Retention over years: whatever clocks, people and full sticks do, the promises hold."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.years import Years


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_happens_in_some_weeks_the_promises_hold(dice):
    years = Years(dice)
    for _ in range(40):
        years.day()
    years.hold_labels()


def live_through(events: int) -> Years:
    years = Years(random.Random(7))
    while years.made < events:
        before = years.made
        years.day()
        if years.made // 100 > before // 100:
            years.hold_labels()
    return years


def test_two_hundred_events_foreign_files_and_clock_jumps():
    assert live_through(200).deleted > 100


@pytest.mark.real
@pytest.mark.timeout(900)
def test_ten_thousand_events_foreign_files_and_clock_jumps():
    years = live_through(10_000)
    assert years.deleted > 9_000
    assert years.boots > 100
