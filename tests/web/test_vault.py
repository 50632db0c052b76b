from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from dashcamd.errors import OperationError
from dashcamd.web import vault
from dashcamd.web.vault import Vault


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "web.json"


def opened(path, resets=()):
    made = Vault(path)
    made.open(resets)
    return made


def test_the_first_start_makes_a_password_only_its_user_can_read(path):
    made = opened(path)
    assert made.check(made.password)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opened(path).password == made.password


def test_the_password_is_forgotten_when_somebody_has_signed_in(path):
    made = opened(path)
    password = made.password
    token = made.sign_in()
    assert made.password is None
    assert password not in path.read_text()
    assert token not in path.read_text()
    again = opened(path)
    assert again.check(password)
    assert again.is_session(token)


def test_what_root_writes_belongs_to_the_daemon(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    opened(path)
    os.chown(path.parent, 12345, 12346)
    opened(path).renew()
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_new_password_signs_everybody_out_and_the_daemon_notices(path):
    daemon, command = opened(path), opened(path)
    token, old = daemon.sign_in(), daemon.password
    command.refresh()
    new = command.renew()
    daemon.refresh()
    assert not daemon.is_session(token)
    assert daemon.check(new)
    assert not daemon.check(old or "")


def test_signing_out_forgets_one_phone(path):
    made = opened(path)
    one, two = made.sign_in(), made.sign_in()
    made.sign_out(one)
    assert [made.is_session(one), made.is_session(two)] == [False, True]


def test_the_oldest_phone_goes_when_there_are_too_many(path):
    made = opened(path)
    tokens = [made.sign_in() for _ in range(vault.SESSIONS_KEPT + 1)]
    assert [made.is_session(token) for token in tokens] == [False] + [True] * vault.SESSIONS_KEPT


def test_a_script_has_a_token_of_its_own_that_outlives_the_password(path):
    made = opened(path)
    token = made.add_token("backup")
    made.renew()
    assert made.is_token(token)
    assert not made.is_session(token)
    assert not made.is_token("")
    assert made.add_token("backup") != token
    assert not made.is_token(token)


def test_a_file_on_the_boot_partition_makes_a_new_password_once(path, tmp_path):
    reset = tmp_path / "dashcamd-reset-password"
    made = opened(path, (reset,))
    token = made.sign_in()
    reset.touch()
    changed = opened(path, (reset,))
    assert changed.password
    assert not changed.is_session(token)
    assert opened(path, (reset,)).password == changed.password
    os.utime(reset, (1, 1))
    assert opened(path, (reset,)).password != changed.password


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"salt":"00","hash":"00"}', "[" * 60_000, '{"salt": 5}']
)
def test_a_damaged_file_is_named_and_lets_nobody_in(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(OperationError, match=r"web\.json is damaged"):
        opened(path)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OperationError, match=r"\[web\] state"):
        opened(tmp_path / "file" / "web.json")


def test_what_was_written_is_json_with_hashes_only(path):
    made = opened(path)
    made.sign_in()
    state = json.loads(path.read_text())
    assert sorted(state) == ["dashcamd", "hash", "password", "reset", "salt", "sessions"]
    assert state["password"] is None


@pytest.mark.parametrize(
    ("configured", "environ", "expected"),
    [
        ("/x/y.json", {"STATE_DIRECTORY": "/s"}, "/x/y.json"),
        ("", {"STATE_DIRECTORY": "/s:/t"}, "/s/web.json"),
    ],
)
def test_where_the_file_is(configured, environ, expected):
    assert vault.path_of(configured, environ) == Path(expected)


def test_where_the_file_is_for_a_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert vault.path_of("", {"XDG_STATE_HOME": "/h"}) == Path("/h/dashcamd/web.json")
