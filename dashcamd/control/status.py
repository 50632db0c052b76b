"""The board as one document: what ``dashcamd status --json`` prints and the page shows."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from dashcamd.core.memory import MIB
from dashcamd.core.pulse import Flow, judge
from dashcamd.types import Json, Seconds

Facts = Mapping[str, Any]
EMPTY: Facts = {}

STATES = (
    "camera lost", "starting", "no stick", "stick full", "recording", "fault", "ended", "armed",
    "disarmed",
)  # fmt: skip
"""All that `state` says; the page has words for each."""

FRESH_S = 5.0
"""``recording`` is said only while durable bytes moved within this time (invariant 5)."""


def document(board: Mapping[str, Facts], now: Seconds) -> Json:
    """Compile the status from a board's snapshot at boot-monotonic `now`.

    ``recording`` is true only while durable bytes moved in the last 5 s, whoever claims what:
    all ages are computed here, since a thread that hangs in the kernel posts nothing any more.
    """
    recording = _judged(board.get("recording", EMPTY), now)
    camera, volume = _seen(board.get("camera", EMPTY), now), board.get("volume", EMPTY)
    motion, health = board.get("motion", EMPTY), board.get("health", EMPTY)
    memory = board.get("memory", EMPTY)
    reserve_bytes = board.get("keep", EMPTY).get("reserve_bytes", 0)
    health_of_stick = _stick(camera, volume, recording, memory, reserve_bytes, now)
    faults = _faults({**board, "recording": recording})
    faults += ["stick: %s" % fault for fault in health_of_stick.get("faults", ())]
    return {
        "state": state(camera, recording, volume, faults),
        "recording": bool(recording.get("recording")),
        "armed": bool(recording.get("armed", True)),
        "event": recording.get("event"),
        "last_durable_age_s": recording.get("last_durable_age_s"),
        "faults": faults,
        "camera": dict(camera),
        "volume": {**volume, "health": health_of_stick},
        "waiting": waiting(recording),
        "memory": dict(memory),
        "motion": _with_age(motion, now),
        "clock": dict(board.get("clock", EMPTY)),
        "health": dict(health),
        "keep": dict(board.get("keep", EMPTY)),
        "web": dict(board.get("web", EMPTY)),
        "settings": dict(board.get("settings", EMPTY)),
        "counters": {
            "frames_captured": camera.get("frames_captured", 0),
            "frames_written": recording.get("frames_written", 0),
            "frames_lost": recording.get("frames_lost", 0),
            "fields_dropped": motion.get("fields_dropped", 0),
            "bytes_written": recording.get("bytes_written", 0),
            "gaps": recording.get("gaps", 0),
            "backlog_frames": recording.get("backlog_frames", 0),
            "messages_dropped": sum(
                board.get(room, EMPTY).get("messages_dropped", 0) for room in ("recording", "keep")
            ),
        },
    }


def state(camera: Facts, recording: Facts, volume: Facts, faults: List[str]) -> str:
    """One plain word: what a person has to know first."""
    if camera.get("state") == "lost":
        return "camera lost"
    if camera.get("state") is None:
        return "starting"
    if volume.get("where") is None:
        return "no stick"
    if recording.get("is_full"):
        return "stick full"
    if recording.get("recording"):
        return "recording"
    if recording.get("fault"):
        return "fault"
    if camera.get("state") == "ended":
        return "ended"
    return "armed" if recording.get("armed", True) else "disarmed"


def waiting(recording: Facts) -> Json:
    """What waits in memory for a stick, with one line for people: ``words``."""
    held, boat = recording.get("waiting", EMPTY), recording.get("lifeboat", EMPTY)
    events, seconds = held.get("events", 0), held.get("seconds", 0.0)
    return {
        "events": events,
        "seconds": round(seconds, 1),
        "lifeboat_bytes": boat.get("bytes", 0),
        "lifeboat_capacity_bytes": boat.get("capacity_bytes", 0),
        "frames_given_up": boat.get("given_up", 0),
        "words": "%d event%s, %s, in memory only"
        % (events, "" if events == 1 else "s", _span(seconds))
        if events
        else None,
    }


def _stick(
    camera: Facts, volume: Facts, recording: Facts, memory: Facts, reserve_bytes: int, now: Seconds
) -> Json:
    """The health of the stick in use; nothing while there is none.

    Hours are left until only the reserve is, which is when the oldest event is deleted.
    """
    pulse, boat = recording.get("pulse"), recording.get("lifeboat", EMPTY)
    if volume.get("where") is None or pulse is None:
        return {}
    errors = volume.get("kernel_errors", EMPTY)
    video = camera.get("video_bytes_per_s", 0)
    capacity = camera.get("ring_capacity_bytes", 0)
    waiting_bytes = recording.get("waiting", EMPTY).get("seconds", 0.0) * video
    flow = Flow(
        video_bytes_per_s=video,
        ring_most_bytes=max(capacity, memory.get("ring_mib_most", 0) * MIB),
        held_s=memory.get("held_s", 0.0),
        memory_left_bytes=max(0, round(capacity + boat.get("capacity_bytes", 0) - waiting_bytes)),
        free_bytes=max(0, volume.get("free_bytes", 0) - reserve_bytes),
        uptime_s=now - recording.get("since", now),
        bytes_written=recording.get("bytes_written", 0),
    )
    proven = volume.get("proof", EMPTY)
    return judge(pulse, flow, errors.get("io", 0), errors.get("file_system", 0), proven)


def _span(seconds: Seconds) -> str:
    return "%.0f s" % seconds if seconds < 100 else "%.0f min" % (seconds / 60)


def _faults(board: Mapping[str, Facts]) -> List[str]:
    return [
        "%s: %s" % (section, facts["fault"])
        for section, facts in sorted(board.items())
        if facts.get("fault")
    ]


def _judged(recording: Facts, now: Seconds) -> Facts:
    """The record thread's word, held against the clock."""
    durable_at, posted_at = recording.get("durable_at"), recording.get("posted_at")
    age_s = None if durable_at is None else max(0.0, now - durable_at)
    is_fresh = age_s is not None and age_s <= FRESH_S
    judged = {
        **recording,
        "recording": recording.get("part") is not None and is_fresh,
        "last_durable_age_s": None if age_s is None else round(age_s, 3),
    }
    if posted_at is not None and now - posted_at > FRESH_S:
        judged["fault"] = "the stick has not answered for %.0f s" % (now - posted_at)
    return judged


def _seen(camera: Facts, now: Seconds) -> Facts:
    last: Optional[Seconds] = camera.get("last_frame_at")
    return {**camera, "last_frame_age_s": None if last is None else round(now - last, 3)}


def _with_age(motion: Facts, now: Seconds) -> Json:
    last: Optional[Seconds] = motion.get("last_field_ts")
    return {**motion, "last_field_age_s": None if last is None else round(now - last, 3)}
