"""The stick's front: settings are heard, the report is written, the page lists what is there."""

from __future__ import annotations

import errno
import itertools
import json
import re
from contextlib import suppress

import pytest

from dashcamd.config import Config
from dashcamd.core import naming
from dashcamd.core.timeline import Timeline
from dashcamd.errors import StorageError
from dashcamd.handover import Board, Mailbox
from dashcamd.services.front import BATCH, FIRST_S, FLUSH_S, REPORT_S, Front
from dashcamd.storage import catalog, stick_page
from dashcamd.storage.deletion import delete_event
from dashcamd.storage.locking import set_lock
from dashcamd.storage.volume import Volume
from dashcamd.testing import FlakyDisk, MemoryDisk, held
from dashcamd.types import Anchor
from tests.daemon import Daemon, settings
from tests.storage.events import START, WALL, write_event
from tests.test_app import script

TOML = "DASHCAM/dashcamd.toml"
REPORT = "DASHCAM/dashcamd-report.txt"


class Desk:
    def __init__(self, disk=None):
        self.disk = disk or MemoryDisk()
        self.inbox, self.board, self.password = Mailbox(10), Board(), None
        self.addresses = ()
        self.front = Front(
            self.inbox,
            held(Config()),
            Timeline(Anchor(START, WALL, 1.0, "ntp")),
            self.board,
            lambda: self.password,
            lambda: self.addresses,
        )
        self.now = START

    def plug(self, disk=None):
        self.volume = Volume(disk or self.disk, "/stick", "boot")
        self.front.follow(self.volume)
        self.front.step(self.now)
        for message in self.inbox.drain():
            message.answer(())
        return self

    def wait(self, seconds=FIRST_S):
        self.now += seconds
        self.front.step(self.now)
        while self.front.is_busy:
            self.front.step(self.now)
        return self

    @property
    def report(self):
        return self.disk.content(REPORT).decode("utf-8-sig")


def chunks(disk):
    """What the page would show: event number to entry."""
    found = {}
    (listed,) = re.findall(r"^dashcamd_list\((.*)\);$", disk.content(stick_page.LIST).decode())
    for chunk in json.loads(listed):
        text = disk.content(stick_page.chunk_path(chunk)).decode("ascii")
        (rows,) = re.findall(r"^dashcamd_events\(\d+,(.*)\);$", text, re.DOTALL)
        found.update((row["n"], row) for row in json.loads(rows))
    return found


def written(disk, path):
    return [op for op in disk.journal if op.act == "rename" and op.target == path]


def test_the_page_lists_what_is_on_the_stick():
    desk = Desk().plug()
    first, second = write_event(desk.volume), write_event(desk.volume, ("kppp", "kppp"))
    set_lock(desk.disk, "2", True)
    desk.disk.put(second.path + "/cover.jpg", b"jpeg")
    desk.plug().wait()
    for path, name in stick_page.STATIC.items():
        assert desk.disk.content(path) == stick_page.static_file(name)
    one, two = chunks(desk.disk)[1], chunks(desk.disk)[2]
    assert (one["d"], one["f"]) == tuple(first)
    assert one["r"] == "motion"
    assert re.fullmatch(r"2027-01-1\d \d\d:\d\d:\d\d", one["t"])
    assert [part for part, _ in two["p"]] == ["120000_p00.mp4", "120000_p01.mp4"]
    assert ("l" in one, "c" in one, "x" in one) == (False, False, False)
    assert ("l" in two, "c" in two) == (True, True)


def test_nothing_is_written_before_the_recording_had_its_time():
    desk = Desk().plug()
    desk.wait(FIRST_S - 0.1)
    assert desk.disk.paths == ["DASHCAM/volume.json"]


@pytest.mark.parametrize("is_pulled", [False, True])
def test_what_begins_before_the_page_is_there_is_listed_on_a_fresh_stick(is_pulled):
    desk = Desk().plug()
    desk.front.changed(write_event(desk.volume))
    if is_pulled:
        desk.front.close()
    else:
        desk.wait()
    assert list(chunks(desk.disk)) == [1]


def test_a_stick_that_is_right_already_is_not_written_again():
    desk = Desk().plug()
    for _ in range(3):
        write_event(desk.volume)
    desk.plug().wait()
    before = len(desk.disk.journal)
    Desk(desk.disk).plug().wait()
    acts = {op.path for op in desk.disk.journal[before:] if op.act in ("create", "unlink")}
    assert acts == {"DASHCAM/volume.json.tmp", REPORT + ".tmp"}


def test_an_event_that_changes_costs_one_small_file_and_not_at_once_again():
    desk = Desk().plug()
    names = [write_event(desk.volume) for _ in range(5)]
    desk.plug().wait()
    path = stick_page.chunk_path(0)
    count = len(written(desk.disk, path))
    set_lock(desk.disk, "3", True)
    for name in names:
        desk.front.changed(name)
    desk.wait(FLUSH_S)
    assert len(written(desk.disk, path)) == count + 1
    assert "l" in chunks(desk.disk)[3]
    desk.front.changed(names[0])
    set_lock(desk.disk, "1", True)
    desk.wait(FLUSH_S / 2)
    assert "l" not in chunks(desk.disk)[1]
    desk.wait(FLUSH_S)
    assert "l" in chunks(desk.disk)[1]


def test_deleted_events_disappear_and_so_do_empty_chunks():
    desk = Desk().plug()
    desk.volume._last_event = stick_page.CHUNK - 2
    names = [write_event(desk.volume) for _ in range(4)]
    desk.plug().wait()
    assert len(chunks(desk.disk)) == 4
    delete_event(desk.disk, catalog.load(desk.disk, names[0]))
    desk.front.changed(names[0])
    desk.wait(FLUSH_S)
    assert stick_page.chunk_path(0) not in desk.disk.paths
    assert sorted(chunks(desk.disk)) == [200, 201, 202]
    for name in names[1:]:
        delete_event(desk.disk, catalog.load(desk.disk, name))
    desk.plug().wait()
    assert chunks(desk.disk) == {}
    assert stick_page.chunk_path(1) not in desk.disk.paths


def test_what_is_not_ours_in_the_page_s_folder_stays():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM/index")
    for name in ("events-notes.txt", "events-1.js", "mine.js"):
        disk.put("DASHCAM/index/" + name, b"mine")
    Desk(disk).plug().wait()
    for name in ("events-notes.txt", "events-1.js", "mine.js"):
        assert disk.content("DASHCAM/index/" + name) == b"mine"


@pytest.mark.parametrize("how", ["open", "recovered", "damaged", "gaps"])
def test_what_a_person_should_know_is_flagged(how):
    desk = Desk().plug()
    if how == "open":
        write_event(desk.volume, open_part="kppp")
    elif how == "damaged":
        write_event(desk.volume, has_sidecar=False)
    else:
        name = write_event(desk.volume)
        path = name.path + "/event.json"
        document = json.loads(desk.disk.content(path))
        if how == "gaps":
            document["gaps"] = [{"start_s": 0, "end_s": 1, "frames": 3, "cause": "ring overrun"}]
        else:
            document["parts"][0]["status"] = "recovered"
        desk.disk.put(path, json.dumps(document).encode())
    desk.plug().wait()
    assert chunks(desk.disk)[1]["x"] == [how]


HOSTILE = '</script><script>alert(1)</script>\u2028"\\\n\x00<!--'


def test_texts_from_the_stick_are_data():
    desk = Desk().plug()
    name = write_event(desk.volume)
    document = json.loads(desk.disk.content(name.path + "/event.json"))
    document.update(reason=HOSTILE, camera=HOSTILE, start_unix_s=253e9)
    document["parts"][0]["file"] = "../../../etc/passwd"
    desk.disk.put(name.path + "/event.json", json.dumps(document).encode())
    desk.plug().wait()
    raw = desk.disk.content(stick_page.chunk_path(0))
    assert b"<" not in raw
    assert raw.isascii()
    assert b"passwd" not in raw
    assert chunks(desk.disk)[1]["r"] == HOSTILE


@pytest.mark.parametrize("data", [b"[" * 900_000, b"{}", b"\xff", b'{"parts":' + b"1" * 10**6])
def test_a_hostile_sidecar_makes_a_damaged_event_and_no_more(data):
    desk = Desk().plug()
    bad, _ = write_event(desk.volume), write_event(desk.volume)
    desk.disk.put(bad.path + "/event.json", data)
    desk.plug().wait()
    assert chunks(desk.disk)[1]["x"] == ["damaged"]
    assert "x" not in chunks(desk.disk)[2]


def test_a_cut_at_any_moment_leaves_a_page_of_old_or_new():
    desk = Desk().plug()
    write_event(desk.volume)
    desk.plug().wait()
    write_event(desk.volume)
    begun = len(desk.disk.journal)
    desk.plug().wait()
    for step in range(begun, len(desk.disk.journal)):
        for left in (desk.disk.at(step), desk.disk.after_cut(step)):
            assert sorted(chunks(left)) in ([1], [1, 2])
            Desk(left).plug().wait()
            assert sorted(chunks(left)) == [1, 2]


def test_what_a_failing_disk_leaves_undone_the_next_plug_in_puts_right():
    good = Desk().plug()
    write_event(good.volume)
    counting = FlakyDisk(good.disk.at(len(good.disk.journal)))
    Desk(good.disk.at(len(good.disk.journal))).plug(counting).wait()
    for call in range(1, counting.calls):
        disk = good.disk.at(len(good.disk.journal))
        with suppress(OSError):
            Desk(disk).plug(FlakyDisk(disk, call, once=True)).wait()
        Desk(disk).plug().wait()
        assert sorted(chunks(disk)) == [1]


def test_an_event_whose_page_could_not_be_written_is_listed_when_it_can_be():
    desk = Desk().plug().wait()
    flaky = FlakyDisk(desk.disk, once=True)
    desk.plug(flaky).wait()
    for call in itertools.count(1):
        names = [write_event(desk.volume)]
        desk.volume._last_event += 2 * call * stick_page.CHUNK
        names.append(write_event(desk.volume))
        for name in names:
            desk.front.changed(name)
        flaky.fail_at = flaky.calls + call
        with suppress(StorageError):
            desk.wait(FLUSH_S)
        if flaky.calls < flaky.fail_at:
            break
        desk.wait(FLUSH_S)
        numbers = {naming.event_number(name.folder) for name in names}
        assert numbers <= set(chunks(desk.disk)), "call %d failed" % call
    assert call > 10


def test_what_begins_while_the_page_is_put_right_is_listed():
    before = Desk().plug()
    for _ in range(3 * BATCH):
        write_event(before.volume)
    for steps in range(1, 30):
        desk = Desk(before.disk.at(len(before.disk.journal))).plug()
        desk.now += FIRST_S
        for _ in range(steps):
            desk.front.step(desk.now)
        write_event(desk.volume)
        desk.front.changed(max(name for _, name in catalog.names(desk.disk)))
        desk.wait(1.0)
        if steps > 1 and not desk.front.is_busy:
            desk.wait(FLUSH_S)
        assert len(chunks(desk.disk)) == 3 * BATCH + 1, "after %d steps" % steps


def test_a_stick_is_not_told_what_became_of_the_one_before():
    first = MemoryDisk()
    first.make_dirs("DASHCAM")
    first.put(TOML, b"[recording]\nsegment_s = 60\n")
    desk = Desk(first).plug().wait()
    other = MemoryDisk()
    desk.front.follow(Volume(other, "/stick", "boot"))
    for _ in range(2):
        desk.now += FIRST_S
        desk.front.step(desk.now)
    assert REPORT not in other.paths, "nobody has answered for this stick yet"


def test_a_hundred_thousand_foreign_files_are_left_alone():
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM/2027-01-15")
    for number in range(100_000):
        disk.put("DASHCAM/2027-01-15/holiday%d.jpg" % number, b"")
    Desk(disk).plug().wait()
    assert chunks(disk) == {}
    assert len(disk.paths) > 100_000


def test_the_report_says_what_was_done_in_words_for_notepad():
    desk = Desk()
    desk.board.post("camera", {"name": "drawn", "resolution": "640x480", "state": "delivering"})
    desk.board.post("volume", {"where": "/stick", "free_bytes": 9 << 30, "total_bytes": 16 << 30})
    desk.board.post("keep", {"fault": "\x1b[31mno room"})
    desk.plug()
    name = write_event(desk.volume)
    desk.wait()
    text = desk.report
    assert text.count("\n") == text.count("\r\n")
    assert desk.disk.content(REPORT).startswith(b"\xef\xbb\xbf")
    assert "no dashcamd.toml" in text
    assert "drawn, 640x480" in text
    assert "about 5.4 hours" in text
    assert "FAULT:   keep: ?[31mno room" in text
    assert name.folder in text
    assert "assword" not in text


def test_the_report_of_a_camera_that_is_not_there_says_so_in_words():
    desk = Desk()
    desk.board.post("camera", {"name": None, "resolution": None, "state": "lost"})
    desk.plug().wait()
    assert "Camera:  none, lost\r\n" in desk.report
    assert "None" not in desk.report


def test_the_page_s_password_is_told_until_somebody_has_signed_in():
    desk = Desk()
    desk.board.post("web", {"address": "http://dashcam.local:8080/"})
    desk.password = "open sesame"
    desk.plug().wait()
    assert "http://dashcam.local:8080/" in desk.report
    assert "open sesame" in desk.report
    desk.password = None
    desk.wait(REPORT_S)
    assert "open sesame" not in desk.report
    count = len(written(desk.disk, REPORT))
    desk.wait(REPORT_S)
    assert len(written(desk.disk, REPORT)) == count, "nothing new, nothing written"


def test_the_report_tells_of_a_page_and_a_network_that_come_after_it():
    desk = Desk()
    desk.password = "open sesame"
    desk.plug().wait()
    assert "page for your phone" not in desk.report
    assert "open sesame" not in desk.report
    form = "https://%s:8080/"
    desk.board.post("web", {"address": form % "pi.local", "address_form": form})
    desk.wait(REPORT_S)
    assert "phone: https://pi.local:8080/\r\n" in desk.report
    assert "open sesame" in desk.report
    desk.addresses, desk.password = ("192.168.1.7", "10.0.0.2"), None
    desk.wait(REPORT_S)
    assert (
        "phone: https://pi.local:8080/  or  https://192.168.1.7:8080/  or  https://10.0.0.2:8080/"
        in desk.report
    )
    desk.board.post("web", {"address": None, "fault": "failed"})
    desk.wait(REPORT_S)
    assert "page for your phone" not in desk.report


def plugged(text, seconds=10):
    disk = MemoryDisk()
    disk.make_dirs("DASHCAM")
    disk.put(TOML, text if isinstance(text, bytes) else text.encode())
    daemon = Daemon(script(30, "..........##"), disk, config=settings()).run(seconds)
    return daemon, disk.content(REPORT).decode("utf-8-sig")


def test_a_stick_s_settings_are_applied_and_answered_on_it():
    text = "[recording]\nmode = 'continuous'\nmod = 1\n[web]\nenabled = true\n"
    daemon, report = plugged(text)
    assert 'taken: [recording] mode = "continuous"' in report
    assert "did you mean mode" in report
    assert "[web] enabled can only be set in the machine's own configuration file" in report
    assert daemon.status["settings"]["set_by"] == {"recording.mode": "stick"}
    daemon.run().close()
    assert [event.facts.reason for event in daemon.events()] == ["continuous"]


BLIND = b"[recording]\narmed = false\n[storage]\nkeep_days = 0.0001\n[motion]\nignore = '1x1:8'\n"


@pytest.mark.parametrize("brings", [None, b"", b"not toml", b"[camera]\nhflip = true\n"])
def test_what_a_stranger_s_stick_sets_ends_with_the_next_stick_whatever_that_brings(
    brings, tmp_path
):
    strange, own = MemoryDisk(), MemoryDisk()
    before = [write_event(Volume(own, "/stick", "last week")) for _ in range(5)]
    for disk, text in ((strange, BLIND), (own, brings)):
        disk.make_dirs("DASHCAM")
        if text is not None:
            disk.put(TOML, text)
    kept = tmp_path / "settings.json"
    daemon = Daemon(script(60, "." * 25 + "##"), strange, settings_file=kept).run(6)
    assert daemon.status["settings"]["set_by"] == {"motion.ignore": "stick"}
    daemon.socket.pull()
    daemon.run(2)
    assert daemon.status["settings"]["set_by"] == {"motion.ignore": "stick"}, "it may come back"
    daemon.socket.plug(own)
    daemon.run(4)
    assert "motion.ignore" not in daemon.status["settings"]["set_by"]
    daemon.run().close()
    assert len(catalog.events(own)) == len(before) + 1
    assert Daemon(script(1), own, settings_file=kept).status["settings"]["set_by"] == {}


def test_settings_that_cannot_be_read_are_none_and_the_last_stick_s_end():
    disk = FlakyDisk(MemoryDisk(), code=errno.EIO)
    disk.make_dirs("DASHCAM")
    disk.inner.put(TOML, b"[camera]\nhflip = true\n")
    desk = Desk()
    desk.front.follow(Volume(disk, "/stick", "boot"))
    disk.fail_at = disk.calls + 1
    desk.front.step(desk.now)
    (spoke,) = desk.inbox.drain()
    assert spoke.table == {}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"not toml",
        b"[" * 30_000,
        b"x" * 200_000,
        b"recording = 1",
        b"[recording]\npre_roll_s = 1e400\ngap_s = nan\nsegment_s = -1\n",
        b"[camera]\nresolution = '9x9'\n",
    ],
)
def test_wrong_settings_on_a_stick_are_told_and_stop_nothing(text):
    daemon, report = plugged(text, 25)
    assert "dashcamd.toml" in report
    assert ("refused: " in report) is bool(text)
    daemon.close()
    assert len(daemon.events()) == 1


def test_the_daemon_keeps_the_page_as_events_come():
    daemon = Daemon(script(40, "..........##")).run(30)
    (event,) = chunks(daemon.disk).values()
    assert "x" not in event
    assert event["c"] == 1
    assert len(event["p"]) == 1


def test_a_daemon_that_ends_at_once_lists_its_event_and_lets_go_of_the_stick():
    desk = Desk().plug()
    desk.front.changed(write_event(desk.volume))
    desk.front.close()
    assert sorted(chunks(desk.disk)) == [1]
    desk = Desk().plug(FlakyDisk(MemoryDisk(), 10**6))
    desk.front.changed(write_event(desk.volume))
    desk.volume.disk.fail_at = desk.volume.disk.calls + 1
    with pytest.raises(OSError, match="cannot"):
        desk.front.close()
    assert desk.front._volume is None
