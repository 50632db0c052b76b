"""What the mount helper, a shell script, makes of the settings; the rest of it needs sticks."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "systemd" / "dashcamd-mount"


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ("", []),
        ('[storage]\ndevices = "usb"\n', []),
        (
            '[camera]\nx = 1\n[storage]\ndevices = "any"\n[web]\n',
            ["mmcblk1p1", "sdb1", "nvme0n1p2"],
        ),
        ("[storage]\n  devices='usb+sd' # my card", ["mmcblk1p1"]),
        ('storage.devices = "any"', ["mmcblk1p1", "sdb1", "nvme0n1p2"]),
        ('[storage]\n# devices = "any"\n', []),
        ('[motion]\ndevices = "any"\n', []),
        ('[storage]\ndevices = "$(touch /etc/pwned)any"\n', []),
    ],
)
def test_disks_that_are_not_on_usb_are_mounted_as_the_settings_say(tmp_path, settings, wanted):
    file = tmp_path / "dashcamd.toml"
    file.write_text(settings)
    text = SCRIPT.read_text()
    assert text.count("\nSETTINGS=/etc/dashcamd/dashcamd.toml\n") == 1
    text = text.replace("/etc/dashcamd/dashcamd.toml", str(file))

    def is_wanted(name):
        asked = ["sh", "-c", text, "dashcamd-mount", "wanted", name]
        return subprocess.run(asked, timeout=30).returncode == 0

    names = ["mmcblk1p1", "sdb1", "nvme0n1p2"]
    assert [name for name in names if is_wanted(name)] == wanted
    file.unlink()
    assert not is_wanted("sdb1")
