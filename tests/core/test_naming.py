from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core import naming
from dashcamd.core.naming import EventName, PartName

NUMBERS = st.integers(0, 10**12 - 1)
CLOCKS = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2099, 12, 31))
UPTIMES = st.floats(0, 400 * 3600)
TROUBLE = set('<>:"/\\|?* ') | {chr(code) for code in range(32)}


def test_names_read_as_the_manual_says():
    evening = datetime(2026, 11, 20, 19, 35, 28)
    name = naming.event_name(107, "motion", evening, 42, 191.0)
    assert name.path == "DASHCAM/2026-11-20/193528_e000107_motion"
    assert naming.part_name(0, evening, 191.0) == "193528_p00"
    assert naming.event_name(108, "motion", None, 42, 191.0).path == (
        "DASHCAM/boot-000042/000311_e000108_motion"
    )


@given(NUMBERS, st.text(max_size=40), CLOCKS, NUMBERS, UPTIMES)
def test_an_event_is_found_again_by_its_name_and_any_file_system_takes_it(
    number, reason, start, boot, uptime_s
):
    name = naming.event_name(number, reason, start, boot, uptime_s)
    assert naming.is_day(name.day)
    assert naming.event_number(name.folder) == number
    assert naming.event_reason(name.folder)
    assert name.path.isascii()
    assert not TROUBLE & set(name.day + name.folder)
    assert len(name.path) < 80


@given(st.integers(0, 10**5), CLOCKS, UPTIMES, st.sampled_from([".mp4", ".part.mp4", ".damaged"]))
def test_a_part_is_known_by_its_name(number, start, uptime_s, suffix):
    name = naming.part_name(number, start, uptime_s) + suffix
    assert naming.parse_part(name) == PartName(number, suffix)
    assert naming.is_ours(name)
    assert naming.is_ours(name + ".tmp")


@given(st.lists(st.floats(0, 99 * 3600), min_size=2, max_size=6))
def test_names_sort_by_time_within_a_boot_and_a_day(uptimes):
    stamps = sorted(uptimes)
    without = [naming.event_name(n, "motion", None, 7, s).path for n, s in enumerate(stamps)]
    assert without == sorted(without)
    noon = datetime(2026, 11, 20)
    seconds = [noon + timedelta(seconds=int(stamp / 5)) for stamp in stamps]
    known = [naming.event_name(n, "motion", at, 7, 0).path for n, at in enumerate(seconds)]
    assert known == sorted(known)


def test_names_stay_unique_when_the_clock_stands_still_or_goes_back():
    noon = datetime(2026, 11, 20, 12)
    paths = [naming.event_name(n, "motion", noon, 1, 5.0).path for n in range(100)]
    assert len(set(paths)) == 100


def test_a_reason_from_outside_becomes_a_plain_word():
    def reason(text):
        return naming.event_reason(naming.event_name(1, text, None, 1, 0).folder)

    assert reason("../../etc/passwd") == "etcpasswd"
    assert reason("Überfall!") == "berfall"
    assert reason("123") == "event"
    assert reason("x" * 300) == "x" * 16


@given(st.text(max_size=60))
def test_foreign_names_are_nobodys(text):
    if naming.event_number(text) is not None:
        assert naming.event_name(0, "x", None, 0, 0).folder.count("_") == text.count("_")
    for name in (text + "\n", " " + text, text + "/", "../" + text):
        assert naming.event_number(name) is None
        assert naming.parse_part(name) is None
        assert not naming.is_day(name)
        assert not naming.is_ours(name)


def test_foreign_names_that_come_close():
    assert naming.parse_part("holiday.mp4") is None
    assert naming.parse_part("193528_p٠٠.mp4") is None
    assert not naming.is_ours("event.json.bak")
    assert not naming.is_ours("193528_p00.mp4.tmp.tmp")
    assert not naming.is_ours("unlocked.txt")
    assert not naming.is_ours("locked.jpg")
    assert naming.event_number("193528_e000107_Motion") is None
    assert EventName("d", "f").path == "DASHCAM/d/f"
