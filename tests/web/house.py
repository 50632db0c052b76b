"""A site over a stick in memory, and a visitor who asks it over loopback."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from dashcamd import config_layers
from dashcamd.config import Config
from dashcamd.control import status
from dashcamd.handover import Board, Latest, Ring
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk, held
from dashcamd.web.rooms import Rooms
from dashcamd.web.vault import Vault

pytest.importorskip("tornado", reason="the page's tests need tornado: pip install '.[web]'")

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.netutil import bind_sockets

from dashcamd.web import server
from dashcamd.web.site import Site


class Stage:
    """Everything behind the page, and what the page asked of it."""

    def __init__(self, **web) -> None:
        self.now = 5000.0
        self.config = replace(Config(), web=replace(Config().web, enabled=True, **web))
        self.board = Board()
        self.board.post("camera", {"state": "delivering", "name": "drawn", "fault": None})
        self.ring = Ring(1 << 24)
        self.previews = Latest()
        self.motion = Latest()
        self.log = Latest()
        self.slot = Latest()
        self.watched, self.asked = [], []
        self.refusal = None

    def plug(self) -> Volume:
        volume = Volume(MemoryDisk(), "/stick", "boot")
        self.slot.put(volume)
        return volume

    def rooms(self) -> Rooms:
        return Rooms(
            held(self.config),
            now=lambda: self.now,
            status=lambda: status.document(self.board.snapshot(), self.now),
            ring=self.ring,
            previews=self.previews,
            motion=self.motion,
            log=self.log,
            volume=self.slot,
            watch=self.watched.append,
            trigger=lambda reason: self.asked.append(("trigger", reason)),
            arm=lambda is_armed: self.asked.append(("arm", is_armed)),
            delete=self._delete,
            lock_changed=lambda folder: self.asked.append(("locked", folder)),
            change_settings=self._change_settings,
            offer_clock=lambda anchor: self.asked.append(("clock", anchor)),
        )

    def _change_settings(self, changes, answer):
        self.asked.append(("settings", changes))
        answer(config_layers.change(config_layers.Layers(self.config), changes)[1])

    def _delete(self, folder, answer):
        self.asked.append(("delete", folder))
        answer(self.refusal)


class Visitor:
    """A phone: remembers its cookie, sends what a page of ours would send."""

    def __init__(self, site: Site, stage: Stage, port: int) -> None:
        self.site, self.stage, self.port = site, stage, port
        self.host = "127.0.0.1:%d" % port
        self.cookie = ""
        self.client = AsyncHTTPClient(force_instance=True)

    async def get(self, path, **headers):
        return await self.ask("GET", path, None, headers)

    async def head(self, path, **headers):
        return await self.ask("HEAD", path, None, headers)

    async def post(self, path, body=None, **headers):
        usual = {"Origin": "http://" + self.host, "Content-Type": "application/json"}
        data = body if isinstance(body, (bytes, str)) else json.dumps(body or {})
        return await self.ask("POST", path, data, {**usual, **headers})

    async def ask(self, method, path, body=None, headers=None):
        made = {"Host": self.host}
        if self.cookie:
            made["Cookie"] = "dashcamd=" + self.cookie
        for name, value in (headers or {}).items():
            made[name.replace("_", "-")] = value
        request = HTTPRequest(
            "http://127.0.0.1:%d%s" % (self.port, path), method, made, body,
            follow_redirects=False, allow_nonstandard_methods=True,
        )  # fmt: skip
        return await self.client.fetch(request, raise_error=False)

    async def sign_in(self, password=None):
        answer = await self.post(
            "/api/v1/session", {"password": password or self.site.vault.password}
        )
        if answer.code == 200:
            self.cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        return answer

    async def stream(self, path):
        """A raw connection to something without an end: reader, writer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: dashcamd=%s\r\n\r\n"
        writer.write((lines % (path, self.host, self.cookie)).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return head.decode("latin-1"), reader, writer


def visit(tmp_path, scenario, stage=None, signed_in=True):
    """Run `scenario(visitor)` against a real server on loopback."""
    stage = stage or Stage()

    async def run():
        vault = Vault(tmp_path / "web.json")
        vault.open(resets=())
        site = Site(stage.rooms(), vault, inline)
        serving = server.serve(site)
        sockets = bind_sockets(0, "127.0.0.1")
        serving.add_sockets(sockets)
        visitor = Visitor(site, stage, sockets[0].getsockname()[1])
        try:
            if signed_in:
                assert (await visitor.sign_in()).code == 200
            return await asyncio.wait_for(scenario(visitor), 20)
        finally:
            visitor.client.close()
            serving.stop()
            site.close()
            serving.hang_up()
            await serving.close_all_connections()

    return asyncio.run(run())


async def inline(act):
    return act()


def content(answer):
    return json.loads(answer.body)
