"""Events on a disk, made the way the record and the keep thread make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from dashcamd.core.timeline import Moment
from dashcamd.storage import catalog, sidecar
from dashcamd.storage.disk import Disk, replace_file
from dashcamd.storage.in_pieces import at_once
from dashcamd.storage.part import Part
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.testing import stream
from dashcamd.types import Frame
from tests.storage.recordings import gops

WALL = 1_800_000_000.0
START = 1000.0


def write_part(disk: Disk, folder: str, stem: str, frames: Sequence[Frame], *, finish: bool = True):
    """One part, a fragment per GOP; its facts, or None when it stays open."""
    part = Part(disk, folder, stem, WALL, overlap_frames=0)
    try:
        written = 0
        for gop in gops(frames):
            written += len(gop)
            part.append(gop, frames[written].ts if written < len(frames) else None)
        return part.finish() if finish else None
    finally:
        part.abandon()


def digest_of(disk, path: str) -> str:
    """SHA-256 of a file."""
    return at_once(catalog.digest_in_pieces(disk, path))


def write_event(
    volume: Volume,
    patterns: Sequence[str] = ("kppp" * 2,),
    *,
    is_closed: bool = True,
    open_part: str = "",
    has_sidecar: bool = True,
    reason: str = "motion",
):
    """A whole event of one part for each pattern; `open_part` was cut off while it was written."""
    moment = Moment(START, WALL, 1.0, "ntp")
    number, name = volume.new_event(reason, moment, START)
    facts = EventFacts(
        number, reason, volume.boot, volume.boot_id, START, moment, START + 1, START + 2
    )
    first = 0
    for place, pattern in enumerate(patterns):
        frames = stream(pattern, first_number=first, start_ts=START + first / 30)
        first += len(pattern)
        part = write_part(volume.disk, name.path, "120000_p%02d" % place, frames)
        digest = digest_of(volume.disk, "%s/%s" % (name.path, part.file))
        facts = facts.with_part(replace(part, sha256=digest))
    if open_part:
        frames = stream(open_part, first_number=first, start_ts=START + first / 30)
        stem = "120000_p%02d" % len(patterns)
        write_part(volume.disk, name.path, stem, frames, finish=False)
    if has_sidecar:
        facts = replace(facts, is_closed=is_closed and not open_part)
        replace_file(volume.disk, name.path + "/event.json", sidecar.to_bytes(facts))
    return name
