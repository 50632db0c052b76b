"""From a word to a camera: what is chosen, what is imported, what is said when nothing is there."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from dashcamd.cameras import choose
from dashcamd.cameras.choose import check_spec, choose_automatically, make_camera
from dashcamd.cameras.webcam import find_webcam, is_usb_capture
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, ConfigError

CONFIG = CameraConfig()


def missing(reason: str) -> Any:
    def make(config: CameraConfig, clock: SimClock) -> None:
        raise CameraError(reason)

    return make


def capability(bus: bytes, everything: int, own: int) -> bytes:
    return struct.pack("=16s32s32sIII12x", b"driver", b"card", bus, 0x60000, everything, own)


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [("sintetic", "synthetic"), ("picamera3", "picamera"), ("aut", "auto")],
)
def test_an_unknown_camera_names_what_is_allowed(word: str, suggestion: str) -> None:
    with pytest.raises(ConfigError, match="auto, picamera, picamera2, synthetic") as caught:
        make_camera(word, CONFIG, SimClock())
    assert "did you mean " + suggestion in str(caught.value)


@pytest.mark.parametrize("word", ["", "media", "media:", "synthetic:", "webcam", "http://x/"])
def test_incomplete_words_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make_camera(word, CONFIG, SimClock())


def test_a_bad_script_is_a_config_error() -> None:
    pytest.importorskip("av", reason="the synthetic camera needs PyAV")
    with pytest.raises(ConfigError, match="script"):
        make_camera("synthetic:..zz", CONFIG, SimClock())


def test_software_cameras_are_made_without_opening_anything() -> None:
    pytest.importorskip("av", reason="software cameras need PyAV")
    assert type(make_camera("synthetic:..ww", CONFIG, SimClock())).__name__ == "SyntheticCamera"
    assert type(make_camera("media:/gone", CONFIG, SimClock())).__name__ == "MediaCamera"


def test_without_pyav_a_software_camera_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    for word in ("synthetic", "media:film.mp4"):
        with pytest.raises(CameraError, match=r"dashcamd\[media\]'|apt install python3-av"):
            make_camera(word, CONFIG, SimClock())


def test_auto_takes_the_first_that_does_not_object() -> None:
    camera = object()
    makers = {
        "picamera2": missing("libcamera sees none"),
        "picamera": lambda config, clock: camera,
        "webcam": missing("never asked"),
    }
    assert choose_automatically(CONFIG, SimClock(), makers) is camera


def test_auto_says_why_each_camera_was_not_taken() -> None:
    makers = {name: missing("reason " + name) for name in choose.FOUND_BY_AUTO}
    with pytest.raises(CameraError) as caught:
        choose_automatically(CONFIG, SimClock(), makers)
    assert all("no %s: reason %s" % (name, name) in str(caught.value) for name in makers)


def test_auto_does_not_hide_a_wrong_setting() -> None:
    def refuse(config: CameraConfig, clock: SimClock) -> None:
        raise ConfigError("rotation 45")

    with pytest.raises(ConfigError, match="rotation"):
        choose_automatically(CONFIG, SimClock(), {"picamera2": refuse})


def test_a_folder_without_video_nodes_has_no_webcam(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"not a device")
    assert find_webcam(tmp_path) is None
    assert find_webcam(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("bus", "everything", "own", "expected"),
    [
        (b"usb-0000:01:00.0-1.3", 0x84A00001, 0x04200001, True),
        (b"usb-0000:01:00.0-1.3", 0x84A00001, 0x04A00000, False),
        (b"usb-1.2", 0x04000001, 0, True),
        (b"platform:bcm2835-codec", 0x84204000, 0x04204000, False),
        (b"platform:fe801000.csi", 0x84200001, 0x04200001, False),
    ],
    ids=["webcam", "its metadata node", "old driver", "Pi codec", "Pi sensor"],
)
def test_only_usb_capture_nodes_are_webcams(
    bus: bytes, everything: int, own: int, expected: bool
) -> None:
    assert is_usb_capture(capability(bus, everything, own)) is expected


def test_an_address_without_its_media_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError, match=r"^camera 'rtsp://\*\*\*@door/s': must be"):
        check_spec("rtsp://admin:secret@door/s")
