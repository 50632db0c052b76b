"""The ring grows for a stick that stalls, as far as it may, before a frame is lost."""

from __future__ import annotations

import pytest

from dashcamd.control import status
from dashcamd.core.memory import MIB
from dashcamd.core.pulse import Past, Pulse
from dashcamd.handover import Board, Ring
from dashcamd.services.memory import MemoryService
from dashcamd.storage.volume import MARKER
from dashcamd.testing import MemoryDisk, held
from dashcamd.types import Frame
from tests.daemon import Daemon, settings
from tests.test_app import script

RATE = MIB // 2


class Desk:
    """Half a MiB of video a second in a ring of 4 MiB, which may grow to 16."""

    def __init__(self, most_mib=16):
        self.ring, self.board = Ring(4 * MIB), Board()
        for place in range(80):
            self.ring.append(Frame(place / 4, True, bytes(RATE // 4)))
        self.settings = held(settings(ring_mib=4, ring_max_mib=most_mib, gap_s=3.0))
        self.service = MemoryService(self.settings, self.ring, 1024, self.board)
        self.now = 20.0

    def bring(self, **recording):
        """Settings that keep more or less of the video in memory than 2 s of it."""
        self.settings.put(settings(**recording))
        self.service.step(self.now)
        return self.ring.capacity_bytes / MIB

    def stick(self, longest_stall_s=0.0, silent_s=0.0):
        pulse = {"ever": {"longest_stall_s": longest_stall_s}}
        self.board.post("recording", {"posted_at": self.now - silent_s, "pulse": pulse})
        self.service.step(self.now)
        return self.ring.capacity_bytes / MIB

    @property
    def posted(self):
        return self.board.snapshot()["memory"]


def test_a_stick_that_keeps_up_leaves_the_ring_as_it_is():
    desk = Desk()
    desk.service.step(desk.now)
    assert desk.stick() == 4
    assert desk.posted["ring_mib"] == 4
    assert desk.posted["why"] == "as configured"
    assert desk.posted["bridged_s"] == pytest.approx(8.0, abs=0.5)


def test_a_stick_that_is_known_to_stall_gets_a_ring_that_bridges_it():
    desk = Desk()
    assert desk.stick(longest_stall_s=10.0) == 9
    assert desk.posted["ring_mib"] == 9
    assert "once stalled for 10 s" in desk.posted["why"]


def test_a_stall_that_lasts_lets_it_grow_before_it_is_over():
    desk = Desk()
    assert desk.stick(silent_s=1.0) == 4, "a write may take so long"
    assert desk.stick(silent_s=6.0) == 6
    assert desk.stick(silent_s=12.0) == 11
    assert "not answered for 12 s" in desk.posted["why"]


def test_it_grows_no_further_than_it_may_whatever_a_stick_says_of_itself():
    assert Desk().stick(longest_stall_s=86400.0) == 16
    assert Desk(most_mib=4).stick(longest_stall_s=86400.0) == 4


def test_a_longer_pre_roll_or_gap_gets_a_ring_that_holds_it():
    desk = Desk()
    assert desk.bring(pre_roll_s=15.0, gap_s=20.0) == 11
    assert desk.posted["held_s"] == 19.0
    assert "pre-roll and gap keep 19 s" in desk.posted["why"]
    assert desk.posted["fault"] is None


def test_a_pre_roll_that_memory_cannot_hold_is_a_fault_until_it_is_shorter():
    desk = Desk()
    assert desk.bring(pre_roll_s=59.0, gap_s=62.0) == 16
    said = status.document(desk.board.snapshot(), desk.now)["faults"]
    assert "memory: pre-roll and gap keep 61 s of video, memory holds 31 s" in said[0]
    assert "ring_max_mib to 35" in said[0]
    desk.bring(pre_roll_s=20.0, gap_s=30.0)
    assert status.document(desk.board.snapshot(), desk.now)["faults"] == []


def test_what_may_change_at_the_next_start_only_does_so_not_now():
    assert Desk().bring(pre_roll_s=59.0, gap_s=62.0, ring_max_mib=64) == 16


def test_it_does_not_shrink_for_the_next_stick():
    desk = Desk()
    desk.stick(longest_stall_s=10.0)
    assert desk.stick() == 9
    assert "once stalled for 10 s" in desk.posted["why"]


@pytest.mark.parametrize("ring_max_mib", [64, 0])
def test_the_house_knows_a_stick_by_its_past_at_plug_in(ring_max_mib):
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    disk.put(MARKER, b'{"id": "s", "health": {"stalls": 1, "longest_stall_s": 3600}}')
    daemon = Daemon(script(60), disk, config=settings(ring_mib=4, ring_max_mib=ring_max_mib))
    daemon.run()
    status = daemon.status
    advised, ring = status["volume"]["health"]["ring_mib_advised"], status["memory"]["ring_mib"]
    assert advised > 4
    assert advised <= ring <= 64 if ring_max_mib else ring == 4
    is_said = any("longer than memory bridges" in fault for fault in status["faults"])
    assert is_said == (not ring_max_mib)
    daemon.close()


@pytest.mark.parametrize(("most_mib", "is_said"), [(64, False), (16, True)])
def test_what_the_ring_will_grow_to_is_no_fault_meanwhile(most_mib, is_said):
    desk = Desk(most_mib)
    pulse = Pulse(Past(longest_stall_s=40.0))
    desk.board.post("recording", {"posted_at": desk.now, "pulse": pulse.reading(desk.now)})
    desk.board.post("volume", {"where": "/stick"})
    desk.board.post("camera", {"state": "delivering", "video_bytes_per_s": RATE})
    faults = status.document(desk.board.snapshot(), desk.now)["faults"]
    assert any("longer than memory bridges" in fault for fault in faults) == is_said
