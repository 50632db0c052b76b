"""The machine's facts, on look-alikes of ``/sys``."""

from __future__ import annotations

import pytest

from dashcamd.cli.daemon import _in_words
from dashcamd.control import status
from dashcamd.health.machine import (
    THROTTLED,
    Machine,
    throttling,
    waits_in_kernel,
    warnings,
)


@pytest.fixture
def firmware(tmp_path):
    """Writes what the firmware says."""

    def say(text):
        path = tmp_path / THROTTLED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path

    return say


def test_a_machine_without_such_firmware_says_nothing(tmp_path, firmware):
    assert throttling(tmp_path) is None
    assert throttling(firmware("nonsense")) is None
    assert warnings(None) == []


def test_a_healthy_pi_has_no_warning(firmware):
    found = throttling(firmware("0\n"))
    assert found == {"now": [], "since_power_on": []}
    assert warnings(found) == []


@pytest.mark.parametrize(
    ("text", "now", "before", "words"),
    [
        ("50005\n", ["under-voltage", "throttled"], ["under-voltage", "throttled"], "weak now"),
        ("10000\n", [], ["under-voltage"], "was too weak"),
        ("0x8\n", ["soft temperature limit"], [], "air or shade"),
        ("2\n", ["frequency capped"], [], None),
    ],
)
def test_the_firmwares_bits_in_words(firmware, text, now, before, words):
    found = throttling(firmware(text))
    assert found == {"now": now, "since_power_on": before}
    said = warnings(found)
    assert words in said[0] if words else said == []


def test_status_warns_of_a_weak_supply(firmware):
    health = Machine(firmware("1")).read()
    assert health["system_disk_free_mib"] >= 0
    assert 0 <= health["system_disk_percent"] <= 100
    document = status.document({"health": health}, 1.0)
    assert document["faults"] == []
    assert "WARNING  the supply is too weak now" in _in_words(document)


@pytest.mark.parametrize(
    ("stat", "waits"),
    [
        ("17 (dashcamd-record) D 1 17 17 0", True),
        ("17 (a) D) S 1 17 17 0", False),
        ("17 (dashcamd-record) R 1 17 17 0", False),
        ("", False),
        (None, False),
    ],
)
def test_a_thread_waits_in_the_kernel_while_its_state_says_so(tmp_path, stat, waits):
    if stat is not None:
        (tmp_path / "17").mkdir()
        (tmp_path / "17" / "stat").write_text(stat)
    assert waits_in_kernel(17, tmp_path) is waits
    assert not waits_in_kernel(None, tmp_path)
