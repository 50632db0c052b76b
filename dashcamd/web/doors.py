"""What every request passes: host, session, origin, kind of content; and what every answer says.

GET never changes anything. Everything but the sign-in and the files it is made of needs a session
(cookie) or a script's token (``Authorization: Bearer``).
"""

from __future__ import annotations

import errno
import json
import logging
from contextlib import suppress
from typing import Any, Dict, Optional

from tornado import httputil
from tornado.web import HTTPError, RequestHandler

from dashcamd.errors import DashcamError, OperationError, StorageError
from dashcamd.types import Json
from dashcamd.web import hosts
from dashcamd.web.recordings import MissingError
from dashcamd.web.site import Site

log = logging.getLogger(__name__)

COOKIE = "dashcamd"
SCRIPT = "script"
"""The session of everybody who has a token: those stay until they are replaced by hand."""

COOKIE_S = 400 * 86400
"""As an age: a date of a Pi whose clock was never set would be over on every phone."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)

HEADERS: Dict[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "dashcamd",
}


STRANGE_NAME = (
    "This camera does not answer to that name. Use its address, %s, or add the name to [web] names "
    "in dashcamd.toml.",
    "此攝影機不接受這個名稱。請使用其位址 %s，或將名稱加入 dashcamd.toml 的 [web] names。",
    "このカメラはその名前では応答しません。アドレス %s を使うか、dashcamd.toml の [web] names に"
    "名前を加えてください。",
)
"""English, Traditional Chinese, Japanese: before a page is sent no language was chosen."""

STRANGE_NAME_PAGE = (
    '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>dashcam</title>%s\n"
)


class StrangeNameError(HTTPError):
    """The request names a host that is not ours (421); says which address is."""

    def __init__(self, address: str) -> None:
        super().__init__(421, reason=STRANGE_NAME[0] % address)
        link = '<a href="%s">%s</a>' % (address, address)
        paragraphs = ("<p>%s</p>" % (line % link) for line in STRANGE_NAME)
        self.page = STRANGE_NAME_PAGE % "\n".join(paragraphs)


class Door(RequestHandler):
    """A request that needs a session. Subclasses that do not say `is_public`."""

    is_public = False
    site: Site
    session = ""

    def initialize(self, site: Site) -> None:
        """Tornado's way to hand things in."""
        self.site = site
        self.of_error: Dict[str, str] = {}
        """Headers of the error that is about to be raised; tornado drops all others."""

    def set_default_headers(self) -> None:
        """Every answer carries them, errors as well."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse what may not enter."""
        host = self.request.headers.get("Host", "")
        if not hosts.is_ours(host, self.site.hosts):
            raise StrangeNameError(self._own_address())
        if self.site.is_encrypted and self.request.protocol != "https":
            self._lead_to_https(host)
            return
        self._identify()
        if not self.session and not self.is_public:
            self.refuse()
            return
        allowed = self.allowed()
        if allowed and self.request.method not in allowed.split(", "):
            raise HTTPError(405)
        if self.request.method not in ("GET", "HEAD"):
            self._check_write(host)

    def refuse(self) -> None:
        """Nobody is signed in."""
        raise HTTPError(401, reason="Sign in first")

    def check_xsrf_cookie(self) -> None:
        """`prepare` looks at Origin and content type instead."""

    def log_exception(self, *error: Any) -> None:
        """Our own errors are answers; only surprises are logged."""
        if not isinstance(error[1], (HTTPError, DashcamError)):
            log.error("the page's %s failed", self.request.path, exc_info=error[1])

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One line of JSON."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, StrangeNameError) and self._is_asked_by_a_person():
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(error.page)
            return
        if isinstance(error, DashcamError):
            status_code = _status_of(error)
            self.set_status(status_code)
        if status_code == 405:
            self.set_header("Allow", self.allowed())
        for name, value in self.of_error.items():
            self.set_header(name, value)
        text = str(error) if isinstance(error, DashcamError) else self._reason
        self.answer({"error": text})

    def answer(self, document: Any) -> None:
        """Send `document` as JSON."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(document, separators=(",", ":")))

    def allowed(self) -> str:
        """The methods that this address answers (RFC 9110, 15.5.6); "" where there is nothing."""
        known = [name for name in ("GET", "HEAD", "POST") if name.lower() in vars(type(self))]
        return ", ".join(known)

    def number(self, name: str, low: float, high: float) -> Optional[float]:
        """A number from the query; None without it. Raises 400 for anything else."""
        text = self.get_query_argument(name, None)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise HTTPError(400, reason="%s must be a number from %g to %g" % (name, low, high))
        return value

    def body(self) -> Json:
        """The JSON object that was sent."""
        try:
            document = json.loads(self.request.body.decode("utf-8") or "{}")
        except (ValueError, RecursionError):
            raise HTTPError(400, reason="The content is not JSON") from None
        if not isinstance(document, dict):
            raise HTTPError(400, reason="The content is not a JSON object")
        return document

    def _is_asked_by_a_person(self) -> bool:
        return "text/html" in self.request.headers.get("Accept", "")

    def _own_address(self) -> str:
        """Where this very request arrived, as an address: whoever sent it knows it by now."""
        connection: Any = self.request.connection
        with suppress(OSError, AttributeError):
            host, port = connection.stream.socket.getsockname()[:2]
            shape = "%s://[%s]:%d/" if ":" in host else "%s://%s:%d/"
            return shape % (self.request.protocol, host, port)
        return ""

    def _lead_to_https(self, host: str) -> None:
        """Nothing is looked at and nothing is answered in the clear."""
        if self.request.method not in ("GET", "HEAD"):
            raise HTTPError(403, reason="Use https:// here")
        self.redirect("https://%s%s" % (host, self.request.uri), status=308)

    def _identify(self) -> None:
        """Find out who asks; the file with the secrets may have been changed meanwhile."""
        vault = self.site.vault
        vault.refresh()
        cookie = self.get_cookie(COOKIE) or ""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        self.is_script = scheme.lower() == "bearer" and vault.is_token(token.strip())
        if self.is_script:
            self.session = SCRIPT
        elif vault.is_session(cookie):
            self.session = cookie

    def _check_write(self, host: str) -> None:
        origin = self.request.headers.get("Origin")
        is_bare_script = self.is_script and origin is None
        if not is_bare_script and not hosts.is_same_origin(origin, host, self.request.protocol):
            raise HTTPError(403, reason="This change comes from a foreign page")
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPError(415, reason="Send application/json")


def _status_of(error: DashcamError) -> int:
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, OperationError):
        return 409
    if isinstance(error, StorageError):
        # What was listed a moment ago may be deleted by now, or have another name.
        return 404 if error.errno == errno.ENOENT else 503
    return 400


def stream_head(content_type: str, **more: str) -> bytes:
    """The beginning of an answer without an end, for a detached connection."""
    headers = httputil.HTTPHeaders({**HEADERS, "Connection": "close"})
    headers["Content-Type"] = content_type
    for name, value in more.items():
        headers[name.replace("_", "-")] = value
    lines = ["HTTP/1.1 200 OK", *("%s: %s" % pair for pair in headers.get_all())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
