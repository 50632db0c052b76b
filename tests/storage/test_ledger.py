"""The memory of a volume: right, tolerant, and sparing with the disk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashcamd.storage import catalog, sidecar
from dashcamd.storage.ledger import RELIST_S, Ledger
from dashcamd.storage.locking import set_lock
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk
from tests.storage.events import write_event


@pytest.fixture
def disk():
    return MemoryDisk()


@pytest.fixture
def volume(disk):
    return Volume(disk, "/stick", "boot")


def opened(disk, now=0.0):
    ledger = Ledger(disk)
    ledger.list_again(now)
    return ledger


def test_events_are_looked_at_a_few_at_a_time_the_newest_first(disk, volume):
    names = [write_event(volume) for _ in range(5)]
    ledger = opened(disk)
    assert list(ledger.names) == names
    assert [known.name for known in ledger.look_over(3)] == names[:1:-1]
    assert not ledger.is_complete
    assert [known.name for known in ledger.look_over(3)] == names[1::-1]
    assert ledger.is_complete
    assert {known.name: known.bytes for known in ledger.known} == {
        event.name: event.bytes for event in catalog.events(disk)
    }


def test_classes_come_from_the_folder_and_the_lock(disk, volume):
    names = [write_event(volume, reason=r) for r in ("motion", "continuous", "trigger", "motion")]
    set_lock(disk, "4", True)
    ledger = opened(disk)
    assert [known.name for known in ledger.of_class("continuous")] == [names[1]]
    assert [known.name for known in ledger.of_class("motion")] == [names[0], names[2]]


def test_only_what_makes_room_is_read(disk, volume):
    for number in range(30):
        write_event(volume, reason="continuous" if number % 2 else "motion")
    counting = FlakyDisk(disk)
    ledger = opened(counting)
    assert counting.calls == 2, "DASHCAM and one day"
    first = next(ledger.of_class("continuous"))
    assert first.name.folder.endswith("e000002_continuous")
    assert counting.calls == 5, "one listing, one open, one read"
    next(ledger.of_class("continuous"))
    assert counting.calls == 5, "and never again"


def test_a_class_is_looked_at_a_bounded_number_at_a_time_and_each_once(disk, volume):
    names = [write_event(volume) for _ in range(5)]
    counting = FlakyDisk(disk)
    ledger = opened(counting)
    before = counting.calls
    assert [known and known.name for known in ledger.of_class("motion", 2)] == [*names[:2], None]
    assert [known and known.name for known in ledger.of_class("motion", 2)] == [*names[:4], None]
    assert [known and known.name for known in ledger.of_class("motion", 2)] == names
    ledger.look_over(10)
    assert counting.calls - before == 3 * len(names), "nor is it in the first round"


def test_five_thousand_events_cost_two_reads_a_period_not_ten_thousand():
    """What retention costs every 10 s is bounded by the round, whatever lies on the volume."""
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "boot")
    name = write_event(volume)
    (event,) = catalog.events(disk)
    for number in range(2, 5001):
        twin = name._replace(folder="120000_e%06d_motion" % number)
        disk._dirs.add(twin.path)
        facts = replace(event.facts, number=number, moment=None)
        disk.put(twin.path + "/event.json", sidecar.to_bytes(facts))
    slow_listing = disk.entries
    by_folder = {}
    for path in disk.paths:
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)

    def entries(path):
        if path not in by_folder or path == "DASHCAM":
            return slow_listing(path)
        return [
            catalog.Entry(p.rpartition("/")[2], True, False, len(disk.content(p)))
            for p in by_folder[path]
        ]

    disk.entries = entries
    counting = FlakyDisk(disk)
    ledger = opened(counting)
    while not ledger.is_complete:
        ledger.look_over(64)
    assert counting.calls <= 2 + 3 * 5000
    for now in range(0, 100, 10):
        before = counting.calls
        ledger.list_again(float(now))
        ledger.look_over(32)
        assert len(list(ledger.of_class("motion"))) == 5000
        assert counting.calls - before <= 3 * 32


def test_a_lock_set_by_another_program_is_seen_when_the_round_comes_by(disk, volume):
    write_event(volume)
    ledger = opened(disk)
    ledger.look_over(10)
    set_lock(disk, "1", True)
    assert [known.is_locked for known in ledger.known] == [False]
    ledger.look_over(10)
    assert [known.is_locked for known in ledger.known] == [True]
    assert list(ledger.of_class("motion")) == []


def test_what_another_program_took_away_or_brought_is_noticed(disk, volume):
    gone, stays = write_event(volume), write_event(volume)
    ledger = opened(disk)
    ledger.look_over(10)
    for path in [path for path in disk.paths if gone.path in path]:
        disk.unlink(path)
    disk.rmdir(gone.path)
    brought = write_event(volume)
    assert ledger.look(gone) is not None, "remembered"
    ledger.look_over(10)
    assert ledger.look(gone) is None
    assert [known.name for known in ledger.known] == [stays]
    ledger.list_again(RELIST_S - 1)
    assert brought not in ledger.names
    ledger.list_again(RELIST_S)
    assert ledger.names == (stays, brought)


def test_two_folders_of_one_number_are_two_events(disk, volume):
    name = write_event(volume)
    copy = name._replace(day="2031-01-01")
    disk.make_dirs(copy.path)
    disk.put(copy.path + "/event.json", disk.content(name.path + "/event.json"))
    assert opened(disk).names == (name, copy)


def test_an_event_that_cannot_be_read_is_passed_over_until_the_next_round(disk, volume):
    bad, good = write_event(volume), write_event(volume)
    flaky = FlakyDisk(disk)
    ledger = opened(flaky)
    flaky.fail_at, flaky._once = flaky.calls + 1, True
    assert [known.name for known in ledger.of_class("motion")] == [good]
    assert list(ledger.unreadable) == [bad.path]
    assert [known.name for known in ledger.of_class("motion")] == [good]
    ledger.look_over(10)
    assert [known.name for known in ledger.of_class("motion")] == [bad, good]
    assert ledger.unreadable == {}
