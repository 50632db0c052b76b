"""The button thread: a press asks for the stick, as ``dashcamd eject`` does."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Optional, Protocol

from dashcamd.errors import OperationError
from dashcamd.handover import Board
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

PERIOD_S = 0.25
RETRY_S = 60.0
"""A pin that somebody else holds may be free later."""

Answer = Callable[[Optional[str]], None]


class Button(Protocol):
    """A button. MUST: never wait in `is_pressed_anew`. MAY: raise `OSError` from it when gone."""

    def is_pressed_anew(self) -> bool:
        """Whether it was pressed since the last call."""

    def close(self) -> None:
        """Let go of it."""


class ButtonService:
    """Ejects when the button is pressed; a button that cannot be had is a fault, never an end."""

    name = "button"

    def __init__(
        self, take: Callable[[], Button], eject: Callable[[Answer], None], board: Board
    ) -> None:
        self.wake = threading.Event()
        self._take = take
        self._eject = eject
        self._board = board
        self._button: Optional[Button] = None
        self._fault: Optional[str] = None

    def step(self, now: Seconds) -> Seconds:
        """Look whether it was pressed."""
        try:
            self._button = self._button or self._take()
            is_pressed = self._button.is_pressed_anew()
        except (OperationError, OSError) as error:
            self._lost(str(error))
            return RETRY_S
        self._tell(None)
        if is_pressed:
            log.info("the eject button was pressed")
            self._eject(self._answered)
        return PERIOD_S

    def close(self) -> None:
        """Let go of the button."""
        button, self._button = self._button, None
        if button is not None:
            button.close()

    def _lost(self, why: str) -> None:
        self.close()
        if why != self._fault:
            log.warning("%s; eject by the page or the command meanwhile", why)
        self._tell(why)

    def _tell(self, fault: Optional[str]) -> None:
        self._fault = fault
        self._board.post("button", {"fault": fault})

    @staticmethod
    def _answered(why_not: Optional[str]) -> None:
        if why_not is None:
            log.info("the stick may be pulled out")
        else:
            log.warning("the button ejected nothing: %s", why_not)
