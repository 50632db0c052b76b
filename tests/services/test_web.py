"""The web thread: it may fail in any way, and recording goes on."""

from __future__ import annotations

import http.client
import socket
import threading
from dataclasses import replace

import pytest

from dashcamd.errors import OperationError
from dashcamd.services import web
from dashcamd.services.demand import Demand
from dashcamd.services.file_threads import FileThreads
from dashcamd.services.web import IDLE_S, RETRY_S, WebService

pytest.importorskip("tornado", reason="the page's tests need tornado: pip install '.[web]'")

from tests.web.house import Stage


class Camera:
    def subscribe(self, on_frame, on_jpeg):
        self.on_frame, self.on_jpeg = on_frame, on_jpeg


class Posted(threading.Event):
    """Set whenever the board has news of the page."""

    def __init__(self, board):
        super().__init__()
        self.board = board
        board.subscribe(self.look)

    def look(self):
        if "web" in self.board.snapshot():
            self.set()


@pytest.fixture
def made(tmp_path):
    stage = Stage(listen="127.0.0.1:0")
    stage.camera = Camera()
    service = WebService(stage.rooms(), tmp_path / "web.json", stage.board, stage.camera)
    stage.posted = Posted(stage.board)
    yield stage, service
    service.close()


def told(stage):
    assert stage.posted.wait(20)
    return stage.board.snapshot()["web"]


def get(address, path):
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_serves_until_it_is_closed(made):
    stage, service = made
    assert service.step(0.0) == IDLE_S
    facts = told(stage)
    assert facts["fault"] is None
    assert get(facts["address"], "/sign-in") == 200
    assert service.step(1.0) == IDLE_S, "one server is enough"
    stage.board.post("camera", {"state": "lost"})
    stage.camera.on_frame()
    stage.camera.on_jpeg()
    service.close()
    with pytest.raises(ConnectionRefusedError):
        get(facts["address"], "/sign-in")
    stage.camera.on_frame()
    stage.board.post("camera", {"state": "delivering"})


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])
def test_a_page_at_every_address_is_told_by_the_name_that_others_find(
    made, monkeypatch, everywhere
):
    stage, service = made
    monkeypatch.setattr(web.socket, "gethostname", lambda: "Car.lan")
    settings = replace(stage.config.web, listen=everywhere + ":0")
    service._rooms.settings.put(replace(stage.config, web=settings))
    service.step(0.0)
    facts = told(stage)
    assert facts["fault"] is None
    port = facts["address"].split(":")[2]
    assert facts["address"] == "http://car.local:" + port
    assert facts["address_form"] == "http://%s:" + port
    assert get(facts["address_form"] % "127.0.0.1", "/sign-in") == 200


@pytest.mark.parametrize("is_service", [False, True])
def test_the_log_says_how_to_see_the_password_that_is_asked_for(
    made, tmp_path, caplog, monkeypatch, is_service
):
    stage, service = made
    caplog.set_level("INFO")
    if is_service:
        monkeypatch.setattr(web.vault.state, "SERVICE", tmp_path)
    service.step(0.0)
    told(stage)
    service.close()
    where = "`sudo dashcamd password` shows the password"
    if not is_service:
        where = "the password is in %s" % (tmp_path / "web.json")
    assert "nobody has signed in yet; " + where in caplog.messages


def test_a_page_at_one_address_is_told_by_that(made):
    stage, service = made
    service.step(0.0)
    assert told(stage)["address"].startswith("http://127.0.0.1:")
    assert told(stage)["address_form"] is None


def test_it_can_be_closed_before_it_has_begun(made):
    _, service = made
    service.step(0.0)
    service.close()
    assert not [t for t in threading.enumerate() if t.name == "dashcamd-page"]


def test_a_port_that_is_taken_is_a_fault_and_tried_again(made):
    stage, service = made
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        settings = replace(stage.config.web, listen=address)
        service._rooms.settings.put(replace(stage.config, web=settings))
        service.step(0.0)
        facts = told(stage)
        assert "[web] listen" in facts["fault"]
        assert facts["address"] is None
        assert service.wake.wait(20)
        assert service.step(1.0) == RETRY_S[0] - 1.0
    stage.posted.clear()
    assert service.step(RETRY_S[0]) == IDLE_S
    assert told(stage)["fault"] is None


def test_without_tornado_it_says_what_to_install_and_never_tries_again(made, monkeypatch):
    stage, service = made
    monkeypatch.setattr(web.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(web, "how_to_install", lambda extra, package: "%s: %s" % (extra, package))
    assert service.step(0.0) == IDLE_S
    assert "web: python3-tornado, then start" in told(stage)["fault"]
    assert not [t for t in threading.enumerate() if t.name == "dashcamd-page"]


def test_an_error_nobody_expected_is_a_fault_as_well(made, monkeypatch):
    stage, service = made
    monkeypatch.setattr("dashcamd.web.server.serve", lambda site, tls: 1 / 0)
    service.step(0.0)
    assert "division by zero" in told(stage)["fault"]
    assert service.wake.wait(20)


def test_a_place_for_the_password_that_cannot_be_written_is_a_fault(made, tmp_path):
    stage, service = made
    (tmp_path / "file").touch()
    service._vault_path = tmp_path / "file" / "web.json"
    service.step(0.0)
    assert "[web] state" in told(stage)["fault"]
    assert service.wake.wait(20)


def test_the_most_demanding_decides():
    demand = Demand()
    assert demand.fps == 0
    demand.want("cover", 2)
    demand.want("page", 15)
    demand.want("cover", 0)
    assert demand.fps == 15
    demand.want("page", 0)
    assert demand.fps == 0


def test_file_threads_run_what_they_are_given_and_pass_errors_on():
    threads = FileThreads()
    assert threads.submit(lambda: 5).result(20) == 5
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(20)
    threads.shutdown()
    with pytest.raises(OperationError):
        threads.submit(lambda: 5).result(20)


def test_a_stick_that_hangs_does_not_make_a_queue_without_end(monkeypatch):
    monkeypatch.setattr("dashcamd.services.file_threads.WAITING_LIMIT", 5)
    threads, hang, started = FileThreads(), threading.Event(), threading.Event()

    def wait():
        started.set()
        return hang.wait(20)

    futures = [threads.submit(wait) for _ in range(3)]
    assert started.wait(20)
    futures += [threads.submit(wait) for _ in range(20)]
    refused = [f for f in futures if f.done() and isinstance(f.exception(), OperationError)]
    assert 12 <= len(refused) <= 15
    hang.set()
    threads.shutdown()
    assert all(future.done() for future in futures)
