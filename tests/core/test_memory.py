"""How much memory the video may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.memory import MIB, SYSTEM_MIB, bounds, held_s, ring_mib_for

ANY_MIB = st.integers(0, 1 << 14)


@pytest.mark.parametrize(
    ("machine_mib", "most_mib"),
    [(370, 106), (328, 64), (300, 64), (460, 196), (900, 256), (8000, 256)],
)
def test_the_ring_grows_as_far_as_the_system_can_spare(machine_mib, most_mib):
    assert bounds(64, 256, 64, 10.0, machine_mib).most_mib == most_mib


@given(st.integers(4, 4096), st.integers(0, 4096), st.integers(0, 4096), ANY_MIB)
def test_it_never_takes_more_than_is_allowed_or_there_nor_less_than_was_asked_for(
    ring, ring_max, boat, machine
):
    least, most, _ = bounds(ring, ring_max, boat, 10.0, machine)
    assert least == ring
    assert most >= ring
    if most > ring:
        assert most <= ring_max
        assert most + boat + SYSTEM_MIB <= machine


@given(st.floats(0, 86400), st.floats(0, 700), st.floats(1e3, 4e6))
def test_a_ring_so_large_bridges_the_stall_and_what_is_held_besides(stall_s, held, rate):
    size = ring_mib_for(stall_s, held, rate) * MIB
    assert (size == 0) == (stall_s == 0)
    assert not stall_s or size >= (stall_s + held) * rate


def test_nothing_is_known_without_a_rate():
    assert ring_mib_for(30.0, 10.0, 0.0) == 0


def test_the_pre_roll_or_the_gap_decides_what_is_held():
    assert held_s(5.0, 5.0, 15.0, 1.0) == 10.0
    assert held_s(20.0, 5.0, 15.0, 1.0) == 21.0
