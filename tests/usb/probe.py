"""Inside the guest: watches the daemon over its control socket, cheaply enough for an emulated CPU.

``probe.py TIMEOUT_S CONDITION`` returns when the condition holds and prints one JSON object:
`began` and `at` (stamps of the clock that the daemon's frames have), the `status` of that moment.
In a condition `s` is the status, `said("text")` whether a text is anywhere in it.
"""

import json
import socket
import sys
import time

SOCKET = "/run/dashcamd/control.sock"


def status():
    """What ``dashcamd status --json`` prints; nothing while no daemon answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(SOCKET)
            connection.sendall(b'{"do":"status"}\n')
            line = b""
            while not line.endswith(b"\n"):
                more = connection.recv(65536)
                if not more:
                    return {}
                line += more
    except OSError:
        return {}
    return json.loads(line).get("result") or {}


def holds(condition, found):
    """Whether the condition is true of a status; one that lacks what it asks for is not."""
    try:
        return bool(eval(condition, {"s": found, "said": lambda text: text in json.dumps(found)}))
    except (KeyError, TypeError, IndexError):
        return False


def main(timeout_s, condition):
    """0 and the moment when it held, 1 and the last status when it did not in time."""
    condition = compile(condition, "condition", "eval")
    began = now = time.clock_gettime(time.CLOCK_BOOTTIME)
    while True:
        found = status()
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        is_met = holds(condition, found)
        if is_met or now - began > timeout_s:
            print(json.dumps({"began": began, "at": now, "status": found}))
            return 0 if is_met else 1
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2]))
