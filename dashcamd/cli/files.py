"""Commands about files: ``verify`` and ``recover``."""

from __future__ import annotations

import argparse
import errno
from dataclasses import replace
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from dashcamd.cli.arguments import add_json, add_storage, open_storage, print_json
from dashcamd.cli.progress import Progress
from dashcamd.core import naming
from dashcamd.errors import MediaError, OperationError, StorageError
from dashcamd.storage import catalog, mp4_recovery, recovery
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import Disk, PosixDisk
from dashcamd.storage.mp4_reader import OK, inspect_source, sha256_of
from dashcamd.storage.sidecar import PartFacts
from dashcamd.types import Json

DAMAGED = "damaged"
LOOKS_AGAIN = 4
"""How often an event that changes is looked at anew; the daemon closes a part in minutes."""


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "verify", parents=[common], help="is every recorded file whole and as it was written?"
    )
    add_storage(parser)
    add_json(parser)
    parser.set_defaults(act=verify)
    parser = commands.add_parser(
        "recover", parents=[common], help="finish files that a power cut left open"
    )
    parser.add_argument("paths", metavar="FILE_OR_DIR", nargs="+", type=Path)
    add_json(parser)
    parser.set_defaults(act=recover)


def verify(arguments: argparse.Namespace) -> int:
    """Look into every file; 1 if one of them is damaged."""
    disk = open_storage(arguments.settings, arguments.storage)
    reports = list(verify_disk(disk))
    is_ok = all(report["status"] != DAMAGED for report in reports)
    if arguments.json:
        print_json({"files": reports, "ok": is_ok})
        return 0 if is_ok else 1
    for report in reports:
        text = "%(status)-9s %(path)s  %(frames)d frames, %(duration_s).1f s" % report
        gaps = ", %d gaps" % report["gaps"] if report["gaps"] else ""
        print(text + gaps + (": " + report["problem"] if report["problem"] else ""))
    print("%d files, %s" % (len(reports), "all fine" if is_ok else "NOT all fine"))
    return 0 if is_ok else 1


def verify_disk(disk: Disk) -> Iterator[Json]:
    """A report on every video file below ``DASHCAM``, oldest event first."""
    try:
        stored, troubles = catalog.survey(disk)
    except StorageError as error:
        raise OperationError("no recordings there: %s" % error) from None
    total = sum(event.bytes for event in stored)
    done = 0
    with Progress("verifying", total) as progress:
        for event in stored:
            yield from _verify_event(disk, event)
            done += event.bytes
            progress.show(done)
    for trouble in troubles:
        yield _report(trouble.path, problem=trouble.why)


def _verify_event(disk: Disk, event: StoredEvent) -> List[Json]:
    """Reports on an event's files as they are once they have been read.

    A running daemon closes, lists and deletes parts meanwhile: what seems damaged is looked at
    anew if its folder has changed.
    """
    for _ in range(LOOKS_AGAIN):
        reports = list(_look_into(disk, event))
        if all(report["status"] != DAMAGED for report in reports):
            return reports
        before, event = event, _as_it_is_now(disk, event)
        if _names_in(event) == _names_in(before) and event.facts == before.facts:
            return reports
    return list(_look_into(disk, event))


def _as_it_is_now(disk: Disk, event: StoredEvent) -> StoredEvent:
    try:
        return catalog.load(disk, event.name)
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return replace(event, files=(), facts=None)
        return event


def _names_in(event: StoredEvent) -> Tuple[List[str], FrozenSet[str]]:
    return [name for name, _ in event.files], event.unfinished


def _look_into(disk: Disk, event: StoredEvent) -> Iterator[Json]:
    known: Dict[str, PartFacts] = {}
    if event.facts is not None:
        known = {part.file: part for part in event.facts.parts}
    for path in event.parts:
        yield _verify_file(disk, path, known.pop(path.rpartition("/")[2], None))
    for path in event.open_parts:
        report = _verify_file(disk, path, None)
        if _is_being_written(disk, path):
            # Half a fragment, or none yet, is what a part in the making looks like.
            yield {**report, "status": OK, "problem": ""}
        else:
            problem = "was never closed: interrupted; `dashcamd recover` ends it"
            yield {**report, "status": DAMAGED, "problem": problem}
    for path in event.damaged_parts:
        problem = "holds no whole frame: recovery set it aside; delete it if nobody needs it"
        yield _report(path, problem)
    for name in event.lost_names:
        problem = "lost its long name in a power cut; `dashcamd recover` gives it back"
        yield _report("%s/%s" % (event.name.path, name), problem)
    for name in sorted(known):
        yield _report("%s/%s" % (event.name.path, name), problem="listed in event.json and gone")


def _is_being_written(disk: Disk, path: str) -> bool:
    """Whether the running daemon has the part open: it holds a lock on it."""
    try:
        disk.open(path, writable=True).close()
    except StorageError as error:
        return error.errno == errno.EAGAIN
    return False


def _verify_file(disk: Disk, path: str, known: Optional[PartFacts]) -> Json:
    try:
        file = disk.open(path)
    except StorageError as error:
        return _report(path, problem=str(error))
    try:
        info = inspect_source(file)
        problem = info.problem
        if known and known.sha256 and info.status == OK and sha256_of(file) != known.sha256:
            problem = "is not what was written: its SHA-256 differs from event.json"
    except StorageError as error:
        return _report(path, problem=str(error))
    finally:
        file.close()
    is_recovered = known is not None and known.status == recovery.RECOVERED
    return {
        "path": path,
        "frames": info.frames,
        "duration_s": round(info.duration_s, 6),
        "gaps": len(info.gaps),
        "status": DAMAGED if problem else "recovered" if is_recovered else OK,
        "problem": problem,
    }


def _report(path: str, problem: str) -> Json:
    return {
        "path": path,
        "frames": 0,
        "duration_s": 0.0,
        "gaps": 0,
        "status": DAMAGED,
        "problem": problem,
    }


class _Place(NamedTuple):
    """Where a path lies: the root of its volume, and itself from there; no root outside one."""

    root: Optional[Path]
    below: str


def recover(arguments: argparse.Namespace) -> int:
    """Finish interrupted files in place; 1 if one could not be read."""
    lines: List[str] = []
    for path in arguments.paths:
        if not path.exists():
            raise OperationError("%s: there is no such file or folder" % path)
        lines += _recover_path(path)
    if arguments.json:
        print_json({"done": lines})
    else:
        print("\n".join(lines) if lines else "nothing to recover")
    return 0


def _recover_path(path: Path) -> List[str]:
    place = _place(path.absolute())
    if place.root is not None:
        disk = PosixDisk(str(place.root))
        return [
            line
            for event in catalog.events(disk)
            if _is_within(event, place.below) and recovery.is_interrupted(event)
            for line in recovery.recover_event(disk, event)
        ]
    return [_recover_file(file) for file in _interrupted_files(path)]


def _place(path: Path) -> _Place:
    if (path / naming.ROOT).is_dir():
        return _Place(path, "")
    for root in path.parents:
        below = path.relative_to(root)
        if below.parts[0] == naming.ROOT:
            return _Place(root, str(below))
    return _Place(None, "")


def _is_within(event: StoredEvent, below: str) -> bool:
    inside = event.name.path + "/"
    return inside.startswith(below + "/") or below.startswith(inside) or below == ""


def _interrupted_files(path: Path) -> List[Path]:
    if path.is_file():
        return [path]
    disk = PosixDisk(str(path.absolute()))
    videos = sorted(path.rglob("*" + naming.CLOSED_SUFFIX))
    return [
        video
        for video in videos
        if _is_part(video.name) and catalog.is_open(disk, str(video.relative_to(path)))
    ]


def _is_part(name: str) -> bool:
    part = naming.parse_part(name)
    is_plain = part is not None and part.suffix == naming.CLOSED_SUFFIX
    return is_plain or name.endswith(naming.OPEN_SUFFIX)


def _recover_file(path: Path) -> str:
    disk = PosixDisk(str(path.absolute().parent))
    if _is_part(path.name) and catalog.is_open(disk, path.name):
        part = recovery.recover_part(disk, path.name)
        if part is None:
            return "%s held no whole frame and was set aside" % path
        return "%s recovered: %d frames, %.1f s" % (path, part.frames, part.duration_s)
    try:
        result = mp4_recovery.recover(disk, path.name)
    except MediaError as error:
        raise OperationError("%s: %s" % (path.parent, error)) from None
    return "%s: %s, %d frames" % (path, result.status, result.frames)
