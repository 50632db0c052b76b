"""The guest with dashcamd in it, as a person at the dashboard sees it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from tests.usb import images
from tests.usb.qemu import Guest, GuestError

PROBE = Path(__file__).with_name("probe.py")
RECORDING = "s['recording']"
CAUGHT_UP = "s['counters']['backlog_frames'] <= 20"
NO_STICK = "s['state'] == 'no stick'"
MOUNTS = "grep -c ' /run/dashcamd/volumes/' /proc/mounts || true"
QUIET = "(systemd|dbus|private|machine-id|random-seed|journal|timesync)"
"""Files on the root file system that the rest of a Debian writes."""


class Moment(NamedTuple):
    """When something was seen: the guest's clock when waiting began and ended, and the status."""

    began: float
    at: float
    status: Dict[str, Any]

    @property
    def took_s(self) -> float:
        """How long it was waited for."""
        return self.at - self.began


class Process(NamedTuple):
    """What the service holds: the process and its resources.

    Memory is its own alone: pages of files come and go as the kernel likes.
    """

    pid: int
    resident_kib: int
    threads: int
    descriptors: int


class Car:
    """One guest; `folder` keeps the images of its sticks."""

    def __init__(self, guest: Guest, folder: Path) -> None:
        self.guest = guest
        self.folder = folder
        text = PROBE.read_text(encoding="utf-8")
        guest.run("cat > /run/probe.py <<'END'\n%s\nEND\ntouch /run/began" % text)

    def stick(self, name: str, fs: Any, **options: Any) -> Path:
        """The image of a fresh stick."""
        return images.stick(self.folder / (name + ".img"), fs, **options)

    def until(self, condition: str, timeout_s: float = 120.0) -> Moment:
        """Wait until `condition` holds of the status, see `tests.usb.probe`."""
        words = "python3 -ISE /run/probe.py %g %s" % (timeout_s, shlex.quote(condition))
        answer = self.guest.run(words + "; echo $?", timeout_s + 60).splitlines()
        moment = Moment(**json.loads(answer[0]))
        if answer[1] != "0":
            raise GuestError("%s: not within %g s of the guest:\n%s\n%s\n%s" % (
                condition, timeout_s, json.dumps(moment.status, indent=1), self.journal(40),
                self.waiting_in,
            ))  # fmt: skip
        return moment

    def until_recording(self, fs: str = "") -> Moment:
        """Wait until frames become durable, on a stick with file system `fs` if one is named."""
        return self.until(recording_on(fs) if fs else RECORDING)

    @property
    def status(self) -> Dict[str, Any]:
        """The status now."""
        return self.until("True", 1).status

    @property
    def start_s(self) -> float:
        """What this emulated processor needs now to load the daemon's code: a Pi 4 takes 1 s."""
        modules = "sys.path.insert(0, '/usr/local/lib/dashcamd'); import dashcamd.app, av"
        words = (
            'python3 -c "import sys, time; t = time.monotonic(); %s; print(time.monotonic() - t)"'
        )
        return float(self.guest.run(words % modules, 120))

    @property
    def written(self) -> int:
        """Frames written so far."""
        frames: int = self.status["counters"]["frames_written"]
        return frames

    @property
    def root_sectors(self) -> int:
        """Sectors written to the root file system's disk since the guest was started."""
        return int(self.guest.run("awk '{print $7}' /sys/block/vda/stat"))

    def pull(self, name: str) -> None:
        """Pull a stick and wait until nothing of it is mounted."""
        self.guest.pull(name)
        if not self.guest.plugged:
            self.guest.until("! grep -q ' /run/dashcamd/volumes/' /proc/mounts", 60, 0.3)

    def pull_all(self) -> None:
        """Empty ports, and a daemon that knows."""
        for name in self.guest.plugged:
            self.pull(name)
        self.until(NO_STICK, 60)

    @property
    def process(self) -> Process:
        """The service's process."""
        words = self.guest.run(
            "p=$(systemctl show --value -p MainPID dashcamd); echo $p; "
            "sed -n 's/^RssAnon:[^0-9]*\\([0-9]*\\).*/\\1/p; s/^Threads:[^0-9]*//p' "
            "/proc/$p/status; "
            "ls /proc/$p/fd | wc -l"
        ).split()
        return Process(*map(int, words))

    @property
    def waiting_in(self) -> str:
        """Where the kernel keeps the service's threads, and the last it said of sticks."""
        return self.guest.run(
            "for task in /proc/$(systemctl show --value -p MainPID dashcamd)/task/*; do "
            "echo $task $(cat $task/wchan); cat $task/syscall; head -8 $task/stack; done; "
            "dmesg | tail -30",
            check=False,
        )

    def verified(self) -> List[Dict[str, Any]]:
        """What `dashcamd verify` says of each file on the stick in use."""
        document = json.loads(self.guest.run("dashcamd verify --json", 180, check=False))
        files: List[Dict[str, Any]] = document["files"]
        return files

    def journal(self, lines: int) -> str:
        """The last lines of the service and of the mounts."""
        units = "-u dashcamd -u 'dashcamd-mount@*'"
        return self.guest.run(
            "journalctl -b %s -o short-monotonic --no-hostname | tail -%d" % (units, lines),
            check=False,
        )

    def written_to_root(self) -> List[str]:
        """Files on the root file system that changed since the guest was resumed."""
        found = self.guest.run(
            "find / -xdev -type f -newer /run/began | grep -Ev '%s' || true" % QUIET
        )
        return found.split()


def recording_on(fs: str) -> str:
    """Condition: frames become durable on a stick with that file system."""
    in_use = "any(one['fs'] == %r and one['state'] == 'in use' for one in s['volume']['sticks'])"
    return "%s and %s" % (RECORDING, in_use % fs)


def damaged(files: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Files that do not play; the one that grows does."""
    return [file for file in files if file["status"] == "damaged" or not file["frames"]]
