"""A guest with USB ports, driven from a test: plug, pull, throttle, break, cut the power.

QMP attaches and detaches sticks, a virtio-serial agent runs commands inside. USB has no handshake
for removal, so `pull` is a surprise for the guest; `cut_power` kills QEMU, which loses what the
guest had not flushed only as far as QEMU's own cache goes (the host keeps the file).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from tests.usb.guest import Disk

BOOT_S = 240.0
COMMAND_S = 60.0
KERNEL_LINE = (
    "console=ttyS0 root=/dev/vda rw quiet loglevel=4 panic=-1 mitigations=off audit=0 "
    "net.ifnames=0 systemd.show_status=0 no_timer_check"
)


STICK, UAS_DISK, DISK = "stick", "disk in a USB case", "disk"
UAS = "-uas"

KVM_CPU = "host,arch-capabilities=off"
"""QEMU 7.2 aborts in a virtual machine whose host does not let it set IA32_ARCH_CAPABILITIES."""


class GuestError(AssertionError):
    """The guest did not do what the test asked for."""


def accelerator() -> str:
    """KVM where the processor offers it; a /dev/kvm without that starts guests that never run."""
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    is_there = "vmx" in flags or "svm" in flags
    return "kvm" if is_there and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


class Guest:
    """One running machine; a context manager that leaves no process behind."""

    def __init__(
        self,
        disk: Disk,
        accel: str,
        share: Optional[Path] = None,
        snapshot: str = "",
        memory_mib: int = 512,
    ) -> None:
        """Start `disk`; `share` is a folder of the host that the guest may mount, read-only.

        `snapshot` resumes a machine that `save` kept, instead of booting.
        """
        self._is_resumed = bool(snapshot)
        self.folder = Path(tempfile.mkdtemp(prefix="dashcamd-usb-"))
        self.events: List[Dict[str, Any]] = []
        self._nodes: Dict[str, List[str]] = {}
        self._pulled_by: Dict[str, str] = {}
        self._answers: Dict[int, Dict[str, Any]] = {}
        self._arrived = threading.Condition()
        self._qmp_lock = threading.Lock()
        self._asked = 0
        with (self.folder / "qemu.err").open("w") as complaints:
            self._process = subprocess.Popen(
                self._command(disk, accel, share or self.folder, snapshot, memory_mib),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
        self._qmp_socket = self._connect("qmp")
        self._qmp_stream = self._qmp_socket.makefile("rw")
        self._qmp_stream.readline()
        self.qmp("qmp_capabilities")
        self._agent = self._connect("agent")
        self._reader = threading.Thread(target=self._read_answers, daemon=True)
        self._reader.start()

    def _command(
        self, disk: Disk, accel: str, share: Path, snapshot: str, memory_mib: int
    ) -> List[str]:
        kind = "qcow2" if disk.image.suffix == ".qcow2" else "raw"
        tcg = accel == "tcg"
        fsdev = "local,id=share,path=%s,security_model=none,readonly=on,multidevs=remap" % share
        command = [
            "qemu-system-x86_64",
            *("-nodefaults", "-no-user-config", "-machine", "q35", "-display", "none"),
            *("-accel", "tcg,thread=multi" if tcg else accel, "-cpu", "max" if tcg else KVM_CPU),
            *("-smp", "2", "-m", str(memory_mib), "-no-reboot"),
            *("-serial", "file:%s" % (self.folder / "console.log")),
            *("-qmp", "unix:%s,server=on,wait=off" % (self.folder / "qmp")),
            *("-kernel", str(disk.kernel), "-initrd", str(disk.initrd), "-append", KERNEL_LINE),
            *("-drive", "file=%s,format=%s,if=virtio,cache=unsafe" % (disk.image, kind)),
            *("-device", "qemu-xhci,id=xhci,p2=8,p3=8", "-device", "virtio-rng-pci"),
            *("-device", "virtio-serial-pci", "-device", "virtio-scsi-pci,id=scsi"),
            *("-fsdev", fsdev, "-device", "virtio-9p-pci,fsdev=share,mount_tag=share"),
            *("-chardev", "socket,id=ag,path=%s,server=on,wait=off" % (self.folder / "agent")),
            *("-device", "virtserialport,chardev=ag,name=agent"),
        ]
        return [*command, *(["-loadvm", snapshot] if snapshot else [])]

    def _connect(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                connection.connect(str(self.folder / name))
                return connection
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise GuestError("QEMU does not start: " + (self.folder / "qemu.err").read_text())

    def qmp(self, command: str, **arguments: Any) -> Any:
        """One QMP command; its result. Raises `GuestError` with QEMU's own words."""
        with self._qmp_lock:
            self._qmp_stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self._qmp_stream.flush()
            while True:
                answer = json.loads(self._qmp_stream.readline())
                if "error" in answer:
                    raise GuestError("%s: %s" % (command, answer["error"]["desc"]))
                if "return" in answer:
                    return answer["return"]
                self.events.append(answer)

    def _read_answers(self) -> None:
        with self._agent.makefile("r") as stream:
            for line in stream:
                answer = json.loads(line)
                with self._arrived:
                    self._answers[answer["id"]] = answer
                    self._arrived.notify_all()

    def _answer(self, number: int, timeout_s: float) -> Dict[str, Any]:
        with self._arrived:
            end = time.monotonic() + timeout_s
            while time.monotonic() < end and self._process.poll() is None:
                if self._arrived.wait_for(lambda: number in self._answers, 1.0):
                    break
            if number not in self._answers:
                raise GuestError(
                    "the guest does not answer; its console:\n" + self.console()[-3000:]
                )
            return self._answers.pop(number)

    def wait_for_boot(self) -> None:
        """Return when the agent runs; a resumed guest has said so before it was saved."""
        if self._is_resumed:
            self.run("true")
        else:
            self._answer(0, BOOT_S)

    def save(self, snapshot: str) -> None:
        """Keep the running machine, memory and all, inside its own disk image, and end it."""
        self.qmp("stop")
        said = self.qmp("human-monitor-command", **{"command-line": "savevm " + snapshot})
        if said.strip():
            raise GuestError(said)
        self.qmp("quit")
        self._process.wait(60)

    def run(self, text: str, timeout_s: float = COMMAND_S, check: bool = True) -> str:
        """Run shell `text` inside; its output. Raises `GuestError` unless it exits with 0."""
        self._asked += 1
        request = {"id": self._asked, "run": text, "timeout_s": timeout_s}
        self._agent.sendall((json.dumps(request) + "\n").encode())
        answer = self._answer(request["id"], timeout_s + 20)
        if check and answer["code"] != 0:
            raise GuestError("%s\nended with %s:\n%s" % (text, answer["code"], answer["out"]))
        return str(answer["out"])

    def until(self, text: str, timeout_s: float = 30.0, every_s: float = 0.2) -> float:
        """Wait until shell `text` succeeds; the guest seconds it took."""
        script = (
            "end=$(( $(date +%%s) + %d )); start=$(cut -d' ' -f1 /proc/uptime); "
            "until { %s; } >/tmp/until 2>&1; do "
            "[ $(date +%%s) -lt $end ] || { cat /tmp/until; exit 1; }; sleep %g; done; "
            "echo $start $(cut -d' ' -f1 /proc/uptime)"
        ) % (timeout_s, text, every_s)
        start, end = self.run(script, timeout_s + 30).split()[-2:]
        return float(end) - float(start)

    def plug(
        self,
        name: str,
        image: Path,
        port: Optional[int] = None,
        is_read_only: bool = False,
        throttle: Optional[Dict[str, int]] = None,
        faults: Optional[Dict[str, Any]] = None,
        log: Optional[Path] = None,
        kind: str = STICK,
    ) -> None:
        """Plug a stick in, or another `kind` of disk.

        `throttle` are QEMU throttle-group limits, `faults` blkdebug options; `log` keeps every
        write and flush (`tests.usb.blocklog`).
        """
        nodes: List[str] = []
        self._nodes[name] = nodes
        self._pulled_by[name] = name + UAS if kind == UAS_DISK else name
        self._add_node(
            nodes, name + "-file", driver="file", filename=str(image), read_only=is_read_only
        )
        if faults:
            self._add_node(nodes, name + "-debug", driver="blkdebug", image=nodes[0], **faults)
        self._add_node(nodes, name + "-raw", driver="raw", file=nodes[0], read_only=is_read_only)
        if log is not None:
            log.write_bytes(b"")
            below = nodes[0]
            self._add_node(nodes, name + "-logfile", driver="file", filename=str(log))
            writes = {"driver": "blklogwrites", "file": below, "log": name + "-logfile"}
            self._add_node(nodes, name + "-log", **writes)
        if throttle is not None:
            group = name + "-limits"
            self.qmp(
                "object-add", **{"qom-type": "throttle-group", "id": group, "limits": throttle}
            )
            self._add_node(
                nodes,
                name + "-throttle",
                driver="throttle",
                file=nodes[0],
                throttle_group=group,
                read_only=is_read_only,
            )
        at = {"port": str(port)} if port is not None else {}
        if kind == UAS_DISK:
            self.qmp("device_add", driver="usb-uas", id=name + UAS, bus="xhci.0", **at)
        device: Dict[str, Any] = {"id": name, "drive": nodes[0], "serial": "SERIAL-" + name}
        if kind == STICK:
            device.update(driver="usb-storage", bus="xhci.0", removable=True, **at)
        else:
            device.update(driver="scsi-hd", bus="scsi.0" if kind == DISK else name + UAS + ".0")
        self.qmp("device_add", **device)
        if kind == UAS_DISK:
            # QEMU keeps the case out of its port until somebody says that all its disks are in.
            self.qmp(
                "qom-set", path="/machine/peripheral/" + name + UAS, property="attached", value=True
            )

    def _add_node(self, nodes: List[str], name: str, **options: Any) -> None:
        renamed = {key.replace("_", "-"): value for key, value in options.items()}
        self.qmp("blockdev-add", **{"node-name": name, **renamed})
        nodes.insert(0, name)

    @property
    def plugged(self) -> List[str]:
        """Names of the sticks that are plugged in."""
        return list(self._nodes)

    def set_limits(self, name: str, limits: Dict[str, int]) -> None:
        """Change the throttle of a stick that was plugged in with one."""
        self.qmp("qom-set", path="/objects/%s-limits" % name, property="limits", value=limits)

    def pull(self, name: str) -> None:
        """Pull a stick out without asking."""
        self.qmp("device_del", id=self._pulled_by[name])
        end = time.monotonic() + 20
        for node in self._nodes.pop(name):
            while True:
                try:
                    self.qmp("blockdev-del", **{"node-name": node})
                    break
                except GuestError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)
            if node.endswith("-throttle"):
                self.qmp("object-del", id=name + "-limits")

    def cut_power(self) -> None:
        """Kill the machine in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()

    def shut_down(self, timeout_s: float = 90.0) -> None:
        """Power off in order, so that the disk image is whole."""
        self.run("systemctl --no-block poweroff")
        self._process.wait(timeout_s)

    def console(self) -> str:
        """What the guest printed on its console."""
        path = self.folder / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self) -> Guest:
        try:
            self.wait_for_boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        self._agent.close()
        self._qmp_stream.close()
        self._qmp_socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)
