"""The control socket: whatever a client does, the next one is served."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashcamd.control import protocol
from dashcamd.errors import OperationError, ProtocolError
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.control import ControlService
from dashcamd.services.messages import Armed, Triggered
from dashcamd.storage import catalog
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk
from tests.storage.events import write_event


class Room:
    """The service on a socket of its own, stepped by hand or by a thread for one client."""

    def __init__(self, path, eject=None):
        self.path = path
        self.board, self.record, self.volume = Board(), Mailbox(10), Latest()
        options = {} if eject is None else {"eject": eject}
        self.service = ControlService(
            path, self.board, self.record, self.volume, lambda: 42.0, **options
        )
        self.service.open()

    def ask(self, request):
        return self.talk(lambda: protocol.ask(self.path, request))

    def send(self, data):
        """The raw answer to raw bytes."""

        def act():
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.path))
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                return protocol.read_line(client)

        return json.loads(self.talk(act))

    def talk(self, act):
        worker = threading.Thread(target=self.service.step, args=(0.0,))
        worker.start()
        try:
            return act()
        finally:
            worker.join()


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path / "run" / "control.sock")
    yield made
    made.service.close()


def test_status_is_the_board_as_one_document(room):
    room.board.post("camera", {"state": "delivering", "frames_captured": 7, "last_frame_at": 41.5})
    status = room.ask({"do": "status"})
    assert status["counters"]["frames_captured"] == 7
    assert status["camera"]["last_frame_age_s"] == 0.5
    promised = "state recording event last_durable_age_s camera volume motion clock health counters"
    assert set(promised.split()) <= set(status)


def test_trigger_and_arming_reach_the_recorder_with_their_stamps(room):
    assert room.ask({"do": "trigger", "reason": "button"}) == {"triggered": "button"}
    assert room.ask({"do": "trigger"}) == {"triggered": "manual"}
    assert room.ask({"do": "disarm"}) == {"armed": False}
    assert room.ask({"do": "arm"}) == {"armed": True}
    assert room.record.drain() == [
        Triggered(42.0, "button"),
        Triggered(42.0, "manual"),
        Armed(42.0, False),
        Armed(42.0, True),
    ]


def test_a_reason_is_cut_to_what_a_sidecar_holds(room):
    room.ask({"do": "trigger", "reason": "x" * 500_000})
    (message,) = room.record.drain()
    assert message.reason == "x" * 200


def test_events_are_locked_and_unlocked(room):
    disk = MemoryDisk()
    volume = Volume(disk, "/stick", "boot")
    name = write_event(volume)
    room.volume.put(volume)
    assert room.ask({"do": "lock", "event": "1"}) == {"event": name.folder, "locked": True}
    assert catalog.find(disk, "1").is_locked
    room.ask({"do": "unlock", "event": name.folder})
    assert not catalog.find(disk, "1").is_locked
    for wrong in ("7", "9" * 5000, None, {}, ["e000001"]):
        with pytest.raises(OperationError, match="no event"):
            room.ask({"do": "lock", "event": wrong})


def test_without_a_volume_there_is_nothing_to_lock(room):
    with pytest.raises(OperationError, match="no volume is in use"):
        room.ask({"do": "lock", "event": "1"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello\n", "not a line of JSON"),
        (b"[1]\n", "not a JSON object"),
        (b"\xff\xfe\n", "not a line of JSON"),
        (b"[" * 100_000 + b"\n", "not a line of JSON"),
        (b"{}\n", "unknown request None; known are status, trigger"),
        (b'{"do": "reboot"}\n', "unknown request 'reboot'"),
        (b'{"do": ["status"]}\n', "unknown request"),
        (b'{"do": "status"', "hung up"),
        (b"", "hung up"),
    ],
)
def test_nonsense_is_answered_with_what_is_wrong(room, data, says):
    answer = room.send(data)
    assert answer["ok"] is False
    assert says in answer["error"]
    assert room.ask({"do": "status"})["state"] == "starting"


def test_an_endless_line_is_cut_off(room, monkeypatch):
    monkeypatch.setattr(protocol, "LINE_BYTES", 1000)
    assert "more than 1000 bytes" in room.send(b"x" * 1001)["error"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["do", "reason", "event"]),
        st.sampled_from(["status", "trigger", "arm", "lock", "unlock"])
        | st.none()
        | st.integers()
        | st.floats()
        | st.text(max_size=9)
        | st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_no_request_kills_the_service(room, request_of):
    volume = Volume(MemoryDisk(), "/stick", "boot")
    room.volume.put(volume)
    assert isinstance(room.send(protocol.encode(request_of))["ok"], bool)


def test_a_client_that_hangs_up_before_its_answer_is_forgotten(room):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(room.path))
        client.sendall(b'{"do": "status"}\n')
    room.service.step(0.0)
    assert room.ask({"do": "status"})["state"] == "starting"


class Drip:
    """A peer that sends a byte now and then, and never a newline."""

    def __init__(self):
        self.now, self.timeouts = 0.0, []

    def settimeout(self, seconds):
        self.timeouts.append(seconds)

    def recv(self, size):
        self.now += 0.9
        return b"x"


def test_a_client_that_drips_is_dropped_when_its_time_is_over():
    drip = Drip()
    with pytest.raises(ProtocolError, match="too slow"):
        protocol.read_line(drip, lambda: drip.now)
    assert drip.now < protocol.TIMEOUT_S + 1
    assert all(0 < seconds <= protocol.TIMEOUT_S for seconds in drip.timeouts)


def test_a_client_that_says_nothing_is_dropped(room, monkeypatch):
    monkeypatch.setattr(protocol, "TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(room.path))
        room.service.step(0.0)
        assert "does not speak" in json.loads(client.recv(1000))["error"]


def test_a_second_daemon_leaves_the_first_its_socket(room, caplog):
    second = ControlService(room.path, Board(), Mailbox(1), Latest(), lambda: 0.0)
    second.open()
    assert "another daemon answers" in caplog.text
    assert second.step(0.0) > 0
    second.close()
    room.service.step(0.0)
    assert room.ask({"do": "arm"}) == {"armed": True}


def test_the_socket_of_a_daemon_that_was_killed_is_taken_over(room):
    room.service._listener.close()
    second = Room(room.path)
    assert second.ask({"do": "arm"}) == {"armed": True}
    second.service.close()
    assert not room.path.exists()


def test_a_file_in_the_place_of_the_socket_is_not_deleted(tmp_path, caplog):
    path = tmp_path / "passwd"
    path.write_text("root")
    service = ControlService(path, Board(), Mailbox(1), Latest(), lambda: 0.0)
    service.open()
    assert "is not a socket" in caplog.text
    service.close()
    assert path.read_text() == "root"


@pytest.mark.parametrize("path", ["file/below/control.sock", "x" * 200, "folder"])
def test_without_a_place_for_the_socket_the_daemon_runs_all_the_same(tmp_path, path, caplog):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    service = ControlService(tmp_path / path, Board(), Mailbox(1), Latest(), lambda: 0.0)
    service.open()
    assert "recording is not affected" in caplog.text
    assert service.step(0.0) > 0
    service.close()


def test_asking_without_a_daemon_says_how_to_start_one(tmp_path):
    for path in (tmp_path / "none.sock", tmp_path / ("x" * 200)):
        with pytest.raises(OperationError, match=r"no daemon is running .*dashcamd run"):
            protocol.ask(path, {"do": "status"})


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"RUNTIME_DIRECTORY": "/run/x"}, "/run/x/control.sock"),
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/dashcamd/control.sock"),
        ({"RUNTIME_DIRECTORY": "/a", "XDG_RUNTIME_DIR": "/b"}, "/a/control.sock"),
    ],
)
def test_the_socket_is_where_this_user_may_write(environ, path):
    assert str(protocol.socket_path("", environ)) == path
    assert str(protocol.socket_path("/mine.sock", environ)) == "/mine.sock"


def test_everybody_who_ejects_is_told_how_it_went(tmp_path):
    waiting = []
    room = Room(tmp_path / "run" / "control.sock", waiting.append)
    first, second = room.ask({"do": "eject"}), room.ask({"do": "eject"})
    waiting[0](None)
    waiting[1]("it is still mounted")
    outcomes = [room.ask({"do": "ejected", "ticket": one["ticket"]}) for one in (first, second)]
    assert [(one["done"], one["why"]) for one in outcomes] == [
        (True, None),
        (True, "it is still mounted"),
    ]
    for ticket in (99, None, [], "1"):
        assert "nobody asked" in room.ask({"do": "ejected", "ticket": ticket})["why"]
    room.service.close()
