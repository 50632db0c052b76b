"""The page with a certificate: what is encrypted, what is led there, what is never sent plain."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl

import pytest

from dashcamd.errors import OperationError
from dashcamd.web import certificate
from dashcamd.web.vault import Vault
from tests.web.house import Stage, inline

from tornado.netutil import bind_sockets  # isort: skip
from dashcamd.web import server  # isort: skip
from dashcamd.web.site import Site  # isort: skip

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / certificate.FILE
    certificate.ensure(path, frozenset({"dashcam.local", "localhost"}))
    return path


def ask(made, tmp_path, request, tls=None):
    """Send `request` to a server that has the certificate; what comes back."""

    async def run():
        vault = Vault(tmp_path / "web.json")
        vault.open(resets=())
        site = Site(Stage().rooms(), vault, inline)
        serving = server.serve(site, certificate.context(made))
        sockets = bind_sockets(0, "127.0.0.1")
        serving.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=tls, server_hostname="dashcam.local" if tls else None
            )
            writer.write(request(port, vault.password))
            try:
                return (await asyncio.wait_for(reader.read(1 << 16), 10)).decode("latin-1")
            finally:
                writer.close()
        finally:
            serving.stop()
            site.close()
            serving.hang_up()
            await serving.close_all_connections()

    return asyncio.run(run())


def get(path):
    line = "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"
    return lambda port, password: (line % (path, port)).encode()


def sign_in(scheme):
    def request(port, password):
        body = json.dumps({"password": password})
        return (
            "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: %s://127.0.0.1:%d\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (port, scheme, port, len(body), body)
        ).encode()

    return request


def trusting(made):
    return ssl.create_default_context(cafile=str(made))


@needs_openssl
def test_the_key_is_for_the_daemons_user_alone(made):
    assert made.stat().st_mode & 0o777 == 0o600


@needs_openssl
def test_a_client_that_trusts_the_certificate_signs_in_and_gets_a_secure_cookie(made, tmp_path):
    answer = ask(made, tmp_path, sign_in("https"), trusting(made))
    assert answer.startswith("HTTP/1.1 200")
    assert "Secure" in answer
    assert "HttpOnly" in answer


@needs_openssl
def test_a_plain_request_is_led_to_https_and_told_nothing(made, tmp_path):
    answer = ask(made, tmp_path, get("/sign-in?a=b"))
    assert answer.startswith("HTTP/1.1 308")
    assert "Location: https://127.0.0.1:" in answer
    assert "/sign-in?a=b" in answer
    assert "<form" not in answer


@needs_openssl
def test_a_password_in_the_clear_is_not_even_looked_at(made, tmp_path):
    answer = ask(made, tmp_path, sign_in("http"))
    assert answer.startswith("HTTP/1.1 403")
    assert "Set-Cookie" not in answer


@needs_openssl
def test_a_foreign_host_is_not_led_anywhere(made, tmp_path):
    request = b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    answer = ask(made, tmp_path, lambda port, password: request)
    assert answer.startswith("HTTP/1.1 421")


@needs_openssl
def test_a_handshake_that_is_none_is_hung_up_on(made, tmp_path):
    answer = ask(made, tmp_path, lambda port, password: b"\x16\x03\x01\x00\x05hello")
    assert "HTTP" not in answer


@needs_openssl
def test_the_fingerprint_is_what_openssl_says(made):
    import subprocess

    said = subprocess.run(
        ["openssl", "x509", "-in", str(made), "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert certificate.fingerprint(made) == said.strip().partition("=")[2]


@needs_openssl
def test_the_same_certificate_is_kept(made):
    before = made.read_bytes()
    certificate.ensure(made, frozenset({"other.local"}))
    assert made.read_bytes() == before


def test_without_the_command_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperationError, match="apt install openssl"):
        certificate.ensure(tmp_path / certificate.FILE, frozenset({"localhost"}))


def test_a_damaged_file_says_what_to_do(tmp_path):
    path = tmp_path / certificate.FILE
    path.write_text("nothing of the kind")
    assert certificate.fingerprint(path) is None
    with pytest.raises(OperationError, match="delete it"):
        certificate.context(path)
