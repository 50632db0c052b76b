"""The volumes service: one volume in use as long as there is one."""

import shutil

import pytest

from dashcamd.errors import StorageError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import EjectAsked, VolumeFailed
from dashcamd.services.volumes import FOLDER_RETRY_S, FULL_S, VolumesService
from dashcamd.storage.folder import FolderSource
from dashcamd.storage.sticks import StickSource
from tests.storage.machine import ScriptMachine


class Room:
    """The service with its hand-overs and a hand on the clock."""

    def __init__(self, source):
        self.slot, self.failed, self.board = Latest(), Mailbox(8), Board()
        self.leaving = []
        self.service = VolumesService(
            source, self.slot, self.failed, self.board, [], self.leaving.append
        )
        self.now = 100.0

    @property
    def volume(self):
        return self.slot.peek()[1]

    @property
    def posted(self):
        return self.board.snapshot()["volume"]

    def pass_time(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.now += self.service.step(self.now)

    def let_go(self):
        """Record and keep have let go of what is leaving."""
        while self.leaving:
            self.leaving.pop(0).done()

    def fail(self, is_full=False):
        self.failed.put(VolumeFailed(self.volume, "it broke", is_full))


@pytest.fixture
def machine(tmp_path):
    return ScriptMachine(tmp_path)


@pytest.fixture
def room(machine):
    return Room(StickSource("boot", "usb", machine))


@pytest.fixture
def two(machine, room):
    """The room with the larger of two sticks in use, which is sda1."""
    machine.plug("sdb1", size_gb=32)
    machine.plug("sda1", size_gb=64)
    room.pass_time(0.5)
    return room


def test_a_stick_plugged_in_later_is_in_use_within_half_a_second(machine, room):
    room.pass_time(5.0)
    assert room.volume is None
    assert "no stick is plugged in" in room.posted["fault"]
    path = machine.plug("sda1")
    room.pass_time(0.5)
    assert room.volume.where == str(path)
    assert room.posted["fault"] is None


def test_a_pulled_stick_is_taken_away_and_the_one_standing_by_used_at_once(machine, two):
    assert two.volume.where.endswith("sda1")
    machine.pull("sda1")
    two.pass_time(0.5)
    assert two.volume.where.endswith("sdb1")


def test_a_failure_of_an_earlier_volume_does_not_touch_the_present_one(machine, two):
    stale = VolumeFailed(two.volume, "late news", False)
    machine.pull("sda1")
    two.pass_time(0.5)
    present = two.volume
    two.failed.put(stale)
    two.pass_time(0.5)
    assert two.volume is present


def test_a_full_stick_that_is_the_only_one_stays_in_use(machine, room):
    machine.plug("sda1")
    room.pass_time(0.5)
    full = room.volume
    room.fail(is_full=True)
    room.pass_time(30.0)
    assert room.volume is full
    assert room.leaving == []


def test_a_full_stick_makes_way_for_the_one_standing_by(two):
    two.fail(is_full=True)
    two.pass_time(0.5)
    assert two.volume.where.endswith("sdb1")


@pytest.mark.parametrize(("later_s", "used"), [(30.0, "sdb1"), (FULL_S + 1, "sda1")])
def test_a_full_stick_makes_way_for_one_that_is_plugged_in_while_it_is(
    machine, room, later_s, used
):
    machine.plug("sda1", size_gb=64)
    room.pass_time(0.5)
    room.fail(is_full=True)
    room.pass_time(later_s)
    machine.plug("sdb1", size_gb=32)
    room.pass_time(0.5)
    assert room.volume.where.endswith(used)


def test_two_full_sticks_are_not_exchanged_for_each_other_all_the_time(two):
    used = []
    for _ in range(1200):
        if two.volume is not None and two.volume not in used:
            used.append(two.volume)
        two.fail(is_full=True)
        two.let_go()
        two.pass_time(0.5)
    assert two.volume is not None
    assert 4 <= len(used) <= 2 * (5 + 600 / 60), "each once a minute after the first tries"


def test_the_board_lists_every_stick_with_a_hint_for_people(machine, room):
    machine.plug("sda1")
    machine.plug("sdb1", fs="ntfs")
    del machine.mounted["sdb1"]
    room.pass_time(1.0)
    rows = {row["device"]: row for row in room.posted["sticks"]}
    assert rows["sda1"]["state"] == "in use"
    assert "ntfs" in rows["sdb1"]["hint"]


def test_a_folder_that_failed_is_not_hammered(tmp_path):
    room = Room(FolderSource(str(tmp_path), "boot"))
    room.pass_time(0.5)
    room.fail()
    room.pass_time(FOLDER_RETRY_S / 2)
    assert room.volume is None
    room.pass_time(FOLDER_RETRY_S)
    assert room.volume is not None


def test_a_machine_without_udev_is_a_fault_and_not_the_end(tmp_path):
    class Blind:
        def has_changed(self):
            raise StorageError("udev cannot be asked")

    room = Room(StickSource("boot", "usb", Blind()))
    room.pass_time(1.0)
    assert room.volume is None
    assert room.posted["fault"]


class Answers(list):
    """What somebody who asked is told."""

    def __call__(self, why):
        self.append(why)


def ejecting(room):
    answers = Answers()
    room.failed.put(EjectAsked(answers))
    return answers


def test_an_ejected_stick_is_closed_unmounted_and_then_said_to_be_safe(machine, room):
    machine.plug("sda1")
    room.pass_time(0.5)
    volume, answers = room.volume, ejecting(room)
    room.pass_time(3.0)
    assert room.volume is None
    assert machine.unmount_asked == []
    room.let_go()
    room.pass_time(0.25)
    assert machine.unmount_asked == ["sda1"]
    assert answers == []
    with pytest.raises(StorageError):
        volume.disk.entries("")
    machine.unmounted("sda1")
    room.pass_time(2.0)
    assert answers == [None]
    [row] = room.posted["sticks"]
    assert (row["state"], row["hint"]) == ("ejected", "safe to remove")


def test_a_stick_that_does_not_take_the_last_writes_is_said_and_unmounted_when_it_does(
    machine, room
):
    machine.plug("sda1")
    room.pass_time(0.5)
    answers = ejecting(room)
    room.pass_time(16.0)
    assert "has not taken the last writes" in answers[0]
    assert machine.unmount_asked == []
    room.let_go()
    room.pass_time(0.5)
    assert machine.unmount_asked == ["sda1"]


def test_two_who_ask_to_eject_are_both_told(machine, two):
    first = ejecting(two)
    two.pass_time(0.5)
    second = ejecting(two)
    two.let_go()
    two.pass_time(0.5)
    machine.unmounted("sda1")
    two.pass_time(0.5)
    assert (first, second) == ([None], [None])
    assert two.volume.where.endswith("sdb1"), "the second did not mean the other stick"


def test_a_pulled_stick_gives_its_descriptors_back_as_soon_as_nobody_uses_it(machine, room):
    machine.plug("sda1")
    room.pass_time(0.5)
    volume = room.volume
    machine.pull("sda1")
    room.pass_time(0.5)
    assert volume.disk.entries("") != [], "record and keep may still be at it"
    room.let_go()
    room.pass_time(0.5)
    with pytest.raises(StorageError):
        volume.disk.entries("")


def test_an_ejected_stick_is_not_used_again_until_it_was_pulled_and_plugged(machine, room):
    machine.plug("sda1", uuid="A")
    room.pass_time(0.5)
    ejecting(room)
    room.pass_time(30.0)
    assert room.volume is None
    machine.pull("sda1")
    room.pass_time(0.5)
    machine.plug("sda1", uuid="A")
    room.pass_time(0.5)
    assert room.volume is not None


def test_ejecting_one_stick_leaves_the_other_to_record_on(machine, two):
    ejecting(two)
    two.pass_time(0.5)
    assert two.volume.where.endswith("sdb1")


def test_a_stick_that_stays_mounted_is_said_after_a_while(machine, room):
    machine.plug("sda1")
    room.pass_time(0.5)
    answers = ejecting(room)
    room.pass_time(0.5)
    room.let_go()
    room.pass_time(25.0)
    assert "still mounted" in answers[0]


def test_there_is_nothing_to_eject_without_a_stick_or_from_a_folder(room, tmp_path):
    for one in (room, Room(FolderSource(str(tmp_path), "boot"))):
        one.pass_time(0.5)
        answers = ejecting(one)
        one.pass_time(0.5)
        assert "none to eject" in answers[0]


def test_another_stick_that_goes_meanwhile_does_not_unmount_the_ejected_one(machine, two):
    answers = ejecting(two)
    two.pass_time(0.5)
    machine.pull("sdb1")
    two.pass_time(0.5)
    ejected, pulled = two.leaving
    pulled.done()
    two.pass_time(0.5)
    assert machine.unmount_asked == [], "record and keep are still at the ejected one"
    ejected.done()
    two.pass_time(0.5)
    assert machine.unmount_asked == ["sda1"]
    assert answers == []


def test_whoever_ejects_a_stick_that_fails_in_it_is_told(machine, room):
    path = machine.plug("sda1")
    room.pass_time(0.5)
    answers = ejecting(room)
    room.pass_time(0.5)
    shutil.rmtree(path / "DASHCAM")
    room.let_go()
    room.pass_time(0.5)
    assert len(answers) == 1
    assert "ejecting failed" in answers[0]
    assert "safe all the same" in answers[0]


def test_sticks_that_were_ejected_one_after_the_other_are_both_left_alone(machine, two):
    for device in ("sda1", "sdb1"):
        assert two.volume.where.endswith(device)
        answers = ejecting(two)
        two.pass_time(0.5)
        two.let_go()
        two.pass_time(25.0)
        assert "still mounted" in answers[0]
    assert two.volume is None, "neither was pulled out"
    machine.pull("sda1")
    two.pass_time(0.5)
    machine.plug("sda1", size_gb=64)
    two.pass_time(0.5)
    assert two.volume.where.endswith("sda1")


def test_an_ejected_stick_that_hangs_is_unmounted_later_though_another_was_ejected(machine, two):
    room, first = two, ejecting(two)
    room.pass_time(16.0)
    assert "has not taken the last writes" in first[0]
    second = ejecting(room)
    room.pass_time(0.5)
    hung, other = room.leaving
    other.done()
    room.pass_time(0.5)
    machine.unmounted("sdb1")
    room.pass_time(0.5)
    assert second == [None]
    hung.done()
    room.pass_time(0.5)
    assert machine.unmount_asked == ["sdb1", "sda1"]
