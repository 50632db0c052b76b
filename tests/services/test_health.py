"""The machine is read every few seconds, for a weak supply or heat does not wait."""

from __future__ import annotations

from dashcamd.handover import Board
from dashcamd.services.health import HealthService


def test_the_machine_is_read_anew_every_five_seconds():
    board, readings = Board(), iter([{"temperature_c": 50.0}, {"temperature_c": 85.0}])
    service = HealthService(lambda: next(readings), board)
    assert service.step(0.0) == 5.0
    assert board.snapshot()["health"] == {"temperature_c": 50.0}
    service.step(5.0)
    assert board.snapshot()["health"] == {"temperature_c": 85.0}
