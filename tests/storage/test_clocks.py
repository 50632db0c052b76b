"""``clocks.json`` is data from a stick."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.storage import clocks
from dashcamd.testing import MemoryDisk
from dashcamd.types import Anchor


@pytest.fixture
def disk():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    return disk


def anchor(ts=10.0):
    return Anchor(ts, 1_800_000_000.25, 0.5, "ntp")


def test_what_was_written_is_read_and_the_oldest_boots_are_forgotten(disk):
    known = {"boot-%d" % number: anchor(number) for number in range(clocks.BOOTS + 5)}
    clocks.write(disk, known)
    assert clocks.read(disk) == dict(list(known.items())[5:])
    assert len(disk.content(clocks.PATH)) <= clocks.MAX_BYTES


def test_without_a_file_nothing_is_known(disk):
    assert clocks.read(disk) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
BOOT = st.dictionaries(
    st.sampled_from(["boot_id", "monotonic_s", "unix_s", "uncertainty_s", "clock"]), JSON
)


@given(st.binary(max_size=200) | JSON.map(json.dumps) | st.lists(BOOT).map(json.dumps)
       | st.lists(BOOT, max_size=3).map(lambda boots: json.dumps({"boots": boots})))  # fmt: skip
def test_whatever_is_in_the_file_is_no_error(content):
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    disk.put(clocks.PATH, content if isinstance(content, bytes) else content.encode())
    for found in clocks.read(disk).values():
        assert found.uncertainty_s >= 0
        assert abs(found.wall) <= 1e12
