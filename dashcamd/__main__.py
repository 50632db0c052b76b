"""``python -m dashcamd``."""

import sys

from dashcamd.cli.main import main

sys.exit(main())
