"""What systemd hears, on a socket of its kind."""

import socket

import pytest

from dashcamd.health.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def systemd_end(request, tmp_path):
    name = (
        str(tmp_path / "notify") if request.param == "path" else "@dashcamd-test-%d" % id(request)
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name[1:] if name.startswith("@") else name)
        end.setblocking(False)
        yield name, end


def test_ready_alive_and_stopping_reach_systemd(systemd_end):
    name, end = systemd_end
    line = Systemd({"NOTIFY_SOCKET": name})
    line.ready()
    line.alive("recording;\nall is well")
    line.stopping()
    line.close()
    assert end.recv(100) == b"READY=1"
    assert end.recv(100) == b"WATCHDOG=1\nSTATUS=recording; all is well"
    assert end.recv(100) == b"STOPPING=1"


def test_ailing_does_not_feed_the_watchdog(systemd_end):
    name, end = systemd_end
    line = Systemd({"NOTIFY_SOCKET": name})
    line.ailing("stuck")
    line.close()
    assert b"WATCHDOG" not in end.recv(100)


def test_without_systemd_nothing_happens():
    Systemd({}).alive("fine")


def test_a_socket_that_is_gone_or_full_is_systemds_problem(systemd_end, tmp_path):
    gone = Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    gone.alive("fine")
    gone.close()
    name, _ = systemd_end
    full = Systemd({"NOTIFY_SOCKET": name})
    for _ in range(5000):
        full.alive("x" * 100)
    full.close()
