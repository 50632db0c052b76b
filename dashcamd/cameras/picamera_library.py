"""Getting at picamera 1.13, and saying in one sentence why it does not work.

Its own messages are exceptions of a dozen classes, written for the programmer at the prompt.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from dashcamd.errors import CameraError

ABSENT = (
    "picamera is not installed: on 32-bit Raspberry Pi OS 11 or older 'sudo apt install "
    "python3-picamera'; newer systems have picamera2, set [camera] source = 'auto'"
)
NO_FIRMWARE = (
    "picamera finds no VideoCore libraries (%s): it needs 32-bit Raspberry Pi OS 11 or older; "
    "elsewhere set [camera] source = 'auto'"
)
CAUSES = (
    (
        "Camera is not enabled",
        "no camera: it is not plugged in or not enabled; check the ribbon cable at both ends, then "
        "'sudo raspi-config', Interface Options, Legacy Camera, and reboot",
    ),
    (
        "Out of resources",
        "the camera is in use by another program; stop it ('sudo fuser -v /dev/vchiq' shows which)",
    ),
    (
        "Out of memory",
        "the GPU has too little memory: set gpu_mem=128 in /boot/config.txt and reboot",
    ),
    ("No data recevied from sensor", "the sensor stopped answering; check the ribbon cable"),
)
"""Part of picamera's message (spelt as it is there) -> what it means and what to do."""


def load_library() -> Any:
    """The package ``picamera``. Raises `CameraError` where it cannot work."""
    try:
        return importlib.import_module("picamera")
    except ImportError:
        raise CameraError(ABSENT) from None
    except OSError as error:
        raise CameraError(NO_FIRMWARE % error) from None


def check_presence(library: Any) -> None:
    """Ask the firmware whether it found a camera at boot; opens nothing. Raises `CameraError`."""
    mmalobj = importlib.import_module("picamera.mmalobj")
    importlib.import_module("picamera.bcm_host").bcm_host_init()
    camera_info = importlib.import_module("picamera.mmal").MMAL_PARAMETER_CAMERA_INFO
    try:
        with mmalobj.MMALCameraInfo() as component:
            found = component.control.params[camera_info].num_cameras
    except library.PiCameraError as error:
        raise CameraError(explain(error)) from None
    if not found:
        raise CameraError(CAUSES[0][1])


def open_camera(library: Any, **options: Any) -> Any:
    """A ``PiCamera``; when it cannot be opened, what it had built so far is given back.

    Workaround: its constructor forgets a half-made null sink when the camera is in use by another
    program, so that each further attempt would leak a component of the GPU.
    """
    registry = importlib.import_module("picamera.mmalobj").MMALObject.REGISTRY
    before = set(registry)
    try:
        return library.PiCamera(**options)
    except BaseException:
        for part in set(registry) - before:
            # A component that could not even be made has no ports to close.
            if hasattr(part, "close") and hasattr(part, "_outputs"):
                part.close()
        raise


def version() -> str:
    """The installed release of picamera."""
    return metadata.version("picamera")


def explain(error: BaseException) -> str:
    """One sentence for any exception that picamera, or an output of ours, has raised."""
    text = " ".join(str(error).split()) or type(error).__name__
    for part, sentence in CAUSES:
        if part in text:
            return sentence
    return text if isinstance(error, CameraError) else "picamera failed: %s" % text
