"""The service under a real systemd: from power on to recording, and whatever kills or stops it."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.usb import cuts, images, pictures, prepare
from tests.usb.car import CAUGHT_UP, RECORDING, Car, damaged
from tests.usb.qemu import Guest, accelerator
from tests.usb.test_sticks_in_guest import SLACK

pytestmark = [pytest.mark.usb, pytest.mark.timeout(900)]

OPEN_PART_S = 2.0
SAID = "journalctl -b _PID=1 -u dashcamd | grep -Ec 'exited|Watchdog timeout' || true"
"""How often systemd said that the service died or was silent for too long."""


def healed_s(start_s):
    """Ten seconds on a machine that loads the daemon in one; here its start takes far longer."""
    return 10 + SLACK * start_s


@pytest.mark.full
def test_power_is_cut_and_comes_back_with_the_stick_in(prepared, tmp_path):
    """Power cut in mid-recording; then the machine boots by itself, with nobody to log in."""
    image = images.stick(tmp_path / "stick.img", "vfat", 64)
    with Guest(prepare.copy(prepared, tmp_path), accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        car = Car(guest, tmp_path)
        guest.plug("stick", image)
        car.until_recording()
        # What waited in memory for a stick is down; a part was closed since.
        last = car.until("s['counters']['frames_written'] > 130 and " + CAUGHT_UP, 240)
        guest.cut_power()
    after = tmp_path / "after.img"
    shutil.copyfile(image, after)
    tree = pictures.tree_of(after, "vfat", tmp_path)
    state = cuts.recovered(tree)
    assert state.damaged == ()
    assert state.frames >= last.status["counters"]["frames_written"]
    lost_s = last.at - pictures.end_of(tree)
    print("power cut: %.1f s of the open part are missing" % lost_s)
    assert lost_s <= OPEN_PART_S * SLACK

    booting = Guest(prepare.copy(prepared, tmp_path), accelerator())
    booting.plug("stick", image)
    with booting as guest:
        car = Car(guest, tmp_path)
        recording = car.until_recording()
        began = "systemctl show --value -p ExecMainStartTimestampMonotonic dashcamd"
        ours = recording.at - int(guest.run(began)) / 1e6
        print("power on -> recording: %.1f s of the guest, %.1f of it ours" % (recording.at, ours))
        assert guest.run("who") == "", "nobody had to log in"
        car.until("s['keep']['leftovers'] == 0")
        found = car.verified()
        assert damaged(found) == []
        assert "recovered" in [file["status"] for file in found]
        assert sum(file["frames"] for file in found) > state.frames
        assert guest.run("systemctl --failed --plain --no-legend").strip() == ""


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_service_that_is_killed_or_stopped_records_again(car, signal):
    car.guest.plug("kept", car.stick("kept", "ext4", size_mib=128))
    car.until_recording()
    before, start_s = car.process.pid, car.start_s
    earlier = int(car.guest.run(SAID))
    car.guest.run("kill -%s %d" % (signal, before))
    said_s = car.guest.until("[ $(%s) -gt %d ]" % (SAID, earlier), 60)
    again = car.until("s['counters']['frames_written'] > 0 and " + RECORDING)
    # A stopped process answers nobody, so the first answer comes from the next one.
    assert car.process.pid != before
    took_s = said_s + again.took_s
    print("%s: said after %.1f s, recording again after %.1f s (start: %.1f s)" % (
        signal, said_s, took_s, start_s,
    ))  # fmt: skip
    assert said_s <= 10
    assert took_s <= healed_s(start_s)
    car.until("s['keep']['leftovers'] == 0")
    assert damaged(car.verified()) == []


@pytest.mark.full
def test_a_camera_that_is_gone_is_said_and_taken_back_into_use(car):
    car.guest.plug("camera", car.stick("camera", "vfat", size_mib=64))
    car.until_recording()
    start_s = car.start_s
    car.guest.run("mv /var/lib/clip.mp4 /var/lib/elsewhere.mp4 && systemctl kill -s KILL dashcamd")
    try:
        said_s = car.guest.until("journalctl -b -u dashcamd | grep -q 'clip.mp4: cannot be'", 180)
    finally:
        car.guest.run("mv /var/lib/elsewhere.mp4 /var/lib/clip.mp4")
    back = car.until_recording()
    print("camera gone: said after %.1f s, back after %.1f s" % (said_s, back.took_s))
    assert said_s <= healed_s(start_s)
    assert back.took_s <= healed_s(start_s)


@pytest.mark.full
def test_a_clock_that_jumps_ten_years_loses_and_deletes_nothing(car):
    car.guest.plug("clock", car.stick("clock", "exfat", size_mib=128))
    car.until_recording()
    deleted = car.status["keep"]["events_deleted"]
    lost = car.status["counters"]["frames_lost"]
    for jump in ("+10 years", "-20 years", "+10 years"):
        car.guest.run("date -s '%s'" % jump)
        car.until("s['counters']['frames_written'] > %d and %s" % (car.written + 50, RECORDING), 60)
    assert car.status["keep"]["events_deleted"] == deleted
    assert car.status["counters"]["frames_lost"] == lost
    assert damaged(car.verified()) == []


@pytest.mark.full
def test_a_full_root_file_system_does_not_concern_it(car):
    car.guest.run("fallocate -l $(( $(df --output=avail -B1 / | tail -1) )) /full || true; df /")
    try:
        car.guest.plug("any", car.stick("any", "vfat", size_mib=64))
        car.until_recording()
        before, start_s = car.process.pid, car.start_s
        car.guest.run("systemctl kill -s KILL dashcamd")
        again = car.until("s['counters']['frames_written'] > 0 and " + RECORDING)
        assert car.process.pid != before
        assert again.took_s <= healed_s(start_s)
    finally:
        car.guest.run("rm -f /full")


def test_it_may_do_little(car):
    said = car.guest.run("systemd-analyze security --no-pager dashcamd | tail -1")
    exposure = float(re.findall(r": ([0-9.]+) ", said)[0])
    print("systemd-analyze security: %.1f" % exposure)
    assert exposure <= 2.0
