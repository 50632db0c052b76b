"""Settings: every key refuses what it must, with a line that helps; nothing else ever escapes."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcamd.config import Config, Zone, sections
from dashcamd.config_read import MAX_CONFIG_BYTES, load, parse
from dashcamd.config_schema import keys, plain
from dashcamd.config_text import default_toml, reference_markdown, to_toml
from dashcamd.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
EVERY_KEY = [
    (section, key, default, rules)
    for section, made in sections()
    for key, default, rules in keys(made)
    if rules.table is None
]
IDS = ["%s.%s" % entry[:2] for entry in EVERY_KEY]
NUMBERS = [entry for entry in EVERY_KEY if entry[3].low is not None]

NUMBER_IDS = ["%s.%s" % entry[:2] for entry in NUMBERS]


def of(section, key, value):
    return parse({section: {key: value}}, "x.toml")


def refusal(section, key, value):
    with pytest.raises(ConfigError) as caught:
        of(section, key, value)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("x.toml: [%s] %s = " % (section, key))
    return text


def in_file(tmp_path, data):
    path = tmp_path / "dashcamd.toml"
    path.write_bytes(data)
    return path


def complaint_of(tmp_path, data):
    path = in_file(tmp_path, data)
    with pytest.raises(ConfigError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(str(path) + ": ")
    assert "\n" not in text
    return text[len(str(path)) + 2 :]


def test_the_defaults_are_allowed_and_said_in_full():
    everything = tomllib.loads(default_toml())
    assert parse(everything, "defaults") == Config() == load(None)
    assert {(s, k) for s, values in everything.items() for k in values} == {
        (section, key) for section, key, _, _ in EVERY_KEY
    }


@pytest.mark.parametrize(
    ("path", "made", "command"),
    [
        ("config/dashcamd.toml", default_toml, "config --defaults"),
        ("docs/reference/config.md", reference_markdown, "config --reference"),
    ],
)
def test_generated_files_are_what_the_schema_says(path, made, command):
    assert (ROOT / path).read_text() == made(), (
        "run `make docs` (dashcamd %s > %s) and commit what changed" % (command, path)
    )


@pytest.mark.parametrize(("section", "key", "default", "rules"), NUMBERS, ids=NUMBER_IDS)
def test_bounds_hold_and_are_named(section, key, default, rules):
    step = 1 if isinstance(default, int) else 0.001
    too_small, too_large = type(default)(rules.low - step), type(default)(rules.high + step)
    for wrong in (too_small, too_large):
        assert refusal(section, key, wrong).endswith(
            "%r: must be %g to %g" % (wrong, rules.low, rules.high)
        )


@pytest.mark.parametrize(("section", "key", "default", "rules"), NUMBERS, ids=NUMBER_IDS)
def test_bounds_themselves_are_allowed(section, key, default, rules):
    roomy = {"recording": {"gap_s": 600.0, "pre_roll_s": 0.0, "post_roll_s": 0.0}}
    for edge in (type(default)(rules.low), type(default)(rules.high)):
        table = {"recording": dict(roomy["recording"])}
        table.setdefault(section, {})[key] = edge
        if key == "gap_s" and edge == rules.low:
            table["camera"] = {"keyframe_s": 0.2}
        assert getattr(getattr(parse(table, "x"), section), key) == edge


@pytest.mark.parametrize(("section", "key", "default", "rules"), EVERY_KEY, ids=IDS)
def test_a_value_of_another_kind_is_refused(section, key, default, rules):
    for wrong in ([1, "a"], {"a": 1}, 10**400, float("nan"), float("inf"), None):
        refusal(section, key, wrong)
    truth_or_number = 1 if isinstance(default, (bool, str)) else True
    refusal(section, key, truth_or_number)


def test_a_whole_number_will_do_where_a_number_is_asked_for():
    value = of("recording", "pre_roll_s", 3).recording.pre_roll_s
    assert (value, type(value)) == (3.0, float)
    assert of("camera", "crop", [0, 0, 1, 1]).camera.crop == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("section", "key", "wrong", "says"),
    [
        ("camera", "resolution", "1280x721", "must be WIDTHxHEIGHT in even pixels"),
        ("camera", "resolution", "32x32", "from 64 to 4096"),
        ("camera", "resolution", "1280x720\n", "must be WIDTHxHEIGHT"),
        ("camera", "exposure_mode", "nite", "did you mean night?"),
        ("camera", "rotation", 45, "must be 0, 90, 180 or 270"),
        ("camera", "crop", [0.5, 0, 0.6, 1], "inside 0..1"),
        ("camera", "crop", [0, 0, 1], "inside 0..1"),
        ("camera", "crop", [0, 0, float("nan"), 1], "inside 0..1"),
        ("camera", "crop", [0, 0, 10**400, 1], "must be"),
        ("camera", "annotate_text", "é", "ASCII"),
        ("camera", "annotate_text", "x" * 201, "at most 200"),
        ("camera", "annotate_foreground", "red", "#ffcc00"),
        ("camera", "annotate_foreground", "#ffffff\n", "#ffcc00"),
        ("motion", "ignore", "4x2:8", "one hexadecimal digit for four squares"),
        ("motion", "ignore", "65x1:" + "0" * 17, "each side 1 to 64"),
        ("motion", "ignore", "0x4:", "COLSxROWS:HEX"),
        ("motion", "zones", {"name": "gate"}, "must be at most 32 tables"),
        ("motion", "zones", [{}] * 33, "must be at most 32 tables"),
        ("motion", "zones", ["gate"], "must be at most 32 tables"),
        ("recording", "mode", "always", "one of 'motion', 'continuous'"),
        ("log", "level", "inof", "did you mean info?"),
    ],
)
def test_special_rules_say_what_is_allowed(section, key, wrong, says):
    assert says in refusal(section, key, wrong)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"recordng": {}}, "x.toml: unknown section [recordng]; did you mean recording?"),
        ({"zzz": {}}, "x.toml: unknown section [zzz]"),
        (
            {"recording": {"preroll_s": 1}},
            "x.toml: [recording] unknown key preroll_s; did you mean pre_roll_s?",
        ),
        ({"camera": 3}, "x.toml: camera = 3: must be a section, [camera]"),
        ({"a\nb": {}}, "x.toml: unknown section ['a\\nb']"),
        ({"camera": {"a\x1b[2J": 1}}, "x.toml: [camera] unknown key 'a\\x1b[2J'"),
    ],
)
def test_what_is_unknown_is_named_in_one_line(table, says):
    with pytest.raises(ConfigError) as caught:
        parse(table, "x.toml")
    assert str(caught.value) == says


ZONE_TOML = b"""
[motion]
sensitivity = 6

[[motion.zones]]
name = "gate"
corners = [[0, 0.5], [1, 0.5], [1, 1]]
least_size = 0.01
direction = "left"

[[motion.zones]]
is_excluded = true
"""


def test_zones_are_tables_of_their_own(tmp_path):
    gate, everything = load(in_file(tmp_path, ZONE_TOML)).motion.zones
    assert gate == Zone("gate", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0)), False, 0.01, "left")
    assert everything == Zone(is_excluded=True)


def test_zones_survive_being_printed_and_read_again(tmp_path):
    motion = load(in_file(tmp_path, ZONE_TOML)).motion
    printed = "[motion]\nzones = %s\n" % to_toml(motion.zones)
    assert parse(tomllib.loads(printed), "x").motion.zones == motion.zones
    assert parse({"motion": {"zones": plain(motion.zones)}}, "x").motion.zones == motion.zones


def test_the_commented_zone_of_the_manual_is_a_zone():
    text = default_toml()
    start = text.index("# [[motion.zones]]")
    lines = text[start : text.index("\n\n", start)].splitlines()
    table = tomllib.loads("\n".join(line[2:] for line in lines))
    assert parse(table, "x").motion.zones == (Zone(),)


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ({"corners": [[0, 0], [1, 1]]}, "corners = [[0, 0], [1, 1]]: must be 3 to 64 corners"),
        ({"corners": [[0, 0], [1, 1], [0, 2]]}, "fractions of the picture from 0 to 1"),
        ({"corners": [[0, 0], [1, 1], [0]]}, "must be 3 to 64 corners"),
        ({"corners": [0, 0, 1]}, "must be a list of lists of numbers"),
        ({"corners": [[0, 0], [1, "a"], [0, 1]]}, "must be a list of lists of numbers"),
        ({"least_size": 3}, "least_size = 3: must be 0 to 1"),
        ({"direction": "north"}, "direction = 'north': must be one of '', 'left', "),
        ({"leastsize": 3}, "unknown key leastsize; did you mean least_size?"),
    ],
)
def test_a_zone_that_cannot_be_drawn_says_which_and_why(zone, says):
    with pytest.raises(ConfigError) as caught:
        of("motion", "zones", [{}, zone])
    assert str(caught.value).startswith("x.toml: [motion] zones, number 2: ")
    assert says in str(caught.value)


def test_two_events_never_share_frames():
    """The gap holds a pre-roll, a post-roll and a GOP."""
    table = {"recording": {"pre_roll_s": 5, "post_roll_s": 10, "gap_s": 15.9}}
    with pytest.raises(ConfigError, match=r"\[recording\] gap_s = 15.9: must be at least .* = 16"):
        parse(table, "x.toml")
    parse({"recording": {**table["recording"], "gap_s": 16}}, "x.toml")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[camera\n", "not valid TOML: "),
        (b"\xff\xfe[\0c\0", "not a text file in UTF-8"),
        (b"\0\0\0\0", "not valid TOML: "),
        (b"[camera]\niso = " + b"9" * 5000, "not valid TOML: "),
        (b"a = " + b"[" * 100_000, "not valid TOML: "),
        (b"[camera]\niso = 0x" + b"f" * 5000, "[camera] iso = "),
        (b"[camera]\niso" + b".a" * 5000 + b" = 1", ("[camera] iso = ", "not valid TOML: ")),
        (b"#" * (MAX_CONFIG_BYTES + 1), "larger than 262144 bytes"),
        (b"[camera]\n[camera]\n", "not valid TOML: "),
        (b"[camera]\niso = 2020-01-01\n", "[camera] iso = "),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_a_file_that_is_not_ours_is_refused_in_one_line(tmp_path, data, says):
    assert complaint_of(tmp_path, data).startswith(says)


def test_an_error_line_stays_short(tmp_path):
    assert len(complaint_of(tmp_path, b'[log]\nlevel = "' + b"x" * 90_000 + b'"')) < 400


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / ("x" * 5000)):
        with pytest.raises(ConfigError, match="cannot be read: "):
            load(path)


def test_what_windows_editors_write_is_read(tmp_path):
    path = in_file(tmp_path, b"\xef\xbb\xbf[recording]\r\npre_roll_s = 2.5\r\n")
    assert load(path).recording.pre_roll_s == 2.5


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert load(in_file(tmp_path, b"")) == Config()


def test_only_what_is_named_changes():
    config = of("storage", "keep_days", 0)
    assert config == dataclasses.replace(
        Config(), storage=dataclasses.replace(Config().storage, keep_days=0.0)
    )


def said(act):
    """The complaint of `act`, or nothing."""
    try:
        act()
    except ConfigError as error:
        return str(error)
    return ""


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from([name for name, _ in sections()]) | st.text(),
        st.dictionaries(st.sampled_from([entry[1] for entry in EVERY_KEY]) | st.text(), WILD)
        | WILD,
        max_size=4,
    )
)
def test_no_table_raises_anything_but_a_config_error_of_one_line(table):
    assert "\n" not in said(lambda: parse(table, "x"))


@given(st.binary(max_size=400))
def test_no_file_raises_anything_but_a_config_error(data):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        assert "\n" not in said(lambda: load(Path(file.name)))


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_texts_survive_being_printed_and_read_again(text):
    config = of("camera", "annotate_text", text)
    printed = "[camera]\nannotate_text = %s\n" % to_toml(config.camera.annotate_text)
    assert parse(tomllib.loads(printed), "x") == config


@given(st.sampled_from(NUMBERS), st.data())
def test_numbers_survive_being_printed_and_read_again(entry, data):
    section, key, default, rules = entry
    kind = st.integers if isinstance(default, int) else st.floats
    value = data.draw(kind(type(default)(rules.low), type(default)(rules.high)))
    printed = "[%s]\n%s = %s\n" % (section, key, to_toml(value))
    assert tomllib.loads(printed) == {section: {key: value}}
