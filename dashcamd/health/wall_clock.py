"""What this machine knows of wall time: NTP's word, an RTC's, or only its own.

Nothing here sets a clock and nothing needs a right: the files of systemd-timesyncd and of the
kernel's RTC class are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from dashcamd.clock import Clock
from dashcamd.core.timeline import DRIFT, EARLIEST_WALL, LATEST_WALL
from dashcamd.types import Anchor

NTP_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Made anew at every boot and touched by systemd-timesyncd after each answer it believed."""

RTCS = Path("/sys/class/rtc")

NTP_UNSURE_S = 0.5
"""Of a clock that NTP has just set; it grows with what the crystal may have drifted since."""

RTC_UNSURE_S = 120.0
"""Of an RTC: nobody knows when it was set, and 20 ppm, as its data sheets say, are 70 days."""

UNSURE_S = 3600.0
"""Of a system clock that nothing has confirmed since power-on."""

RTC_DIGITS = 12

STEP_S = 60.0
"""Between NTP's last answer, which was in this boot, and now no more than the time since power-on
can have passed, give or take so much. Otherwise somebody else has set the clock since."""


def system_anchor(
    clock: Clock, ntp: Path = NTP_SYNCHRONISED, rtcs: Path = RTCS
) -> Optional[Anchor]:
    """The best of what the machine says of now; None when its clocks were never set."""
    now, wall = clock.monotonic(), clock.wall()
    synchronised = _changed_at(ntp)
    if synchronised is not None and _is_plausible(wall):
        silent_s = wall - synchronised
        if -STEP_S <= silent_s <= now + STEP_S:
            return Anchor(now, wall, NTP_UNSURE_S + DRIFT * max(0.0, silent_s), "ntp")
    seconds = _rtc_seconds(rtcs)
    if seconds is not None:
        return Anchor(now, seconds + 0.5, RTC_UNSURE_S, "rtc")
    return Anchor(now, wall, UNSURE_S, "system") if _is_plausible(wall) else None


def _changed_at(path: Path) -> Optional[float]:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _rtc_seconds(rtcs: Path) -> Optional[int]:
    """What the RTC says from which the kernel set its own clock; None without such a one."""
    for rtc in sorted(rtcs.glob("rtc*")):
        if _read(rtc / "hctosys") == "1":
            seconds = _read(rtc / "since_epoch")
            if seconds.isdigit() and _is_plausible(float(seconds)):
                return int(seconds)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")[:RTC_DIGITS].strip()
    except (OSError, ValueError):
        return ""


def _is_plausible(wall: float) -> bool:
    return EARLIEST_WALL <= wall <= LATEST_WALL
