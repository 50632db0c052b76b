"""Hostile clients at a real daemon that records: no 5xx, no hang, not a frame lost.

``DASHCAMD_FUZZ_S`` says how long each of the two goes on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from dashcamd.control import protocol
from dashcamd.web.vault import Vault
from tests.browser.conftest import Running
from tests.fuzz import raw
from tests.fuzz.attacks import Place

FUZZ_S = float(os.environ.get("DASHCAMD_FUZZ_S", "20"))
SEED = int(os.environ.get("DASHCAMD_FUZZ_SEED", "1"))
SCHEMATHESIS = shutil.which(os.environ.get("DASHCAMD_SCHEMATHESIS", ""))
# Not ignored_auth: it spoils the cookie beside a token that is good. tests/web walks every route.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(2 * FUZZ_S + 240)]


class Watched:
    """A daemon that records all the while, watched from its control socket."""

    def __init__(self, folder: Path) -> None:
        self.running = Running(folder, seconds=FUZZ_S + 300)
        vault = Vault(folder / "web.json")
        vault.open(resets=())
        self.token = vault.add_token("fuzz")
        self.socket = folder / "web.json.sock"
        self.frames = []
        """Captured and written so far, once a second."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._record)

    @property
    def port(self) -> int:
        return int(self.running.address.rstrip("/").rpartition(":")[2])

    def ask(self, do: str, **more):
        return protocol.ask(self.socket, {"do": do, **more})

    def _record(self) -> None:
        while not self._over.wait(1.0):
            self.ask("trigger", reason="manual")
            counters = self.ask("status")["counters"]
            self.frames.append((counters["frames_captured"], counters["frames_written"]))

    def media(self) -> str:
        """The address of a part that is finished, once one is."""
        while True:
            for path in self.running.storage.rglob("*_p*.mp4"):
                if ".part" not in path.name:
                    return "/media/%s/%s" % (path.parent.name, path.name)
            self._over.wait(0.2)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.running.stop()

    def was_undisturbed(self) -> None:
        status = self.ask("status")
        assert status["counters"]["frames_lost"] == 0
        assert status["counters"]["messages_dropped"] == 0
        assert status["camera"]["state"] == "delivering"
        assert self.running.process.poll() is None
        assert len(self.frames) > FUZZ_S / 3, "the control socket answered all the while"
        captured, written = (
            after - before for before, after in zip(self.frames[5], self.frames[-1])
        )
        # a busy machine draws fewer frames; what it drew is written, but for the newest
        assert written > 0.8 * captured > 0, "recording went on: %s" % self.frames
        log = (self.running.storage.parent / "log").read_text()
        assert "Traceback" not in log, log[-3000:]


@pytest.fixture
def watched(tmp_path):
    pytest.importorskip("tornado", reason="the page needs tornado")
    with Watched(tmp_path) as made:
        yield made


def test_hostile_bytes_hurt_nobody(watched):
    place = Place("127.0.0.1:%d" % watched.port, watched.token, watched.media())
    outcome = asyncio.run(raw.fuzz(watched.port, place, SEED, FUZZ_S))
    print("\n%s\n%s" % raw.told(outcome))
    assert not outcome.wrong, "\n".join(outcome.wrong)[:5000]
    assert {200, 206, 400, 401, 404, 405, 416, 421} <= set(outcome.answers)
    watched.was_undisturbed()


@pytest.mark.skipif(SCHEMATHESIS is None, reason="needs schemathesis: `make test-fuzz` installs it")
def test_the_api_does_as_its_description_says(watched, tmp_path):
    done = subprocess.run(
        [
            SCHEMATHESIS, "run", "%sapi/v1/openapi.json" % watched.running.address,
            "--header", "Authorization: Bearer " + watched.token, "--checks", CHECKS,
            "--max-time", str(int(FUZZ_S)), "--request-timeout", "20", "--seed", str(SEED),
            "--exclude-path", "/api/v1/eject",  # it ends the recording, as it should
            "--generation-database", "none", "--warnings", "off",
        ],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout[-8000:]
    watched.was_undisturbed()
