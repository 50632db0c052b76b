"""Settings in layers: what is wrong in one is refused by name, and everything else applies."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.config import Config, keys, sections
from dashcamd.config_layers import (
    MAX_KEYS,
    Layers,
    bring,
    change,
    from_bytes,
    lay,
    to_bytes,
)
from dashcamd.config_read import contradiction, parse_strangers_toml
from dashcamd.config_schema import FILE, PAGE, STICK, plain
from dashcamd.errors import ConfigError
from tests.test_config import EVERY_KEY, IDS, ROOT, WILD

FILE_SETS = Config()


def refused(verdicts):
    return {verdict.key: verdict.text for verdict in verdicts if not verdict.is_taken}


@pytest.mark.parametrize(("section", "key", "default", "rules"), EVERY_KEY, ids=IDS)
def test_every_key_is_taken_from_those_who_may_set_it_and_from_nobody_else(
    section, key, default, rules
):
    value = plain(default)
    for who in (STICK, PAGE, FILE):
        may = (STICK, PAGE, FILE).index(who) >= (STICK, PAGE, FILE).index(rules.trust)
        (verdict,) = lay(FILE_SETS, {section: {key: value}}, who).verdicts
        assert verdict.is_taken is may
        assert verdict.key == "%s.%s" % (section, key)
        assert ("can only be set" in verdict.text) is not may


def test_a_stranger_s_stick_sets_nothing_of_the_page_the_socket_the_log_or_the_source():
    closed = {"web", "control", "log"}
    open_to_all = {
        (section, key)
        for section, made in sections()
        for key, _, rules in keys(made)
        if rules.trust == STICK
    }
    assert not [name for name in open_to_all if name[0] in closed]
    assert not open_to_all & {("camera", "source"), ("storage", "target"), ("storage", "devices")}
    assert ("motion", "sensitivity") in open_to_all


def test_no_stick_switches_recording_off_or_says_what_is_deleted():
    stopping = {"motion": {"enabled": False}, "recording": {"armed": False}}
    deleting = {
        "storage": {
            "keep_days": 0.0001,
            "continuous_keep_days": 0.0001,
            "reserve_mib": 1_000_000,
            "high_water_percent": 400,
        }
    }
    laid = lay(FILE_SETS, {**stopping, **deleting}, STICK)
    assert laid.config == FILE_SETS
    assert len(refused(laid.verdicts)) == 6
    assert not refused(lay(FILE_SETS, {**stopping, **deleting}, PAGE).verdicts)


def test_a_wrong_key_costs_only_itself():
    table = {
        "motion": {"sensitivity": 9, "sensitivty": 3},
        "camera": {"framerate": 1000, "hflip": True},
        "cammera": {"hflip": True},
        "recording": 7,
    }
    laid = lay(FILE_SETS, table, STICK)
    assert laid.config.motion.sensitivity == 9
    assert laid.config.camera.hflip is True
    assert laid.config.camera.framerate == 25.0
    said = refused(laid.verdicts)
    assert "did you mean sensitivity" in said["motion.sensitivty"]
    assert "1 to 90" in said["camera.framerate"]
    assert "did you mean camera" in said["cammera"]
    assert "must be a section" in said["recording"]
    assert laid.taken == {"motion": {"sensitivity": 9}, "camera": {"hflip": True}}


def test_settings_that_contradict_each_other_are_refused_a_section_at_a_time():
    table = {"recording": {"pre_roll_s": 30.0, "segment_s": 60.0}, "motion": {"sensitivity": 2}}
    laid = lay(FILE_SETS, table, STICK)
    assert laid.config.recording is FILE_SETS.recording
    assert laid.config.motion.sensitivity == 2
    assert set(refused(laid.verdicts)) == {"recording.pre_roll_s", "recording.segment_s"}
    table["recording"]["gap_s"] = 60.0
    assert lay(FILE_SETS, table, STICK).config.recording.pre_roll_s == 30.0


def test_settings_that_agree_only_together_are_taken_from_two_sections():
    table = {"camera": {"keyframe_s": 4.0}, "recording": {"post_roll_s": 8.0, "gap_s": 17.0}}
    assert not refused(lay(FILE_SETS, table, STICK).verdicts)


def test_sections_that_say_nothing_new_stay_the_same_objects():
    laid = lay(FILE_SETS, {"camera": {"hflip": False}, "motion": {"sensitivity": 6}}, PAGE)
    assert laid.config.camera is FILE_SETS.camera
    assert laid.config.motion is not FILE_SETS.motion


def test_the_page_changes_and_goes_back_to_the_file():
    layers, verdicts = change(Layers(FILE_SETS), {"motion": {"sensitivity": 8}})
    assert layers.config.motion.sensitivity == 8
    assert layers.origins == {"motion.sensitivity": PAGE}
    assert "[motion] sensitivity = 8" in verdicts[0].text
    layers, _ = change(layers, {"camera": {"crop": [0, 0, 0.5, 0.5]}})
    layers, verdicts = change(layers, {"motion": {"sensitivity": None}, "camera": {"crop": None}})
    assert layers.config == FILE_SETS
    assert layers.page == {}
    assert not refused(verdicts)


def test_a_refused_change_leaves_what_the_page_set_before():
    layers, _ = change(Layers(FILE_SETS), {"recording": {"pre_roll_s": 8.0}})
    layers, verdicts = change(
        layers, {"recording": {"pre_roll_s": 14.0}, "motion": {"nonsense": 1}}
    )
    assert layers.config.recording.pre_roll_s == 8.0
    assert set(refused(verdicts)) == {"recording.pre_roll_s", "motion.nonsense"}


def test_the_stick_goes_before_the_page_and_the_page_is_told():
    layers, _ = bring(Layers(FILE_SETS), {"motion": {"sensitivity": 2}})
    layers, verdicts = change(layers, {"motion": {"sensitivity": 8}})
    assert layers.config.motion.sensitivity == 2
    assert layers.origins == {"motion.sensitivity": STICK}
    assert "on the stick" in verdicts[0].text


def test_a_stick_s_settings_are_its_own_and_the_next_stick_brings_others_or_none():
    layers, _ = bring(Layers(FILE_SETS), {"motion": {"sensitivity": 2}})
    other, _ = bring(layers, {"camera": {"hflip": True}})
    assert other.config.motion.sensitivity == 5
    assert other.config.camera.hflip is True
    none, said = bring(layers, {})
    assert none.config == FILE_SETS
    assert said == ()


def test_what_waits_for_the_next_start_says_so():
    _, (verdict,) = change(Layers(FILE_SETS), {"recording": {"ring_mib": 128}})
    assert verdict.is_taken
    assert "next start" in verdict.text


def test_what_the_page_set_survives_being_kept_and_a_new_file_underneath():
    layers, _ = change(Layers(FILE_SETS), {"camera": {"crop": [0, 0, 1, 0.5], "hflip": True}})
    assert from_bytes(FILE_SETS, to_bytes(layers)).config == layers.config
    other = replace(FILE_SETS, motion=replace(FILE_SETS.motion, warm_up_s=9.0))
    after = from_bytes(other, to_bytes(layers))
    assert after.config.motion.warm_up_s == 9.0
    assert after.config.camera.hflip is True


def test_what_a_stick_set_is_not_kept_over_a_restart():
    layers, _ = bring(Layers(FILE_SETS), {"motion": {"sensitivity": 2}})
    assert from_bytes(FILE_SETS, to_bytes(layers)).config == FILE_SETS


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 100_000, b'{"page": 1}', b"\xff"])
def test_what_is_not_layers_is_none(data):
    assert from_bytes(FILE_SETS, data) is None


TABLES = st.dictionaries(
    st.sampled_from([name for name, _ in sections()]) | st.text(),
    st.dictionaries(st.sampled_from([entry[1] for entry in EVERY_KEY]) | st.text(), WILD) | WILD,
    max_size=4,
)


@given(TABLES, TABLES)
def test_whatever_anybody_writes_there_is_a_configuration_in_order(page, stick):
    layers, said_to_page = change(Layers(FILE_SETS), page)
    layers, said_to_stick = bring(layers, stick)
    for config in (layers.config, Layers(FILE_SETS, page, stick).config):
        assert contradiction(config) is None
        assert config.web.enabled is FILE_SETS.web.enabled
        assert config.control == FILE_SETS.control
    assert not [said for said in said_to_page + said_to_stick if "\n" in said.text]
    assert from_bytes(FILE_SETS, to_bytes(layers)).page == layers.page


def test_a_layer_with_thousands_of_keys_is_cut_short():
    began = time.process_time()
    laid = lay(FILE_SETS, {"motion": {"k%d" % number: 1 for number in range(50_000)}}, STICK)
    many = lay(FILE_SETS, {"s%d" % number: {} for number in range(50_000)}, STICK)
    assert len(laid.verdicts) + len(many.verdicts) <= 2 * (MAX_KEYS + 1)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        "a = " + "[" * 30_000,
        "a." * 15_000 + "a = 1",
        "a = " + "{b=" * 9_000,
        "a = " + "1" * 30_000,
        "[" + "a." * 15_000 + "a]",
        "".join("[a%s]\n" % (".a" * number) for number in range(1, 160)),
        '"' + "\\" * 30_000,
        "\n".join("b%d.%sc=1" % (line, "a." * 190) for line in range(80)),
        "#" * 40_000,
    ],
)
def test_a_hostile_toml_file_is_read_in_bounded_time(text):
    began = time.process_time()
    with suppress(ConfigError):
        lay(FILE_SETS, parse_strangers_toml(text.encode(), "x"), STICK)
    assert time.process_time() - began < 2


def test_the_file_of_all_defaults_may_lie_on_a_stick():
    text = (ROOT / "config" / "dashcamd.toml").read_bytes()
    layers, verdicts = bring(Layers(FILE_SETS), parse_strangers_toml(text, "x"))
    assert layers.config == FILE_SETS
    assert {name.partition(".")[0] for name in refused(verdicts)} >= {"web", "control", "log"}
    assert "motion.sensitivity" not in refused(verdicts)
