"""Inside the guest: runs commands that come over a virtio-serial port, one JSON object a line.

Request ``{"id": 1, "run": "shell text", "timeout_s": 30}``, answer ``{"id": 1, "code": 0,
"out": "..."}``. Every request has a thread, so that one that hangs in the kernel blocks no other.
"""

import json
import os
import signal
import subprocess
import threading
import time

PORTS = ("/dev/virtio-ports/agent", "/dev/vport0p1", "/dev/vport1p1", "/dev/vport2p1")


def port():
    while True:
        for path in PORTS:
            if os.path.exists(path):  # noqa: PTH110 - the guest needs no pathlib
                return open(path, "r+b", buffering=0)
        time.sleep(0.05)


class Agent:
    def __init__(self, stream):
        self.stream = stream
        self.lock = threading.Lock()

    def send(self, document):
        data = (json.dumps(document) + "\n").encode()
        with self.lock:
            while data:
                data = data[self.stream.write(data) :]

    def answer(self, request):
        answer = {"id": request["id"]}
        process = subprocess.Popen(
            ["/bin/bash", "-c", request["run"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(timeout=request.get("timeout_s", 60))
            answer["code"] = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, answer["code"] = b"(timed out)", -1
        answer["out"] = out.decode(errors="replace")
        self.send(answer)

    def serve(self):
        self.send({"id": 0, "uptime_s": time.monotonic()})
        buffer = b""
        while True:
            data = self.stream.read(65536)
            if not data:
                time.sleep(0.1)
                continue
            buffer += data
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                request = json.loads(line)
                threading.Thread(target=self.answer, args=(request,), daemon=True).start()


if __name__ == "__main__":
    Agent(port()).serve()
