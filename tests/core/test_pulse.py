"""The health of a stick: said before it costs a frame, and remembered."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.core.memory import MIB
from dashcamd.core.pulse import ENOUGH_SAMPLES, STALL_S, WINDOW, WINDOW_S, Flow, Past, Pulse, judge

VIDEO = 500_000
NEW = Past()
FLOW = Flow(VIDEO, 64 * MIB, 0.0, 100_000_000, 36_000 * VIDEO, 7200.0, 3600 * VIDEO)


def pulse_of(took, size=VIDEO, past=NEW):
    pulse = Pulse(past)
    for at, seconds in enumerate(took):
        pulse.wrote(float(at), seconds, size)
    return pulse


def verdict(took, flow=FLOW, size=VIDEO, **errors):
    return judge(pulse_of(took, size).reading(float(len(took))), flow, **errors)


def test_percentiles_are_those_of_the_last_minutes():
    pulse = pulse_of([9.0] + [place / 1000 for place in range(1, 101)])
    reading = pulse.reading(WINDOW_S + 0.5)
    assert (reading["p50_s"], reading["p95_s"], reading["p99_s"]) == (0.051, 0.096, 0.1)
    assert reading["max_s"] == 0.1
    assert reading["ever"]["longest_stall_s"] == 9.0, "what the stick once did is not forgotten"


def test_nothing_written_yet_is_unknown_and_no_fault():
    health = judge(Pulse().reading(0.0), Flow())
    assert (health["state"], health["faults"], health["p50_s"]) == ("unknown", [], None)


def test_a_stick_that_keeps_up_is_good():
    health = verdict([0.05] * 60)
    assert (health["state"], health["faults"]) == ("good", [])
    assert health["bytes_per_s"] == 10 * 10**6
    assert health["hours_left"] == 10.0
    assert health["hours_left_of_events"] == 20.0


def test_a_stick_slower_than_the_video_is_said_with_the_time_that_is_left():
    health = verdict([1.25] * 8)
    assert health["state"] == "slow"
    assert "takes 0.40 MB/s, the video has 0.50" in health["faults"][0]
    assert "1000 s more of motion" in health["faults"][0]


def test_a_stick_with_hardly_a_margin_is_too_slow_before_it_falls_behind():
    assert verdict([0.9] * 20)["state"] == "slow"
    assert verdict([0.7] * 20)["state"] == "good"


def test_two_slow_writes_are_not_believed_yet():
    assert verdict([3.0] * 2)["state"] == "unknown"


def test_the_ring_is_sized_by_the_longest_stall():
    health = verdict([0.05] * 50 + [20.0])
    assert health["ring_mib_advised"] == 15
    assert health["state"] == "good", "the ring bridges that"
    health = verdict([0.05] * 500 + [120.0])
    assert health["ring_mib_advised"] == 86
    assert "grow to 86 MiB" in health["faults"][0]
    health = verdict([0.05] * 500 + [120.0], replace(FLOW, held_s=10.0))
    assert health["ring_mib_advised"] == 91, "what is held besides is on top"


def test_errors_of_the_kernel_are_failing_whatever_the_speed():
    assert verdict([0.05] * 20, io_errors=3)["state"] == "failing"
    health = verdict([0.05] * 20, file_system_errors=1)
    assert "check or format it" in health["faults"][0]


def test_what_a_stick_is_remembered_by_survives_its_marker():
    past = pulse_of([0.1, 2.0]).past
    assert past == Past(2 * VIDEO, 1, 2.0)
    again = Past.from_json(json.loads(json.dumps(past.to_json())))
    assert pulse_of([3.0], past=again).past == Past(3 * VIDEO, 2, 3.0)


WRITES = st.lists(
    st.tuples(st.floats(0, 400), st.sampled_from([0.01, 0.02, 1.5, 3.0]) | st.floats(0, 60)),
    max_size=40,
)


@given(WRITES, st.floats(0, 2 * WINDOW_S))
def test_a_reading_tells_of_the_last_minutes_as_if_all_were_counted_anew(writes, later):
    pulse, now, known = Pulse(), 0.0, []
    for pause_s, took_s in writes:
        now += pause_s
        pulse.wrote(now, took_s, 1000)
        known.append((now, took_s))
        pulse.reading(now)
    now += later
    took = sorted(took_s for at, took_s in known if now - at <= WINDOW_S)
    reading = pulse.reading(now)
    assert (reading["writes"], reading["bytes"]) == (len(took), 1000 * len(took))
    assert reading["stalls"] == sum(one > STALL_S for one in took)
    assert reading["max_s"] == (round(took[-1], 4) if took else None)
    assert reading["p50_s"] == (round(took[len(took) // 2], 4) if took else None)
    assert abs(reading["busy_s"] - sum(took)) < 0.002


def test_no_more_than_the_newest_writes_are_kept():
    pulse = Pulse()
    for at in range(WINDOW + 10):
        pulse.wrote(at / 1e3, 5.0 if at < 10 else 0.1, 1)
    reading = pulse.reading(1.0)
    assert (reading["writes"], reading["stalls"], reading["bytes"]) == (WINDOW, 0, WINDOW)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(Past().to_json())), inner),
)


@given(ANYTHING)
def test_a_marker_may_say_anything(found):
    past = Past.from_json(found)
    health = judge(Pulse(past).reading(0.0), FLOW)
    json.dumps(health, allow_nan=False)
    assert past.bytes_written >= 0


@given(
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 1 << 24)), max_size=60),
    st.integers(0, 1 << 22),
)
def test_whatever_a_stick_does_the_verdict_follows_from_its_numbers(writes, video):
    pulse = Pulse()
    for at, (took_s, size) in enumerate(writes):
        pulse.wrote(float(at), took_s, size)
    reading = pulse.reading(float(len(writes)))
    health = judge(reading, Flow(float(video), 64 * MIB, 0.0, 64 * MIB))
    assert reading["stalls"] == sum(took_s > STALL_S for took_s, _ in writes)
    assert (health["state"] == "unknown") <= (len(writes) < ENOUGH_SAMPLES)
    assert bool(health["faults"]) == (health["state"] in ("slow", "failing"))
