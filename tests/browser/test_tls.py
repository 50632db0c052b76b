"""The page over TLS, with the certificate the camera made for itself."""

from __future__ import annotations

import hashlib
import shutil
import ssl

import pytest

from dashcamd.web import certificate
from tests.browser import browsers
from tests.browser.conftest import Running
from tests.browser.steps import by_id, count, keep_picture, number_shown, sign_in, text, wait

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command"),
]


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory, why_connected):
    pytest.importorskip("tornado", reason="the page needs tornado")
    folder = tmp_path_factory.mktemp("encrypted")
    running = Running(folder, 600, "tls")
    running.certificate = certificate.path_beside(folder / "web.json")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory, encrypted):
    with browsers.started(
        "chromium", tmp_path_factory.mktemp("trusting"), trusts_anybody=True
    ) as made:
        yield made


def test_whoever_types_http_is_led_to_https_before_the_password_is_asked(trusting, encrypted):
    assert encrypted.address.startswith("https://")
    trusting.get(encrypted.address.replace("https://", "http://"))
    assert trusting.current_url == encrypted.address + "sign-in"


def test_the_cookie_is_sent_encrypted_only(trusting, encrypted):
    sign_in(trusting, encrypted)
    (cookie,) = trusting.get_cookies()
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    assert trusting.execute_script("return isSecureContext && location.protocol") == "https:"


HD = """
if (Live.mode() !== 'hd') document.getElementById('hd-button').click();
return true;
"""
"""Again if it fell back to pictures, as it does when a busy machine keeps it waiting."""


def test_pictures_state_and_motion_come_encrypted_too(trusting):
    first = wait(trusting, lambda: number_shown(trusting, "picture"))
    wait(trusting, lambda: (number_shown(trusting, "picture") or 0) > first + 5)
    wait(trusting, lambda: trusting.execute_script(HD) and number_shown(trusting, "hd"))
    by_id(trusting, "hd-button").click()
    by_id(trusting, "motion-button").click()
    wait(trusting, lambda: count(trusting, "#moves path"))
    by_id(trusting, "motion-button").click()


def test_the_page_shows_the_fingerprint_of_what_the_browser_was_given(trusting, encrypted):
    port = int(encrypted.address.rstrip("/").rpartition(":")[2])
    given = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    fingerprint = certificate.fingerprint(encrypted.certificate)
    assert fingerprint.replace(":", "").lower() == hashlib.sha256(given).hexdigest()
    by_id(trusting, "menu").click()
    wait(trusting, lambda: fingerprint in text(trusting, "health"))
    keep_picture(trusting, "fingerprint")
