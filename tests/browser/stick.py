"""A stick that was in use for days before a test begins, and what comes to it meanwhile."""

from __future__ import annotations

from pathlib import Path

from dashcamd.core import naming
from dashcamd.core.timeline import Moment
from dashcamd.storage import sidecar
from dashcamd.storage.disk import PosixDisk, replace_file
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import local
from dashcamd.testing import stream
from tests.storage.events import write_part

NOON = 2_145_960_000.0
"""Of the first day of 2038: no clock of a machine calls these events too old to be kept, and a
calendar of 32 bits has it."""

DAY_S = 86400.0
START = 1000.0


def add_event(stick: Path, number: int, wall: float) -> str:
    """An event that is over, as the daemon would have left it; the name of its folder."""
    disk = PosixDisk(str(stick))
    moment = Moment(START, wall, 1.0, "ntp")
    name = naming.event_name(number, "motion", local(moment), 1, START)
    facts = EventFacts(
        number, "motion", 1, "an-earlier-boot", START, moment, START + 1, START + 2, is_closed=True
    )
    disk.make_dirs(name.path)
    facts = facts.with_part(write_part(disk, name.path, name.folder[:6] + "_p00", stream("kppp")))
    replace_file(disk, name.path + "/event.json", sidecar.to_bytes(facts))
    return name.folder


def folder_of(stick: Path, event: str) -> Path:
    """Where an event lies."""
    return next(stick.glob("DASHCAM/*/" + event))


def locked(stick: Path) -> list[str]:
    """The names of the events that are locked."""
    return [path.parent.name for path in stick.rglob("locked.txt")]
