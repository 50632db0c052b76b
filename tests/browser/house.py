"""The real daemon with a drawn camera whose cable a test can pull: ``python -m`` this, with args.

Arguments: folder for recordings, file whose presence means "cable pulled", state file, seconds.
Prints the address and the password on one line each.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from dashcamd import app, world
from dashcamd.cameras.scene import Script
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.config import Config
from dashcamd.errors import CameraError
from dashcamd.web.vault import Vault


class LooseCamera(SyntheticCamera):
    """A drawn scene at the end of a cable."""

    cable = Path()

    def start(self, sinks, start_ts):
        self._look()
        self.cable.with_suffix(".begin").write_text(repr(start_ts))
        return super().start(sinks, start_ts)

    def pump(self):
        self._look()
        return super().pump()

    def _look(self) -> None:
        if self.cable.exists():
            raise CameraError("the cable is pulled; plug it in again")


def main() -> int:
    storage, cable, state, seconds = sys.argv[1:5]
    config = Config()
    config = replace(
        config,
        camera=replace(config.camera, source="synthetic", resolution="640x480"),
        recording=replace(
            config.recording, armed=False, pre_roll_s=2.0, post_roll_s=1.0, gap_s=5.0,
            manual_s=3.0, segment_s=3.0,
        ),
        storage=replace(config.storage, target=storage),
        control=replace(config.control, socket=state + ".sock"),
        web=replace(config.web, enabled=True, listen="127.0.0.1:0", state=state),
    )  # fmt: skip
    secrets = Vault(Path(state))
    secrets.open(resets=())
    LooseCamera.cable = Path(cable)
    made = replace(
        world.real(config),
        make_camera=lambda settings: LooseCamera(settings, Script("...www...")),
    )
    told = []

    def tell(status):
        if status["web"].get("address") and not told:
            told.append(True)
            print(status["web"]["address"], secrets.password, flush=True)

    return app.run(app.build(config, made), float(seconds), tell)


if __name__ == "__main__":
    sys.exit(main())
