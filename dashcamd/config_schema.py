"""What a setting is: type, default, bounds, a sentence; and how a value in a file becomes one.

A *section* is a frozen dataclass whose fields are made by `setting` or `tables`; the type of a
setting is that of its default. A setting made by `tables` holds any number of sections of one
kind, ``[[motion.zones]]`` in the file. `dashcamd.config` declares the sections.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Optional, Tuple, Type, TypeVar

from dashcamd.errors import ConfigError

Check = Callable[[Any], Optional[str]]
"""Looks at a value of the right type; returns what is allowed when it is not, else None."""

T = TypeVar("T")

STICK, PAGE, FILE = "stick", "page", "file"
"""Who may set a key, least trusted first: anybody's stick, who has signed in on the page, and
who can write to the machine's own configuration file."""

MAX_TABLES = 32
"""Most tables of one kind; a hostile stick must not cost time at every field."""


@dataclass(frozen=True)
class Setting:
    """What the schema knows of one key besides its default.

    `table` is the section class of each entry where the key holds tables, else None; `trust` the
    least trusted that may set the key; `at_start` whether it is taken up only then.
    """

    sentence: str
    low: Optional[float] = None
    high: Optional[float] = None
    choices: Tuple[str, ...] = ()
    check: Optional[Check] = None
    secret: bool = False
    table: Optional[Type[Any]] = None
    trust: str = STICK
    at_start: bool = False

    def allowed(self) -> str:
        """What is allowed, in words for an error line and the reference."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return "%g to %g" % (self.low, self.high)
        if self.low is not None:
            return "%g or more" % self.low
        return "at most %d tables" % MAX_TABLES if self.table else ""


def setting(default: T, sentence: str, **rules: Any) -> T:
    """Declare one key of a section; `rules` are the further fields of `Setting`."""
    made: T = field(default=default, metadata={"setting": Setting(sentence, **rules)})
    return made


def tables(kind: Type[T], sentence: str) -> Tuple[T, ...]:
    """Declare a key of a section that holds any number of tables of one `kind`; none at first."""
    return setting((), sentence, table=kind)


def keys(section: Type[Any]) -> Iterator[Tuple[str, Any, Setting]]:
    """Name, default and `Setting` of every key in a section class."""
    for item in dataclasses.fields(section):
        yield item.name, item.default, item.metadata["setting"]


def plain(value: Any) -> Any:
    """A setting's value as JSON and TOML know it: tables become dicts, tuples lists."""
    if dataclasses.is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def parse_section(section: Type[Any], values: Mapping[str, Any], where: str) -> Any:
    """Make a `section` of the `values` of a table; `where` names it. Raises `ConfigError`."""
    made = {key: parse_value(section, key, value, where) for key, value in values.items()}
    return section(**made)


def parse_value(section: Type[Any], key: str, value: Any, where: str) -> Any:
    """`value` as the field `key` of a `section` keeps it. Raises `ConfigError`."""
    known = {name: (default, rules) for name, default, rules in keys(section)}
    if key not in known:
        raise ConfigError("%s unknown key %s%s" % (where, named(key), did_you_mean(key, known)))
    return _checked(value, *known[key], "%s %s = %s" % (where, key, shown(value)))


def _checked(value: Any, default: Any, rules: Setting, where: str) -> Any:
    if rules.table is not None:
        return _parsed_tables(value, rules.table, where)
    wanted = type(default)
    if wanted is float and _is_number(value):
        value = float(value)
    if wanted is tuple:
        value = _as_tuple(value, default, where)
    if type(value) is not wanted:
        raise ConfigError("%s: must be %s" % (where, TYPE_WORDS[wanted]))
    if rules.choices and value not in rules.choices:
        raise ConfigError(
            "%s: must be %s%s" % (where, rules.allowed(), did_you_mean(value, rules.choices))
        )
    below = rules.low is not None and not value >= rules.low
    above = rules.high is not None and not value <= rules.high
    if below or above:
        raise ConfigError("%s: must be %s" % (where, rules.allowed()))
    complaint = rules.check(value) if rules.check else None
    if complaint:
        raise ConfigError("%s: must be %s" % (where, complaint))
    return value


def _parsed_tables(value: Any, kind: Type[T], where: str) -> Tuple[T, ...]:
    is_list = isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
    if not is_list or len(value) > MAX_TABLES:
        raise ConfigError("%s: must be at most %d tables" % (where, MAX_TABLES))
    name = where.partition(" = ")[0]
    return tuple(
        parse_section(kind, one, "%s, number %d:" % (name, number))
        for number, one in enumerate(value, 1)
    )


def _as_tuple(value: Any, default: Any, where: str) -> Any:
    """A list of numbers, or of such lists where the default is one of tuples, as tuples."""
    is_nested = bool(default) and isinstance(default[0], tuple)
    lists = value if is_nested else [value]
    if not isinstance(value, list) or not all(
        isinstance(one, list) and all(map(_is_number, one)) for one in lists
    ):
        raise ConfigError("%s: must be %s" % (where, kind_of(default)))
    made = tuple(tuple(float(part) for part in one) for one in lists)
    return made if is_nested else made[0]


def _is_number(value: Any) -> bool:
    """Whether `value` is a number that a float can hold; truth is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or abs(value) <= sys.float_info.max


def shown(value: Any) -> str:
    """A value for an error line: never long, never more than one line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "(too large to show)"
    return text if len(text) <= 80 else text[:77] + "..."


def named(name: str) -> str:
    """A name that is not ours, for an error line."""
    return name if re.fullmatch(r"[\w.-]{1,60}", name) else shown(name)


TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    tuple: "a list of numbers",
}


def kind_of(default: Any) -> str:
    """In words, what values of a setting with this default are."""
    is_nested = isinstance(default, tuple) and default and isinstance(default[0], tuple)
    return "a list of lists of numbers" if is_nested else TYPE_WORDS[type(default)]


def did_you_mean(name: str, known: Any) -> str:
    """The end of an error line: the nearest of the `known` names, if one is near."""
    close = difflib.get_close_matches(str(name)[:60], list(known), n=1)
    return "; did you mean %s?" % close[0] if close else ""
