"""``dashcamd`` on the virtual camera: ``python -m tests.libcamera.daemon STAGE COMMAND...``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.libcamera import virtual
from tests.libcamera.stage import Stage

if __name__ == "__main__":
    virtual.install(Stage(Path(sys.argv[1])))
    from dashcamd.cli.main import main

    sys.exit(main(sys.argv[2:]))
