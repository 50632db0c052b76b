"""What to install: the command that this very interpreter takes."""

from __future__ import annotations

import sys

import pytest

from dashcamd.extras import how_to_install


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/usr", "sudo apt install python3-tornado"),
        ("/usr/local", "pip install 'dashcamd[web]'"),
        ("/home/pi/dashcamd/.venv", "pip install 'dashcamd[web]'"),
    ],
)
def test_debian_s_own_python_takes_packages_from_apt(monkeypatch, prefix, command):
    monkeypatch.setattr(sys, "prefix", prefix)
    assert how_to_install("web", "python3-tornado") == command
