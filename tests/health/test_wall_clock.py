"""The machine's clocks, read from the files that the kernel and systemd keep."""

from __future__ import annotations

import os

import pytest

from dashcamd.clock import SimClock
from dashcamd.health.wall_clock import RTC_UNSURE_S, UNSURE_S, system_anchor

NOW = 1_800_000_000


@pytest.fixture
def machine(tmp_path):
    """A machine without NTP and without an RTC."""
    (tmp_path / "rtc").mkdir()

    class Machine:
        ntp, rtcs = tmp_path / "synchronized", tmp_path / "rtc"

        def synchronise(self, at):
            self.ntp.touch()
            os.utime(self.ntp, (at, at))

        def add_rtc(self, name, seconds, hctosys="1"):
            (self.rtcs / name).mkdir()
            (self.rtcs / name / "hctosys").write_text(hctosys + "\n")
            (self.rtcs / name / "since_epoch").write_text("%s\n" % seconds)

        def says(self, wall=NOW, uptime_s=200_000.0):
            found = system_anchor(SimClock(uptime_s, wall), self.ntp, self.rtcs)
            return found and (found.source, found.wall, pytest.approx(found.uncertainty_s))

    return Machine()


def test_a_clock_that_nobody_set_is_no_anchor(machine):
    assert machine.says(0) is None
    assert machine.says(1_700_000_000) is None
    machine.synchronise(0)
    assert machine.says(0) is None


def test_the_system_clock_alone_is_hardly_believed(machine):
    assert machine.says() == ("system", NOW, UNSURE_S)


def test_ntp_is_believed_and_less_so_the_longer_it_was_silent(machine):
    machine.add_rtc("rtc0", NOW - 77)
    machine.synchronise(NOW - 10)
    assert machine.says() == ("ntp", NOW, 0.501)
    machine.synchronise(NOW - 100_000)
    assert machine.says() == ("ntp", NOW, 10.5)


@pytest.mark.parametrize("step", [-3600, 3600, -300 * 86400, 10 * 365 * 86400])
def test_a_clock_that_was_set_behind_ntp_s_back_is_not_ntp_s_word(machine, step):
    machine.synchronise(NOW - 10)
    assert machine.says(NOW, uptime_s=100.0)[0] == "ntp"
    assert machine.says(NOW + step, uptime_s=100.0) == ("system", NOW + step, UNSURE_S)


def test_an_rtc_counts_if_the_kernel_set_its_clock_from_it(machine):
    machine.add_rtc("rtc0", NOW - 500, hctosys="0")
    assert machine.says()[0] == "system"
    machine.add_rtc("rtc1", NOW - 77)
    assert machine.says() == ("rtc", NOW - 76.5, RTC_UNSURE_S)
    assert machine.says(0) == ("rtc", NOW - 76.5, RTC_UNSURE_S), "whatever became of the clock"


@pytest.mark.parametrize(
    "seconds", ["", "0", "946684800", "-1", "nonsense", "9" * 30, "\u0663" * 10]
)
def test_an_rtc_with_a_dead_battery_says_nothing(machine, seconds):
    machine.add_rtc("rtc0", seconds)
    assert machine.says() == ("system", NOW, UNSURE_S)
    assert machine.says(0) is None
