"""The real daemon with a camera and a stick that a test can pull: ``python -m`` this, with args.

The camera is drawn. The stick is a folder that says it can be ejected (a real one takes a
QEMU guest: tests/usb); all behind it is the daemon's own.
Arguments: folder for recordings, file whose presence means "cable pulled", state file, seconds,
``tls`` for a page with a certificate, ``port=8080`` for a certain port.
The file ``stick-is-pulled`` beside the second does the same for the stick.
Prints the address and the password on one line each.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

from dashcamd import app, world
from dashcamd.cameras.scene import Script
from dashcamd.cameras.synthetic import SyntheticCamera
from dashcamd.config import Config
from dashcamd.errors import CameraError, StorageError
from dashcamd.storage.folder import FolderSource
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


SEEN = "stick-is-seen-to-be-pulled"
"""The file by which the daemon answers ``stick-is-pulled``."""


class LooseStick(FolderSource):
    """A folder as a stick: set aside when it is ejected, offered again once it was pulled."""

    is_fixed = False

    def __init__(self, path, boot_id, pulled):
        super().__init__(path, boot_id)
        self._pulled, self._was_pulled, self._is_aside = pulled, False, False

    def look(self, now):
        was_pulled, self._was_pulled = self._was_pulled, self._pulled.exists()
        self._is_aside = self._is_aside and not self._was_pulled
        if self._was_pulled != was_pulled:
            self._say(self._was_pulled)
        return was_pulled != self._was_pulled

    def _say(self, is_pulled):
        seen = self._pulled.with_name(SEEN)
        seen.touch() if is_pulled else seen.unlink(missing_ok=True)

    def offer(self, now):
        if self._was_pulled or self._is_aside:
            raise StorageError("no stick is plugged in")
        return super().offer(now)

    def trouble(self, volume):
        return "the stick is gone" if self._was_pulled else super().trouble(volume)

    def set_aside(self, volume):
        self._is_aside = True

    def is_safe(self, volume):
        return True


def main() -> int:
    logging.basicConfig(level=logging.INFO)  # to stderr, as the command does
    storage, cable, state, seconds = sys.argv[1:5]
    port = next((word[5:] for word in sys.argv[5:] if word.startswith("port=")), "0")
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
        web=replace(
            config.web, enabled=True, listen="127.0.0.1:" + port, state=state,
            tls="tls" in sys.argv[5:],
        ),
    )  # fmt: skip
    secrets = Vault(Path(state))
    secrets.open(resets=())
    LooseCamera.cable = Path(cable)
    boot = world.real(config)
    made = replace(
        boot,
        volumes=LooseStick(storage, boot.boot_id, Path(cable).with_name("stick-is-pulled")),
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
