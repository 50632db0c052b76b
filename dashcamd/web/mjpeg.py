"""The preview: JPEGs pushed to those who watch, the latest one wins, never a queue.

Each part's headers go out right behind the frame before it: browsers paint a part when they meet
the next boundary, so without that every picture is shown one frame late. When no picture comes a
drawn one says why. Runs on the web's loop alone.
"""

from __future__ import annotations

import asyncio
from typing import List, Optional, Tuple

from dashcamd.types import Jpeg, Json, Seconds
from dashcamd.web.notice import notice
from dashcamd.web.outlet import Outlet
from dashcamd.web.rooms import Rooms

BOUNDARY = "frame"
CONTENT_TYPE = "multipart/x-mixed-replace; boundary=" + BOUNDARY
_NEXT = ("\r\n--%s\r\nContent-Type: image/jpeg\r\n\r\n" % BOUNDARY).encode("ascii")
FIRST = _NEXT[2:]

SEND_BUFFER = 32 * 1024
"""About one picture: what waits in the kernel is as old as it is long."""

FPS_LIMIT = 30.0
JITTER = 0.5
"""How early, in periods, a picture may come and still be sent: cameras choose whole frames."""

POLL_FPS = 8.0
POLL_LINGER_S = 3.0
"""Somebody who fetched one picture probably wants the next one."""

PATIENCE_S = 1.5
"""How long a single picture is waited for before a drawn one is sent."""

FRESH_S = 1.0
"""A picture that came longer ago is not shown to who comes now: something is wrong with the camera.

It is when it came that counts, or when it was taken if nobody saw it come: a machine that is too
slow delivers pictures late, and a late one, with its age, is better than none.
"""

SILENCE_S = 2.5
"""Without a picture for so long a drawn one says why, and again every `SWEEP_S`."""

SWEEP_S = 1.0
PER_SESSION = 2
"""A browser allows six connections to one place; a newer stream replaces the oldest."""

VIEWERS = 60


class _Viewer:
    """One stream: what it was sent last and how often it wants more."""

    def __init__(self, outlet: Outlet, fps: float) -> None:
        self.outlet = outlet
        self.fps = fps
        self.sent_ts: Seconds = float("-inf")
        self.due: Seconds = float("-inf")
        self.shown_ts: Optional[Seconds] = None


class Preview:
    """Everybody who watches pictures."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._viewers: List[_Viewer] = []
        self._waiting: List[asyncio.Future[None]] = []
        self._polled_at: Seconds = float("-inf")
        self._began: Seconds = 0.0
        self._asked_fps = 0.0
        self._pack: Tuple[Seconds, bytes] = (float("-inf"), b"")
        self._came: Tuple[int, Seconds] = (-1, float("-inf"))
        """Which picture came last, by the slot's count, and when."""
        self._sweeping: Optional[asyncio.TimerHandle] = None

    @property
    def is_watched(self) -> bool:
        """Whether news of pictures is wanted."""
        return self._asked_fps > 0

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return len(self._viewers)

    def add(self, outlet: Outlet, fps: float) -> None:
        """Stream to `outlet`, at most `fps` pictures a second."""
        same = [viewer for viewer in self._viewers if viewer.outlet.session == outlet.session]
        for viewer in same[: max(0, len(same) - PER_SESSION + 1)]:
            viewer.outlet.close()
        viewer = _Viewer(outlet, min(max(fps, 0.1), FPS_LIMIT))
        outlet.on_gone = lambda: self._remove(viewer)
        outlet.on_free = lambda: self._offer(viewer)
        self._viewers.append(viewer)
        self._ask()
        self._offer(viewer)

    def tick(self) -> None:
        """A picture arrived."""
        self._came = self._rooms.previews.peek()[0], self._rooms.now()
        for viewer in list(self._viewers):
            self._offer(viewer)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def picture(self, after: Seconds = float("-inf")) -> Optional[Jpeg]:
        """One fresh picture taken later than `after`; None without one, which `drawn` explains."""
        self._polled_at = self._rooms.now()
        self._ask()
        jpeg = self._fresh()
        if jpeg is None or jpeg.ts <= after:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await asyncio.wait([waiter], timeout=PATIENCE_S)
            waiter.cancel()
            jpeg = self._fresh()
        return jpeg

    def drawn(self) -> Jpeg:
        """The picture that says why there is none."""
        return Jpeg(self._rooms.now(), notice(why_no_picture(self._rooms.status())))

    def has(self, session: str) -> bool:
        """Whether a stream to this session is open: a page that believes so may be wrong."""
        return any(viewer.outlet.session == session for viewer in self._viewers)

    def age_s(self, session: str) -> Optional[Seconds]:
        """How old the newest picture is that left for this session; None while it has none."""
        shown = [v.shown_ts for v in self._viewers if v.outlet.session == session]
        latest = max((ts for ts in shown if ts is not None), default=None)
        return None if latest is None else max(0.0, self._rooms.now() - latest)

    def behind_s(self, session: str) -> Optional[Seconds]:
        """How much newer a picture there is than what left for this session: its link's part."""
        age_s, (_, jpeg) = self.age_s(session), self._rooms.previews.peek()
        if age_s is None or jpeg is None:
            return None
        return max(0.0, age_s - (self._rooms.now() - jpeg.ts))

    def close(self) -> None:
        """Hang up on everybody."""
        for viewer in list(self._viewers):
            viewer.outlet.close()
        for waiter in self._waiting:
            waiter.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._polled_at = float("-inf")
        self._ask()

    def _fresh(self) -> Optional[Jpeg]:
        _, jpeg = self._rooms.previews.peek()
        if jpeg is None or self._rooms.now() - self._seen_at() > FRESH_S:
            return None
        return jpeg

    def _seen_at(self) -> Seconds:
        """When the newest picture came, or was taken; for ever ago without one."""
        version, jpeg = self._rooms.previews.peek()
        came_at = self._came[1] if self._came[0] == version else float("-inf")
        return came_at if jpeg is None else max(jpeg.ts, came_at)

    def _offer(self, viewer: _Viewer) -> None:
        jpeg = self._fresh()
        now = self._rooms.now()
        if jpeg is None or jpeg.ts <= viewer.sent_ts or not viewer.outlet.is_free:
            return
        if viewer.due - now > JITTER / viewer.fps:
            return
        viewer.due = max(viewer.due, now) + 0.98 / viewer.fps
        viewer.sent_ts = jpeg.ts
        viewer.shown_ts = jpeg.ts
        viewer.outlet.send(self._packed(jpeg), len(_NEXT))

    def _packed(self, jpeg: Jpeg) -> bytes:
        """The picture and what follows it, put together once for all viewers."""
        if self._pack[0] != jpeg.ts:
            self._pack = jpeg.ts, jpeg.data + _NEXT
        return self._pack[1]

    def _remove(self, viewer: _Viewer) -> None:
        self._viewers.remove(viewer)
        self._ask()

    def _ask(self) -> None:
        """Tell the camera how many pictures are wanted now."""
        is_polled = self._rooms.now() - self._polled_at < POLL_LINGER_S
        fps = max((viewer.fps for viewer in self._viewers), default=0.0)
        fps = max(fps, POLL_FPS if is_polled else 0.0)
        if fps and not self._asked_fps:
            self._began = self._rooms.now()
        if fps != self._asked_fps:
            self._asked_fps = fps
            self._rooms.watch(fps)
        if fps and self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        for viewer in list(self._viewers):
            if viewer.outlet.must_go():
                viewer.outlet.close()
        self._explain_silence()
        self._ask()

    def _explain_silence(self) -> None:
        if self._rooms.now() - max(self._began, self._seen_at()) < SILENCE_S:
            return
        drawn = self.drawn()
        for viewer in self._viewers:
            if viewer.outlet.is_free:
                viewer.shown_ts = None
                viewer.outlet.send(drawn.data + _NEXT)


def why_no_picture(status: Json) -> str:
    """One line for the drawn picture."""
    camera = status.get("camera", {})
    if camera.get("state") == "lost":
        return "No picture: camera lost. %s" % (camera.get("fault") or "")
    if camera.get("state") == "ended":
        return "No picture: the film has ended"
    if camera.get("state") is None:
        return "No picture yet: starting"
    return "No picture: the camera makes no previews"
