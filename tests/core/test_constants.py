"""What the manual says of the detector's constants is what the code has."""

import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest

import dashcamd.types
from benchmarks.motion import constants
from dashcamd.config import CONSTANTS
from dashcamd.config_read import parse
from dashcamd.core.profile import Profile, profile_for
from dashcamd.core.watch import Watch
from dashcamd.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "detector.md"


def test_the_page_is_what_the_code_has():
    assert PAGE.read_text(encoding="utf-8") == constants.markdown(), "run make docs"


def test_no_number_is_left_out_of_it():
    listed = {(module, name) for module, numbers, _ in constants.fixed() for name in numbers}
    for module in constants.MODULES:
        held = vars(importlib.import_module("dashcamd.core." + module))
        for name, value in held.items():
            if (
                name.isupper()
                and name[0] != "_"
                and not hasattr(dashcamd.types, name)
                and np.isscalar(value)
                and not isinstance(value, (str, bool))
            ):
                own = [one for one in listed if one[1] == name]
                assert own, "%s.%s has no reason below it" % (module, name)


def test_every_constant_of_the_profile_can_be_turned():
    assert tuple(item.name for item in dataclasses.fields(Profile)) == CONSTANTS


def turned(**constant):
    return parse({"motion": {"expert": [constant]}}, "x").motion


def test_an_expert_turns_one_constant_of_the_detector_that_runs():
    assert Watch(turned(name="cluster", value=7)).detector.least_blocks == 7
    assert profile_for("lores", 5, {"cluster": 7.0}).cluster == 7


def test_an_unknown_constant_is_refused_by_name():
    with pytest.raises(ConfigError, match="did you mean sad_floor"):
        turned(name="sad_flor", value=1)
