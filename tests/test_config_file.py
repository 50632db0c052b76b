"""The machine's own file: what is right in it is recorded with, what is not is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashcamd import config_file
from dashcamd.config import Config
from dashcamd.config_file import Settled, mistakes, settle
from dashcamd.config_read import MAX_CONFIG_BYTES, load
from dashcamd.config_text import default_toml
from dashcamd.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "dashcamd.toml"

    def write(text):
        path.write_bytes(text.encode("latin-1"))
        return path

    return write


def test_a_file_that_is_right_is_taken_as_it_is(file):
    path = file(default_toml().replace("sensitivity = 5", "sensitivity = 7"))
    assert settle(path) == Settled(load(path))
    assert mistakes(path) == []
    assert settle(None) == Settled(Config())


def test_a_mistake_costs_its_own_key_and_no_other(file):
    path = file("[motion]\nsensitivty = 7\nparked_s = 60\n[recording]\npre_roll_s = 9\ngap_s = 20")
    config, (why,) = settle(path)
    assert (config.motion.parked_s, config.recording.pre_roll_s) == (60, 9)
    assert config.motion.sensitivity == Config().motion.sensitivity
    assert why == "[motion] unknown key sensitivty; did you mean sensitivity?"


@pytest.mark.parametrize(
    "broken",
    [
        "[log]\nlevel = info",
        "[log]\nlevel = 'info",
        "[log\nlevel = 'info'",
        "[log]\nlevel = '''info",
        "[log]\n[log]\nlevel = 'info'",
    ],
)
def test_what_is_no_toml_costs_its_own_section(file, broken):
    path = file(
        "# f\xfcr das Auto\n[motion]\nparked_s = 60\n%s\n[[motion.zones]]\nname = 'road'\n"
        "corners = [\n  [0, 0],\n  [1, 0],\n  [0, 1],\n]\n" % broken
    )
    config, (why, careful) = settle(path)
    assert config.motion.parked_s == 60
    assert [zone.name for zone in config.motion.zones] == ["road"]
    assert why.startswith("[log]: not valid TOML: ")
    assert careful.startswith("[storage] may not be as it was meant")


def test_a_letter_in_another_encoding_costs_its_own_section(file):
    config, (why, _) = settle(file("[log]\nlevel = '\xfc'\n[motion]\nparked_s = 60\n"))
    assert config.motion.parked_s == 60
    assert why == "[log]: not a text file in UTF-8"


def test_a_comment_in_another_encoding_is_no_mistake_of_its_section(file):
    config, refused = settle(file("# f\xfcr das Auto\n[camera]\nrotation = 180\n"))
    assert (config, refused) == (
        replace(Config(), camera=replace(Config().camera, rotation=180)),
        (),
    )


@pytest.mark.parametrize(
    "text",
    [
        "[camera]\nframerate = 1000",
        "[camera]\nbrigtness = 60",
        "[camera]\nsource = 'media:/dev/video0",
        "[camera\nsource = 'media:/dev/video0'",
        "camera = 5",
        "camera.source = media",
        "x[camera]\nsource = 'media:/dev/video0'",
        "[log]\nlevel = 'info\n[camera]\nsource = 5",
        "[camra]\nsource = 'media:/dev/video0'",
        "[CAMERA]\nsource = 'media:/dev/video0'",
        "[log]\nlevel = 'info'\ncamera]\nsource = 'media:/dev/video0'",
        "['camera']\nsource = media",
        "\0" * 300,
        "# the setti" + "\0" * 300,
        "[log]\nlevel = 'info'\n" + "\0" * 300,
        "[log]\nlevel = 'info'\n[stor" + "\0" * 300,
        "\xff\xfe[\0c\0a\0m\0e\0r\0a\0]\0",
        "\xfc\xfc",
        "[camera]\n[log]\n" + "# far too much\n" * (MAX_CONFIG_BYTES // 10),
    ],
)
def test_a_camera_that_cannot_be_told_stops_the_start(file, text):
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        settle(path)
    assert str(caught.value).startswith("%s: " % path)
    assert "\n" not in str(caught.value)


def test_settings_that_contradict_each_other_leave_the_camera_its_own(file):
    path = file("[recording]\ngap_s = 11\n[camera]\nkeyframe_s = 2\n")
    config, refused = settle(path)
    assert (config.recording, config.camera.keyframe_s) == (Config().recording, 2)
    assert "gap_s = 11: must be at least" in refused[0]


@pytest.mark.parametrize("wrong", ["listen = '8080'", "lisen = '127.0.0.1:8080'", "tls = 'yes'"])
def test_a_page_that_could_be_open_to_more_than_was_meant_is_none(file, wrong):
    config, refused = settle(file("[web]\nenabled = true\n%s\n" % wrong))
    assert not config.web.enabled
    assert refused[-1] == "[web] may not be as it was meant, so there is no page"


def test_a_mistake_never_deletes_sooner_than_was_meant(file):
    config, refused = settle(file("[storage]\nkeep_day = 365\ncontinuous_keep_days = 1\n"))
    assert (config.storage.keep_days, config.storage.continuous_keep_days) == (0, 1)
    assert "nothing is deleted for its age" in refused[-1]


@pytest.mark.parametrize(
    "text",
    [
        "\xef\xbb\xbf[storage]\nkeep_days = 0\ntarget = oops\n",
        "[strorage]\nkeep_days = 0\n",
        "[Storage]\nkeep_days = 0\n",
        "[log]\nlevel = 'info'\nstorage]\nkeep_days = 0\n",
        "[log]\nlevel = 'info'\nstrorage]  # the stick\nkeep_days = 0\n",
        "storage.keep_days = 0\nstorage.target = oops\n",
        "keep_days = 0\n",
        "[log]\nkeep_days = 0\n",
        "[camera]\n[log]\nlevel = 'info'\n# the setti" + "\0" * 300,
        "[motion]\n" + "".join("x%d = 0\n" % n for n in range(300)) + "[storage]\nkeep_days = 0\n",
    ],
)
def test_days_to_keep_that_were_not_understood_delete_nothing(file, text):
    config, refused = settle(file(text))
    assert (config.storage.keep_days, refused[0] != "") == (0, True)


def test_a_bracket_too_few_ends_the_section_before(file):
    text = "[log]\nlevel = 'debug'\nweb]\nenabled = true\nlisten = '127.0.0.1:80'\n"
    config, (why, *_) = settle(file(text))
    assert (config.log.level, config.web.enabled) == ("debug", False)
    assert why.startswith("[web]: not valid TOML: ")


def test_a_section_that_may_have_been_the_page_s_leaves_it_off(file):
    config, _ = settle(file("[web]\nenabled = true\n[wbe]\nlisten = '127.0.0.1:8080'\n"))
    assert not config.web.enabled


def test_sections_that_are_not_ours_are_refused_unread(file, monkeypatch):
    read = []
    really = config_file.parse_toml
    monkeypatch.setattr(
        config_file, "parse_toml", lambda raw, where: read.append(where) or really(raw, where)
    )
    path = file("[log]\nlevel = x\n" + "".join("[x%d]\n" % number for number in range(1000)))
    assert "unknown section [x0]" in settle(path).refused
    assert read == [str(path), "[log]"]
