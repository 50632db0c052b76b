"""Sticks as volumes: plugged, pulled, failing, exchanged."""

import threading
from dataclasses import replace

import pytest

from dashcamd.core.proof import Proof
from dashcamd.core.pulse import Past
from dashcamd.errors import StorageError
from dashcamd.storage import sticks
from dashcamd.storage.sticks import StickSource
from tests.storage.machine import ScriptMachine


@pytest.fixture
def machine(tmp_path):
    return ScriptMachine(tmp_path)


@pytest.fixture
def source(machine):
    return StickSource("boot-a", "usb", machine)


def offered(source, now=0.0):
    source.look(now)
    return source.offer(now)


def test_a_plugged_stick_is_offered_and_nothing_is_wrong_with_it(machine, source):
    path = machine.plug("sda1")
    volume = offered(source)
    assert volume.where == str(path)
    assert source.trouble(volume) is None
    assert (path / "DASHCAM" / "volume.json").exists()


def test_without_a_stick_the_error_says_so(source):
    source.look(0.0)
    with pytest.raises(StorageError, match="no stick is plugged in"):
        source.offer(0.0)


def test_a_look_without_news_costs_nothing_for_a_while(machine, source):
    machine.plug("sda1")
    assert source.look(0.0)
    assert not source.look(1.0)
    assert machine.looks == 1
    source.look(20.0)
    assert machine.looks == 2


def test_a_pulled_stick_is_in_trouble_although_its_mount_is_still_listed(machine, source):
    machine.plug("sda1")
    volume = offered(source)
    machine.pull("sda1")
    assert source.look(1.0)
    assert "was pulled out" in source.trouble(volume)


def test_the_same_stick_plugged_again_is_another_plug_but_the_same_volume(machine, source):
    machine.plug("sda1", uuid="A")
    first = offered(source)
    machine.pull("sda1")
    machine.plug("sdb1", uuid="A")
    source.look(1.0)
    assert source.trouble(first) is not None
    second = source.offer(1.0)
    assert second.id == first.id


def test_a_pull_and_a_plug_between_two_looks_are_noticed(machine, source):
    machine.plug("sda1", uuid="A")
    volume = offered(source)
    machine.pull("sda1")
    machine.plug("sda1", uuid="A")
    source.look(1.0)
    assert source.trouble(volume) is not None


def test_a_file_system_that_the_kernel_turned_read_only_is_trouble(machine, source):
    machine.plug("sda1")
    volume = offered(source)
    machine.remount_read_only("sda1")
    source.look(1.0)
    assert "read-only" in source.trouble(volume)


def test_a_second_stick_stands_by_and_takes_over_when_the_first_fails(machine, source):
    machine.plug("sda1", size_gb=64)
    machine.plug("sdb1", size_gb=32)
    first = offered(source)
    states = {row["device"]: row["state"] for row in source.describe()["sticks"]}
    assert states == {"sda1": "in use", "sdb1": "stand-by"}
    source.distrust(first, is_full=False, now=10.0)
    assert source.offer(10.0).where.endswith("sdb1")


def test_a_failed_stick_alone_is_tried_again_after_a_while(machine, source):
    machine.plug("sda1")
    volume = offered(source)
    source.distrust(volume, is_full=False, now=10.0)
    with pytest.raises(StorageError):
        source.offer(10.4)
    assert source.offer(10.5).id == volume.id


def test_a_stick_that_was_pulled_and_plugged_is_trusted_again_at_once(machine, source):
    machine.plug("sda1", uuid="A")
    volume = offered(source)
    for now in (10.0, 12.0, 16.0):
        source.distrust(volume, is_full=False, now=now)
        machine.pull("sda1")
        source.look(now)
        machine.plug("sda1", uuid="A")
        volume = offered(source, now)


def test_a_stick_that_refused_a_write_is_remembered_for_it(machine, source):
    machine.plug("sda1", uuid="A")
    volume = offered(source)
    volume.past, volume.proof = Past(5, 1, 2.0, 1), Proof(1e6)
    source.distrust(volume, is_full=False, now=10.0)
    again = offered(source, 20.0)
    assert (again.past, again.proof) == (Past(5, 1, 2.0, 1), Proof(1e6))


def test_being_pulled_out_in_a_write_is_not_held_against_a_stick(machine, source):
    machine.plug("sda1", uuid="A")
    volume = offered(source)
    volume.past, volume.proof = Past(5, 1, 2.0, 1), Proof(1e6)
    source.distrust(volume, is_full=False, now=10.0)
    machine.pull("sda1")
    source.look(11.0)
    machine.plug("sda1", uuid="A")
    assert offered(source, 20.0).past == Past()


def test_a_stick_recorded_to_before_comes_first_even_after_a_restart(machine):
    machine.plug("sdb1", size_gb=8)
    offered(StickSource("boot-a", "usb", machine))
    machine.plug("sda1", size_gb=64)
    assert offered(StickSource("boot-b", "usb", machine)).where.endswith("sdb1")


def test_not_a_byte_is_written_when_something_else_lies_behind_the_mount_point(machine, source):
    path = machine.plug("sda1")
    machine.behind[str(path)] = 0x1
    source.look(0.0)
    with pytest.raises(StorageError, match="no longer mounted"):
        source.offer(0.0)
    assert list(path.iterdir()) == []


def test_a_stick_whose_dashcam_is_a_link_is_refused_and_the_next_one_taken(
    machine, source, tmp_path
):
    evil = machine.plug("sda1", size_gb=64)
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (evil / "DASHCAM").symlink_to(elsewhere)
    machine.plug("sdb1", size_gb=8)
    assert offered(source).where.endswith("sdb1")
    assert list(elsewhere.iterdir()) == []


def test_a_stick_that_failed_is_not_said_to_stand_by_until_it_is_plugged_in_anew(machine, source):
    machine.plug("sda1", uuid="A", size_gb=64)
    machine.plug("sdb1", uuid="B", size_gb=32)
    source.distrust(offered(source), is_full=False, now=10.0)
    source.offer(10.0)
    states = {row["device"]: (row["state"], row["hint"]) for row in source.describe()["sticks"]}
    assert states["sda1"][0] == "failed"
    assert "plug it in again" in states["sda1"][1]
    assert states["sdb1"][0] == "in use"
    machine.pull("sda1")
    source.look(11.0)
    machine.plug("sda1", uuid="A", size_gb=64)
    source.look(12.0)
    assert [row["state"] for row in source.describe()["sticks"]] == ["stand-by", "in use"]


def test_of_two_sticks_with_one_uuid_the_second_takes_over_from_the_first(machine, source):
    for name, size_gb in (("sda1", 64), ("sdb1", 32)):
        machine.plug(name, size_gb=size_gb)
        machine.plugged[name] = replace(machine.plugged[name], uuid="1234-5678")
    first = offered(source)
    first.past = Past(5, 1, 2.0, 1)
    source.distrust(first, is_full=True, now=10.0)
    second = source.offer(10.0)
    assert (first.where[-4:], second.where[-4:]) == ("sda1", "sdb1")
    assert second.past == Past(), "what the first did is not held against it"
    source.distrust(second, is_full=False, now=11.0)
    assert source.offer(12.0).where.endswith("sda1")


class HangingMachine(ScriptMachine):
    """Sticks that do not answer until the test lets go of them."""

    def __init__(self, folder):
        super().__init__(folder)
        self.hung, self.asked, self.let_go = set(), [], threading.Event()

    def disk(self, path):
        disk = super().disk(path)
        self.asked.append(path)
        if path in self.hung:
            entries = disk.entries
            disk.entries = lambda folder: entries(folder) if self.let_go.wait(20) else []
        return disk

    def answer(self):
        self.let_go.set()
        self.hung.clear()
        for thread in threading.enumerate():
            if thread.name == "dashcamd-ask":
                thread.join()


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    monkeypatch.setattr(sticks, "ANSWER_S", 0.05)
    machine = HangingMachine(tmp_path)
    yield machine
    machine.answer()


def test_a_stick_that_hangs_is_left_out_until_it_answers_and_holds_up_no_other(hanging):
    source = StickSource("boot", "usb", hanging)
    hanging.hung.add(str(hanging.plug("sda1", size_gb=64)))
    hanging.plug("sdb1", size_gb=8)
    volume = offered(source)
    assert volume.where.endswith("sdb1")
    rows = {row["device"]: (row["state"], row["hint"]) for row in source.describe()["sticks"]}
    assert rows["sdb1"][0] == "in use"
    assert rows["sda1"] == ("failed", sticks.SILENT_HINT)
    source.distrust(volume, is_full=True, now=1.0)
    with pytest.raises(StorageError, match=r"sda1.* does not answer"):
        source.offer(1.0)
    hanging.answer()
    assert source.offer(1.0).where.endswith("sda1")


def test_a_stick_that_was_used_before_is_opened_before_any_other_is_touched(hanging):
    source = StickSource("boot", "usb", hanging)
    good = str(hanging.plug("sda1", uuid="GOOD", size_gb=8))
    offered(source)
    hanging.pull("sda1")
    bad = str(hanging.plug("sdb1", uuid="BAD", size_gb=64))
    hanging.plug("sda1", uuid="GOOD", size_gb=8)
    hanging.asked.clear()
    assert offered(source, 1.0).where == good
    assert bad not in hanging.asked
