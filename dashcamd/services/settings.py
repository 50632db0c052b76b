"""The settings thread: hears what the page and the stick want changed, and hands out what holds.

It owns the layers (`dashcamd.config_layers`), keeps what the page changed over a restart, and puts
each new `Config` into the slot that the other services follow. Whatever it is told, there is always
a configuration in order; nothing here can stop a recording.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Optional, Sequence, Tuple

from dashcamd import config_layers, state
from dashcamd.config import Config
from dashcamd.config_layers import Layers, Table, Verdict
from dashcamd.config_read import RULES
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.messages import ChangeAsked, SettingsMessage, Verdicts
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

FILE = "settings.json"
MAX_BYTES = 64 * 1024
IDLE_S = 3600.0


class SettingsService:
    """Keeps the settings in force. The first `Config` is in the slot once it is made.

    `path` is where the page's changes are kept, None for nowhere; `refused` what was wrong with the
    machine's own file, a fault until the next start.
    """

    name = "settings"

    def __init__(
        self,
        file: Config,
        path: Optional[Path],
        inbox: Mailbox[SettingsMessage],
        slot: Latest[Config],
        board: Board,
        refused: str = "",
    ) -> None:
        self.wake: threading.Event = inbox.wake
        self._path = path
        self._inbox = inbox
        self._slot = slot
        self._board = board
        self._readers: Sequence[threading.Event] = ()
        self._refused = refused
        self._fault: Optional[str] = None
        self._layers = self._kept(file)
        self.config = self._layers.config
        """What the daemon starts with."""
        slot.put(self.config)
        self._post()

    def tell(self, readers: Sequence[threading.Event]) -> None:
        """Wake these after each change; before the first step."""
        self._readers = readers

    def ask(self, changes: Table, answer: Verdicts) -> None:
        """Change settings, as the page does; from any thread, answered on this service's."""
        self._inbox.put(ChangeAsked(changes, answer))

    def step(self, now: Seconds) -> Seconds:
        """Take what was asked for; sleeps until something is."""
        for message in self._inbox.drain():
            self._hear(message)
        return IDLE_S

    def close(self) -> None:
        """Take the last messages."""
        self.step(0.0)

    def _hear(self, message: SettingsMessage) -> None:
        if isinstance(message, ChangeAsked):
            layers, verdicts = config_layers.change(self._layers, message.changes)
        else:
            layers, verdicts = config_layers.bring(self._layers, message.table)
        if layers != self._layers:
            verdicts += self._take(layers)
        message.answer(verdicts)

    def _take(self, layers: Layers) -> Tuple[Verdict, ...]:
        before, self._layers = self._layers, layers
        unsaved = self._save() if layers.page != before.page else ()
        if layers.config != before.config:
            self._slot.put(layers.config)
            for wake in self._readers:
                wake.set()
        self._post()
        log.info("settings changed; now set besides the file: %s", ", ".join(layers.origins) or "-")
        return unsaved

    def _save(self) -> Tuple[Verdict, ...]:
        if self._path is None:
            return ()
        try:
            state.save(self._path, config_layers.to_bytes(self._layers))
        except OSError as error:
            why = "%s cannot be written: %s" % (self._path, error.strerror or error)
            self._fault = why + "; changed settings hold until the next start only"
            log.warning("%s", self._fault)
            return (Verdict("", False, self._fault),)
        self._fault = None
        return ()

    def _kept(self, file: Config) -> Layers:
        if self._path is None:
            return Layers(file)
        try:
            data = state.read(self._path, MAX_BYTES)
        except OSError as error:
            self._fault = "%s cannot be read: %s" % (self._path, error.strerror or error)
            return Layers(file)
        layers = Layers(file) if data is None else config_layers.from_bytes(file, data)
        if layers is None:
            self._fault = "%s is damaged; the settings are those of the file" % self._path
            return Layers(file)
        return layers

    def _post(self) -> None:
        origins = self._layers.origins
        self._board.post(
            "settings",
            {
                "set_by": origins,
                "at_next_start": [name for name in origins if self._waits(name)],
                "fault": "; ".join(filter(None, (self._refused, self._fault))) or None,
            },
        )

    def _waits(self, name: str) -> bool:
        section, _, key = name.partition(".")
        now, start = (getattr(made, section) for made in (self._layers.config, self.config))
        is_new: bool = getattr(now, key) != getattr(start, key)
        return RULES[section][key].at_start and is_new


def path_beside(web_state: Path) -> Path:
    """Where the page's changes are kept: beside the page's own file."""
    return web_state.with_name(FILE)
