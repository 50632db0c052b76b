"""The page's own files and the way in. What is public here tells nothing about the camera."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Tuple

from tornado.web import HTTPError

from dashcamd.web import vault
from dashcamd.web.doors import COOKIE, COOKIE_S, Door

FOLDER = Path(__file__).parent / "static"

FILES: Dict[str, str] = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "events.js": "text/javascript; charset=utf-8",
    "player.js": "text/javascript; charset=utf-8",
    "health.js": "text/javascript; charset=utf-8",
    "motion.js": "text/javascript; charset=utf-8",
    "tune.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
    "sign-in.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "icon.png": "image/png",
    "manifest.json": "application/manifest+json",
}
"""Nothing else of the disk is ever served as a file of the page."""

WITH_SUDO = (
    b'"where_password">The camera shows it: ',
    b'"where_password_sudo">The camera shows it: sudo ',
)
"""How the way in tells of the password where that is the installed service's."""

_loaded: Dict[str, Tuple[bytes, str]] = {}


def load(name: str) -> Tuple[bytes, str]:
    """A file of the page and its ETag; read once."""
    if name not in _loaded:
        data = (FOLDER / name).read_bytes()
        _loaded[name] = data, '"%s"' % hashlib.sha256(data).hexdigest()[:16]
    return _loaded[name]


class Page(Door):
    """``/``."""

    def refuse(self) -> None:
        """A browser is led to the sign-in."""
        self.redirect("/sign-in")

    def get(self) -> None:
        """Send the page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(load("index.html")[0])


class SignInPage(Door):
    """``/sign-in``."""

    is_public = True

    def get(self) -> None:
        """Send the form; who is signed in needs none."""
        if self.session:
            self.redirect("/")
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        form = load("sign-in.html")[0]
        is_of_the_service = vault.is_of_the_service(self.site.vault.path)
        self.finish(form.replace(*WITH_SUDO) if is_of_the_service else form)


class Static(Door):
    """``/static/NAME``: styles, scripts and icons."""

    is_public = True

    def get(self, name: str) -> None:
        """Send one of `FILES`."""
        if name not in FILES:
            raise HTTPError(404, reason="There is no such file")
        data, etag = load(name)
        self.set_header("Content-Type", FILES[name])
        self.set_header("Cache-Control", "no-cache")
        self.set_header("ETag", etag)
        if self.request.headers.get("If-None-Match") == etag:
            self.set_status(304)
        else:
            self.write(data)

    def compute_etag(self) -> None:
        """Set above."""


class Session(Door):
    """``/api/v1/session``: sign in and out."""

    @property
    def is_public(self) -> bool:  # type: ignore[override]
        """Signing in needs no session; everything else does."""
        return self.request.path == "/api/v1/session" and self.request.method == "POST"

    def get(self) -> None:
        """Whether this is a session: the door has said so."""
        self.answer({"signed_in": True})

    async def post(self) -> None:
        """``{"password": "..."}`` for a cookie."""
        password = self.body().get("password")
        if not isinstance(password, str) or len(password) > 200:
            raise HTTPError(400, reason="password is missing")
        address, site = self.request.remote_ip or "", self.site
        async with site.hashing:
            wait_s = site.turnstile.wait_s(address, site.rooms.now())
            if wait_s > 0:
                self.of_error["Retry-After"] = "%d" % (wait_s + 1)
                raise HTTPError(429, reason="Too many attempts; wait %d s" % (wait_s + 1))
            is_right = await site.in_thread(lambda: site.vault.check(password))
        if not is_right:
            site.turnstile.failed(address, site.rooms.now())
            raise HTTPError(403, reason="Wrong password")
        site.turnstile.passed(address)
        self._welcome(site.vault.sign_in())

    def _welcome(self, token: str) -> None:
        self.set_cookie(
            COOKIE,
            token,
            max_age=COOKIE_S,
            path="/",
            httponly=True,
            secure=self.request.protocol == "https",
            samesite="Strict",
        )
        self.answer({"signed_in": True})


class SignOut(Door):
    """``/api/v1/session/end``."""

    def post(self) -> None:
        """Forget this phone."""
        self.site.vault.sign_out(self.session)
        self.clear_cookie(COOKIE, path="/")
        self.answer({"signed_in": False})
