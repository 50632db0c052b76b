"""Sticks as volumes: plugged, pulled, failing, exchanged."""

import pytest

from dashcamd.core.proof import Proof
from dashcamd.core.pulse import Past
from dashcamd.errors import StorageError
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
