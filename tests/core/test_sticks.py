"""Choosing the stick: what is said of each device, and which is tried when."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core import sticks
from dashcamd.core.sticks import Block, Mount, Setback

GB = 10**9


def partition(name="sda1", **facts):
    known = {
        "name": name,
        "disk": name.rstrip("0123456789"),
        "number": sum(map(ord, name)) * 16,
        "bus": "usb",
        "size_bytes": 16 * GB,
        "fs": "vfat",
        "usage": "filesystem",
        "uuid": "UUID-" + name,
        "serial": "stick",
        "plugged": "1",
    }
    return Block(**{**known, **facts})


def disk(name="sda", **facts):
    return partition(name, **{"fs": "", "usage": "", "uuid": "", **facts})


def mounted(block, path="/run/dashcamd/volumes/x", **facts):
    return Mount(block.number, path, **facts)


def state_of(blocks, mounts=(), accept="usb"):
    return {v.block.name: v.state for v in sticks.survey(blocks, mounts, accept)}


def test_a_partition_that_is_mounted_is_ready_and_its_disk_is_not_mentioned():
    stick = partition()
    assert state_of([disk(), stick], [mounted(stick)]) == {"sda1": sticks.READY}


def test_a_stick_without_a_partition_table_is_ready_as_a_disk():
    whole = disk(fs="exfat", usage="filesystem")
    assert state_of([whole], [mounted(whole)]) == {"sda": sticks.READY}


def test_a_stick_that_nobody_has_mounted_yet_waits_and_says_who_mounts_it():
    [verdict] = sticks.survey([disk(), partition()], [], "usb")
    assert verdict.state == sticks.WAITING
    assert "dashcamd-mount@sda1.service" in verdict.why


def test_what_cannot_be_recorded_to_is_said_with_what_to_do():
    blocks = [
        disk("sda"),
        disk("sdb"),
        partition("sdb1", fs="", usage=""),
        partition("sdc", fs="ntfs"),
        partition("sdd", fs="crypto_LUKS", usage="crypto"),
    ]
    verdicts = {v.block.name: v for v in sticks.survey(blocks, [], "usb")}
    assert set(verdicts) == {"sda", "sdb1", "sdc", "sdd"}
    assert all(v.state == sticks.UNUSABLE for v in verdicts.values())
    assert all("format it" in v.why for v in verdicts.values())
    assert "ntfs" in verdicts["sdc"].why


def test_a_foreign_file_system_is_used_when_somebody_has_mounted_it():
    ntfs = partition(fs="ntfs")
    assert state_of([ntfs], [mounted(ntfs, "/media/pi/STICK")]) == {"sda1": sticks.READY}


def test_write_protection_and_a_read_only_mount_are_told_apart():
    locked, failed = partition("sda1", is_read_only=True), partition("sdb1")
    mounts = [mounted(locked), mounted(failed, is_read_only=True)]
    first, second = sticks.survey([locked, failed], mounts, "usb")
    assert (first.state, second.state) == (sticks.READ_ONLY, sticks.READ_ONLY)
    assert "lock switch" in first.why
    assert "after errors" in second.why


def test_a_mount_of_a_folder_inside_the_stick_does_not_count():
    stick = partition()
    assert state_of([stick], [mounted(stick, root="/photos")]) == {"sda1": sticks.WAITING}


def test_the_disk_the_system_runs_from_is_never_a_stick():
    root, boot, data = partition("sda2", fs="ext4"), partition("sda1"), partition("sda3")
    mounts = [mounted(root, "/"), mounted(boot, "/boot/firmware"), mounted(data, "/mnt/data")]
    assert state_of([disk(), boot, root, data], mounts) == {}


def test_a_partition_of_the_system_disk_counts_when_its_label_says_so():
    root, data = partition("sda2", fs="ext4"), partition("sda3", label="DASHCAM")
    mounts = [mounted(root, "/"), mounted(data, "/mnt/data")]
    assert state_of([disk(), root, data], mounts) == {"sda3": sticks.READY}
    meant = replace(root, label="DASHCAM")
    assert state_of([disk(), meant, partition("sda3")], mounts) == {}


def test_the_setting_says_which_buses_count():
    card, ssd = partition("mmcblk0p1", disk="mmcblk0", bus="mmc"), partition("sdx1", bus="ata")
    assert set(state_of([card, ssd])) == set()
    assert set(state_of([card, ssd], accept="usb+sd")) == {"mmcblk0p1"}
    assert set(state_of([card, ssd], accept="any")) == {"mmcblk0p1", "sdx1"}


def test_an_empty_card_reader_is_not_mentioned():
    assert state_of([disk(size_bytes=0)]) == {}


def ready(*blocks):
    return sticks.survey(blocks, [mounted(block) for block in blocks], "usb")


def names(verdicts):
    return [verdict.block.name for verdict in verdicts]


def test_a_known_stick_comes_before_a_larger_one_and_the_largest_before_small_partitions():
    efi = partition("sda1", size_bytes=GB // 5)
    large, known = partition("sdb1", size_bytes=64 * GB), partition("sdc1", size_bytes=8 * GB)
    order = sticks.to_try(ready(efi, large, known), {}, {known.key}, 0.0)
    assert names(order) == ["sdc1", "sdb1", "sda1"]


def test_a_stick_that_failed_stands_behind_the_others_and_waits_longer_each_time():
    one, two = partition("sda1"), partition("sdb1")
    setbacks = {one.plug: sticks.after_failure(None, 100.0, is_full=False)}
    assert names(sticks.to_try(ready(one, two), setbacks, set(), 100.0)) == ["sdb1"]
    assert names(sticks.to_try(ready(one, two), setbacks, set(), 102.0)) == ["sdb1", "sda1"]
    again = sticks.after_failure(setbacks[one.plug], 102.0, is_full=False)
    assert again.retry_at == 103.0
    assert Setback(0.0, 99).retry_at == sticks.RETRY_MAX_S


def test_a_stick_that_was_full_and_then_failed_rests_as_one_that_failed_once():
    full = sticks.after_failure(sticks.after_failure(None, 10.0, is_full=True), 12.0, is_full=True)
    assert full.retry_at == 16.0
    failed = sticks.after_failure(full, 20.0, is_full=False)
    assert failed == Setback(20.0, 1)
    assert sticks.after_failure(failed, 30.0, is_full=True).retry_at == 32.0


def test_the_complaint_names_every_device_or_says_that_there_is_none():
    assert sticks.complaint([]) == "no stick is plugged in"
    said = sticks.complaint(sticks.survey([partition(), disk("sdb")], [], "usb"))
    assert "sda1" in said
    assert "sdb" in said


some_blocks = st.lists(
    st.builds(
        partition,
        st.sampled_from(["sda", "sda1", "sda2", "sdb", "sdb1", "sdc1", "mmcblk"]),
        bus=st.sampled_from(["usb", "usb", "mmc", "ata", ""]),
        fs=st.sampled_from(["vfat", "exfat", "ntfs", ""]),
        usage=st.sampled_from(["filesystem", "crypto", ""]),
        size_bytes=st.sampled_from([0, GB, 32 * GB]),
        label=st.sampled_from(["", "DASHCAM"]),
        is_read_only=st.booleans(),
    ),
    unique_by=lambda block: block.name,
)
some_paths = st.sampled_from(["/", "/boot/firmware", "/media/pi/A", "/run/dashcamd/volumes/B"])


@given(st.data(), some_blocks, st.sampled_from(["usb", "usb+sd", "any"]))
def test_what_is_tried_is_always_writable_mounted_accepted_and_not_the_system(data, blocks, accept):
    mounts = [
        mounted(block, data.draw(some_paths), is_read_only=data.draw(st.booleans()))
        for block in blocks
        if data.draw(st.booleans())
    ]
    setbacks = {
        block.plug: Setback(data.draw(st.floats(0, 100)), data.draw(st.integers(1, 9)))
        for block in blocks
        if data.draw(st.booleans())
    }
    now = data.draw(st.floats(0, 200))
    verdicts = sticks.survey(blocks, mounts, accept)
    tried = sticks.to_try(verdicts, setbacks, set(), now)
    system = {m.device for m in mounts if sticks.is_system_path(m.path)}
    for block, state, path, _why in tried:
        assert state == sticks.READY
        assert not block.is_read_only
        assert block.bus in sticks.ACCEPT[accept]
        assert block.number not in system
        assert Mount(block.number, path) in mounts
        assert block.plug not in setbacks or now >= setbacks[block.plug].retry_at
    assert all(verdict.state == sticks.READY or verdict.why for verdict in verdicts)
    failed = [verdict.block.plug in setbacks for verdict in tried]
    assert failed == sorted(failed)
    assert tried == sticks.to_try(list(reversed(verdicts)), setbacks, set(), now)
