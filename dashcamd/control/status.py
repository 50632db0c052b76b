"""The board as one document: what ``dashcamd status --json`` prints and the page shows."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from dashcamd.types import Json, Seconds

Facts = Mapping[str, Any]
EMPTY: Facts = {}


def document(board: Mapping[str, Facts], now: Seconds) -> Json:
    """Compile the status from a board's snapshot at boot-monotonic `now`.

    ``recording`` is true only while durable bytes moved in the last 5 s, whoever claims what.
    """
    recording = board.get("recording", EMPTY)
    camera, volume = board.get("camera", EMPTY), board.get("volume", EMPTY)
    motion, health = board.get("motion", EMPTY), board.get("health", EMPTY)
    faults = _faults(board)
    return {
        "state": state(camera, recording, volume, faults),
        "recording": bool(recording.get("recording")),
        "armed": bool(recording.get("armed", True)),
        "event": recording.get("event"),
        "last_durable_age_s": recording.get("last_durable_age_s"),
        "faults": faults,
        "camera": dict(camera),
        "volume": dict(volume),
        "motion": _with_age(motion, now),
        "clock": dict(board.get("clock", EMPTY)),
        "health": dict(health),
        "keep": dict(board.get("keep", EMPTY)),
        "counters": {
            "frames_captured": camera.get("frames_captured", 0),
            "frames_written": recording.get("frames_written", 0),
            "frames_lost": recording.get("frames_lost", 0),
            "fields_dropped": motion.get("fields_dropped", 0),
            "bytes_written": recording.get("bytes_written", 0),
            "gaps": recording.get("gaps", 0),
            "backlog_frames": recording.get("backlog_frames", 0),
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
    if recording.get("recording"):
        return "recording"
    if recording.get("fault"):
        return "fault"
    if camera.get("state") == "ended":
        return "ended"
    return "armed" if recording.get("armed", True) else "disarmed"


def _faults(board: Mapping[str, Facts]) -> List[str]:
    return [
        "%s: %s" % (section, facts["fault"])
        for section, facts in sorted(board.items())
        if facts.get("fault")
    ]


def _with_age(motion: Facts, now: Seconds) -> Json:
    last: Optional[Seconds] = motion.get("last_field_ts")
    return {**motion, "last_field_age_s": None if last is None else round(now - last, 3)}
