"""From TOML to a checked `Config`: a refusal is one line that says where and what is allowed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from dashcamd.config import Config, sections
from dashcamd.config_schema import Setting, did_you_mean, keys, named, parse_section, shown
from dashcamd.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - exercised by the Python 3.9 run
    import tomli as tomllib

MAX_CONFIG_BYTES = 256 * 1024
"""A larger file is not ours; a hostile stick must not fill the memory."""

STRANGERS_BYTES = 32 * 1024
STRANGERS_LINE = 400
"""The reader takes a time that grows with the square of a dotted key's length: 15 s for 30 kB on a
PC. Within these bounds the worst case found takes 0.1 s there, and every setting fits."""

SECTIONS = dict(sections())
RULES: Dict[str, Dict[str, Setting]] = {
    name: {key: rules for key, _, rules in keys(section)} for name, section in SECTIONS.items()
}
"""What the schema knows of each key of each section."""


def load(path: Optional[Path]) -> Config:
    """Read and check a TOML file; None gives the defaults.

    Raises `ConfigError` naming file, key, value and what is allowed.
    """
    return Config() if path is None else parse(parse_toml(read(path), str(path)), str(path))


def read(path: Path) -> bytes:
    """What a settings file holds, one byte more than allowed at most. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError("%s: cannot be read: %s" % (path, error.strerror or error)) from None


def parse_strangers_toml(raw: bytes, where: str) -> Dict[str, Any]:
    """The same for a file that anybody may have written: in bounded time. Raises `ConfigError`."""
    if len(raw) > STRANGERS_BYTES:
        raise ConfigError("%s: larger than %d bytes" % (where, STRANGERS_BYTES))
    for line in raw.splitlines():
        if len(line) > STRANGERS_LINE and not line.startswith(b"#"):
            raise ConfigError("%s: a line is longer than %d bytes" % (where, STRANGERS_LINE))
    return parse_toml(raw, where)


def parse_toml(raw: bytes, where: str) -> Dict[str, Any]:
    """A TOML file's table, unchecked; `where` names it in errors. Raises `ConfigError`."""
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigError(
            "%s: larger than %d bytes, not a dashcamd configuration" % (where, MAX_CONFIG_BYTES)
        )
    try:
        table: Dict[str, Any] = tomllib.loads(raw.decode("utf-8-sig"))
        return table
    except UnicodeDecodeError:
        raise ConfigError("%s: not a text file in UTF-8" % where) from None
    except (ValueError, RecursionError) as error:
        # Not TOMLDecodeError alone: its parser lets pass what int() says of 5000 digits.
        raise ConfigError("%s: not valid TOML: %s" % (where, error)) from None


def parse(table: Mapping[str, Any], where: str) -> Config:
    """Turn a TOML table into a `Config`; `where` names it in errors. Raises `ConfigError`."""
    made: Dict[str, Any] = {}
    try:
        for name, values in table.items():
            values = section_of(name, values)
            made[name] = parse_section(SECTIONS[name], values, "[%s]" % name)
        config = Config(**made)
        why = contradiction(config)
    except ConfigError as error:
        raise ConfigError("%s: %s" % (where, error)) from None
    if why is not None:
        raise ConfigError("%s: %s" % (where, why))
    return config


def section_of(name: str, values: Any) -> Mapping[str, Any]:
    """The keys of section `name`, unchecked. Raises `ConfigError` if it is none of ours."""
    if name not in SECTIONS:
        raise ConfigError("unknown section [%s]%s" % (named(name), did_you_mean(name, SECTIONS)))
    if not isinstance(values, Mapping):
        raise ConfigError("%s = %s: must be a section, [%s]" % (name, shown(values), name))
    return values


def contradiction(config: Config) -> Optional[str]:
    """What settings that are fine by themselves say against each other; None when they agree."""
    recording = config.recording
    least = recording.pre_roll_s + recording.post_roll_s + config.camera.keyframe_s
    if recording.gap_s >= least:
        return None
    return (
        "[recording] gap_s = %g: must be at least pre_roll_s + post_roll_s + [camera] keyframe_s "
        "= %g, or two events would share frames" % (recording.gap_s, least)
    )
