"""The daemon as its users meet it: signals, commands, a second one, a file as the camera."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from benchmarks.clip import encode
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.mp4_reader import inspect
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.types import Frame
from tests.real.daemon import Daemon, dashcamd, is_verified
from tests.real.house import Simulation, config_of
from tests.real.playback import counters, files, is_run, stored, written

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FPS = 10
SMALL = {"resolution": "160x128", "framerate": FPS, "annotate_text": ""}
CAMERA = "synthetic:....wwwwwwww............"


def in_mid_event(folder: Path) -> Daemon:
    daemon = Daemon(folder, {"camera": SMALL}, "--camera", CAMERA).start()
    daemon.wait_for(lambda status: status["recording"] and status["event"])
    return daemon


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_in_mid_event_closes_the_open_part(tmp_path, number):
    daemon = in_mid_event(tmp_path)
    try:
        captured = daemon.status()["counters"]["frames_captured"]
        daemon.signal(number)
        assert daemon.wait() == 0, daemon.messages
    finally:
        daemon.kill()
    (event,) = stored(daemon.storage)
    assert event.facts.is_closed
    assert not event.open_parts
    (path,) = event.parts
    assert inspect(str(daemon.storage / path)).status == "ok"
    numbers = counters(daemon.storage / path)
    assert is_run(numbers)
    assert numbers[-1] >= captured - 1, "the frames up to the signal are in it"
    assert not daemon.socket.exists()
    assert is_verified(daemon.storage)


def test_commands_reach_a_live_daemon(tmp_path):
    daemon = Daemon(tmp_path, {"camera": SMALL}, "--camera", "synthetic:....").start()
    try:
        daemon.wait_for(lambda status: status["state"] == "armed")
        asked = daemon.ask("status", "--json")
        status = json.loads(asked.stdout)
        assert {"state", "recording", "event", "last_durable_age_s", "counters"} <= set(status)
        assert daemon.ask("trigger", "--reason", "door bell").returncode == 0
        event = daemon.wait_for(lambda status: status["recording"])["event"]
        assert daemon.ask("lock", event).returncode == 0
        assert stored(daemon.storage)[0].is_locked
        assert daemon.ask("unlock", event).returncode == 0
        wrong = daemon.ask("lock", "e999999")
        assert wrong.returncode == 1
        assert len(wrong.stderr.splitlines()) == 1
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
    finally:
        daemon.kill()
    assert stored(daemon.storage)[0].facts.reason == "door bell"


def test_a_second_daemon_on_the_same_socket_records_without_it(tmp_path):
    first = Daemon(tmp_path / "a", {"camera": SMALL}, "--camera", "synthetic:....").start()
    shared = {"camera": SMALL, "recording": {"mode": "continuous"}}
    second = Daemon(tmp_path / "b", shared, "--camera", "synthetic", "--duration", "4")
    second.config.write_text(
        second.config.read_text().replace(str(second.socket), str(first.socket))
    )
    try:
        first.wait_for(lambda status: status["state"] == "armed")
        second.start()
        assert second.wait() == 0
        assert "another daemon answers" in second.messages
        assert first.status()["state"] == "armed", "the first one still answers"
    finally:
        first.kill()
        second.kill()
    assert is_run(written(second.storage))


def test_a_stale_socket_of_a_killed_daemon_is_taken_over(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    daemon = Daemon(tmp_path, {"camera": SMALL}, "--camera", "synthetic").start()
    try:
        daemon.wait_for(lambda status: status["state"] == "armed")
    finally:
        daemon.kill()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two minutes of the synthetic scene as an MP4, with its counters."""
    folder = tmp_path_factory.mktemp("film")
    settings = {"camera": SMALL, "recording": {"mode": "continuous", "event_max_s": 3600.0}}
    daemon = Daemon(folder, settings, "--camera", CAMERA, "--speed", "max", "--duration", "60")
    daemon.start()
    assert daemon.wait() == 0, daemon.messages
    (path,) = daemon.storage.rglob("*.mp4")
    return path


def replayed(folder: Path, film: Path, speed: str):
    daemon = Daemon(folder, {}, "--camera", "media:%s" % film, "--speed", speed).start()
    daemon.process.wait(120)
    assert daemon.process.returncode == 0, daemon.messages
    assert is_verified(daemon.storage)
    return daemon.storage, [files(daemon.storage, event) for event in stored(daemon.storage)]


def test_a_film_as_the_camera_gives_the_same_events_in_real_time_and_at_full_speed(tmp_path, film):
    root, fast = replayed(tmp_path / "max", film, "max")
    _, slow = replayed(tmp_path / "realtime", film, "realtime")
    assert fast == slow
    assert len(fast) == 3, "somebody walks by every 24 s"
    assert all(is_run(part) for event in fast for part in event)
    done = dashcamd("verify", "--storage", root, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.parametrize(
    "camera", ["media:/nowhere.mp4", "media:/etc/passwd", "nonsense"], ids=["missing", "text", "?"]
)
def test_a_camera_that_cannot_be_is_one_clear_line(tmp_path, camera):
    done = dashcamd("run", "--storage", tmp_path, "--camera", camera)
    assert done.returncode in (1, 2)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("dashcamd: ")
    assert "Traceback" not in done.stderr


def test_ten_minutes_of_motion_are_parts_of_120_seconds_without_a_gap(tmp_path):
    clip = encode(700 * 15, fps=15.0)
    house = Simulation(config_of(clip, tmp_path), clip, lambda number: 15 * 20 <= number < 15 * 620)
    house.run_to()
    house.close()
    (event,) = stored(tmp_path)
    parts = files(tmp_path, event)
    lengths = [part.duration_s for part in event.facts.parts]
    assert len(lengths) == 6
    assert all(abs(length - 120) <= clip.gop_s for length in lengths[:-1])
    assert is_run([number for part in parts for number in part])
    assert is_verified(tmp_path)


def resources() -> tuple:
    process = psutil.Process(os.getpid())
    return process.num_threads(), process.num_fds(), process.memory_info().rss


def test_hours_of_events_grow_neither_threads_nor_descriptors_nor_memory(tmp_path):
    clip = encode(600, fps=10.0)
    config = config_of(clip, tmp_path, ring_mib=4, gap_s=12.0)
    house = Simulation(config, clip, lambda number: number % 200 < 40, repeats=True)
    house.run_to(300)
    before = resources()
    house.run_to(2100)
    after = resources()
    house.close()
    assert len(stored(tmp_path)) >= 100
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 8 << 20


def test_a_picture_file_written_by_us_plays_as_a_camera(tmp_path):
    """Frames in, file, frames in again: pass-through changes no picture."""
    clip = encode(100, fps=10.0)
    disk = PosixDisk(str(tmp_path))
    file = disk.create("film.mp4")
    writer = Mp4Writer(file)
    writer.append([Frame(n / 10, key, data) for n, (key, data) in enumerate(clip.units)], None)
    writer.close()
    file.close()
    disk.close()
    daemon = Daemon(
        tmp_path / "house",
        {"recording": {"mode": "continuous"}},
        *("--camera", "media:%s" % (tmp_path / "film.mp4"), "--speed", "max"),
    ).start()
    assert daemon.wait() == 0, daemon.messages
    assert written(daemon.storage) == list(range(100))
