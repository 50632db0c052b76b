"""A terminal to type commands into, and a stick with recordings."""

from __future__ import annotations

import json
import logging

import pytest

from dashcamd.cli.main import main
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.volume import Volume
from tests.storage.events import write_event


class Terminal:
    """Runs one command in this process: exit status, stdout, stderr."""

    def __init__(self, capsys, config):
        self.capsys, self.config = capsys, config

    def run(self, *words):
        self.capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as ended:
            status = ended.code
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    def ok(self, *words):
        status, out, err = self.run(*words, "--config", self.config)
        assert status == 0, err
        return out

    def json(self, *words, status=0):
        """The one document on stdout, and nothing else there."""
        got, out, err = self.run(*words, "--json", "--config", self.config)
        assert got == status, err
        return json.loads(out)

    def refused(self, *words, status=1):
        """The one line of complaint."""
        got, out, err = self.run(*words, "--config", self.config)
        assert got == status, (out, err)
        lines = [line for line in err.splitlines() if line.startswith("dashcamd: ")]
        assert len(lines) == 1, err
        assert lines[0] == err.splitlines()[-1]
        return lines[0]


@pytest.fixture
def config(tmp_path):
    """Settings that keep away from the machine's own daemon and sticks."""
    path = tmp_path / "dashcamd.toml"
    path.write_text(
        '[control]\nsocket = "%s"\n[storage]\ntarget = "%s"\n[log]\nlevel = "warning"\n'
        % (tmp_path / "control.sock", tmp_path / "stick")
    )
    return path


@pytest.fixture
def terminal(capsys, config):
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield Terminal(capsys, config)
    root.setLevel(level)
    root.handlers = handlers


@pytest.fixture
def stick(tmp_path):
    """A folder with three events: whole, of two parts, interrupted."""
    folder = tmp_path / "stick"
    folder.mkdir()
    volume = Volume(PosixDisk(str(folder)), str(folder), "boot")
    write_event(volume)
    write_event(volume, ("kppp", "kppp"))
    write_event(volume, ("kppp",), open_part="kppp" * 2)
    return folder
