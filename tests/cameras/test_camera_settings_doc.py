"""``docs/reference/camera-settings.md`` has a row for every setting, and the rows say the truth."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from dashcamd.cameras import picamera2_controls, picamera_settings
from dashcamd.config import AWB_MODES, EXPOSURE_MODES, METER_MODES, CameraConfig

DOC = Path(__file__).parents[2] / "docs" / "reference" / "camera-settings.md"


def rows():
    """Setting -> its cells for picamera, picamera2 and the software cameras."""
    text = DOC.read_text(encoding="utf-8").partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_setting_has_one_row_in_the_order_of_the_configuration():
    assert list(rows()) == [field.name for field in dataclasses.fields(CameraConfig)]


def test_the_column_of_picamera_names_its_attribute_and_when_it_changes():
    for name, (picamera, _, _) in rows().items():
        if name in picamera_settings.LIVE:
            attribute = picamera_settings.LIVE[name][0]
            assert picamera.startswith("`%s`" % attribute)
            assert picamera.endswith("live")
        if name in picamera_settings.FIXED:
            assert picamera.endswith("start")


def test_the_column_of_picamera2_names_its_controls_and_when_they_change():
    for name, (_, picamera2, _) in rows().items():
        if name in picamera2_controls.FIXED_SETTINGS:
            assert picamera2.endswith("start")
        elif name in picamera2_controls.TABLE:
            assert picamera2.endswith("live") or picamera2 == "refused"


@pytest.mark.parametrize(
    ("setting", "choices"),
    [
        ("exposure_mode", EXPOSURE_MODES),
        ("awb_mode", AWB_MODES),
        ("meter_mode", METER_MODES),
    ],
)
def test_what_libcamera_has_no_equivalent_for_is_listed(setting, choices):
    text = DOC.read_text(encoding="utf-8").partition("\n## ")[2]
    row = next(line for line in text.splitlines() if line.startswith("| `%s`" % setting))
    listed = re.search(r"([a-z, ]+): refused", row).group(1).split(",")
    meaning = picamera2_controls.TABLE[setting]
    configs = {one: dataclasses.replace(CameraConfig(), **{setting: one}) for one in choices}
    refused = [one for one, config in configs.items() if meaning(config, {}) is None]
    assert sorted(word.strip() for word in listed) == sorted(refused)
