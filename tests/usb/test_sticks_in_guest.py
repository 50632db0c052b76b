"""What people do to sticks, done to a real kernel, real udev, real systemd, real file systems."""

from __future__ import annotations

import json

import pytest

from tests.usb import images, readers

pytestmark = [pytest.mark.usb, pytest.mark.timeout(600)]


def verified(car):
    """`dashcamd verify` inside, as a document."""
    return json.loads(car.guest.run("dashcamd verify --json", 120, check=False))


@pytest.mark.parametrize(
    ("fs", "is_divided"), [("vfat", True), ("exfat", True), ("ext4", True), ("vfat", False)]
)
def test_a_stick_is_recorded_to_pulled_in_mid_write_and_continued_on_another_port(
    car, fs, is_divided
):
    name = "%s%d" % (fs, is_divided)
    image = car.stick(name, fs, size_mib=128, is_divided=is_divided)
    car.guest.plug(name, image, port=1)
    car.wait_until_recording()
    before = car.process
    car.guest.run("sleep 13", 30)
    car.pull(name)
    car.wait_for_fault("no stick is plugged in")
    assert car.guest.run("ls /run/dashcamd/volumes") == ""
    car.guest.plug(name, image, port=4)
    car.wait_until_recording()
    car.guest.until("! ls -R /run/dashcamd/volumes | grep -c part.mp4 | grep -vq '^1$'", 60, 1)
    found = verified(car)
    closed = [file for file in found["files"] if ".part." not in file["path"]]
    assert len(closed) >= 3, "the parts of both plugs"
    assert len({file["path"].split("/")[-2] for file in closed}) == 1, "the event goes on"
    assert [file for file in closed if file["status"] == "damaged" or not file["frames"]] == []
    assert car.status["counters"]["frames_lost"] == 0
    assert car.process == before, "the service never ended"


@pytest.mark.parametrize(
    ("fs", "is_divided", "hint"),
    [(None, False, "has no file system"), (None, True, "has no file system")],
)
def test_a_stick_that_cannot_be_used_is_said_with_what_to_do(car, fs, is_divided, hint):
    name = "blank%d" % is_divided
    car.guest.plug(name, car.stick(name, fs, size_mib=32, is_divided=is_divided))
    car.wait_for_fault(hint)
    assert "format it as" in car.guest.run("dashcamd status --json")


def test_a_write_protected_stick_is_said_and_nothing_is_tried(car):
    car.guest.plug("locked", car.stick("locked", "vfat", size_mib=64), is_read_only=True)
    car.wait_for_fault("write-protected")


def test_a_stick_is_pulled_and_the_one_standing_by_takes_over(car):
    large = car.stick("large", "vfat", size_mib=160)
    car.guest.plug("spare", car.stick("spare", "exfat", size_mib=64))
    car.wait_until_recording()
    car.guest.plug("large", large)
    car.guest.until('dashcamd status --json | grep -c \'"state": "stand-by"\' | grep -q 1', 60, 0.5)
    car.guest.pull("spare")
    car.guest.until("dashcamd status | grep -q 'volume.*free' && " + recording_to("vfat"), 60, 0.5)


def test_from_the_udev_event_to_the_first_durable_frame(car):
    """Prints the figure; the bound is loose because the guest's processor is emulated."""
    car.guest.plug("first", car.stick("first", "vfat", size_mib=64))
    car.wait_until_recording()
    known = car.guest.run(
        "udevadm info -q property /dev/sd?1 | sed -n 's/^USEC_INITIALIZED=//p' | tail -1"
    )
    lines = car.guest.run(
        "journalctl -b -o short-monotonic --no-hostname | grep -E 'is mounted at|event .* begins'"
    ).splitlines()
    at = [float(line.split("]")[0].strip("[ ")) for line in lines]
    begins = max(t for t, line in zip(at, lines) if "begins" in line)
    mounted = max(t for t, line in zip(at, lines) if "is mounted" in line)
    udev = int(known) / 1e6
    print("udev event -> mounted %.2f s -> recording %.2f s" % (mounted - udev, begins - udev))
    assert begins - udev < 30


def recording_to(fs):
    return "grep /run/dashcamd/volumes /proc/mounts | grep -q ' %s '" % fs


def test_a_stick_that_stalls_is_said_within_five_seconds_and_costs_no_frame(car):
    image = car.stick("slow", "vfat", size_mib=64)
    car.guest.plug("slow", image, throttle={"bps-write": 0})
    car.wait_until_recording()
    lost = car.status["counters"]["frames_lost"]
    seen = car.status["counters"]["frames_captured"]
    car.guest.set_limits("slow", {"iops-write": 1, "bps-write": 512})
    took = car.wait_for_fault("has not answered")
    assert took <= 12, "3 s plus what status itself costs on an emulated machine"
    car.guest.run("sleep 10", 30)
    assert car.status["counters"]["frames_captured"] > seen + 60
    car.guest.set_limits("slow", {"iops-write": 0, "bps-write": 0})
    car.guest.until("! " + status_line("has not answered"), 120, 1)
    car.wait_until_recording()
    assert car.status["counters"]["frames_lost"] == lost


def status_line(text):
    return "dashcamd status --json | grep -qF '%s'" % text


def test_a_full_stick_makes_room_from_its_own_oldest_and_leaves_foreign_files_alone(car):
    image = car.stick("full", "vfat", size_mib=64)
    car.guest.plug("full", image)
    car.wait_until_recording()
    where = car.status["volume"]["where"]
    car.guest.run("cd %s && fallocate -l 52M photo.raw && sync" % where, 60)
    car.guest.run("sleep 40", 60)
    status = car.status
    assert status["recording"], status["faults"]
    assert car.guest.run("stat -c %%s %s/photo.raw" % where).strip() == str(52 << 20)


def test_input_output_errors_are_a_fault_and_the_camera_goes_on(car):
    inject = [{"event": "write_aio", "errno": 5, "sector": -1, "once": False, "state": 2}]
    image = car.stick("failing", "vfat", size_mib=64)
    faults = {
        "inject_error": inject,
        "set_state": [{"event": "flush_to_disk", "state": 1, "new_state": 2}],
    }
    car.guest.plug("failing", image, faults=faults)
    car.guest.until("dashcamd status --json | grep -qE 'EIO|read-only|not mounted|no stick'", 60, 1)
    seen = car.status["counters"]["frames_captured"]
    car.guest.run("sleep 3")
    assert car.status["counters"]["frames_captured"] > seen


def test_a_stick_with_a_ruined_fat_is_repaired_or_said(car):
    image = car.stick("ruined", "vfat", size_mib=64)
    with image.open("r+b") as stream:
        stream.seek((images.FIRST_LBA + 32) * images.SECTOR)
        stream.write(bytes(range(256)) * 64)
    car.guest.plug("ruined", image)
    car.guest.until(
        'dashcamd status --json | grep -qE \'ruined|"recording": true|hint": "sd\'', 90, 1
    )


def test_a_killed_service_and_a_stopped_one_record_again(car):
    car.guest.plug("kept", car.stick("kept", "ext4", size_mib=128))
    car.wait_until_recording()
    for signal in ("KILL", "STOP"):
        before = car.process
        car.guest.run("kill -%s %s" % (signal, before))
        car.guest.until(
            "test $(systemctl show --value -p MainPID dashcamd) -ne %s -a "
            "$(systemctl show --value -p MainPID dashcamd) -ne 0" % before,
            60,
            0.5,
        )
        car.wait_until_recording()
    found = verified(car)
    assert [file for file in found["files"] if file["status"] == "damaged"] == []


def test_a_clock_that_jumps_ten_years_loses_and_deletes_nothing(car):
    car.guest.plug("clock", car.stick("clock", "exfat", size_mib=128))
    car.wait_until_recording()
    car.guest.run("date -s '+10 years' && sleep 12 && date -s '-20 years' && sleep 12", 60)
    status = car.status
    assert status["recording"]
    assert status["keep"]["events_deleted"] == 0
    found = verified(car)
    assert [file for file in found["files"] if file["status"] == "damaged"] == []
    car.guest.run("date -s '+10 years'")


def test_power_is_cut_and_the_stick_keeps_all_but_the_last_two_seconds(prepared, tmp_path):
    from tests.usb import cuts, prepare
    from tests.usb.qemu import Guest, accelerator

    disk = prepare.copy(prepared, tmp_path)
    image = images.stick(tmp_path / "cut.img", "vfat", 64)
    with Guest(disk, accelerator(), snapshot=prepare.SNAPSHOT) as guest:
        guest.plug("cut", image)
        guest.until(status_line('"recording": true'), 90, 0.5)
        guest.run("sleep 14", 40)
        written = json.loads(guest.run("dashcamd status --json"))["counters"]["frames_written"]
        guest.cut_power()
    inner = images.inner_of(image, tmp_path / "inner.img")
    tree = tmp_path / "tree"
    for path, content in readers.files(inner, "vfat").items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    state = cuts.recovered(tree)
    assert state.damaged == ()
    assert state.frames >= written


def test_nothing_of_this_was_written_to_the_root_file_system(car):
    out = car.guest.run("find / -xdev -user dashcamd -not -path '/proc/*' -not -path '/run/*'")
    assert out == ""
