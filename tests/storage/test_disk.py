from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dashcamd.errors import StorageError
from dashcamd.storage import mounts
from dashcamd.storage.disk import PosixDisk, open_anywhere, replace_file
from dashcamd.testing import FlakyDisk, MemoryDisk


@pytest.fixture
def disk(tmp_path):
    disk = PosixDisk(str(tmp_path))
    yield disk
    disk.close()


def write_file(disk, path, data):
    file = disk.create(path)
    file.write([data])
    file.close()


def failing(code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    return fail


def test_what_is_written_is_read_back_and_counted(disk, tmp_path):
    disk.make_dirs("2026-11-20/event")
    file = disk.create("2026-11-20/event/a.mp4")
    file.write([b"head", memoryview(b"xxbodyxx")[2:-2]])
    file.overwrite(1, b"EA")
    file.sync()
    assert file.read(0, 100) == b"hEAdbody"
    assert file.read(2, 3) == b"Adb"
    assert file.size == 8
    file.truncate(4)
    file.write([b"!"])
    file.sync_all()
    file.close()
    assert (tmp_path / "2026-11-20/event/a.mp4").read_bytes() == b"hEAd!"


def test_short_writes_are_continued_byte_by_byte(disk, tmp_path, monkeypatch):
    real = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, buffers, at: real(fd, [memoryview(buffers[0])[:3]], at)
    )
    file = disk.create("a")
    file.write([b"abcde", b"fg", b"hijklmno"])
    file.close()
    assert (tmp_path / "a").read_bytes() == b"abcdefghijklmno"


def test_more_buffers_than_the_kernel_takes_at_once(disk, tmp_path):
    buffers = [bytes([place % 256]) * 2 for place in range(5000)]
    file = disk.create("a")
    file.write(buffers)
    file.close()
    assert (tmp_path / "a").read_bytes() == b"".join(buffers)


def test_a_file_is_never_created_over_another(disk):
    write_file(disk, "a", b"precious")
    with pytest.raises(StorageError) as caught:
        disk.create("a")
    assert caught.value.errno == errno.EEXIST
    assert str(caught.value) == "cannot create a: it exists already (EEXIST)"


@pytest.mark.parametrize("act", ["open", "create", "entries", "make_dirs", "unlink", "sync_dir"])
def test_no_symbolic_link_is_followed_below_the_root(disk, tmp_path, tmp_path_factory, act):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_bytes(b"x")
    (tmp_path / "link").symlink_to(outside)
    path = "link" if act in ("entries", "sync_dir") else "link/secret"
    with pytest.raises(StorageError) as caught:
        getattr(disk, act)(path)
    assert caught.value.errno in (errno.ENOTDIR, errno.ELOOP)
    assert (outside / "secret").read_bytes() == b"x"


def test_a_link_in_place_of_a_file_is_refused(disk, tmp_path):
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(StorageError, match="symbolic links are not followed"):
        disk.open("link", writable=True)
    assert [entry.is_file for entry in disk.entries("")] == [False, True]


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a\0b"])
def test_no_path_leaves_the_volume(disk, path):
    with pytest.raises(StorageError, match="cannot leave the volume"):
        disk.create(path)


def test_a_fifo_is_refused_at_once(disk, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StorageError, match="not a regular file"):
        disk.open("fifo")
    with pytest.raises(StorageError, match="not a regular file"):
        open_anywhere(str(tmp_path / "fifo"))


def test_the_volume_stays_pinned_when_its_path_leads_elsewhere(tmp_path):
    mount = tmp_path / "mount"
    mount.mkdir()
    disk = PosixDisk(str(mount))
    mount.rename(tmp_path / "stick")
    mount.mkdir()
    write_file(disk, "a", b"x")
    disk.close()
    assert list(mount.iterdir()) == []
    assert (tmp_path / "stick" / "a").exists()


def test_a_closed_volume_leads_nowhere_until_nobody_holds_it(tmp_path):
    """A thread that was about to use its descriptor must not land in another directory."""
    disk = PosixDisk(str(tmp_path))
    [number] = [n for n in descriptors() if target(n) == str(tmp_path)]
    disk.close()
    others = [PosixDisk(str(tmp_path.parent)) for _ in range(10)]
    with pytest.raises(NotADirectoryError):
        os.open(".", os.O_RDONLY, dir_fd=number)
    with pytest.raises(StorageError):
        disk.entries("")
    disk.close()
    del disk
    assert target(number) == ""
    for other in others:
        other.close()


def descriptors():
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


def target(number):
    try:
        return str(Path("/proc/self/fd/%d" % number).readlink())
    except OSError:
        return ""


def test_a_missing_volume_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot open .*nowhere: it is not there"):
        PosixDisk(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ENOSPC, "cannot write a: the volume is full (ENOSPC)"),
        (errno.EIO, "cannot write a: the medium failed or was pulled (EIO)"),
        (errno.EROFS, "cannot write a: the volume is read-only (EROFS)"),
        (errno.EINTR, "cannot write a: Interrupted system call (EINTR)"),
    ],
)
def test_an_error_keeps_errno_and_says_what_it_means(disk, monkeypatch, code, text):
    file = disk.create("a")
    monkeypatch.setattr(os, "pwritev", failing(code))
    with pytest.raises(StorageError) as caught:
        file.write([b"x"])
    file.close()
    assert caught.value.errno == code
    assert str(caught.value) == text


def test_a_file_whose_sync_failed_is_abandoned(disk, monkeypatch):
    file = disk.create("a")
    file.write([b"x"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(StorageError, match="EIO"):
            file.sync()
    for retry in (file.sync, file.sync_all, lambda: file.write([b"y"]), lambda: file.truncate(0)):
        with pytest.raises(StorageError, match="abandoned"):
            retry()
    file.close()


def test_listing_and_space(disk, tmp_path):
    disk.make_dirs("b/c")
    write_file(disk, "a", b"12345")
    assert [tuple(entry) for entry in disk.entries("")] == [
        ("a", True, False, 5),
        ("b", False, True, 0),
    ]
    disk.rename("a", "b/moved")
    assert [entry.name for entry in disk.entries("b")] == ["c", "moved"]
    disk.unlink("b/moved")
    disk.rmdir("b/c")
    disk.rmdir("b")
    assert disk.entries("") == []
    facts = os.statvfs(tmp_path)
    assert disk.space().total == facts.f_blocks * facts.f_frsize
    assert 0 < disk.space().free <= disk.space().total


def test_make_dirs_accepts_what_is_there_but_not_a_file(disk):
    disk.make_dirs("a/b")
    disk.make_dirs("a/b")
    write_file(disk, "f", b"")
    with pytest.raises(StorageError):
        disk.make_dirs("f/x")


def test_replaced_file_has_old_or_new_content_after_any_cut():
    disk = MemoryDisk()
    disk.put("event.json", b"old")
    replace_file(disk, "event.json", b"new!")
    seen = {disk.after_cut(step).content("event.json") for step in range(len(disk.journal) + 1)}
    seen |= {disk.at(step).content("event.json") for step in range(len(disk.journal) + 1)}
    assert seen == {b"old", b"new!"}
    assert disk.after_cut(len(disk.journal)).content("event.json") == b"new!"


def test_a_failed_replacement_leaves_the_old_content_and_can_be_repeated():
    counted = FlakyDisk(MemoryDisk())
    replace_file(counted, "event.json", b"new")
    for call in range(1, counted.calls + 1):
        disk = MemoryDisk()
        disk.put("event.json", b"old")
        with pytest.raises(StorageError):
            replace_file(FlakyDisk(disk, call), "event.json", b"new")
        assert disk.content("event.json") in (b"old", b"new")
        replace_file(disk, "event.json", b"newer")
        assert disk.content("event.json") == b"newer"


def test_a_rename_syncs_the_file_under_its_new_name(tmp_path, monkeypatch):
    """On vfat the new directory entry is empty until then; tests/usb sees it on a real kernel."""
    disk = PosixDisk(str(tmp_path))
    file = disk.create("a.tmp")
    file.close()
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path("/proc/self/fd/%d" % fd).readlink())
    )
    disk.rename("a.tmp", "a.mp4")
    assert synced == [tmp_path / "a.mp4"]
    disk.close()


def test_a_file_that_is_replaced_keeps_its_space_until_its_name_is_another_files(
    tmp_path, monkeypatch
):
    """Or FAT frees clusters that a name on the medium leads to; tests/usb cuts a real kernel's."""
    disk = PosixDisk(str(tmp_path))
    replace_file(disk, "event.json", b"old")
    seen = []

    replaced = str(tmp_path / "event.json") + " (deleted)"

    def look(number):
        seen.append((target(number), replaced in map(target, descriptors())))

    monkeypatch.setattr(os, "fsync", look)
    replace_file(disk, "event.json", b"new")
    assert (str(tmp_path), True) in seen
    assert seen[-1] == (str(tmp_path), False), "it is kept for no longer"
    disk.close()


def test_a_file_that_is_written_cannot_be_opened_for_writing_again(tmp_path):
    """So `dashcamd recover` leaves the part alone that the running daemon has open."""
    first = PosixDisk(str(tmp_path))
    part = first.create("p00.part.mp4")
    other = PosixDisk(str(tmp_path))
    with pytest.raises(StorageError, match="another program is writing it") as caught:
        other.open("p00.part.mp4", writable=True)
    assert caught.value.errno == errno.EAGAIN
    other.open("p00.part.mp4").close()
    part.close()
    other.open("p00.part.mp4", writable=True).close()
    first.close()
    other.close()


def test_a_growing_file_on_exfat_is_linked_from_its_first_cluster_and_counts_from_nothing(
    tmp_path, monkeypatch
):
    """That it really is linked is held by the power cuts of ``tests/usb``, on a real exFAT."""
    monkeypatch.setattr(mounts, "type_of", lambda _device: "exfat")
    disk = PosixDisk(str(tmp_path))
    stretched = []
    plain = os.ftruncate
    monkeypatch.setattr(os, "ftruncate", lambda fd, size: (stretched.append(size), plain(fd, size)))
    file = disk.create("p00.mp4", grows=True)
    cluster = os.statvfs(str(tmp_path)).f_bsize
    assert stretched == [1, 1, cluster + 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["p00.mp4"]
    assert file.size == 0
    file.write([b"abc"])
    file.close()
    assert (tmp_path / "p00.mp4").read_bytes() == b"abc"
    disk.create("event.json").close()
    assert len(stretched) == 4, "small files are not"


def test_a_volume_without_room_to_link_a_growing_file_says_so_when_it_is_written(
    tmp_path, monkeypatch
):
    def full(_fd, _size):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(mounts, "type_of", lambda _device: "exfat")
    monkeypatch.setattr(os, "ftruncate", full)
    file = PosixDisk(str(tmp_path)).create("p00.mp4", grows=True)
    assert file.size == 0
    file.close()


def test_fat_and_exfat_tear_renames(tmp_path, monkeypatch):
    disk = PosixDisk(str(tmp_path))
    assert disk.renames_are_whole
    for name, is_whole in (("exfat", False), ("fuseblk", False), ("vfat", False), ("ext4", True)):
        monkeypatch.setattr(mounts, "type_of", lambda _device, name=name: name)
        assert disk.renames_are_whole is is_whole


def test_a_folder_that_vanishes_while_one_is_made_in_it_is_made_again(tmp_path):
    class Tidied(PosixDisk):
        removals = 1

        def _make_dir(self, path):
            super()._make_dir(path)
            if path == "day" and self.removals:
                self.removals -= 1
                self.rmdir(path)

    Tidied(str(tmp_path)).make_dirs("day/event")
    assert (tmp_path / "day" / "event").is_dir()
