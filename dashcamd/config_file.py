"""The machine's own file as the daemon reads it: one wrong letter must not cost the recordings.

Whoever edits it on the card in another computer has no terminal that would complain. So the file is
read as a layer is (`dashcamd.config_layers`): a mistake is refused by name, everything else
applies, and what was refused is a fault. `[camera]` alone has to be right, for a picture that
nobody asked for is worth no more than none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from dashcamd.config import Config
from dashcamd.config_layers import REFUSED, Laid, Verdict, lay
from dashcamd.config_read import MAX_CONFIG_BYTES, SECTIONS, parse_toml, read
from dashcamd.config_schema import FILE
from dashcamd.errors import ConfigError

NEEDED = "camera"

HEADER = re.compile(rb"\s*\[{1,2}\s*([A-Za-z_][\w-]*)")
"""Where a section begins, be its bracket closed or not; a line of an array of numbers is none."""


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
        if _section(verdict) == NEEDED:
            raise ConfigError("%s: %s" % (path, verdict.why))
    config, told = _careful(laid, {_section(verdict) for verdict in refused})
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
        parts = _parts(raw)
    table: Dict[str, Any] = {}
    broken: List[Verdict] = []
    for name, part in parts.items():
        try:
            table.update(parse_toml(part, "[%s]" % name if name else "before all sections"))
        except ConfigError as error:
            may_be_camera = name == "" and NEEDED.encode() in part
            broken.append(Verdict(NEEDED if may_be_camera else name, False, REFUSED + str(error)))
    return table, broken


def _parts(raw: bytes) -> Mapping[str, bytes]:
    """The text of each section, without comments; each line keeps its number, which errors name."""
    owners: List[Optional[str]] = []
    name, lines = "", raw.split(b"\n")
    for line in lines:
        begin = HEADER.match(line)
        name = begin.group(1).decode("ascii") if begin else name
        owners.append(None if line.lstrip().startswith(b"#") else name)
    return {
        part: b"\n".join(line if owner == part else b"" for line, owner in zip(lines, owners))
        for part in dict.fromkeys(owners)
        if part is not None
    }


def _careful(laid: Laid, wrong: Set[str]) -> Tuple[Config, List[str]]:
    """What is safe where a section has a mistake.

    By its defaults a page could be open to more people, and recordings be deleted sooner, than
    whoever wrote the file wanted.
    """
    config, told = laid.config, []
    if "web" in wrong and config.web.enabled:
        config = replace(config, web=replace(config.web, enabled=False))
        told.append("[web] has a mistake in it, so there is no page")
    unsaid = {"keep_days", "continuous_keep_days"} - set(laid.taken.get("storage", ()))
    if "storage" in wrong and unsaid:
        forever: Dict[str, Any] = dict.fromkeys(unsaid, 0.0)
        config = replace(config, storage=replace(config.storage, **forever))
        told.append("[storage] has a mistake in it, so nothing is deleted for its age alone")
    return config, told


def _section(verdict: Verdict) -> str:
    return verdict.key.partition(".")[0]
