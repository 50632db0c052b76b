"""From the word in ``[camera] source`` to a camera, importing only what was chosen."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Callable, Dict, List, Mapping, Optional

from dashcamd.cameras.port import Camera
from dashcamd.cameras.redaction import redacted
from dashcamd.cameras.webcam import find_webcam
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig
from dashcamd.errors import CameraError, ConfigError

Maker = Callable[[CameraConfig, Clock], Camera]

ALLOWED = "auto, picamera, picamera2, synthetic, media:FILE, media:URL or media:/dev/videoN"

FOUND_BY_AUTO = ("picamera2", "picamera", "webcam")
"""Best first: hardware encoders, then what has to be encoded here."""


def check_spec(spec: str) -> None:
    """Raise `ConfigError` unless `spec` is a word that `make_camera` knows."""
    word, _, rest = spec.partition(":")
    is_known = spec in ("auto", "picamera", "picamera2", "synthetic")
    if not is_known and not (word in ("media", "synthetic") and rest):
        shown = redacted(spec)
        raise ConfigError("camera %r: must be %s%s" % (shown, ALLOWED, _did_you_mean(spec)))


def is_file(spec: str) -> bool:
    """Whether `spec` names something that will not come later: a file, or the drawn scene."""
    return spec.partition(":")[0] == "synthetic" or is_film(spec)


def is_film(spec: str) -> bool:
    """Whether `spec` names a file, which would begin anew if it were opened again."""
    word, _, rest = spec.partition(":")
    return word == "media" and "://" not in rest and not rest.startswith("/dev/")


def make_camera(spec: str, config: CameraConfig, clock: Clock) -> Camera:
    """The camera that `spec` names, not started yet.

    ``synthetic:....ww....`` gives the drawn scene a script of its own. Raises `ConfigError` for an
    unknown word, `CameraError` when the camera's library is missing. A back-end's constructor must
    not open the device, and must raise `CameraError` when its library or every camera is absent:
    ``auto`` goes by that, and later attempts call this function again.
    """
    check_spec(spec)
    word, _, rest = spec.partition(":")
    if word == "media":
        return _media(rest, config, clock)
    if word == "synthetic":
        return _synthetic(rest, config, clock)
    if spec == "auto":
        return choose_automatically(config, clock)
    return MAKERS[spec](config, clock)


def choose_automatically(
    config: CameraConfig, clock: Clock, makers: Optional[Mapping[str, Maker]] = None
) -> Camera:
    """The first of `FOUND_BY_AUTO` whose constructor does not object.

    Raises `CameraError` with one sentence for each that did. `makers` is for tests.
    """
    makers = MAKERS if makers is None else makers
    reasons: List[str] = []
    for name in FOUND_BY_AUTO:
        try:
            return makers[name](config, clock)
        except CameraError as error:
            reasons.append("no %s: %s" % (name, error))
    raise CameraError("no camera found; " + "; ".join(reasons))


def _library_camera(module: str, name: str) -> Maker:
    """A maker that imports its back-end when it is called."""

    def make(config: CameraConfig, clock: Clock) -> Camera:
        try:
            back_end = import_module("dashcamd.cameras." + module)
        except (ImportError, OSError) as error:
            raise CameraError("%s cannot be imported here: %s" % (module, error)) from None
        camera: Camera = getattr(back_end, name)(config, clock)
        return camera

    return make


def _webcam(config: CameraConfig, clock: Clock) -> Camera:
    node = find_webcam()
    if node is None:
        raise CameraError("none of /dev/video* is a USB camera this user may open")
    return _media(str(node), config, clock)


def _media(address: str, config: CameraConfig, clock: Clock) -> Camera:
    from dashcamd.cameras import media, pyav

    pyav.load()
    return media.MediaCamera(address, config, clock)


def _synthetic(script: str, config: CameraConfig, clock: Clock) -> Camera:
    from dashcamd.cameras import pyav, scene, synthetic

    pyav.load()
    own_script = scene.Script(script) if script else None
    return synthetic.SyntheticCamera(config, own_script, clock)


def _did_you_mean(word: str) -> str:
    close = difflib.get_close_matches(word, ("auto", "picamera", "picamera2", "synthetic"), n=1)
    return "; did you mean %s?" % close[0] if close else ""


MAKERS: Dict[str, Maker] = {
    "picamera2": _library_camera("picamera2", "PiCamera2Camera"),
    "picamera": _library_camera("picamera", "PiCameraCamera"),
    "webcam": _webcam,
}
