"""What waits for a volume that could not take it."""

from __future__ import annotations

from dashcamd.core.naming import EventName
from dashcamd.services.messages import PartAbandoned, PartsLocked
from dashcamd.services.undone import LIMIT, Undone
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk

NAME = EventName("2026-11-26", "120000_e000001_motion")


def test_of_a_stick_that_fails_without_end_a_bounded_number_is_remembered_and_every_lock():
    volume, undone = Volume(MemoryDisk(), "/stick", "boot"), Undone()
    lock = PartsLocked(volume, NAME, (0,))
    undone.add(lock)
    for number in range(LIMIT + 20):
        undone.add(PartAbandoned(volume, NAME, "%s/120000_p%02d.mp4" % (NAME.path, number)))
    waiting = undone.take(volume, lambda name: False)
    assert len(waiting) == LIMIT
    assert waiting[0] == lock
    assert undone.take(volume, lambda name: False) == []
