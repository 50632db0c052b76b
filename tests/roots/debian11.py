"""`make test-legacy`: picamera 1.13 in a Debian 11 root, as on the last Raspberry Pi OS with it.

Python 3.9 with Debian's own numpy, pyudev and psutil; picamera from its source distribution,
because Raspberry Pi OS alone packages it; PyAV only to encode for the emulated VideoCore, which
stands where the GPU would.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.roots.root import Recipe, main

RECIPE = Recipe(
    name="debian11",
    suite="bullseye",
    packages=(
        "python3",
        "python3-numpy",
        "python3-pyudev",
        "python3-psutil",
        "python3-pip",
        "python3-setuptools",
        "python3-wheel",
    ),
    setup=(
        "python3 -m pip install --no-cache-dir 'tomli<3' 'pytest<9' 'pytest-timeout<3' "
        "'hypothesis<7' 'av>=12,<15'",
        # Its setup.py wants a Pi's /proc/cpuinfo unless it builds documentation.
        "READTHEDOCS=True python3 -m pip install --no-cache-dir --no-deps picamera==1.13",
    ),
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or ["tests/legacy"]
    storage = {"HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis"}
    sys.exit(main(RECIPE, ["python3", "-m", "pytest", "-p", "no:cacheprovider", *chosen], storage))
