"""The web server: routes, limits, and how it listens."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from typing import Any, Dict, List, Optional, Tuple, Type
from weakref import WeakSet

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream
from tornado.web import Application, HTTPError, RequestHandler

from dashcamd.errors import OperationError
from dashcamd.web import media, openapi, pages, schema, streams
from dashcamd.web.doors import Door
from dashcamd.web.operations import OPERATIONS, Call, Operation
from dashcamd.web.site import Site

BODY_LIMIT = 64 * 1024
HEADER_LIMIT = 16 * 1024
HEADER_S = 8.0
"""A connection that does not finish its request in this time is closed."""

CONNECTIONS = 120
BUFFER_LIMIT = 1 << 20

HANDSHAKE = b"\x16"
"""The first byte of a TLS connection (RFC 8446, 5.1)."""


class Api(Door):
    """One path of the API and its operations by method."""

    def initialize(self, site: Site, operations: Dict[str, Operation]) -> None:  # type: ignore[override]
        """Tornado's way to hand things in."""
        super().initialize(site)
        self.operations = operations

    def allowed(self) -> str:
        """The methods of this address."""
        return ", ".join(method.upper() for method in self.operations)

    async def get(self, **path: str) -> None:
        """Ask."""
        await self._act("get", path)

    async def post(self, **path: str) -> None:
        """Change."""
        await self._act("post", path)

    async def _act(self, method: str, path: Dict[str, str]) -> None:
        operation = self.operations.get(method)
        if operation is None:
            raise HTTPError(405, reason="This is asked with %s" % " or ".join(self.operations))
        body = self.body() if method == "post" else {}
        why = schema.body_problem(body, operation.body, operation.required)
        if why:
            raise HTTPError(400, reason=_one_line(why))
        query = {name: self._asked(name, rules) for name, rules in operation.query.items()}
        self.answer(await operation.act(self.site, Call(path, query, body, self.session)))

    def _asked(self, name: str, rules: Dict[str, Any]) -> Any:
        text = self.get_query_argument(name, None)
        if text is None:
            return None
        value = schema.query_value(text, rules)
        why = schema.problem(value, rules)
        if why:
            raise HTTPError(400, reason=_one_line("%s %s" % (name, why)))
        return value


class OpenApi(Door):
    """``/api/v1/openapi.json``."""

    def get(self) -> None:
        """Send the description of the API."""
        self.answer(openapi.document(OPERATIONS))


class Nothing(Door):
    """Everything else."""

    def prepare(self) -> None:
        """Refuse as everywhere, then say that there is nothing."""
        super().prepare()
        raise HTTPError(404, reason="There is nothing at this address")


Route = Tuple[str, Type[RequestHandler], Dict[str, Any]]


def routes(site: Site) -> List[Route]:
    """Every address of the server; a test walks this list."""
    here: Dict[str, Any] = {"site": site}
    return [
        (r"/", pages.Page, here),
        (r"/sign-in", pages.SignInPage, here),
        (r"/static/([a-z.-]{1,40})", pages.Static, here),
        (r"/api/v1/session", pages.Session, here),
        (r"/api/v1/session/end", pages.SignOut, here),
        (r"/api/v1/openapi.json", OpenApi, here),
        (r"/api/v1/stream", streams.Events, here),
        (r"/api/v1/motion", streams.MotionEvents, here),
        (r"/preview.mjpg", streams.PreviewStream, here),
        (r"/preview.jpg", streams.Picture, here),
        (r"/live.mp4", streams.LiveStream, here),
        (r"/media/([0-9a-z_]{1,40})/([0-9a-z_.]{1,40})", media.Media, here),
        *_api_routes(site),
    ]


def _api_routes(site: Site) -> List[Route]:
    by_path: Dict[str, Dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [
        (re.sub(r"{(\w+)}", r"(?P<\1>[^/]{1,60})", path), Api, {"site": site, "operations": found})
        for path, found in by_path.items()
    ]


def application(site: Site) -> Application:
    """The routes as tornado wants them."""
    return Application(
        routes(site),
        default_handler_class=Nothing,
        default_handler_args={"site": site},
        log_function=_no_log,
        compress_response=False,
        autoreload=False,
    )


def _no_log(handler: RequestHandler) -> None:
    """Requests are not logged: a phone asks all day and the journal is on the SD card."""


class Server(HTTPServer):
    """Tornado's server with a bound on connections."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Tornado's way to hand things in."""
        super().initialize(*args, **kwargs)
        self._open: WeakSet[IOStream] = WeakSet()
        self.tls: Optional[ssl.SSLContext] = None

    async def handle_stream(self, stream: IOStream, address: Any) -> None:  # type: ignore[override]
        """Take a connection, or hang up when there are too many.

        With a certificate a client may speak either way: TLS begins with a byte that no HTTP
        request begins with (RFC 8446, 5.1), and plain requests are led to the other.
        """
        if sum(not known.closed() for known in self._open) >= CONNECTIONS:
            stream.close()
            return
        self._open.add(stream)
        if self.tls is not None and await _first_byte(stream) == HANDSHAKE:
            stream = _wrapped(stream, self.tls)
            self._open.add(stream)
        if stream.closed():
            return
        super().handle_stream(stream, address)

    def hang_up(self) -> None:
        """Close every connection now."""
        for stream in list(self._open):
            stream.close()


async def _first_byte(stream: IOStream) -> bytes:
    """What the client will say first, left where it is; b"" when it says nothing in time."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    descriptor = stream.fileno()
    loop.add_reader(descriptor, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), HEADER_S)
    except asyncio.TimeoutError:
        pass
    finally:
        loop.remove_reader(descriptor)
    try:
        first: bytes = stream.socket.recv(1, socket.MSG_PEEK)
    except OSError:
        stream.close()
        return b""
    return first


def _wrapped(stream: IOStream, tls: ssl.SSLContext) -> IOStream:
    """The same connection in TLS; the handshake has `HEADER_S` like any request."""
    plain = stream.socket.dup()
    stream.close()
    wrapped = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
    return SSLIOStream(wrapped, ssl_options=tls, max_buffer_size=BUFFER_LIMIT)


def serve(site: Site, tls: Optional[ssl.SSLContext] = None) -> Server:
    """A server that does not listen yet; with `tls` plain requests are only led to https."""
    site.is_encrypted = tls is not None
    server = _server(site)
    server.tls = tls
    return server


def _server(site: Site) -> Server:
    return Server(
        application(site),
        max_body_size=BODY_LIMIT,
        max_header_size=HEADER_LIMIT,
        idle_connection_timeout=HEADER_S,
        body_timeout=HEADER_S,
        chunk_size=64 * 1024,
        max_buffer_size=BUFFER_LIMIT,
        xheaders=False,
    )


def listen(address: str) -> socket.socket:
    """A socket that listens at ``host:port``. Raises `OperationError` with one line for people."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        # Not tornado's bind_sockets: it leaves the socket open when it cannot be bound.
        listener = socket.create_server(
            (host.strip("[]"), int(port)), family=family, backlog=128, dualstack_ipv6=is_both
        )
        listener.setblocking(False)
        return listener
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise OperationError(
            "the page cannot listen at %s: %s; set [web] listen to another HOST:PORT"
            % (address, why)
        ) from None


def _one_line(text: str) -> str:
    """Fit for a status line: no control characters, Latin-1, short."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain.encode("latin-1", "replace").decode("latin-1")[:200]
