"""All systems that tests run in, built ahead: ``python -m tests.roots.build``.

``.ci/run`` does it beside the tests that are not about time. What cannot be built is said again, as
a skip, by the part that needs it.
"""

from __future__ import annotations

import subprocess
import time
from typing import Callable, Tuple

from tests.roots import debian11, debian13
from tests.roots.root import CannotBuildHere, ensure
from tests.usb import prepare
from tests.usb.qemu import GuestError

SYSTEMS: Tuple[Tuple[str, Callable[[], object]], ...] = (
    ("debian11", lambda: ensure(debian11.RECIPE)),
    ("debian13", lambda: ensure(debian13.RECIPE)),
    ("usb-guest", prepare.ready),
)


def main() -> None:
    """Build one after the other."""
    for name, build in SYSTEMS:
        started = time.monotonic()
        try:
            build()
        except (CannotBuildHere, GuestError, subprocess.CalledProcessError, OSError) as error:
            print("%s: not built ahead: %s" % (name, error), flush=True)
        else:
            print("%s: ready after %.0f s" % (name, time.monotonic() - started), flush=True)


if __name__ == "__main__":
    main()
