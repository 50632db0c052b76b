"""`dashcamd run --camera picamera` as a process of its own, asked by other processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import av
import pytest

from dashcamd.cameras.scene import read_counter
from tests.legacy.conftest import REASON

pytest.importorskip("tests.legacy.videocore", reason=REASON)

pytestmark = pytest.mark.timeout(120)

ON_THE_CHIP = textwrap.dedent(
    """
    import sys
    from tests.legacy.videocore import CHIP, Played
    CHIP.scene = Played("....wwwwwwww..........", 24)
    from dashcamd.cli.main import main
    sys.exit(main(sys.argv[1:]))
    """
)
SETTINGS = """
[camera]
resolution = "320x240"
framerate = 24.0
bitrate = 1000000
[recording]
pre_roll_s = 2.0
post_roll_s = 2.0
gap_s = 5.5
segment_s = 4.0
[control]
socket = "%s/control.sock"
"""


def dashcamd(*arguments):
    """The words of a command line that runs `dashcamd` where picamera finds a VideoCore."""
    return [sys.executable, "-W", "ignore", "-c", ON_THE_CHIP, *arguments]


def asked(*arguments):
    done = subprocess.run(dashcamd(*arguments), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def test_the_command_records_answers_and_ends_on_a_signal(tmp_path):
    settings, stick = tmp_path / "dashcamd.toml", tmp_path / "stick"
    stick.mkdir()
    settings.write_text(SETTINGS % tmp_path)
    common = ["--config", str(settings)]
    daemon = subprocess.Popen(
        dashcamd("run", *common, "--camera", "picamera", "--storage", str(stick)),
        stderr=subprocess.PIPE,
        text=True,
    )
    status = {}
    while not status.get("recording"):
        assert daemon.poll() is None, daemon.stderr.read()
        if (tmp_path / "control.sock").exists():
            status = asked("status", *common, "--json")
    assert status["camera"]["name"] == "picamera"
    while status["recording"]:
        status = asked("status", *common, "--json")
    daemon.send_signal(signal.SIGTERM)
    _, log = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, log
    verdict = asked("verify", *common, "--storage", str(stick), "--json")
    assert verdict["ok"]
    assert len(verdict["files"]) >= 2
    numbers = [n for report in verdict["files"] for n in counters(stick / report["path"])]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] <= 3 * 24


def test_check_finds_the_camera(tmp_path):
    done = subprocess.run(
        dashcamd("check", "--camera", "picamera", "--storage", str(tmp_path), "--json"),
        stdout=subprocess.PIPE,
        check=False,
    )
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert found["camera"]["ok"]
    assert found["camera"]["what"] == "picamera, 1280x720 at 25 fps"
    assert found["camera"]["todo"] == ""


def counters(path):
    with av.open(os.fspath(path)) as container:
        return [read_counter(f.to_ndarray(format="gray")) for f in container.decode(video=0)]
