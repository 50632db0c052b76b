"""The web thread: one asyncio loop with the phone's page, never in the way of the recording.

The loop sleeps until somebody comes: nothing here runs by the clock while nobody watches. Whatever
goes wrong is a fault on the board and a later attempt; it never ends the program.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, FrozenSet, Optional

from dashcamd.errors import DashcamError
from dashcamd.extras import how_to_install
from dashcamd.handover import Board
from dashcamd.services.camera import CameraService
from dashcamd.services.file_threads import FileThreads
from dashcamd.types import Seconds
from dashcamd.web import hosts, vault
from dashcamd.web.rooms import Rooms
from dashcamd.web.vault import Vault

if TYPE_CHECKING:
    from dashcamd.web.site import Site

log = logging.getLogger(__name__)

RETRY_S = (5.0, 30.0, 120.0)
IDLE_S = 3600.0
PATIENCE_S = 5.0

MISSING = "the page needs tornado: %s, then start dashcamd again (recording is not affected)"


class WebService:
    """Serves the page on a thread of its own, and begins anew after a pause when that failed.

    The server's thread is not the service's: a page that hangs must not look like a daemon that
    does.
    """

    name = "web"

    def __init__(
        self,
        rooms: Rooms,
        vault_path: Path,
        board: Board,
        camera: CameraService,
    ) -> None:
        self.wake = threading.Event()
        self._rooms = rooms
        self._vault_path = vault_path
        self._board = board
        self._site: Optional[Site] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._end: Callable[[], None] = lambda: None
        self._is_over = False
        self._failures = 0
        self._fault: Optional[str] = None
        self._fingerprint: Optional[str] = None
        self._retry_at: Seconds = float("-inf")
        board.subscribe(self._board_changed)
        camera.subscribe(self._frame_came, self._jpeg_came)

    def step(self, now: Seconds) -> Seconds:
        """Start the server if it does not run."""
        if self._thread is not None:
            return IDLE_S
        if now < self._retry_at:
            return self._retry_at - now
        self._retry_at = now + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        if importlib.util.find_spec("tornado") is None:
            self._complain(MISSING % how_to_install("web", "python3-tornado"))
            return IDLE_S
        self._thread = threading.Thread(target=self._run, name="dashcamd-page", daemon=True)
        self._thread.start()
        return IDLE_S

    def close(self) -> None:
        """Hang up on everybody and stop."""
        self._is_over = True
        self._end()
        thread = self._thread
        if thread is not None:
            thread.join(PATIENCE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except DashcamError as error:
            self._complain(str(error))
        except Exception as error:
            log.error("the page failed; recording is not affected", exc_info=error)
            self._complain("failed: %s" % error)
        self._thread = None
        self.wake.set()

    async def _serve(self) -> None:
        from dashcamd.web import server
        from dashcamd.web.site import Site

        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        secrets = Vault(self._vault_path)
        secrets.open()
        threads = FileThreads()
        site = Site(self._rooms, secrets, lambda act: loop.run_in_executor(threads, act))
        web = self._rooms.config.web
        tls = await asyncio.to_thread(self._certificate, site.hosts) if web.tls else None
        serving = server.serve(site, tls)
        try:
            listener = server.listen(web.listen)
            serving.add_socket(listener)
            self._loop, self._site = loop, site
            self._end = lambda: self._call(over.set)
            if not self._is_over:
                self._tell(listener.getsockname(), secrets.password)
                await over.wait()
        finally:
            self._loop, self._site = None, None
            serving.stop()
            site.close()
            serving.hang_up()
            threads.shutdown(wait=False)
            await asyncio.sleep(0)

    def _certificate(self, names: FrozenSet[str]) -> ssl.SSLContext:
        """Find or make it; without one there is no page, rather than an open one."""
        from dashcamd.web import certificate

        path = certificate.path_beside(self._vault_path)
        certificate.ensure(path, names)
        self._fingerprint = certificate.fingerprint(path)
        return certificate.context(path)

    def _tell(self, name: Any, password: Optional[str]) -> None:
        host, port = name[:2]
        scheme = "http" if self._fingerprint is None else "https"
        form = "%s://%%s:%d/" % (scheme, port)
        address = form % hosts.shown(socket.gethostname(), host)
        facts = {"address": address, "fingerprint": self._fingerprint, "fault": None}
        is_everywhere = host in hosts.EVERYWHERE
        self._board.post("web", {**facts, "address_form": form if is_everywhere else None})
        self._fault = None
        log.info("the page is at %s", address)
        if password is not None:
            command = vault.command(self._vault_path)
            shown = "`%s` shows the password" % command if command else None
            where = shown or "the password is in %s" % self._vault_path
            log.info("nobody has signed in yet; %s", where)

    def _complain(self, why: str) -> None:
        if why != self._fault:
            log.warning("no page: %s", why)
        self._fault = why
        self._board.post("web", {"address": None, "fault": why})

    def _board_changed(self) -> None:
        site = self._site
        if site is not None and site.news.is_watched:
            self._call(site.news.tick)

    def _frame_came(self) -> None:
        site = self._site
        if site is not None and site.live.is_watched:
            self._call(site.live.tick)

    def _jpeg_came(self) -> None:
        site = self._site
        if site is not None and site.preview.is_watched:
            self._call(site.preview.tick)

    def _call(self, act: Callable[[], None]) -> None:
        """Run `act` on the loop; from any thread, at any time of the loop's life."""
        loop = self._loop
        try:
            if loop is not None:
                loop.call_soon_threadsafe(act)
        except RuntimeError:
            return  # the loop closed between the two lines: nobody watches any more
