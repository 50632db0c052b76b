from __future__ import annotations

from dashcamd.core.timeline import Timeline
from dashcamd.handover import Board, Mailbox
from dashcamd.services.clocks import ClockService
from dashcamd.types import Anchor


def posted(machine, *offers):
    board, offered = Board(), Mailbox(8)
    service = ClockService(lambda: machine, Timeline(), board, offered)
    service.step(100.0)
    for anchor in offers:
        offered.put(anchor)
    assert service.wake.is_set() is bool(offers)
    service.step(101.0)
    facts = board.snapshot()["clock"]
    return facts["known"], facts["source"]


PHONE = Anchor(100.0, 1_800_000_000.0, 2.0, "phone")


def test_without_anything_the_clock_is_not_known():
    assert posted(None) == (False, None)


def test_a_phone_sets_a_clock_that_nobody_else_knows():
    assert posted(None, PHONE) == (True, "phone")
    assert posted(Anchor(99.0, 1_790_000_000.0, 3600.0, "system"), PHONE) == (True, "phone")


def test_a_phone_is_not_believed_against_something_better():
    assert posted(Anchor(99.0, 1_790_000_000.0, 0.5, "ntp"), PHONE) == (True, "ntp")
