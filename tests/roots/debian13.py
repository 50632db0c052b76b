"""`make test-libcamera`: picamera2 0.3.38 in a Debian 13 root, as on today's Raspberry Pi OS.

Python 3.13 and libcamera from trixie-backports, whose *virtual* pipeline stands where a sensor
would: Debian 13's own libcamera 0.4 leaves that pipeline's metadata uninitialised. picamera2, PyAV
and simplejpeg come from the package index in the versions that Raspberry Pi OS ships or newer;
picamera2 is pinned because the tests reach into it (``tests/libcamera/virtual.py``).

Arguments are pytest's; after ``--`` they are a command to run in the root instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.roots.root import Recipe, main

BACKPORTS = "trixie-backports"
LIBCAMERA = ("libcamera0.7", "libcamera-ipa", "python3-libcamera")
PIP = "python3 -m pip install --no-cache-dir --break-system-packages --root-user-action=ignore "

SIZES = ((1280, 720), (640, 480), (640, 360), (320, 240), (320, 180))
VIRTUAL_CAMERA = """%%YAML 1.1
---
"Virtual0":
  supported_formats:
%s
  test_pattern: "bars"
  location: "CameraLocationFront"
  model: "Virtual"
""" % "\n".join("  - {width: %d, height: %d, frame_rates: [30]}" % size for size in SIZES)
"""libcamera reads it from one fixed place; the tests paint their own pictures over the bars."""

RECIPE = Recipe(
    name="debian13",
    suite="trixie",
    more_suites=(BACKPORTS,),
    packages=(
        "python3",
        "python3-prctl",
        "python3-pyudev",
        "python3-psutil",
        "python3-pip",
        *("%s/%s" % (package, BACKPORTS) for package in LIBCAMERA),
    ),
    setup=(
        PIP + "--no-deps numpy 'av==14.2.0' pillow simplejpeg videodev2 piexif 'picamera2==0.3.38'",
        PIP + "'pytest<10' 'pytest-timeout<3' 'hypothesis<7'",
        "rm -f /usr/lib/*/libLLVM* /usr/lib/*/libgallium*",
        "cat > /usr/share/libcamera/pipeline/virtual/virtual.yaml <<'END'\n%sEND" % VIRTUAL_CAMERA,
    ),
)

PYTEST = ["python3", "-m", "pytest", "-p", "no:cacheprovider"]

if __name__ == "__main__":
    chosen = sys.argv[1:] or ["tests/libcamera", "tests/cameras"]
    is_command = chosen[0] == "--"
    sys.exit(main(RECIPE, chosen[1:] if is_command else PYTEST + chosen))
