"""The machine's own file as the daemon reads it: one wrong letter must not cost the recordings.

Whoever edits it on the card in another computer has no terminal that would complain. So the file is
read as a layer is (`dashcamd.config_layers`): a mistake is refused by name, everything else
applies, and what was refused is a fault. `[camera]` alone has to be right, for a picture that
nobody asked for is worth no more than none; a section whose name is nearly that one is taken for a
mistake in it, and so is a file that is no text.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from dashcamd.config import Config
from dashcamd.config_layers import REFUSED, Laid, Verdict, lay
from dashcamd.config_read import MAX_CONFIG_BYTES, RULES, SECTIONS, parse_toml, read
from dashcamd.config_schema import FILE
from dashcamd.errors import ConfigError

NEEDED = "camera"

CAREFUL = ("web", "storage")
"""Sections whose defaults could do what nobody asked for, see `_careful`."""

HEADER = re.compile(
    rb"\s*\[{1,2}\s*([A-Za-z_][\w-]*)|\W*(%s)\W*(?:#.*)?$" % "|".join(SECTIONS).encode("ascii"),
    re.I,
)
"""Where a section begins: a bracket and a name, be it closed or not, or a name of ours and no
bracket, or the wrong one. A line of an array of numbers is none."""

BOM = b"\xef\xbb\xbf"


class Settled(NamedTuple):
    """The settings to record with, and a line for each thing in the file that is not among them."""

    config: Config
    refused: Tuple[str, ...] = ()


def settle(path: Optional[Path]) -> Settled:
    """Take from a file what is right; None gives the defaults.

    Raises `ConfigError` for a file that cannot be read at all, and for one whose `[camera]` has a
    mistake in it.
    """
    if path is None:
        return Settled(Config())
    laid = _laid(path)
    refused = [verdict for verdict in laid.verdicts if not verdict.is_taken]
    for verdict in refused:
        if NEEDED in _meant(verdict):
            raise ConfigError("%s: %s" % (path, verdict.why))
    config, told = _careful(laid, set().union(*map(_meant, refused)))
    return Settled(config, (*(verdict.why for verdict in refused), *told))


def mistakes(path: Path) -> List[str]:
    """Everything that is wrong with a file, one line each. Raises `ConfigError` if unreadable."""
    return [verdict.why for verdict in _laid(path).verdicts if not verdict.is_taken]


def _laid(path: Path) -> Laid:
    table, broken = _tables(read(path), str(path))
    known = sorted(table, key=lambda name: [*SECTIONS, name].index(name))
    laid = lay(Config(), {name: table[name] for name in known}, FILE)
    return laid._replace(verdicts=(*broken, *laid.verdicts))


def _tables(raw: bytes, where: str) -> Tuple[Dict[str, Any], List[Verdict]]:
    """The file's table; when it is no TOML, that of each section that is by itself."""
    try:
        return parse_toml(raw, where), []
    except ConfigError:
        if len(raw) > MAX_CONFIG_BYTES:
            raise
        parts, strangers = _parts(raw[len(BOM) :] if raw.startswith(BOM) else raw)
        has_header = bool(strangers) or any(parts)
        if NEEDED not in parts and not _is_text(raw, has_header):
            raise
    table: Dict[str, Any] = {}
    broken: List[Verdict] = []
    for name, part in parts.items():
        try:
            table.update(parse_toml(part, "[%s]" % name if name else "before all sections"))
        except ConfigError as error:
            may_be_camera = name == "" and NEEDED.encode("ascii") in part
            key = NEEDED if may_be_camera else name
            broken.append(Verdict(key, False, REFUSED + str(error)))
    return {**{name: {} for name in strangers}, **table}, broken


def _parts(raw: bytes) -> Tuple[Mapping[str, bytes], List[str]]:
    """The text of each section of ours, and the names of the others.

    It is without comments, and each line keeps its number, which errors name. What is not ours is
    refused by its name alone: to read each would take a time that grows with their square.
    """
    owners: List[Optional[str]] = []
    name, lines = "", raw.split(b"\n")
    for line in lines:
        # A power cut leaves zeros where text was, and the text before them may be a comment.
        is_comment = line.lstrip().startswith(b"#") and b"\0" not in line
        begin = None if is_comment else HEADER.match(line)
        name = (begin.group(1) or begin.group(2)).decode("ascii") if begin else name
        owners.append(None if is_comment else name)
    found = [owner for owner in dict.fromkeys(owners) if owner is not None]
    parts = {
        part: b"\n".join(line if owner == part else b"" for line, owner in zip(lines, owners))
        for part in found
        if part == "" or part in SECTIONS
    }
    return parts, [owner for owner in found if owner not in parts]


def _is_text(raw: bytes, has_header: bool) -> bool:
    """Whether a file is text at all; one odd letter among sections does not count."""
    if b"\0" in raw:
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return has_header
    return True


def _meant(verdict: Verdict) -> Set[str]:
    """Each section that may not be as it was meant because of what was refused."""
    section, _, key = verdict.key.partition(".")
    if section not in SECTIONS:
        near = difflib.get_close_matches(section.lower(), list(SECTIONS), n=1)
        return {*CAREFUL, *near} if near == [NEEDED] else set(CAREFUL)
    if not key:
        # What is no TOML may hold the rest of the file, whose header was not known as one.
        return {section, "storage"}
    astray = {name for name in CAREFUL if key in RULES[name] and key not in RULES[section]}
    return {section, *astray}


def _careful(laid: Laid, wrong: Set[str]) -> Tuple[Config, List[str]]:
    """What is safe where a section may not be as it was meant.

    By its defaults a page could be open to more people, and recordings be deleted sooner, than
    whoever wrote the file wanted.
    """
    config, told = laid.config, []
    if "web" in wrong and config.web.enabled:
        config = replace(config, web=replace(config.web, enabled=False))
        told.append("[web] may not be as it was meant, so there is no page")
    unsaid = {"keep_days", "continuous_keep_days"} - set(laid.taken.get("storage", ()))
    if "storage" in wrong and unsaid:
        forever: Dict[str, Any] = dict.fromkeys(unsaid, 0.0)
        config = replace(config, storage=replace(config.storage, **forever))
        told.append("[storage] may not be as it was meant: nothing is deleted for its age alone")
    return config, told
