"""Commands about events: ``events``, ``lock``, ``unlock``, ``export``."""

from __future__ import annotations

import argparse
import errno
from pathlib import Path

from dashcamd.cli.arguments import add_json, add_storage, open_storage, print_json
from dashcamd.cli.progress import Progress
from dashcamd.errors import OperationError, StorageError
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent, Survey, Trouble
from dashcamd.storage.disk import Disk, PosixDisk, replace_file
from dashcamd.storage.locking import set_lock
from dashcamd.storage.volume import shown_day, shown_start
from dashcamd.types import Json

CHUNK_BYTES = 1 << 20
TEMPORARY = ".tmp"


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands."""
    parser = commands.add_parser("events", parents=[common], help="list what was recorded")
    add_storage(parser)
    add_json(parser)
    parser.set_defaults(act=events)
    for word, text in (("lock", "never delete an event"), ("unlock", "let it be deleted")):
        parser = commands.add_parser(word, parents=[common], help=text)
        parser.add_argument("event", metavar="EVENT", help="its name or number, such as e000107")
        add_storage(parser)
        parser.set_defaults(act=lock, is_locked=word == "lock")
    parser = commands.add_parser("export", parents=[common], help="copy events somewhere else")
    parser.add_argument("events", metavar="EVENT", nargs="+", help="their names or numbers")
    parser.add_argument("--to", metavar="DIR", required=True, type=Path, help="where to")
    add_storage(parser)
    parser.set_defaults(act=export)


def events(arguments: argparse.Namespace) -> int:
    """List the events on the volume, oldest first; 1 if a folder could not be read."""
    disk = open_storage(arguments.settings, arguments.storage)
    survey = _survey(disk)
    found = [describe(event) for event in survey.events]
    if arguments.json:
        print_json([*found, *map(_unreadable, survey.troubles)])
        return 1 if survey.troubles else 0
    for event in found:
        print(
            "%(event)-32s %(start)-26s %(duration_s)8.1f s %(mib)7.1f MiB  %(files)d files%(lock)s"
            % dict(
                event,
                start=(event["start_local"] or "clock not known").replace("T", " "),
                mib=event["bytes"] / CHUNK_BYTES,
                files=len(event["parts"]),
                lock="  locked" if event["locked"] else "",
            )
        )
    for trouble in survey.troubles:
        print("%s cannot be read and is left out: %s" % trouble)
    return 1 if survey.troubles else 0


def _unreadable(trouble: Trouble) -> Json:
    return {"path": trouble.path, "state": "unreadable", "problem": trouble.why}


def describe(event: StoredEvent) -> Json:
    """One event as `dashcamd events --json` lists it."""
    facts, start = event.facts, shown_start(event)
    return {
        "event": event.name.folder,
        "number": event.number,
        "path": event.name.path,
        "day": shown_day(event),
        "reason": facts.reason if facts else "",
        "state": "closed" if facts and facts.is_closed and not event.open_parts else "open",
        "start": facts.moment.iso if facts and facts.moment else None,
        "start_local": start.isoformat(timespec="seconds") if start else None,
        "duration_s": round(sum(part.duration_s for part in facts.parts), 3) if facts else 0.0,
        "frames": sum(part.frames for part in facts.parts) if facts else 0,
        "bytes": event.bytes,
        "locked": event.is_locked,
        "parts": [*event.parts, *event.open_parts],
        "gaps": len(facts.gaps) if facts else 0,
        "frames_lost": sum(gap.frames for gap in facts.gaps) if facts else 0,
    }


def lock(arguments: argparse.Namespace) -> int:
    """Lock or unlock one event."""
    disk = open_storage(arguments.settings, arguments.storage)
    name = set_lock(disk, arguments.event, arguments.is_locked)
    print("%s is %s" % (name, "locked" if arguments.is_locked else "unlocked"))
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Copy events to a folder; what is there already under the same name is kept."""
    disk = open_storage(arguments.settings, arguments.storage)
    wanted = [_found(disk, name) for name in arguments.events]
    try:
        arguments.to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("%s: cannot be made: %s" % (arguments.to, error.strerror)) from None
    target = PosixDisk(str(arguments.to))
    total = sum(event.bytes for event in wanted)
    done = 0
    with Progress("exporting", total) as progress:
        for event in wanted:
            target.make_dirs(event.name.folder)
            for name, size in event.files:
                if name.endswith(TEMPORARY):
                    continue
                _copy(disk, "%s/%s" % (event.name.path, name), target, event.name.folder, name)
                done += size
                progress.show(done)
    for event in wanted:
        print(arguments.to / event.name.folder)
    return 0


def _copy(disk: Disk, path: str, target: Disk, folder: str, name: str) -> None:
    """Copy one file so that the target has it whole or not at all."""
    destination = "%s/%s" % (folder, name)
    source = disk.open(path)
    try:
        size = source.size
        known = {entry.name: entry.size for entry in target.entries(folder)}
        if name in known:
            if known[name] != size:
                raise OperationError(
                    "%s exists with another size; nothing was changed" % destination
                )
            return
        if size <= CHUNK_BYTES:
            replace_file(target, destination, source.read(0, size))
            return
        if name + TEMPORARY in known:
            target.unlink(destination + TEMPORARY)
        copy = target.create(destination + TEMPORARY)
        try:
            for offset in range(0, size, CHUNK_BYTES):
                copy.write([source.read(offset, min(CHUNK_BYTES, size - offset))])
            copy.sync_all()
        finally:
            copy.close()
        target.rename(destination + TEMPORARY, destination)
        target.sync_dir(folder)
    finally:
        source.close()


def _found(disk: Disk, wanted: str) -> StoredEvent:
    event = catalog.find(disk, wanted)
    if event is None:
        raise OperationError("no event %r there; `dashcamd events` lists them" % wanted)
    return event


def _survey(disk: Disk) -> Survey:
    try:
        return catalog.survey(disk)
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return Survey([], [])
        raise
