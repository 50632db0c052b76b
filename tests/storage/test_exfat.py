"""Half written exFAT entry sets: mended without losing a file, and what fsck would have done."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.storage import exfat
from tests.storage import exfat_images as images
from tests.storage.exfat_images import CLUSTER, HEAP, SUB, VIDEO, entry_set, torn, unused

OLD = entry_set("193528_p00.mp4", VIDEO, 2 * CLUSTER)
NEW = entry_set("193528_p00.mp4", VIDEO, 3 * CLUSTER - 5)
FOLDER = entry_set("DASHCAM", SUB, CLUSTER, is_folder=True)


class Device(io.BytesIO):
    """An image in memory that can be synced."""

    def fileno(self):
        return self.descriptor


@pytest.fixture
def device(tmp_path):
    with (tmp_path / "image").open("wb") as file:

        def make(data):
            made = Device(data)
            made.descriptor = file.fileno()
            return made

        yield make


def folder_of(device):
    start = HEAP + (SUB - 2) * CLUSTER
    return device.getvalue()[start : start + CLUSTER]


@pytest.mark.parametrize("is_new_first", [True, False])
def test_a_torn_size_becomes_the_old_one_or_the_new_one(device, is_new_first):
    half = torn(OLD, NEW, 1) if is_new_first else torn(NEW, OLD, 1)
    slots = images.PER_SECTOR - 1
    made = device(images.image(FOLDER, unused(slots) + half))
    assert exfat.mend(made) == 1
    found = folder_of(made)[32 * slots : 32 * slots + len(OLD)]
    assert images.checksum(found) == struct.unpack_from("<H", found, 2)[0]
    assert found[32:] == half[32:], "sizes and clusters are not invented"
    assert exfat.mend(made) == 0


def test_a_torn_rename_of_a_small_file_gets_one_of_its_names(device):
    old = entry_set("event.json.tmp", VIDEO, 900)
    new = entry_set("event.json", VIDEO, 900)
    for half in (torn(old, new, 1), torn(old, new, 2), torn(new, old, 1), torn(new, old, 2)):
        made = device(images.image(FOLDER, half))
        exfat.mend(made)
        assert folder_of(made)[: len(old)] in (old, new)


@pytest.mark.parametrize(
    "entries",
    [
        OLD,
        OLD[:64],
        unused(3),
        bytes([0x85, 2]) + bytes(30) + unused(2),
        OLD[:32] + unused(1) + OLD[64:],
        bytes([0x85, 255]) + bytes(30) + OLD[32:],
    ],
)
def test_what_is_whole_or_no_set_at_all_is_left_to_fsck(device, entries):
    data = images.image(FOLDER, entries)
    made = device(data)
    assert exfat.mend(made) == 0
    assert made.getvalue() == data


def test_foreign_folders_are_not_looked_into(device):
    data = images.image(entry_set("PHOTOS", SUB, CLUSTER, is_folder=True), torn(OLD, NEW, 1))
    assert exfat.mend(device(data)) == 0


def test_folders_that_hold_each_other_end(device):
    inner = entry_set("DASHCAM", images.ROOT, CLUSTER, is_folder=True)
    assert exfat.mend(device(images.image(FOLDER, inner + torn(OLD, NEW, 1)))) == 1


def test_what_is_no_exfat_is_refused(device):
    with pytest.raises(exfat.NotExfat):
        exfat.mend(device(bytes(600)))


@given(st.data())
def test_hostile_images_end_and_stay_as_large_as_they_were(data):
    made = bytearray(images.image(FOLDER + OLD, torn(OLD, NEW, 1)))
    for _ in range(data.draw(st.integers(1, 12))):
        near = data.draw(st.sampled_from([80, 108, HEAP + 3 * CLUSTER, HEAP + 4 * CLUSTER]))
        made[near + data.draw(st.integers(0, 95))] = data.draw(st.integers(0, 255))
    with open("/dev/null", "wb") as null:
        device = Device(bytes(made))
        device.descriptor = null.fileno()
        try:
            exfat.mend(device)
        except (exfat.NotExfat, OSError):
            return
        assert len(device.getvalue()) == len(made)


@pytest.mark.parametrize("is_mended", [False, True])
def test_fsck_deletes_a_half_written_part_unless_it_is_mended_first(tmp_path, is_mended):
    """Holds the reason for this module: when it fails, fsck has become kinder."""
    for tool in ("mkfs.exfat", "fsck.exfat"):
        if not shutil.which(tool):
            pytest.skip("%s is not installed (apt install exfatprogs)" % tool)
    path = tmp_path / "stick.img"
    with path.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.exfat", str(path)], check=True, stdout=subprocess.DEVNULL)
    old, new = (entry_set("193528_p00.mp4", 100, size) for size in (8192, 12000))
    at = images.place_in(path, [torn(old, new, 1)], images.PER_SECTOR - 1)
    if is_mended:
        assert exfat.main(str(path)) == 0
    subprocess.run(["fsck.exfat", "-p", str(path)], stdout=subprocess.DEVNULL, check=False)
    kinds = path.read_bytes()[at : at + 96 : 32]
    assert (kinds == b"\x85\xc0\xc1") is is_mended
