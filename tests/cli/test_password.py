"""``dashcamd password``: never one that opens nothing."""

from __future__ import annotations

import os

import pytest

from dashcamd import state
from dashcamd.control import protocol
from dashcamd.web import vault
from dashcamd.web.vault import Vault

ME = 1000


@pytest.fixture
def home(tmp_path, monkeypatch, terminal):
    """An ordinary user's, on a machine where nothing is installed yet."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(os, "geteuid", lambda: ME)
    monkeypatch.setattr(state, "SERVICE", tmp_path / "service")
    monkeypatch.setattr(protocol, "SERVICE_SOCKET", tmp_path / "run" / "control.sock")
    return tmp_path / "home" / "dashcamd" / vault.FILE


def run_my_daemon(tmp_path, owner):
    path = tmp_path / "control.sock"
    path.touch()
    if path.stat().st_uid != owner:
        if path.stat().st_uid != 0:
            pytest.skip("only root can give a file away")
        os.chown(path, owner, -1)


def opens(password, path):
    secrets = Vault(path)
    secrets.open(())
    return secrets.check(password)


def test_without_a_service_it_is_this_user_s(terminal, home):
    shown = terminal.ok("password").strip()
    assert opens(shown, home)
    assert terminal.json("password")["password"] == shown


@pytest.mark.parametrize("sign", ["service", "run/control.sock"])
@pytest.mark.parametrize(
    ("words", "asked"),
    [([], ""), (["--new"], " --new"), (["--token", "x"], " --token NAME"), (["--json"], "")],
)
def test_beside_a_service_an_ordinary_user_is_told_to_use_sudo(
    terminal, tmp_path, home, sign, words, asked
):
    (tmp_path / sign).mkdir(parents=True)
    complaint = terminal.refused("password", *words)
    assert complaint.endswith("run `sudo dashcamd password%s`" % asked)
    assert not home.exists()


def test_beside_a_service_and_a_daemon_of_another_user_it_is_refused_too(terminal, tmp_path, home):
    (tmp_path / "service").mkdir()
    run_my_daemon(tmp_path, ME + 1)
    terminal.refused("password")


def test_who_runs_a_daemon_beside_the_service_is_shown_its_own(terminal, tmp_path, home):
    (tmp_path / "service").mkdir()
    run_my_daemon(tmp_path, ME)
    assert opens(terminal.ok("password").strip(), home)


def test_a_file_that_the_settings_name_is_meant(terminal, tmp_path, home):
    (tmp_path / "service").mkdir()
    named = tmp_path / "mine.json"
    with terminal.config.open("a") as file:
        file.write('[web]\nstate = "%s"\n' % named)
    assert opens(terminal.ok("password").strip(), named)


def test_root_is_shown_the_service_s_and_how_to_make_another(terminal, tmp_path, home, monkeypatch):
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    service = tmp_path / "service"
    service.mkdir()
    assert opens(terminal.ok("password").strip(), service / vault.FILE)
    secrets = Vault(service / vault.FILE)
    secrets.open(())
    secrets.sign_in()
    status, out, _ = terminal.run("password", "--config", terminal.config)
    assert (status, "; sudo dashcamd password --new makes one" in out) == (1, True)


def test_the_command_is_named_that_shows_the_password_in_a_file(home, tmp_path):
    assert vault.command(state.SERVICE / vault.FILE) == "sudo dashcamd password"
    assert vault.command(home) == "dashcamd password"
    assert vault.command(tmp_path / "demo" / vault.FILE) is None
    assert vault.command(state.SERVICE / vault.FILE, {"STATE_DIRECTORY": str(state.SERVICE)}) == (
        "sudo dashcamd password"
    )
