"""The bed from nothing: the guest, then its tests. ``python -m tests.usb [options of pytest]``.

Exit code 77 and one sentence on stderr when this machine cannot run it.
"""

from __future__ import annotations

import sys
import time

import pytest

from tests.roots.root import SKIPPED, CannotBuildHere
from tests.usb import prepare


def main() -> int:
    """Prepare, test, say how long it took."""
    started = time.monotonic()
    try:
        prepare.ready()
    except CannotBuildHere as reason:
        sys.stderr.write("SKIPPED: usb: %s.\n" % reason)
        return SKIPPED
    print("usb: the guest is ready after %.0f s" % (time.monotonic() - started), flush=True)
    code = pytest.main(["-m", "usb", "tests/usb", "-rP", "--durations", "12", *sys.argv[1:]])
    print("usb: %.0f s in all" % (time.monotonic() - started), flush=True)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
