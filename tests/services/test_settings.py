"""The settings thread: what the page and the stick change while the daemon runs, and keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashcamd.config import Config
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import ChangeAsked, StickSpoke
from dashcamd.services.settings import IDLE_S, SettingsService
from tests.daemon import Daemon, settings
from tests.test_app import script


class Desk:
    def __init__(self, path=None, file=None):
        self.inbox, self.slot, self.board = Mailbox(10), Latest(), Board()
        self.service = SettingsService(file or Config(), path, self.inbox, self.slot, self.board)
        self.answers = []

    def change(self, **changes):
        return self.tell(ChangeAsked(changes, self.answers.append))

    def stick(self, table):
        return self.tell(StickSpoke(table, self.answers.append))

    def tell(self, message):
        self.inbox.put(message)
        assert self.service.step(0.0) == IDLE_S
        return [verdict.text for verdict in self.answers[-1]]

    @property
    def config(self):
        return self.slot.peek()[1]

    @property
    def posted(self):
        return self.board.snapshot()["settings"]


def test_without_a_change_the_file_s_settings_are_in_force_and_nothing_is_written(tmp_path):
    desk = Desk(tmp_path / "settings.json")
    desk.stick({})
    assert desk.config == Config()
    assert list(tmp_path.iterdir()) == []
    assert desk.posted == {"set_by": {}, "at_next_start": [], "fault": None}


def test_a_change_is_in_force_answered_shown_and_kept(tmp_path):
    desk = Desk(tmp_path / "state" / "settings.json")
    said = desk.change(motion={"sensitivity": 7}, recording={"ring_mib": 128, "segment_s": 1e9})
    assert [text.partition(":")[0] for text in said] == [
        "refused",
        "taken",
        "from the next start on",
    ]
    assert desk.config.motion.sensitivity == 7
    assert desk.posted["set_by"] == {"motion.sensitivity": "page", "recording.ring_mib": "page"}
    assert desk.posted["at_next_start"] == ["recording.ring_mib"]
    after = Desk(tmp_path / "state" / "settings.json")
    assert after.service.config == desk.config
    assert after.posted["at_next_start"] == []


def test_a_change_that_is_none_disturbs_nobody(tmp_path):
    desk = Desk(tmp_path / "settings.json")
    desk.change(motion={"sensitivity": 7})
    stamp, version = (tmp_path / "settings.json").stat().st_mtime_ns, desk.slot.peek()[0]
    desk.change(motion={"sensitivity": 7})
    desk.change(motion={"sensitivity": 99})
    assert (tmp_path / "settings.json").stat().st_mtime_ns == stamp
    assert desk.slot.peek()[0] == version


def test_what_a_stick_sets_is_in_force_and_wears_no_card(tmp_path):
    desk = Desk(tmp_path / "settings.json")
    desk.stick({"motion": {"sensitivity": 7}})
    assert desk.config.motion.sensitivity == 7
    assert list(tmp_path.iterdir()) == []
    desk.change(camera={"hflip": True})
    assert desk.config.motion.sensitivity == 7
    desk.stick({})
    assert desk.config.motion.sensitivity == 5
    assert desk.config.camera.hflip
    assert Desk(tmp_path / "settings.json").config == desk.config


def test_a_change_that_cannot_be_kept_holds_all_the_same_and_says_so(tmp_path):
    (tmp_path / "folder").write_text("in the way")
    desk = Desk(tmp_path / "folder" / "settings.json")
    said = desk.change(motion={"sensitivity": 7})
    assert "until the next start only" in said[-1]
    assert "until the next start only" in desk.posted["fault"]
    assert desk.config.motion.sensitivity == 7


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff" * 100, b"[" * 60_000])
def test_a_damaged_file_leaves_the_configuration_file_s_settings(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    desk = Desk(tmp_path / "settings.json")
    assert desk.config == Config()
    assert "damaged" in desk.posted["fault"]
    desk.change(motion={"sensitivity": 7})
    assert desk.posted["fault"] is None


def test_only_those_who_are_told_wake():
    desk = Desk()
    mailbox = Mailbox(1)
    desk.service.tell([mailbox.wake])
    desk.change(motion={"sensitivity": 99})
    assert not mailbox.wake.is_set()
    desk.change(motion={"sensitivity": 9})
    assert mailbox.wake.is_set()


def changed(daemon, **changes):
    """Change settings as the page does, in the middle of a run."""
    daemon.house.settings.ask(changes, lambda verdicts: None)


def frames(daemon):
    return [part.frames for event in daemon.events() for part in event.facts.parts]


def test_a_longer_post_roll_is_taken_up_in_the_middle_of_an_event():
    daemon = Daemon(script(30, "..........##")).run(11.0)
    changed(daemon, recording={"post_roll_s": 1.8})
    (short,) = frames(Daemon(script(30, "..........##")).run().close())
    (longer,) = frames(daemon.run().close())
    assert longer == pytest.approx(short + 8, abs=1)


def test_switching_to_continuous_and_back_loses_no_frame():
    daemon = Daemon(script(60, "..........##")).run(12.0)
    changed(daemon, recording={"mode": "continuous"})
    daemon.run(20.0)
    changed(daemon, recording={"mode": "motion"})
    daemon.run().close()
    status = daemon.status["counters"]
    assert status["frames_lost"] == 0
    assert sum(frames(daemon)) == pytest.approx(230, abs=11), "from second 9 to second 32"


def test_disarming_and_arming_by_a_setting():
    daemon = Daemon(script(40, "." * 10 + "##" + "." * 15 + "##")).run(5.0)
    changed(daemon, recording={"armed": False})
    daemon.run(20.0)
    assert daemon.events() == []
    changed(daemon, recording={"armed": True})
    daemon.run().close()
    assert len(daemon.events()) == 1


def test_motion_is_looked_for_anew_with_changed_settings():
    daemon = Daemon(script(40, "." * 10 + "##" + "." * 15 + "##")).run(5.0)
    changed(daemon, motion={"enabled": False})
    daemon.run(20.0)
    assert daemon.events() == []
    assert not daemon.status["motion"]["enabled"]
    changed(daemon, motion={"enabled": None})
    daemon.run().close()
    assert len(daemon.events()) == 1


def test_retention_follows_changed_settings():
    daemon = Daemon(script(60, "....##" + "." * 10 + "##"), config=settings()).run(40.0)
    assert len(daemon.events()) == 2
    changed(daemon, storage={"keep_days": 30 / 86400})
    daemon.run(5.0)
    assert len(daemon.events()) == 1


def test_what_was_changed_is_there_after_a_restart(tmp_path):
    config = settings()
    path = tmp_path / "settings.json"
    first = Daemon(script(5), config=config, settings_file=path).run(1.0)
    changed(first, motion={"enabled": False})
    first.run(1.0).close()
    second = Daemon(script(30, "....##"), config=config, settings_file=path).run().close()
    assert second.events() == []
    assert second.status["settings"]["set_by"] == {"motion.enabled": "page"}
    other = replace(config, recording=replace(config.recording, pre_roll_s=0.5))
    assert Daemon(script(5), config=other, settings_file=path).run(1.0).status["settings"]["set_by"]
