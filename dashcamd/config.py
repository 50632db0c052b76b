"""All settings: every field has a type, a default, bounds and a sentence.

What a setting is and how one is read is `dashcamd.config_schema`. `dashcamd.config_read` reads
files by it, `dashcamd.config_layers` what the page and a stick set on top, and
`dashcamd.config_text` writes the commented file and the manual, so they cannot disagree.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Iterator, Optional, Tuple, Type

from dashcamd.config_schema import FILE, PAGE, setting, tables
from dashcamd.config_schema import keys as keys

RESOLUTION = re.compile(r"(\d{2,4})x(\d{2,4})", re.ASCII)
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _resolution(value: str) -> Optional[str]:
    match = RESOLUTION.fullmatch(value)
    if match and all(64 <= int(side) <= 4096 and int(side) % 2 == 0 for side in match.groups()):
        return None
    return "WIDTHxHEIGHT in even pixels from 64 to 4096, such as '1280x720'"


def _quarters(value: int) -> Optional[str]:
    return "0, 90, 180 or 270" if value % 90 else None


def _colour(value: str) -> Optional[str]:
    return None if value == "" or COLOUR.fullmatch(value) else "'' or a colour such as '#ffcc00'"


def _crop(value: Tuple[float, ...]) -> Optional[str]:
    if len(value) == 4 and all(0 <= part <= 1 for part in value):
        x, y, width, height = value
        if width > 0 and height > 0 and x + width <= 1.0001 and y + height <= 1.0001:
            return None
    return "[x, y, width, height] as fractions of the sensor, inside 0..1"


def _annotation(value: str) -> Optional[str]:
    if value.isascii() and len(value) <= 200:
        return None
    return "at most 200 ASCII characters (the firmware's font has no others)"


def _listen(value: str) -> Optional[str]:
    match = re.fullmatch(r"([\w.-]{1,253}|\[[0-9a-fA-F:.]+\]):(\d{1,5})", value, re.ASCII)
    if match and int(match.group(2)) <= 65535:
        return None
    return "HOST:PORT, such as '0.0.0.0:8080' or '[::]:8080'"


IGNORE = re.compile(r"(\d{1,2})x(\d{1,2}):([0-9a-fA-F]+)", re.ASCII)
MAX_IGNORE_SIDE = 64
MAX_CORNERS = 64


def _ignore(value: str) -> Optional[str]:
    match = IGNORE.fullmatch(value)
    if match:
        cols, rows = int(match.group(1)), int(match.group(2))
        is_grid = 1 <= cols <= MAX_IGNORE_SIDE and 1 <= rows <= MAX_IGNORE_SIDE
        if is_grid and len(match.group(3)) == -(-cols * rows // 4):
            return None
    if value == "":
        return None
    return (
        "'' or COLSxROWS:HEX, each side 1 to %d, one hexadecimal digit for four squares, such as "
        "'4x2:8f'" % MAX_IGNORE_SIDE
    )


def _corners(value: Tuple[Tuple[float, ...], ...]) -> Optional[str]:
    are_inside = all(0 <= part <= 1 for corner in value for part in corner)
    are_points = all(len(corner) == 2 for corner in value)
    if 3 <= len(value) <= MAX_CORNERS and are_points and are_inside:
        return None
    return "3 to %d corners [x, y], fractions of the picture from 0 to 1" % MAX_CORNERS


EXPOSURE_MODES = (
    "off",
    "auto",
    "night",
    "nightpreview",
    "backlight",
    "spotlight",
    "sports",
    "snow",
    "beach",
    "verylong",
    "fixedfps",
    "antishake",
    "fireworks",
)
AWB_MODES = (
    "off",
    "auto",
    "sunlight",
    "cloudy",
    "shade",
    "tungsten",
    "fluorescent",
    "incandescent",
    "flash",
    "horizon",
    "greyworld",
)
METER_MODES = (
    "average",
    "spot",
    "backlit",
    "matrix",
)
IMAGE_EFFECTS = (
    "none",
    "negative",
    "solarize",
    "sketch",
    "denoise",
    "emboss",
    "oilpaint",
    "hatch",
    "gpen",
    "pastel",
    "watercolor",
    "film",
    "blur",
    "saturation",
    "colorswap",
    "washedout",
    "posterise",
    "colorpoint",
    "colorbalance",
    "cartoon",
    "deinterlace1",
    "deinterlace2",
)


@dataclass(frozen=True)
class CameraConfig:
    """The camera: what it looks at and how it encodes."""

    source: str = setting(
        "auto",
        "Which camera: auto, picamera, picamera2, synthetic, or media: followed by a file, an "
        "RTSP address or a V4L2 device such as media:/dev/video0.",
        trust=FILE,
    )
    resolution: str = setting("1280x720", "Size of the recorded picture.", check=_resolution)
    framerate: float = setting(25.0, "Pictures a second.", low=1, high=90)
    bitrate: int = setting(
        4_000_000, "H.264 bits a second the encoder aims for.", low=100_000, high=25_000_000
    )
    quality: int = setting(
        0,
        "H.264 quantiser of a constant-quality recording, 10 (best) to 40; 0 keeps to the bitrate.",
        low=0,
        high=40,
    )
    keyframe_s: float = setting(
        1.0,
        "Seconds between keyframes: how finely files can be cut and how much a power cut costs.",
        low=0.2,
        high=4,
    )
    rotation: int = setting(
        0, "Degrees clockwise: 0, 90, 180 or 270.", low=0, high=270, check=_quarters
    )
    hflip: bool = setting(False, "Mirror left and right.")
    vflip: bool = setting(False, "Mirror top and bottom.")
    brightness: int = setting(50, "0 (dark) to 100 (bright).", low=0, high=100)
    contrast: int = setting(0, "-100 to 100.", low=-100, high=100)
    saturation: int = setting(0, "-100 (grey) to 100.", low=-100, high=100)
    sharpness: int = setting(0, "-100 to 100.", low=-100, high=100)
    iso: int = setting(
        0, "Sensor gain as film speed, 100 to 1600; 0 is automatic.", low=0, high=1600
    )
    exposure_mode: str = setting("auto", "Exposure programme.", choices=EXPOSURE_MODES)
    exposure_compensation: int = setting(
        0, "Darker or brighter than measured, in sixths of a stop.", low=-25, high=25
    )
    awb_mode: str = setting("auto", "White balance.", choices=AWB_MODES)
    meter_mode: str = setting("average", "Which part decides the exposure.", choices=METER_MODES)
    image_effect: str = setting("none", "Effect of the camera firmware.", choices=IMAGE_EFFECTS)
    video_stabilization: bool = setting(False, "Steady a shaken picture.")
    crop: Tuple[float, ...] = setting(
        (0.0, 0.0, 1.0, 1.0),
        "Part of the sensor to record: [x, y, width, height] as fractions.",
        check=_crop,
    )
    annotate_text: str = setting(
        "%Y-%m-%d %H:%M:%S",
        "Text burnt into the picture, with strftime's % codes; '' burns in nothing.",
        check=_annotation,
    )
    annotate_size: int = setting(24, "Height of that text in pixels.", low=6, high=160)
    annotate_foreground: str = setting("#ffffff", "Colour of the text.", check=_colour)
    annotate_background: str = setting("", "Colour behind the text; '' is none.", check=_colour)
    media_loop: bool = setting(
        False, "Play a media: file again and again, as a camera that never ends."
    )

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height of the recorded picture in pixels."""
        width, height = self.resolution.split("x")
        return int(width), int(height)


@dataclass(frozen=True)
class Zone:
    """A part of the picture where motion counts, or never does; privacy is another matter."""

    name: str = setting("", "What people call it.")
    corners: Tuple[Tuple[float, ...], ...] = setting(
        ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
        "The polygon: [x, y] of each corner as fractions of the picture from its top left.",
        check=_corners,
    )
    is_excluded: bool = setting(
        False, "Motion here never counts, whatever other zones say; else it counts in zones only."
    )
    least_size: float = setting(
        0.0, "What is smaller than this share of the picture does not count here.", low=0, high=1
    )
    direction: str = setting(
        "",
        "Only what moves this way counts here; '' is every way.",
        choices=("", "left", "right", "up", "down"),
    )


CONSTANTS = (
    "sad_floor", "sad_deviations", "cluster", "scene_fraction", "guard_s", "noise_s",
    "noise_patience", "noise_period_s", "hold_s", "hold_fraction", "drift_floor",
    "drift_deviations", "drift_kept", "habit_part",
)  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """One constant of the detector, for experts; docs/reference/detector.md says what each is."""

    name: str = setting("sad_floor", "Which one.", choices=CONSTANTS)
    value: float = setting(1600.0, "Its value, for every kind of camera.", low=0, high=100_000)


@dataclass(frozen=True)
class MotionConfig:
    """What counts as motion."""

    enabled: bool = setting(
        True, "Look for motion at all; off, only the trigger records.", trust=PAGE
    )
    mode: str = setting(
        "auto",
        "door waits for what moves; car also records all of a drive and locks the parts around a "
        "bump; auto is door until it sees the camera drive.",
        choices=("door", "car", "auto"),
    )
    sensitivity: int = setting(5, "1 (only large and clear) to 10 (everything).", low=1, high=10)
    warm_up_s: float = setting(
        1.0, "Ignore motion for this long after the camera starts.", low=0, high=60
    )
    parked_s: float = setting(
        120.0,
        "A drive goes on through stops shorter than this: traffic lights, a level crossing.",
        low=5,
        high=3600,
    )
    ignore: str = setting(
        "",
        "Painted blind spots: COLSxROWS:HEX, one bit for each square of a grid over the picture, "
        "row by row from the top left, 1 where motion never counts.",
        check=_ignore,
    )
    zones: Tuple[Zone, ...] = tables(Zone, "Zones as polygons, after all keys of [motion].")
    expert: Tuple[Constant, ...] = tables(Constant, "Constants of the detector, for experts.")


@dataclass(frozen=True)
class RecordingConfig:
    """When recordings begin and end."""

    mode: str = setting(
        "motion", "Record what moves, or without a pause.", choices=("motion", "continuous")
    )
    armed: bool = setting(True, "React to motion from the start on.", trust=PAGE)
    pre_roll_s: float = setting(5.0, "Seconds kept from before the motion.", low=0, high=60)
    post_roll_s: float = setting(5.0, "Seconds recorded after the last motion.", low=0, high=300)
    gap_s: float = setting(
        15.0,
        "Motion that returns within so many seconds continues the same event without a seam; at "
        "least pre_roll_s + post_roll_s + the keyframe distance.",
        low=1,
        high=600,
    )
    segment_s: float = setting(
        120.0, "Length of one file; the cut is at the next keyframe.", low=2, high=3600
    )
    event_max_s: float = setting(
        3600.0, "A longer event goes on as a new one, without a seam.", low=10, high=86400
    )
    manual_s: float = setting(
        30.0, "How long a trigger by hand counts as motion.", low=1, high=3600
    )
    ring_mib: int = setting(
        64,
        "Memory for the newest video, in MiB: for pre-roll and for the time the stick is slow.",
        low=4,
        high=4096,
        trust=PAGE,
        at_start=True,
    )
    ring_max_mib: int = setting(
        256,
        "How far that memory grows for a long stall, pre-roll or gap, in MiB; never so far that "
        "the system has less than 200 MiB left. ring_mib or less lets it not grow.",
        low=0,
        high=4096,
        trust=PAGE,
        at_start=True,
    )
    lifeboat_mib: int = setting(
        64,
        "Memory for events that wait for a stick, in MiB; with ring_mib it is all the video ever "
        "held. When it is full the oldest event goes first. 0 keeps what the ring holds.",
        low=0,
        high=4096,
        trust=PAGE,
        at_start=True,
    )


@dataclass(frozen=True)
class StorageConfig:
    """Where recordings go and when the oldest make room."""

    target: str = setting(
        "auto",
        "auto takes the USB stick that is plugged in; a folder is used as it is.",
        trust=FILE,
    )
    devices: str = setting(
        "usb",
        "What counts as a stick for auto: usb, SD cards in the machine's own slot as well, or any "
        "disk; never the disk the system runs from.",
        choices=("usb", "usb+sd", "any"),
        trust=FILE,
    )
    reserve_mib: int = setting(
        512,
        "Space always kept free; the oldest events are deleted to keep it. On a small disk at most "
        "a tenth of it.",
        low=1,
        high=1_000_000,
        trust=PAGE,
    )
    high_water_percent: float = setting(
        25.0,
        "How far above the reserve room is made once less is free, so that it is not made all the "
        "time. Continuous recordings go first, then the others, each the oldest first.",
        low=0,
        high=400,
        trust=PAGE,
    )
    keep_days: float = setting(
        4.0,
        "Events surely older than this are deleted; 0 keeps them until space is needed.",
        low=0,
        high=3650,
        trust=PAGE,
    )
    continuous_keep_days: float = setting(
        4.0, 'The same for what mode = "continuous" recorded.', low=0, high=3650, trust=PAGE
    )
    locked_percent: float = setting(
        50.0,
        "Share of the stick that locked events may take before it is shown as a fault; they are "
        "never deleted.",
        low=1,
        high=100,
    )
    trial_mib: int = setting(
        4,
        "A stick that was never used here is tried out once, when it has time for that: so much is "
        "written, timed, read back and removed; 0 does not try.",
        low=0,
        high=64,
    )
    trace_mib: int = setting(
        64,
        "Space for the trace of what the detector saw, about a day of it, so that a night can be "
        "replayed with other settings; at most a hundredth of the volume; 0 keeps none.",
        low=0,
        high=4096,
    )


@dataclass(frozen=True)
class HardwareConfig:
    """What is connected to the pins of the machine."""

    eject_gpio: int = setting(
        -1,
        "GPIO (BCM number) of a push button to ground that ejects the stick; -1 is none.",
        low=-1,
        high=63,
        trust=FILE,
    )


@dataclass(frozen=True)
class ControlConfig:
    """How the commands reach the running daemon."""

    socket: str = setting(
        "",
        "Path of the control socket; '' chooses dashcamd/control.sock in $RUNTIME_DIRECTORY, "
        "$XDG_RUNTIME_DIR, /run or the temporary folder.",
        trust=FILE,
    )


@dataclass(frozen=True)
class WebConfig:
    """The page for a phone; needs the extra dashcamd[web]."""

    enabled: bool = setting(False, "Serve the page.", trust=FILE)
    listen: str = setting(
        "0.0.0.0:8080",
        "Where it listens, HOST:PORT; 0.0.0.0 is every network this machine is in.",
        check=_listen,
        trust=FILE,
    )
    tls: bool = setting(
        False,
        "Encrypt, with a certificate made here (needs the openssl command); the phone asks once "
        "whether to trust it, `dashcamd password` shows its fingerprint. http:// leads to https://.",
        trust=FILE,
    )
    names: str = setting(
        "dashcam.local",
        "Names, split by commas, under which the page may be asked for; addresses, localhost and "
        "the machine's own name always may.",
        trust=PAGE,
        at_start=True,
    )
    preview_fps: float = setting(
        15.0,
        "Pictures a second of the preview while somebody watches.",
        low=0.5,
        high=30,
        trust=PAGE,
    )
    state: str = setting(
        "",
        "File that keeps the page's password (hashed) and who is signed in; '' chooses web.json in "
        "$STATE_DIRECTORY, /var/lib/dashcamd or the user's state folder.",
        trust=FILE,
    )


@dataclass(frozen=True)
class LogConfig:
    """What the journal hears."""

    level: str = setting(
        "info",
        "How much is logged.",
        choices=("debug", "info", "warning", "error"),
        trust=FILE,
    )


@dataclass(frozen=True)
class Config:
    """All settings of one daemon; immutable, handed around whole."""

    camera: CameraConfig = field(default_factory=CameraConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    web: WebConfig = field(default_factory=WebConfig)
    log: LogConfig = field(default_factory=LogConfig)


def sections() -> Iterator[Tuple[str, Type[Any]]]:
    """Name and class of every section, in the order of the file."""
    for item in dataclasses.fields(Config):
        yield item.name, type(getattr(Config(), item.name))
