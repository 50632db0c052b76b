"""A house of its own that serves the page, for the benchmarks that look at it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Tuple

from dashcamd import app, world
from dashcamd.config import Config
from dashcamd.web.vault import Vault


def serving() -> Tuple[app.House, str, str]:
    """The house, the page's address and a session's token; its folder is the stick."""
    folder = tempfile.mkdtemp(prefix="dashcamd-page-")
    config = Config()
    web = replace(config.web, enabled=True, listen="127.0.0.1:0", state=folder + "/web.json")
    config = replace(config, web=web, storage=replace(config.storage, target=folder))
    house = app.build(config, world.real(config))
    vault = Vault(Path(web.state))
    vault.open(resets=())
    token = vault.sign_in()
    assert house.web is not None
    house.web.step(0.0)
    while "address" not in house.board.snapshot().get("web", {}):
        time.sleep(0.05)
    return house, house.board.snapshot()["web"]["address"], token
