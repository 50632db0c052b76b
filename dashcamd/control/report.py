"""``dashcamd-report.txt``: what the stick tells its owner, who has no other screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import List, Optional, Sequence, Tuple

from dashcamd import __version__
from dashcamd.config import Config
from dashcamd.core.proof import speed
from dashcamd.core.timeline import Moment
from dashcamd.types import Json

MIB = 1 << 20
LINES = 220
"""More verdicts than a table of settings can have."""

SURE_S = 2.0


@dataclass(frozen=True)
class Report:
    """What goes into it.

    `settings` is None when the stick has no ``dashcamd.toml``; `page` has the addresses under
    which it may be asked for, none while there is none, and `password` is known only until somebody
    has signed in on it. `local` is `moment` as the clock on the wall shows it.
    """

    status: Json
    config: Config
    moment: Optional[Moment]
    local: Optional[datetime]
    settings: Optional[Sequence[str]]
    events: Tuple[str, ...] = ()
    page: Tuple[str, ...] = ()
    password: Optional[str] = None

    def to_bytes(self) -> bytes:
        """The text for Notepad: CRLF, and a mark that says UTF-8."""
        lines = [_clean(line) for line in self._lines()]
        return "\r\n".join([*lines, ""]).encode("utf-8-sig")

    def _lines(self) -> List[str]:
        return [
            "dashcamd %s" % __version__,
            "Written %s" % _when(self.moment, self.local),
            "",
            *self._settings(),
            "",
            *self._state(),
            *self._page(),
        ]

    def _settings(self) -> List[str]:
        if self.settings is None:
            return ["There is no dashcamd.toml on this stick; nothing was changed."]
        if not self.settings:
            return ["dashcamd.toml on this stick sets nothing."]
        return ["What became of dashcamd.toml:"] + ["  " + line for line in self.settings[:LINES]]

    def _state(self) -> List[str]:
        camera, volume = self.status["camera"], self.status["volume"]
        free = volume.get("free_bytes")
        seen = (camera.get("name") or "none", camera.get("resolution"), camera.get("state"))
        lines = [
            "State:   %s" % self.status["state"],
            "Camera:  %s" % ", ".join(fact for fact in seen if fact),
        ]
        if free is not None:
            hours = free * 8 / self.config.camera.bitrate / 3600
            total = volume.get("total_bytes") or 0
            lines.append(
                "Stick:   %d of %d MiB free, about %.1f hours of video"
                % (free // MIB, total // MIB, hours)
            )
        rate = volume.get("proof", {}).get("write_bytes_per_s")
        if rate:
            lines.append("Speed:   %s" % speed(rate, self.config.camera.bitrate / 8))
        faults = self.status["faults"]
        lines += ["FAULT:   " + fault for fault in faults] or ["Faults:  none"]
        return lines + ["Event:   DASHCAM/" + name for name in self.events]

    def _page(self) -> List[str]:
        if not self.page:
            return []
        lines = ["", "The page for your phone: %s" % "  or  ".join(self.page)]
        if self.password is not None:
            lines.append("Password, until somebody has signed in: %s" % self.password)
        return lines


def _when(moment: Optional[Moment], local: Optional[datetime]) -> str:
    if moment is None or local is None:
        return "at a time that is not known: the clock was not set since power-on"
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    if moment.uncertainty_s <= SURE_S:
        return text
    return "%s, give or take %.0f s" % (text, moment.uncertainty_s)


def _clean(line: str) -> str:
    """Without what a terminal or an editor would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
