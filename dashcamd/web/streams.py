"""Requests whose answers have no end: preview, HD live, state; and the single picture."""

from __future__ import annotations

from tornado.web import HTTPError

from dashcamd.web import live, mjpeg, news
from dashcamd.web.doors import SCRIPT, Door, stream_head
from dashcamd.web.outlet import Outlet


class Stream(Door):
    """A connection that is taken out of HTTP and pushed to."""

    def outlet(self, head: bytes, buffer_bytes: int) -> Outlet:
        """Detach the connection and begin the answer."""
        session, site = self.session, self.site
        stays = lambda: session == SCRIPT or site.is_signed_in(session)  # noqa: E731
        outlet = Outlet(self.detach(), session, site.rooms.now, buffer_bytes, stays)
        outlet.send(head)
        return outlet


class PreviewStream(Stream):
    """``/preview.mjpg?fps=15``."""

    def get(self) -> None:
        """Push pictures until the client leaves."""
        fps = self.number("fps", 0.1, mjpeg.FPS_LIMIT)
        if self.site.preview.viewers >= mjpeg.VIEWERS:
            raise HTTPError(429, reason="Too many watch already")
        head = stream_head(mjpeg.CONTENT_TYPE) + mjpeg.FIRST
        outlet = self.outlet(head, mjpeg.SEND_BUFFER)
        self.site.preview.add(outlet, fps or self.site.rooms.config.web.preview_fps)


class Picture(Door):
    """``/preview.jpg``: one fresh picture; its age is in ``X-Age-Ms``, which a drawn one lacks.

    ``?after=`` the ``X-Stamp`` of one that was got waits for the next, so that who asks again and
    again is not sent the same one. How long that took is in ``X-Waited-Ms``: the rest of what a
    client waits for is the link's.
    """

    async def get(self) -> None:
        """Answer with the picture, or the drawn one that says why there is none."""
        after = self.number("after", 0, 1e12)
        asked_at = self.site.rooms.now()
        jpeg = await self.site.preview.picture(float("-inf") if after is None else after)
        self.set_header("Content-Type", "image/jpeg")
        if jpeg is not None:
            now = self.site.rooms.now()
            self.set_header("X-Age-Ms", "%d" % (max(0.0, now - jpeg.ts) * 1000))
            self.set_header("X-Waited-Ms", "%d" % ((now - asked_at) * 1000))
            self.set_header("X-Stamp", repr(float(jpeg.ts)))
        self.finish((jpeg or self.site.preview.drawn()).data)


class LiveStream(Stream):
    """``/live.mp4``: the camera's own H.264, one fragment a frame."""

    def get(self) -> None:
        """Push fragments until the client leaves."""
        codec = self.site.live.codec()
        if codec is None:
            raise HTTPError(409, reason="The camera gives no video now")
        head = stream_head('video/mp4; codecs="%s"' % codec)
        self.site.live.add(self.outlet(head, live.SEND_BUFFER))


class Events(Stream):
    """``/api/v1/stream``: the state as server-sent events."""

    def get(self) -> None:
        """Push the state until the client leaves."""
        self.site.news.add(self.outlet(stream_head("text/event-stream"), news.SEND_BUFFER))


class MotionEvents(Stream):
    """``/api/v1/motion``: what the detector sees, as server-sent events."""

    def get(self) -> None:
        """Push it until the client leaves."""
        self.site.motion.add(self.outlet(stream_head("text/event-stream"), news.SEND_BUFFER))
