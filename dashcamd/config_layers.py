"""Settings in layers, each on top of the one before.

::

    configuration file, command line  <  what the page changed  <  what the stick brought

A layer is data: whatever in it is wrong or not its business is refused by name, and everything
else applies. So there is always a whole `Config` that is in order, whoever wrote the layers.

The stick's layer is that of the stick in use, or of the last one while there is none: the next
stick brings its own or none. It is not kept over a restart, for it comes with its stick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from dashcamd.config import Config
from dashcamd.config_read import RULES, SECTIONS, contradiction, section_of
from dashcamd.config_schema import FILE, PAGE, STICK, parse_value, plain
from dashcamd.config_text import to_toml
from dashcamd.errors import ConfigError
from dashcamd.types import Json

Table = Mapping[str, Any]
"""Section to key to value, as TOML and JSON give it (no tuples); unchecked."""

MAX_KEYS = 200
"""Twice as many as there are; what more a layer has is refused unread: suggestions take time."""

TRUSTED = (STICK, PAGE, FILE)

VERSION = 1

REFUSED = "refused: "


@dataclass(frozen=True)
class Verdict:
    """What became of one thing a layer says.

    `key` is ``section.key`` (or the section alone), `text` one line for people that names it.
    """

    key: str
    is_taken: bool
    text: str

    @property
    def why(self) -> str:
        """Of what was refused, why."""
        return self.text[len(REFUSED) :]


class Laid(NamedTuple):
    """Answer of `lay`: what holds now, and of the layer what was `taken`, section to key."""

    config: Config
    taken: Dict[str, Dict[str, Any]]
    verdicts: Tuple[Verdict, ...]


@dataclass(frozen=True)
class Layers:
    """The file's settings and what lies on top."""

    file: Config
    page: Table = field(default_factory=dict)
    stick: Table = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """All of them as one."""
        return lay(lay(self.file, self.page, PAGE).config, self.stick, STICK).config

    @property
    def origins(self) -> Dict[str, str]:
        """Who set ``section.key``, for those that neither the file nor a default gives."""
        under = lay(self.file, self.page, PAGE)
        found = dict.fromkeys(_names(under.taken), PAGE)
        found.update((name, STICK) for name in _names(lay(under.config, self.stick, STICK).taken))
        return found


def lay(under: Config, table: Table, who: str) -> Laid:
    """Lay `table`, which `who` wrote, on top of `under`.

    Sections that say nothing new stay the same objects. Settings that contradict each other are
    refused a section at a time.
    """
    good, verdicts = _checked(table, who)
    config, refused = _agreeing(under, good)
    for section, why in refused.items():
        verdicts += [_refusal(section, key, why) for key in good.pop(section)]
    verdicts += [_taken(section, key, value) for section, key, value in _items(good)]
    return Laid(config, good, tuple(verdicts))


def change(layers: Layers, changes: Table) -> Tuple[Layers, Tuple[Verdict, ...]]:
    """Let the page set `changes`; None as a value goes back to the file's."""
    page = lay(layers.file, layers.page, PAGE)
    laid = lay(page.config, _without_nones(changes, layers.file), PAGE)
    merged = {section: dict(values) for section, values in page.taken.items()}
    for section, key, value in _items(laid.taken):
        merged.setdefault(section, {})[key] = value
    kept = {
        section: {
            key: value for key, value in values.items() if value != _of(layers.file, section, key)
        }
        for section, values in merged.items()
    }
    page_sets = _plain({section: values for section, values in kept.items() if values})
    after = replace(layers, page=page_sets)
    return after, tuple(_shadowed(verdict, after) for verdict in laid.verdicts)


def bring(layers: Layers, table: Table) -> Tuple[Layers, Tuple[Verdict, ...]]:
    """Let the stick that came into use say its piece; an empty `table` is none."""
    laid = lay(lay(layers.file, layers.page, PAGE).config, table, STICK)
    return replace(layers, stick=_plain(laid.taken)), laid.verdicts


def to_bytes(layers: Layers) -> bytes:
    """What is kept over a restart: what the page changed."""
    return (json.dumps({"dashcamd": VERSION, "page": layers.page}, indent=1) + "\n").encode("ascii")


def from_bytes(file: Config, data: bytes) -> Optional[Layers]:
    """Read what `to_bytes` wrote over the present `file`; None when it is not that."""
    try:
        page = json.loads(data.decode("utf-8"))["page"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Layers(file, page) if isinstance(page, dict) else None


def in_json(verdict: Verdict) -> Json:
    """A verdict for the page."""
    return {"key": verdict.key, "taken": verdict.is_taken, "text": verdict.text}


def _checked(table: Table, who: str) -> Tuple[Dict[str, Dict[str, Any]], List[Verdict]]:
    """What in `table` is right by itself, and a refusal for each thing that is not."""
    good: Dict[str, Dict[str, Any]] = {}
    refused: List[Verdict] = []
    left = MAX_KEYS
    for section, values in table.items():
        try:
            items = section_of(section, values).items()
        except ConfigError as error:
            refused.append(Verdict(section[:60], False, REFUSED + str(error)))
            items = {}.items()
        left -= max(1, len(items))
        if left < 0:
            refused.append(Verdict("", False, REFUSED + "more than %d settings" % MAX_KEYS))
            break
        for key, value in items:
            try:
                good.setdefault(section, {})[key] = _allowed(section, key, value, who)
            except ConfigError as error:
                refused.append(Verdict("%s.%s" % (section, key[:60]), False, REFUSED + str(error)))
    return {section: values for section, values in good.items() if values}, refused


def _allowed(section: str, key: str, value: Any, who: str) -> Any:
    checked = parse_value(SECTIONS[section], key, value, "[%s]" % section)
    rules = RULES[section][key]
    if TRUSTED.index(who) < TRUSTED.index(rules.trust):
        where = "on the page or in the machine's" if rules.trust == PAGE else "in the machine's own"
        raise ConfigError("[%s] %s can only be set %s configuration file" % (section, key, where))
    return checked


def _agreeing(
    under: Config, good: Mapping[str, Mapping[str, Any]]
) -> Tuple[Config, Dict[str, str]]:
    config, refused = _with(under, good), {}
    if contradiction(config) is None:
        return config, {}
    config = under
    for section, values in good.items():
        candidate = _with(config, {section: values})
        why = contradiction(candidate)
        if why is None:
            config = candidate
        else:
            refused[section] = why
    return config, refused


def _with(config: Config, good: Mapping[str, Mapping[str, Any]]) -> Config:
    changed = {name: replace(getattr(config, name), **values) for name, values in good.items()}
    return replace(
        config,
        **{name: made for name, made in changed.items() if made != getattr(config, name)},
    )


def _refusal(section: str, key: str, why: str) -> Verdict:
    return Verdict("%s.%s" % (section, key), False, REFUSED + "[%s] %s: %s" % (section, key, why))


def _taken(section: str, key: str, value: Any) -> Verdict:
    when = "from the next start on" if RULES[section][key].at_start else "taken"
    text = "%s: [%s] %s = %s" % (when, section, key, to_toml(value))
    return Verdict("%s.%s" % (section, key), True, text)


def _shadowed(verdict: Verdict, layers: Layers) -> Verdict:
    if not verdict.is_taken or layers.origins.get(verdict.key) != STICK:
        return verdict
    why = "%s; but dashcamd.toml on the stick sets it too, and goes first" % verdict.text
    return replace(verdict, text=why)


def _without_nones(changes: Table, file: Config) -> Table:
    return {
        section: {
            key: plain(_of(file, section, key))
            if value is None and key in RULES.get(section, {})
            else value
            for key, value in values.items()
        }
        if isinstance(values, Mapping)
        else values
        for section, values in changes.items()
    }


def _plain(table: Table) -> Json:
    return {
        section: {key: plain(value) for key, value in values.items()}
        for section, values in table.items()
    }


def _of(config: Config, section: str, key: str) -> Any:
    return getattr(getattr(config, section), key)


def _items(good: Mapping[str, Mapping[str, Any]]) -> List[Tuple[str, str, Any]]:
    return [
        (section, key, value) for section, values in good.items() for key, value in values.items()
    ]


def _names(good: Mapping[str, Mapping[str, Any]]) -> List[str]:
    return ["%s.%s" % (section, key) for section, key, _ in _items(good)]
