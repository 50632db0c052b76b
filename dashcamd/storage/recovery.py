"""After a power cut or a pulled stick: parts that were open become ordinary MP4 files.

Crash order: the file itself (`dashcamd.storage.mp4_recovery`), rename to its final name if it has
another, fsync of the folder, sidecar. Every step can be repeated; a cut between two of them is
finished next time.
A leftover without a single whole frame is set aside as ``….damaged`` and reported, never deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Generator, Iterator, Optional

from dashcamd.core import naming
from dashcamd.errors import MediaError
from dashcamd.storage import catalog, sidecar
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, replace_file
from dashcamd.storage.in_pieces import InPieces, at_once
from dashcamd.storage.mp4_reader import OK, inspect_source, sha256_in_pieces
from dashcamd.storage.mp4_recovery import EMPTY, recover
from dashcamd.storage.sidecar import EventFacts, PartFacts

RECOVERED = "recovered"


def is_interrupted(event: StoredEvent) -> bool:
    """Whether the event was never closed: an open part, an open or outdated sidecar."""
    if event.lost_names:
        return True
    if event.open_parts or event.facts is None:
        return bool(event.open_parts or event.parts)
    known = {part.file for part in event.facts.parts}
    listed = {path.rpartition("/")[2] for path in event.parts}
    return not event.facts.is_closed or not listed <= known


def recover_event(disk: Disk, event: StoredEvent) -> Iterator[str]:
    """Finish all that a cut left open in one event; yields a line for each thing done.

    Raises `StorageError` when the volume fails.
    """
    return (line for line in recover_event_in_pieces(disk, event) if line is not None)


def recover_event_in_pieces(disk: Disk, event: StoredEvent) -> Generator[Optional[str], None, None]:
    """As `recover_event`, yielding None after each piece of a long part's hashing besides."""
    if event.lost_names:
        yield from _name_again(disk, event)
        event = catalog.load(disk, event.name)
    facts = event.facts
    for path in event.open_parts:
        part = yield from recover_part_in_pieces(disk, path)
        if part is None:
            yield "%s held no whole frame and was set aside" % path
            continue
        yield "%s recovered: %d frames, %.1f s" % (path, part.frames, part.duration_s)
        facts = facts.with_part(_placed(part, facts)) if facts else None
    if facts is None:
        return
    for path in event.parts:
        name = path.rpartition("/")[2]
        if not any(part.file == name for part in facts.parts):
            found = yield from _facts_of(disk, path, "ok")
            facts = facts.with_part(_placed(found, facts))
    facts = replace(facts, is_closed=True)
    replace_file(disk, "%s/%s" % (event.name.path, naming.SIDECAR), sidecar.to_bytes(facts))


def _name_again(disk: Disk, event: StoredEvent) -> Iterator[str]:
    """Give parts that lost their long name the next free number, as open parts: they may be."""
    folder = event.name.path
    known = [part.number for part in map(naming.parse_part, dict(event.files)) if part]
    for number, name in enumerate(event.lost_names, max(known, default=-1) + 1):
        stem = "%s_p%02d" % (naming.lost_stamp(name), number)
        disk.rename("%s/%s" % (folder, name), "%s/%s%s" % (folder, stem, naming.OPEN_SUFFIX))
        disk.sync_dir(folder)
        yield "%s/%s had lost its name and is %s again" % (folder, name, stem)


def recover_part(disk: Disk, path: str) -> Optional[PartFacts]:
    """Finish one open part under its final name; None if it held nothing and was set aside.

    Raises `StorageError`.
    """
    return at_once(recover_part_in_pieces(disk, path))


def recover_part_in_pieces(disk: Disk, path: str) -> InPieces[Optional[PartFacts]]:
    """As `recover_part`; what takes long in it is the hash."""
    try:
        is_empty = recover(disk, path).status == EMPTY
    except MediaError:
        is_empty = True
    final = set_aside_path(path) if is_empty else _stem(path) + naming.CLOSED_SUFFIX
    if final != path:
        disk.rename(path, final)
    disk.sync_dir(path.rpartition("/")[0])
    return None if is_empty else (yield from _facts_of(disk, final, RECOVERED))


def set_aside_path(path: str) -> str:
    """Where `recover_part` puts the open part at `path` when there is no whole frame in it."""
    return _stem(path) + naming.DAMAGED_SUFFIX


def _stem(path: str) -> str:
    is_named_open = path.endswith(naming.OPEN_SUFFIX)
    return path[: -len(naming.OPEN_SUFFIX if is_named_open else naming.CLOSED_SUFFIX)]


def _facts_of(disk: Disk, path: str, status: str) -> InPieces[PartFacts]:
    file = disk.open(path)
    try:
        info = inspect_source(file)
        digest = yield from sha256_in_pieces(file)
    finally:
        file.close()
    return PartFacts(
        file=path.rpartition("/")[2],
        start=0.0,
        duration_s=info.duration_s,
        frames=info.frames,
        bytes=info.bytes,
        sha256=digest,
        status=status if info.status == OK else info.status,
    )


def _placed(part: PartFacts, facts: EventFacts) -> PartFacts:
    """The part with its start: behind the parts before it, as near as can be known now."""
    before = [known.start + known.duration_s for known in facts.parts if known.file < part.file]
    return replace(part, start=max(before, default=facts.start))
