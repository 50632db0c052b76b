"""Usage, settings, checks and the commands that ask the daemon."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from dashcamd.cli.main import COMMANDS, parser
from dashcamd.config import Config
from dashcamd.config_read import load
from dashcamd.control import protocol
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.control import ControlService
from dashcamd.services.messages import Armed, Triggered
from dashcamd.storage.disk import PosixDisk


@pytest.fixture
def daemon(config):
    """A control service that answers until the test is over."""
    record, board = Mailbox(10), Board()
    service = ControlService(
        protocol.socket_path(load(config).control.socket), board, record, Latest(), lambda: 7.0
    )
    service.open()
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            service.step(0.0)

    thread = threading.Thread(target=serve)
    thread.start()
    service.record, service.board = record, board
    yield service
    stop.set()
    thread.join()
    service.close()


def test_status_is_one_document(terminal, daemon):
    status = terminal.json("status")
    assert status["state"] == "starting"
    assert status["counters"]["frames_lost"] == 0
    assert terminal.ok("status").startswith("STARTING")


def test_status_tells_what_a_slow_machine_has_left_out(terminal, daemon):
    daemon.board.post("camera", {"state": "delivering", "frames_skipped": 0})
    assert "left out" not in terminal.ok("status")
    daemon.board.post("camera", {"state": "delivering", "frames_skipped": 12})
    assert ", 12 left out by a slow machine" in terminal.ok("status")


def test_what_is_not_there_yet_is_said_in_words(terminal, daemon):
    daemon.board.post("camera", {"name": None, "state": "lost"})
    told = terminal.ok("status")
    assert "None" not in told
    assert "camera   none found, lost; pictures: none yet\nvolume   none\n" in told
    assert "fields   none yet, 0 dropped" in told
    assert "stick " not in told


def test_status_in_words_has_what_the_documents_say_to_look_at(terminal, daemon):
    daemon.board.post(
        "camera",
        {"name": "drawn", "state": "delivering", "last_frame_at": 6.5, "frames_captured": 9},
    )
    daemon.board.post("volume", {"where": "/stick", "free_bytes": 5 << 20})
    daemon.board.post("motion", {"reason": "still", "last_field_ts": 6.8, "fields_dropped": 3})
    daemon.board.post("recording", {"frames_lost": 2})
    told = terminal.ok("status")
    assert "camera   drawn delivering; pictures: last 0.5 s ago\n" in told
    assert "volume   /stick, 5 MiB free\nstick    nothing written to it yet\n" in told
    assert "frames   9 seen, 0 written, 2 lost\n" in told
    assert "fields   last 0.2 s ago, 3 dropped\n" in told


def test_trigger_and_arming_reach_the_daemon(terminal, daemon):
    assert terminal.json("trigger", "--reason", "bump") == {"triggered": "bump"}
    assert terminal.ok("trigger") == "recording was asked for\n"
    assert terminal.json("disarm") == {"armed": False}
    assert terminal.ok("arm") == "armed\n"
    assert daemon.record.drain() == [
        Triggered(7.0, "bump"),
        Triggered(7.0, "manual"),
        Armed(7.0, False),
        Armed(7.0, True),
    ]


@pytest.mark.parametrize("command", ["status", "trigger", "arm", "disarm"])
def test_without_a_daemon_the_commands_say_how_to_start_one(terminal, command):
    assert "no daemon is running" in terminal.refused(command)
    status, out, _ = terminal.run(command, "--json", "--config", terminal.config)
    assert (status, out) == (1, "")


def test_a_daemon_that_speaks_nonsense_is_one_line(terminal, config):
    path = protocol.socket_path(load(config).control.socket)
    listener = protocol.claim(path)

    def answer():
        connection, _ = listener.accept()
        with connection:
            protocol.read_line(connection)
            connection.sendall(b"hello\n")

    thread = threading.Thread(target=answer)
    thread.start()
    assert "unusable" in terminal.refused("status")
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["--frobnicate"],
        ["run", "--speed", "warp"],
        ["run", "--duration", "-1"],
        ["run", "--duration", "nan"],
        ["run", "--duration", "soon"],
        ["lock"],
        ["export", "1"],
        ["config", "--check", "a", "--defaults"],
    ],
)
def test_wrong_usage_is_2_and_says_what_is_right(terminal, words):
    status, out, err = terminal.run(*words)
    assert status == 2
    assert out == ""
    assert "usage: dashcamd" in err


def test_help_and_version_are_fine(terminal):
    assert terminal.run("--version")[:2] == (0, "dashcamd 0.1.0\n")
    for words in ([], *([name] for name in choices())):
        status, out, _ = terminal.run(*words, "--help")
        assert status == 0
        assert "usage: dashcamd" in out
    assert len(COMMANDS) >= 8


def choices(words=()):
    return list(parser(words)._subparsers._group_actions[0].choices)


def test_a_named_command_loads_its_own_module_and_no_other():
    assert choices() == [word for words in COMMANDS.values() for word in words]
    for words in COMMANDS.values():
        for word in words:
            assert choices([word]) == list(words)
    assert choices(["--help"]) == choices(["nonsense"]) == choices()


FORGIVING = ["run", "status", "trigger", "arm", "disarm", "eject", "password"]
STRICT = ["events", "verify", "check", "config"]
WRONG_CAMERA = ["[camera]\nframerate = 1000\n", "[camera]\nsource = 'auto\n", "[camera\nx = 1"]


@pytest.mark.parametrize("command", STRICT + FORGIVING)
@pytest.mark.parametrize("kind", ["none.toml", ".", "x" * 300, *WRONG_CAMERA])
def test_unreadable_settings_are_2_and_one_line_naming_the_file(terminal, tmp_path, command, kind):
    path = tmp_path / kind
    if kind in WRONG_CAMERA:
        path = tmp_path / "bad.toml"
        path.write_text(kind)
    terminal.config = path
    assert str(path) in terminal.refused(command, status=2)


@pytest.mark.parametrize("command", STRICT)
@pytest.mark.parametrize("wrong", ["[recording", "[recording]\npre_roll_s = 99\n"])
def test_wrong_settings_are_2_where_nothing_has_to_go_on(terminal, tmp_path, command, wrong):
    terminal.config = tmp_path / "bad.toml"
    terminal.config.write_text(wrong)
    assert str(terminal.config) in terminal.refused(command, status=2)


@pytest.mark.parametrize("command", ["status", "trigger", "arm", "disarm"])
def test_a_daemon_that_runs_beside_a_mistake_is_asked_beside_it(terminal, daemon, command):
    with terminal.config.open("a") as file:
        file.write('[motion]\nsensitivty = 7\n[web]\nlisten = "8080\n')
    terminal.json(command)


def test_a_run_with_a_mistake_in_its_settings_records_and_says_2(terminal, tmp_path, caplog):
    pytest.importorskip("av", reason="the synthetic camera needs PyAV (extra 'media')")
    stick = tmp_path / "stick"
    stick.mkdir()
    with terminal.config.open("a") as file:
        file.write('[motion]\nsensitivty = 7\n[web]\nenabled = true\nlisten = "8080"\n')
    status, _, _ = terminal.run(
        "run", "--camera", "synthetic", "--speed", "max", "--duration", 12,
        "--config", terminal.config,
    )  # fmt: skip
    assert status == 2
    report = (stick / "DASHCAM" / "dashcamd-report.txt").read_text("utf-8-sig")
    assert "FAULT:   settings: %s: [motion] unknown key sensitivty" % terminal.config in report
    assert "[web] listen = '8080': must be HOST:PORT" in report
    assert list(stick.glob("DASHCAM/*/trace-*.bin"))
    assert "did you mean sensitivity" in caplog.text


def test_config_shows_what_is_in_force_and_it_can_be_read_again(terminal, config, tmp_path):
    shown = tmp_path / "shown.toml"
    shown.write_text(terminal.ok("config"))
    assert load(shown) == load(config)
    assert terminal.ok("config", "--check", shown) == "%s: fine\n" % shown


def test_the_defaults_change_nothing(terminal, tmp_path):
    path = tmp_path / "defaults.toml"
    path.write_text(terminal.ok("config", "--defaults"))
    assert load(path) == Config()


def test_config_check_names_file_key_value_and_what_is_allowed(terminal, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[recording]\npre_roll_s = 99\n")
    assert terminal.refused("config", "--check", path, status=2) == (
        "dashcamd: %s: [recording] pre_roll_s = 99: must be 0 to 60" % path
    )


def test_config_check_tells_every_mistake_whatever_other_settings_there_are(
    terminal, tmp_path, monkeypatch
):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[motion]\nsensitivty = 7\n[web]\nlisten = "8080"\n[log]\nlevel = "info\n'
        "[camera]\nframerate = 1000\n"
    )
    monkeypatch.setattr("dashcamd.cli.main.DEFAULT_CONFIG", path)
    status, out, err = terminal.run("config", "--check", path)
    assert (status, out) == (2, "")
    assert [line.partition(": [")[2].partition("]")[0] for line in err.splitlines()] == [
        "log", "camera", "motion", "web",
    ]  # fmt: skip
    assert all(line.startswith("dashcamd: %s: " % path) for line in err.splitlines())
    assert "at line 6" in err


def test_check_says_what_is_ready_and_what_is_to_do(terminal, tmp_path):
    pytest.importorskip("av", reason="the synthetic camera needs PyAV (extra 'media')")
    (tmp_path / "stick").mkdir()
    found = terminal.json("check", "--camera", "synthetic:..")
    checks = {check["name"]: check for check in found["checks"]}
    assert {"camera", "storage", "clock", "memory", "daemon"} <= set(checks)
    assert found["ok"] is all(check["ok"] for check in found["checks"])
    assert checks["camera"]["ok"]
    assert checks["storage"]["ok"]
    assert "not running" in checks["daemon"]["what"]


def test_check_fails_in_one_line_for_each_thing_that_is_missing(terminal, tmp_path):
    words = ["check", "--camera", "media:/none.mp4", "--storage", tmp_path / "none"]
    report = terminal.json(*words, status=1)
    bad = {check["name"]: check["what"] for check in report["checks"] if not check["ok"]}
    assert {"camera", "storage"} <= set(bad)
    assert "/none" in bad["storage"]
    status, out, _ = terminal.run(*words, "--config", terminal.config)
    assert status == 1
    assert len(out.splitlines()) == len(report["checks"])


def test_check_report_says_more(terminal, tmp_path):
    status, out, _ = terminal.run(
        "check", "--report", "--camera", "media:/none.mp4", "--config", terminal.config
    )
    assert status == 1
    assert "ok   python" in out
    assert "process_rss_mib" in out


@pytest.mark.parametrize("wrong", ["nonsense", "127.0.0.1:99999", ":8080", ""])
def test_a_page_of_the_demo_at_what_is_no_place_is_wrong_usage(terminal, tmp_path, wrong):
    complaint = terminal.refused(
        "demo", "--listen", wrong, "--storage", tmp_path, "--duration", 1, status=2
    )
    assert "--listen" in complaint
    assert "must be HOST:PORT" in complaint


def test_an_unknown_camera_is_wrong_usage(terminal, tmp_path):
    (tmp_path / "stick").mkdir()
    complaint = terminal.refused("run", "--camera", "picamra", status=2)
    assert "did you mean picamera" in complaint


@pytest.mark.parametrize("speed", ["realtime", "max"])
@pytest.mark.parametrize("video", ["none.mp4", "letter.txt", "folder"])
def test_run_with_what_is_no_video_is_one_line(terminal, tmp_path, speed, video):
    pytest.importorskip("av", reason="media files need PyAV (extra 'media')")
    (tmp_path / "stick").mkdir()
    (tmp_path / "letter.txt").write_text("dear diary")
    (tmp_path / "folder").mkdir()
    path = tmp_path / video
    complaint = terminal.refused("run", "--camera", "media:%s" % path, "--speed", speed)
    assert video in complaint


@pytest.mark.parametrize("speed", ["realtime", "max"])
def test_run_to_a_folder_that_cannot_be_used_is_one_line(terminal, tmp_path, speed):
    pytest.importorskip("av", reason="the synthetic camera needs PyAV (extra 'media')")
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "none", tmp_path / "file", tmp_path / "file" / "below"):
        complaint = terminal.refused(
            "run", "--camera", "synthetic:..", "--storage", wrong, "--speed", speed
        )
        assert str(wrong) in complaint


def test_replay_of_what_is_no_video_is_one_line(terminal, tmp_path):
    pytest.importorskip("av", reason="footage needs PyAV (extra 'media')")
    (tmp_path / "letter.txt").write_text("dear diary")
    (tmp_path / "folder").mkdir()
    for name in ("none.mp4", "letter.txt", "folder"):
        assert name in terminal.refused("replay", tmp_path / name)
    assert "--plot" in terminal.refused(
        "replay", "a.mp4", "b.mp4", "--plot", tmp_path / "x.png", status=2
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "videos, or --trace"),
        (("a.mp4", "--trace", "x"), "videos, or --trace"),
        (("--trace", "x", "--overlay", "o.mp4"), "no pictures"),
        (("a.mp4", "b.mp4", "--overlay", "o.mp4"), "draws one video"),
    ],
)
def test_replay_takes_videos_or_a_trace(terminal, words, says):
    assert says in terminal.refused("replay", *words, status=2)


def test_a_folder_without_a_trace_is_said_to_have_none(terminal, tmp_path):
    assert "no trace here" in terminal.refused("replay", "--trace", tmp_path)


@pytest.fixture
def film(tmp_path):
    """Half a minute in which something walks twice, recorded whole as a file."""
    pytest.importorskip("av", reason="footage needs PyAV (extra 'media')")
    from dashcamd.cameras import pyav
    from dashcamd.cameras.encoder import H264Encoder
    from dashcamd.storage.mp4_writer import Mp4Writer
    from dashcamd.types import Frame

    rng = np.random.default_rng(1)
    encoder = H264Encoder(320, 240, 10, 1.0, 2_000_000, 20)
    file = PosixDisk(str(tmp_path)).create("film.mp4")
    writer, grey = Mp4Writer(file), np.full((120, 160), 128, np.uint8)
    for number in range(300):
        luma = rng.integers(90, 110, (240, 320)).astype(np.uint8)
        if 100 <= number < 140 or 220 <= number < 260:
            luma[80:170, 4 * (number % 40) : 4 * (number % 40) + 50] = 230
        unit = encoder.encode(pyav.picture_of((luma, grey, grey)), number / 10)
        writer.append([Frame(number / 10, unit.key, unit.data)])
    writer.close()
    file.close()
    return tmp_path / "film.mp4"


def test_the_trace_of_a_run_gives_the_events_of_its_video(terminal, film, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    terminal.ok("run", "--camera", "media:%s" % film, "--speed", "max")
    (video,), (trace,) = terminal.json("replay", film), terminal.json("replay", "--trace", stick)
    assert len(video["events"]) == len(trace["events"]) == 2
    offset = trace["events"][0]["start_s"] - video["events"][0]["start_s"]
    for one, other in zip(video["events"], trace["events"]):
        assert other["start_s"] - offset == pytest.approx(one["start_s"], abs=0.2)
        assert other["end_s"] - offset == pytest.approx(one["end_s"], abs=0.2)
    assert video["ego"][0]["state"] == "still"
    assert set(video) <= set(trace)
    (file,) = stick.rglob("trace-*.bin")
    told = terminal.ok("replay", "--trace", file, "--explain")
    assert told.count("EVENT") == 2


def test_settings_that_see_less_find_less_in_a_video_and_in_its_trace(terminal, film, tmp_path):
    (tmp_path / "stick").mkdir()
    terminal.ok("run", "--camera", "media:%s" % film, "--speed", "max")
    with terminal.config.open("a") as file:
        file.write('[motion]\nignore = "1x1:8"\n')
    assert terminal.json("replay", film)[0]["events"] == []
    assert terminal.json("replay", "--trace", tmp_path / "stick")[0]["events"] == []


def test_a_timeline_and_an_overlay_are_drawn(terminal, film, tmp_path):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib (extra 'plot')")
    with terminal.config.open("a") as file:
        file.write('[motion]\nignore = "2x1:8"\n[[motion.zones]]\nname = "all"\n')
    plot, overlay = tmp_path / "plot.png", tmp_path / "overlay.mp4"
    overlay.write_text("to be replaced")
    terminal.ok("replay", film, "--plot", plot, "--overlay", overlay)
    assert plot.read_bytes().startswith(b"\x89PNG")
    (drawn,) = terminal.json("replay", overlay)
    assert drawn["frames"] == 300
    assert "the video itself" in terminal.refused("replay", film, "--overlay", film)
    assert film.stat().st_size > 0


def test_a_run_as_fast_as_it_goes_leaves_files_that_verify(terminal, tmp_path):
    """Simulated time, real encoder, real disk, the commands people type."""
    pytest.importorskip("av", reason="the synthetic camera needs PyAV (extra 'media')")
    (tmp_path / "stick").mkdir()
    with terminal.config.open("a") as file:
        file.write('[camera]\nresolution = "160x128"\nframerate = 10\n')
    camera = ["--camera", "synthetic:......ww....", "--speed", "max", "--duration", "25"]
    terminal.ok("run", *camera)
    report = terminal.json("verify")
    assert report["ok"]
    assert report["files"]
    events = terminal.json("events")
    assert all(event["state"] == "closed" for event in events)
    videos = [tmp_path / "stick" / path for event in events for path in event["parts"]]
    (replayed,) = terminal.json("replay", videos[0])
    assert replayed["frames"] == events[0]["frames"]
    assert {"file", "fps", "frames", "duration_s", "events", "cpu_s"} <= set(replayed)


def shell(*words, stdout):
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-m", "dashcamd", *words],
        env=environ,
        stdout=stdout, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["config", "--defaults"], ["config"]])
def test_a_closed_pipe_ends_a_command_without_a_word(words):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone, shell(*words, stdout=gone) as process:
        _, complaint = process.communicate()
    assert complaint == ""
    assert process.returncode in (0, 1)


def test_without_a_stdout_a_command_works_all_the_same():
    command = "exec %s -m dashcamd config --defaults >&-" % sys.executable
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_one_line():
    with open("/dev/full", "w") as full, shell("config", "--defaults", stdout=full) as process:
        _, complaint = process.communicate()
    assert process.returncode == 1
    assert complaint.startswith("dashcamd: ")
    assert len(complaint.splitlines()) == 1


def test_ctrl_c_is_no_traceback(terminal, monkeypatch):
    monkeypatch.setattr("dashcamd.cli.main.load", lambda path: (_ for _ in ()).throw(
        KeyboardInterrupt
    ))  # fmt: skip
    assert terminal.run("events")[0] == 130
