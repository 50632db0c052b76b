"""The daemon as a process of its own, as a user or systemd starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Optional

from dashcamd.cli.main import main
from dashcamd.control import protocol
from dashcamd.errors import OperationError

PATIENCE_S = 40.0
"""How long to wait for something that takes a second on an idle machine."""


def dashcamd(*words: object, timeout: float = PATIENCE_S) -> subprocess.CompletedProcess:
    """Run one command to its end."""
    command = [sys.executable, "-m", "dashcamd", *[str(word) for word in words]]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def is_verified(root: Path) -> bool:
    """Whether ``dashcamd verify`` finds nothing wrong; in this process, to save its start."""
    return main(["verify", "--storage", str(root)]) == 0


def toml(sections: Dict[str, Dict[str, object]]) -> str:
    lines = []
    for name, keys in sections.items():
        lines.append("[%s]" % name)
        lines += ["%s = %s" % (key, json.dumps(value)) for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class Daemon:
    """``dashcamd run`` in `folder`, with `settings` as its configuration."""

    def __init__(
        self, folder: Path, settings: Dict[str, Dict[str, object]], *words: object
    ) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.config = folder / "dashcamd.toml"
        self.log = folder / "log.txt"
        self.storage = folder / "stick"
        self.storage.mkdir(exist_ok=True)
        self.socket = folder / "control.sock"
        control = {"control": {"socket": str(self.socket)}}
        self.config.write_text(toml({**control, **settings}))
        self._words = [str(word) for word in words]
        self.process: Optional[subprocess.Popen] = None

    def start(self) -> Daemon:
        command = [sys.executable, "-m", "dashcamd", "run", "--config", str(self.config)]
        command += ["--storage", str(self.storage), *self._words]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": "default"}
            )
        return self

    def ask(self, command: str, *words: object) -> subprocess.CompletedProcess:
        return dashcamd(command, "--config", self.config, *words)

    def status(self) -> Optional[dict]:
        """The status as ``dashcamd status`` gets it, None while nobody answers."""
        try:
            return protocol.ask(self.socket, {"do": "status"})
        except OperationError:
            return None

    def wait_for(self, condition: Callable[[dict], object]) -> dict:
        """Ask until `condition` holds for the status."""
        end = time.monotonic() + PATIENCE_S
        status = None
        while time.monotonic() < end:
            assert self.process.poll() is None, "the daemon ended: " + self.log.read_text()
            status = self.status()
            if status and condition(status):
                return status
            time.sleep(0.1)
        raise AssertionError("never happened; last status %s, log:\n%s" % (status, self.messages))

    @property
    def messages(self) -> str:
        return self.log.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """``kill -9``; also what ends a daemon that a failed test leaves behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
