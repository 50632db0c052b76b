"""``DASHCAM/index.html``: what makes a stick open itself on any computer, from file://.

::

    DASHCAM/index.html
    DASHCAM/index/page.js page.css words.js
    DASHCAM/index/list.js          which chunks there are, newest first
    DASHCAM/index/events-000002.js one line an event, `CHUNK` event numbers a file

A browser may load scripts from file:// but not data, so the data are scripts. An event changes one
small file. Everything in it came from a stick and is data: it is written as ASCII JSON in which
no ``<`` stands, and the page never makes markup of it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from dashcamd.core import naming
from dashcamd.core.timeline import Moment
from dashcamd.storage.catalog import StoredEvent
from dashcamd.types import Json

CHUNK = 200
"""Event numbers in one file: 50 KB, written anew for each event, and 25 files for 5000."""

PARTS_SHOWN = 2000
"""A day of 120 s parts is 720; more is not ours."""

MOST_CHUNKS = 200
"""40 000 events; older ones are not listed, only kept."""

FOLDER = Path(__file__).parent / "page"
DATA = "%s/%s" % (naming.ROOT, naming.PAGE_DATA)
LIST = DATA + "/list.js"
STATIC = {"%s/%s" % (naming.ROOT, naming.PAGE): naming.PAGE}
STATIC.update(("%s/%s" % (DATA, name), name) for name in ("page.js", "page.css", "words.js"))
"""Path on the stick to file of the package."""

_CHUNK = re.compile(r"^events-(\d{6,10})\.js(\.tmp)?$", re.ASCII)

Label = Callable[[Optional[Moment]], Optional[datetime]]


def static_file(name: str) -> bytes:
    """A file of the page as it comes with the package."""
    return (FOLDER / name).read_bytes()


def chunk_of(number: int) -> int:
    """The chunk that event `number` is listed in."""
    return number // CHUNK


def chunk_path(chunk: int) -> str:
    """Where a chunk lies on the stick."""
    return "%s/events-%06d.js" % (DATA, chunk)


def chunk_in(name: str) -> Optional[int]:
    """The chunk that a file of this name holds, finished or not; None for a file not ours."""
    match = _CHUNK.match(name)
    return int(match.group(1)) if match else None


def chunk_bytes(chunk: int, lines: Mapping[int, str]) -> bytes:
    """A chunk of the `lines` that `line` made, by event number."""
    newest_first = [lines[number] for number in sorted(lines, reverse=True)]
    return ("dashcamd_events(%d,[\n%s\n]);\n" % (chunk, ",\n".join(newest_first))).encode("ascii")


def list_bytes(chunks: Iterable[int]) -> bytes:
    """The list of chunks."""
    return ("dashcamd_list(%s);\n" % _script(sorted(chunks, reverse=True))).encode("ascii")


def line(event: StoredEvent, local: Label) -> str:
    """One event for the page, as a line of script."""
    return _script(_entry(event, local))


def _entry(event: StoredEvent, local: Label) -> Json:
    facts = event.facts
    moment = local(facts.moment) if facts else None
    entry: Dict[str, Any] = {
        "n": event.number,
        "d": event.name.day,
        "f": event.name.folder,
        "r": facts.reason if facts else naming.event_reason(event.name.folder),
        "p": _parts(event),
        "b": event.bytes,
    }
    if facts and facts.moment and moment:
        entry["t"] = moment.strftime("%Y-%m-%d %H:%M:%S")
        entry["u"] = round(facts.moment.uncertainty_s, 1)
    names = dict(event.files)
    if names.get(naming.COVER):
        entry["c"] = 1
    if event.is_locked:
        entry["l"] = 1
    flags = _flags(event)
    if flags:
        entry["x"] = flags
    return entry


def _parts(event: StoredEvent) -> List[List[Any]]:
    """File name and seconds of each part that can be played."""
    known = {part.file: part.duration_s for part in event.facts.parts} if event.facts else {}
    files = [path.rpartition("/")[2] for path in event.parts]
    return [[file, round(known.get(file, 0.0), 1)] for file in files[:PARTS_SHOWN]]


def _flags(event: StoredEvent) -> List[str]:
    """What a person should know of it besides: words of the page."""
    facts = event.facts
    found = {
        "damaged": facts is None or any(_is_damaged(name) for name, _ in event.files),
        "open": bool(event.open_parts) or (facts is not None and not facts.is_closed),
        "recovered": facts is not None and any(part.status == "recovered" for part in facts.parts),
        "gaps": facts is not None and any(gap.frames for gap in facts.gaps),
    }
    return [name for name, is_so in found.items() if is_so]


def _is_damaged(name: str) -> bool:
    part = naming.parse_part(name)
    return part is not None and part.suffix == naming.DAMAGED_SUFFIX


def _script(value: Any) -> str:
    """JSON that is ASCII (so no U+2028 ends a line) and closes no script."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
