"""The whole daemon on the virtual camera, kept running as systemd keeps it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from dashcamd.control import protocol
from dashcamd.errors import DashcamError
from tests.libcamera.stage import Stage

RESTART_S = 1.0
"""``RestartSec=`` of the unit."""

SETTINGS = """
[camera]
resolution = "640x480"
bitrate = 2000000
[recording]
mode = "{mode}"
pre_roll_s = 3
post_roll_s = 3
gap_s = 7
segment_s = 4
[control]
socket = "{socket}"
"""


class House:
    """`dashcamd run` in a process of its own, started again when it fails, until `close`."""

    def __init__(self, folder: Path, script: str, mode: str = "motion") -> None:
        self.stage = Stage(folder / "stage", 25.0, script)
        self.volume = folder / "volume"
        self.volume.mkdir()
        self.exits: List[int] = []
        self._socket = folder / "control.sock"
        self._config = folder / "dashcamd.toml"
        self._config.write_text(SETTINGS.format(mode=mode, socket=self._socket))
        self._log = folder / "log"
        self._is_over = threading.Event()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._keeper = threading.Thread(target=self._keep, name="systemd", daemon=True)

    def open(self) -> None:
        """Start it."""
        self._keeper.start()

    def close(self) -> None:
        """Stop it as systemd does."""
        self._is_over.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
        self._keeper.join(30)

    @property
    def log(self) -> str:
        """What all runs have said."""
        return self._log.read_text()

    def status(self) -> Optional[Dict[str, Any]]:
        """What the daemon says of itself; None while there is none."""
        try:
            answer: Dict[str, Any] = protocol.ask(self._socket, {"do": "status"})
        except (DashcamError, OSError):
            return None
        return answer

    def seconds_until(self, is_so: Callable[[Optional[Dict[str, Any]]], bool]) -> float:
        """How long it takes until the status is as asked; 60 s are too long."""
        begin = time.monotonic()
        nothing = threading.Event()
        while not is_so(self.status()):
            assert time.monotonic() < begin + 60, self.log
            nothing.wait(0.1)
        return time.monotonic() - begin

    def ask(self, *command: str) -> Any:
        """The JSON that a dashcamd command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "dashcamd", *command, "--json", "--config", str(self._config)],
            stdout=subprocess.PIPE,
        )
        return json.loads(done.stdout)

    def files(self) -> List[Path]:
        """All parts on the volume in the order of their names."""
        return sorted(self.volume.rglob("*.mp4"))

    def _keep(self) -> None:
        with self._log.open("ab") as log:
            while not self._is_over.is_set():
                self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
                code = self._process.wait()
                self.exits.append(code)
                if code == 0:
                    return
                self._is_over.wait(RESTART_S)

    def _command(self) -> List[str]:
        stage = str(self.stage.folder)
        run = ["run", "--config", str(self._config), "--camera", "picamera2"]
        run += ["--storage", str(self.volume)]
        return [sys.executable, "-m", "tests.libcamera.daemon", stage, *run]


def is_recording(status: Optional[Dict[str, Any]]) -> bool:
    """Durable bytes move."""
    return status is not None and bool(status["recording"])


def has_camera_fault(status: Optional[Dict[str, Any]]) -> bool:
    """The camera's fault is shown."""
    return status is not None and any(one.startswith("camera") for one in status["faults"])
