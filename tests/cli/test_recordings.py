"""Commands about what is on the stick: events, verify, recover, lock, unlock, export."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from dashcamd.cli.files import verify_disk
from dashcamd.storage.disk import PosixDisk, storage_error

DAY = "DASHCAM/2027-01-15"


def folder_of(stick, number):
    (found,) = (stick / DAY).glob("*_e%06d_*" % number)
    return found


def test_events_lists_what_there_is_oldest_first(terminal, stick):
    listed = terminal.json("events")
    assert [event["number"] for event in listed] == [1, 2, 3]
    assert [event["state"] for event in listed] == ["closed", "closed", "open"]
    assert [event["frames"] for event in listed] == [8, 8, 4]
    assert [len(event["parts"]) for event in listed] == [1, 2, 2]
    assert not any(event["locked"] for event in listed)
    assert listed[0]["start"] == "2027-01-15T08:00:00.000Z"
    assert len(terminal.ok("events").splitlines()) == 3
    assert terminal.json("events", "--storage", stick) == listed


def test_events_tells_the_time_of_the_folders_names(terminal, stick, eight_hours_east):
    listed = terminal.json("events")[0]
    assert (listed["day"], listed["start_local"]) == ("2027-01-15", "2027-01-15T16:00:00+08:00")
    assert "2027-01-15 16:00:00+08:00" in terminal.ok("events").splitlines()[0]


def test_an_empty_folder_has_no_events(terminal, tmp_path):
    (tmp_path / "stick").mkdir()
    assert terminal.json("events") == []
    assert terminal.ok("events") == ""


@pytest.mark.parametrize("data", ['{"start_unix_s": NaN}', "[" * 5000, ""])
def test_a_hostile_sidecar_does_not_hide_the_event(terminal, stick, data):
    (folder_of(stick, 1) / "event.json").write_text(data)
    assert terminal.json("events")[0]["start"] is None
    assert "clock not known" in terminal.ok("events")


def test_a_date_beyond_all_calendars_is_no_traceback(terminal, stick):
    sidecar = folder_of(stick, 1) / "event.json"
    sidecar.write_text(sidecar.read_text().replace("1800000000.0", "1e11").replace("1e11", "9e11"))
    assert terminal.json("events")[0]["start"] is None


def test_verify_reads_every_file(terminal, stick):
    report = terminal.json("verify", status=1)
    assert report["ok"] is False
    assert [file["status"] for file in report["files"]] == ["ok"] * 4 + ["damaged"]
    assert report["files"][0]["frames"] == 8
    assert report["files"][0]["gaps"] == 0
    assert "never closed" in report["files"][-1]["problem"]
    shutil.rmtree(folder_of(stick, 3))
    assert terminal.json("verify")["ok"] is True
    assert terminal.ok("verify").splitlines()[-1] == "3 files, all fine"


def test_verify_finds_a_flipped_bit_a_cut_file_and_a_missing_one(terminal, stick):
    shutil.rmtree(folder_of(stick, 3))
    first = folder_of(stick, 1) / "120000_p00.mp4"
    data = bytearray(first.read_bytes())
    data[data.index(b"mdat") + 600] ^= 1
    first.write_bytes(data)
    second = folder_of(stick, 2) / "120000_p00.mp4"
    os.truncate(second, 700)
    (folder_of(stick, 2) / "120000_p01.mp4").unlink()
    report = terminal.json("verify", status=1)
    assert [file["status"] for file in report["files"]] == ["damaged"] * 3
    assert "gone" in report["files"][2]["problem"]
    status, out, _ = terminal.run("verify", "--config", terminal.config)
    assert status == 1
    assert out.splitlines()[-1] == "3 files, NOT all fine"


class ChangingDisk(PosixDisk):
    """A volume on which the daemon does something just before a part is read."""

    def __init__(self, root, part, act):
        super().__init__(root)
        self.part, self.act = part, act

    def open(self, path, *, writable=False):
        if path.endswith(self.part) and self.act is not None:
            act, self.act = self.act, None
            act()
        return super().open(path, writable=writable)


def verified_while(stick, act):
    disk = ChangingDisk(str(stick), "_p01.part.mp4", act)
    return {one["path"]: one["status"] for one in verify_disk(disk) if "_e000003_" in one["path"]}


def test_a_part_that_is_closed_while_verify_reads_is_read_by_its_new_name(stick):
    folder = folder_of(stick, 3)
    (opened,) = folder.glob("*_p01.part.mp4")
    closed = folder / "120000_p01.mp4"

    def close():
        shutil.copy(folder / "120000_p00.mp4", closed)
        opened.unlink()

    found = verified_while(stick, close)
    assert found[str(closed.relative_to(stick))] == "ok"
    assert set(found.values()) == {"ok"}
    assert len(found) == 2


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_retention_deletes_while_verify_reads_is_not_missed(stick, is_whole):
    folder = folder_of(stick, 3)
    (opened,) = folder.glob("*_p01.part.mp4")
    found = verified_while(stick, lambda: shutil.rmtree(folder) if is_whole else opened.unlink())
    assert set(found.values()) <= {"ok"}
    assert len(found) == (0 if is_whole else 1)


def test_recover_finishes_what_was_cut_and_verify_is_content(terminal, stick):
    assert "recovered: 8 frames" in terminal.ok("recover", stick)
    report = terminal.json("verify")
    assert [file["status"] for file in report["files"]] == ["ok"] * 4 + ["recovered"]
    assert terminal.ok("recover", stick) == "nothing to recover\n"
    assert terminal.json("recover", stick) == {"done": []}


def test_a_part_that_the_daemon_is_writing_is_fine_and_left_alone(terminal, stick):
    (path,) = stick.rglob("*.part.mp4")
    before = path.read_bytes()
    disk = PosixDisk(str(path.parent))
    part = disk.open(path.name, writable=True)
    verified = terminal.json("verify")
    assert [one["status"] for one in verified["files"] if "part.mp4" in one["path"]] == ["ok"]
    assert "another program is writing it" in terminal.refused("recover", stick)
    assert path.read_bytes() == before
    part.close()
    disk.close()


def test_recover_takes_one_event_of_a_stick_or_a_lone_file(terminal, stick, tmp_path):
    lone = tmp_path / "copied.part.mp4"
    shutil.copy(folder_of(stick, 3) / "120000_p01.part.mp4", lone)
    assert terminal.json("recover", folder_of(stick, 1)) == {"done": []}
    assert "8 frames" in terminal.ok("recover", lone)
    assert (tmp_path / "copied.mp4").exists()
    (done,) = terminal.json("recover", folder_of(stick, 3))["done"]
    assert "120000_p01.part.mp4 recovered" in done


def test_a_part_that_was_left_open_under_its_final_name_is_found_by_its_content(
    terminal, stick, tmp_path
):
    (path,) = stick.rglob("*.part.mp4")
    copied = tmp_path / "copied" / "120000_p01.mp4"
    copied.parent.mkdir()
    shutil.copy(path, copied)
    path = path.rename(path.with_name(path.name.replace(".part.mp4", ".mp4")))
    report = terminal.json("verify", status=1)
    assert "`dashcamd recover` ends it" in report["files"][-1]["problem"]
    assert "%s recovered: 8 frames" % path.name in terminal.ok("recover", stick)
    assert terminal.json("verify")["files"][-1]["status"] == "recovered"
    (copied.parent / "holiday.mp4").write_bytes(b"not ours")
    assert "120000_p01.mp4 recovered: 8 frames" in terminal.ok("recover", copied.parent)
    assert terminal.json("recover", copied.parent) == {"done": []}


def test_recover_of_what_is_no_video_says_so_and_changes_nothing(terminal, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("dear diary")
    assert "letter.txt" in terminal.refused("recover", letter)
    assert letter.read_text() == "dear diary"
    assert "no such file" in terminal.refused("recover", tmp_path / "none")
    assert "too long" in terminal.refused("recover", tmp_path / ("x" * 300))


def test_recover_prints_names_that_are_no_text(terminal, tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff.part.mp4"
    with open(odd, "wb") as file:
        file.write(b"\0" * 100)
    assert "set aside" in terminal.ok("recover", tmp_path)


def test_lock_and_unlock_by_number_or_name(terminal, stick):
    name = folder_of(stick, 2).name
    assert terminal.ok("lock", "e000002") == name + " is locked\n"
    assert terminal.json("events")[1]["locked"] is True
    assert terminal.ok("unlock", name) == name + " is unlocked\n"
    assert terminal.json("events")[1]["locked"] is False


@pytest.mark.parametrize("command", ["lock", "unlock"])
@pytest.mark.parametrize("event", ["e000099", "", "../../etc", "9" * 5000])
def test_an_unknown_event_is_named(terminal, stick, command, event):
    assert "no event" in terminal.refused(command, event)


def test_export_copies_events_and_can_be_repeated(terminal, stick, tmp_path):
    target = tmp_path / "out" / "deep"
    printed = terminal.ok("export", "1", "e000002", "--to", target)
    names = [folder_of(stick, number).name for number in (1, 2)]
    assert printed.splitlines() == [str(target / name) for name in names]
    for number, name in zip((1, 2), names):
        for file in folder_of(stick, number).iterdir():
            assert (target / name / file.name).read_bytes() == file.read_bytes()
    assert terminal.ok("export", "1", "--to", target)


def test_export_never_writes_over_something_else(terminal, stick, tmp_path):
    name = folder_of(stick, 1).name
    (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / name / "120000_p00.mp4").write_text("mine")
    assert "exists with another size" in terminal.refused("export", "1", "--to", tmp_path / "out")
    assert (tmp_path / "out" / name / "120000_p00.mp4").read_text() == "mine"


def test_an_export_of_large_files_that_was_interrupted_is_taken_up_again(terminal, stick, tmp_path):
    source = folder_of(stick, 1)
    (source / "120000_p07.mp4").write_bytes(b"x" * (2 << 20))
    (tmp_path / "out" / source.name).mkdir(parents=True)
    (tmp_path / "out" / source.name / "120000_p07.mp4.tmp").write_bytes(b"x")
    terminal.ok("export", "1", "--to", tmp_path / "out")
    copied = tmp_path / "out" / source.name
    assert (copied / "120000_p07.mp4").stat().st_size == 2 << 20
    assert sorted(file.name for file in copied.iterdir()) == sorted(
        file.name for file in source.iterdir()
    )


def test_export_to_where_nothing_can_be_written_is_one_line(terminal, stick, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be made" in terminal.refused("export", "1", "--to", tmp_path / "file" / "below")
    assert "no event" in terminal.refused("export", "77", "--to", tmp_path / "out")


@pytest.mark.parametrize("command", [["events"], ["verify"], ["lock", "1"], ["export", "1"]])
def test_a_storage_that_is_no_folder_is_one_line(terminal, tmp_path, command):
    more = ["--to", tmp_path / "out"] if command[0] == "export" else []
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "none", tmp_path / "file", tmp_path / "file" / "below"):
        complaint = terminal.refused(*command, *more, "--storage", wrong)
        assert str(wrong) in complaint
    assert "too long" in terminal.refused(*command, *more, "--storage", tmp_path / ("x" * 300))


def test_verify_without_recordings_says_so(terminal, tmp_path):
    (tmp_path / "stick").mkdir()
    assert "no recordings there" in terminal.refused("verify")


def test_nothing_of_a_look_changes_the_stick(terminal, stick):
    def tree():
        return {p: p.stat().st_mtime_ns for p in sorted(stick.rglob("*"))}

    before = tree()
    terminal.run("verify", "--config", terminal.config)
    terminal.ok("events")
    assert tree() == before
    assert PosixDisk(str(stick)).entries("DASHCAM")


def test_an_unreadable_folder_hides_no_other_event_and_is_said(terminal, stick, monkeypatch):
    """The medium fails in one folder: a listing that gives EIO, as a worn stick does."""
    bad = folder_of(stick, 1).name
    listing = PosixDisk.entries

    def entries(disk, path):
        if path.endswith(bad):
            raise storage_error("list", path, errno.EIO)
        return listing(disk, path)

    monkeypatch.setattr(PosixDisk, "entries", entries)
    found = terminal.json("events", status=1)
    assert [event.get("number") for event in found] == [2, 3, None]
    assert found[2]["state"] == "unreadable"
    assert found[2]["path"].endswith(bad)
    status, out, _ = terminal.run("events", "--config", terminal.config)
    assert status == 1
    assert "cannot be read" in out.splitlines()[-1]
    report = terminal.json("verify", status=1)
    assert len(report["files"]) == 5
    assert bad in report["files"][-1]["path"]
    assert "failed" in report["files"][-1]["problem"]


def test_verify_lists_what_recovery_set_aside(terminal, stick):
    shutil.rmtree(folder_of(stick, 3))
    (folder_of(stick, 1) / "120000_p01.damaged").write_bytes(b"\0" * 500)
    report = terminal.json("verify", status=1)
    assert [file["status"] for file in report["files"]] == ["ok", "damaged", "ok", "ok"]
    assert report["files"][1]["path"].endswith("p01.damaged")
    assert "set it aside" in report["files"][1]["problem"]


def test_a_part_that_the_daemon_has_just_begun_is_not_called_damaged(terminal, stick):
    (path,) = stick.rglob("*.part.mp4")
    begun = path.with_name("120099_p99.part.mp4")
    begun.write_bytes(b"")
    disk = PosixDisk(str(path.parent))
    parts = [disk.open(name, writable=True) for name in (path.name, begun.name)]
    report = {one["path"][-12:]: one["status"] for one in terminal.json("verify")["files"]}
    assert report["p99.part.mp4"] == "ok"
    for part in parts:
        part.close()
    disk.close()
