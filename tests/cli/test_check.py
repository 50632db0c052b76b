"""What `dashcamd check` makes of a machine's memory."""

from __future__ import annotations

import pytest

from dashcamd.cli.check import fits
from dashcamd.config import RecordingConfig


@pytest.mark.parametrize(
    ("ring", "boat", "machine", "todo"),
    [
        (64, 64, 328, ""),
        (64, 64, 327, "set [recording] lifeboat_mib to 63 or less"),
        (64, 256, 370, "set [recording] lifeboat_mib to 106 or less"),
        (128, 64, 300, "set [recording] lifeboat_mib to 0 or less and ring_mib to 100 or less"),
    ],
)
def test_ring_and_lifeboat_leave_the_system_its_memory(ring, boat, machine, todo):
    finding = fits(RecordingConfig(ring_mib=ring, lifeboat_mib=boat), machine)
    assert (finding.is_ok, finding.todo) == (todo == "", todo)
