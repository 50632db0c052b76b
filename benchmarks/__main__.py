"""Run the benchmarks of the recording path: ``python -m benchmarks``, under five minutes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys


def main() -> None:
    """Print the machine and every table; each benchmark is a process of its own."""
    cores = len(os.sched_getaffinity(0))
    print("%d cores %s, Python %s\n" % (cores, platform.machine(), platform.python_version()))
    for module in ("benchmarks.house", "benchmarks.writer"):
        sys.stdout.flush()
        subprocess.run([sys.executable, "-m", module], check=False)


if __name__ == "__main__":
    main()
