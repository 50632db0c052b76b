"""Everything one web server shares between its requests."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from datetime import datetime
from typing import FrozenSet, Optional

from dashcamd.errors import OperationError
from dashcamd.types import Json
from dashcamd.web import hosts
from dashcamd.web.access import Turnstile
from dashcamd.web.live import Live
from dashcamd.web.mjpeg import Preview
from dashcamd.web.news import MOTION_PERIOD_S, News
from dashcamd.web.recordings import Recordings
from dashcamd.web.rooms import InThread, Rooms
from dashcamd.web.vault import Vault
from dashcamd.web.what_ifs import WhatIfs


class Site:
    """The parts of the page; made and used on the web's loop."""

    def __init__(self, rooms: Rooms, vault: Vault, in_thread: InThread) -> None:
        self.rooms = rooms
        self.vault = vault
        self.in_thread = in_thread
        self.turnstile = Turnstile()
        self.hashing = asyncio.Lock()
        """One password at a time: hashing takes 4 MiB and a Pi Zero's whole attention."""
        self.preview = Preview(rooms)
        self.live = Live(rooms.ring)
        self.news = News("state", self.state)
        self.motion = News("motion", self.seen, MOTION_PERIOD_S, lambda: rooms.motion.peek()[0])
        self.what_ifs = WhatIfs(rooms, in_thread)
        self.recordings = Recordings(rooms.volume)
        self.is_encrypted = False
        """Whether plain requests are led to https."""
        self.hosts: FrozenSet[str] = hosts.own_names(socket.gethostname(), rooms.config.web.names)

    def is_signed_in(self, session: str) -> bool:
        """Whether a session still is one; the file with the secrets may have been changed."""
        with suppress(OperationError):  # what is known stands, and the next request says why
            self.vault.refresh()
        return self.vault.is_session(session)

    def state(self, session: str) -> Json:
        """The status document with what concerns this session."""
        status = self.rooms.status()
        age_s, behind_s = self.preview.age_s(session), self.preview.behind_s(session)
        status["preview"] = {
            "age_s": None if age_s is None else round(age_s, 3),
            "behind_s": None if behind_s is None else round(behind_s, 3),
            "is_watched": self.preview.has(session),
            "viewers": self.preview.viewers + self.live.viewers,
        }
        status["clock"]["utc_offset_s"] = _offset_s(status["clock"].get("now"))
        status["can"] = {"eject": self.rooms.eject is not None}
        return status

    def seen(self, session: str) -> Json:
        """What the detector saw last; all of it None before the first field."""
        _, live = self.rooms.motion.peek()
        return {"ts": None} if live is None else live.as_json()

    def close(self) -> None:
        """Hang up on everybody."""
        self.preview.close()
        self.live.close()
        self.news.close()
        self.motion.close()
        self.what_ifs.close()


def _offset_s(now: Optional[str]) -> Optional[int]:
    """How far the camera's local time is ahead of UTC at `now`, for a phone in another zone."""
    try:
        local = datetime.fromisoformat(now.replace("Z", "+00:00")).astimezone() if now else None
    except (ValueError, OverflowError, OSError):  # a calendar of 32 bits ends in 2038
        return None
    offset = local.utcoffset() if local else None
    return None if offset is None else round(offset.total_seconds())
