"""``dashcamd replay``: what the daemon would have seen in footage, as fast as it goes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Optional

from dashcamd.cameras.footage import Footage
from dashcamd.cli import traces
from dashcamd.cli.arguments import add_json, print_json
from dashcamd.cli.progress import Progress
from dashcamd.config import MotionConfig
from dashcamd.core import ego, explain
from dashcamd.core.replay import Replay, replay_watch
from dashcamd.core.tracker import as_json
from dashcamd.core.watch import Watch
from dashcamd.errors import ConfigError
from dashcamd.types import Json, MotionField, Seconds

MERGE_S = 2.0
"""Motion that pauses for less is listed as one event."""


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay", parents=[common], help="run the detector over recorded files or traces"
    )
    parser.add_argument("videos", metavar="VIDEO", nargs="*")
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE_OR_DIR",
        help="traces of a stick instead: what last night would have given with these settings",
    )
    parser.add_argument("--plot", metavar="OUT.png", type=Path, help="draw what the detector saw")
    parser.add_argument(
        "--overlay", metavar="OUT.mp4", type=Path, help="the video with what was seen drawn on it"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say for each event, and for each near miss, why"
    )
    add_json(parser)
    parser.set_defaults(act=act)


class Replayed(NamedTuple):
    """One video or trace: its `report`, all that was seen, and the stamp `report` counts from."""

    report: Json
    replay: Replay
    start: Seconds = 0.0


def act(arguments: argparse.Namespace) -> int:
    """Replay every file; list the motion in it."""
    _check(arguments)
    motion = arguments.settings.motion
    reports = []
    for one in _replayed(arguments, motion):
        reports.append(one.report)
        if arguments.explain and not arguments.json:
            lines = explain.lines(one.replay.scores, one.replay.motions, one.start)
            print("\n".join([one.report["file"], *lines]))
        elif not arguments.json:
            _tell(one.report)
        if arguments.plot is not None:
            _plot(one, arguments.videos[0] if arguments.videos else None, arguments.plot)
    if arguments.overlay is not None:
        _overlay(arguments.videos[0], motion, arguments.overlay)
    if arguments.json:
        print_json(reports)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if bool(arguments.videos) == (arguments.trace is not None):
        raise ConfigError("replay takes videos, or --trace and one file or folder")
    for option in ("plot", "overlay"):
        if getattr(arguments, option) is not None and len(arguments.videos) > 1:
            raise ConfigError(
                "--%s draws one video, not %d; call it for each" % (option, len(arguments.videos))
            )
    if arguments.overlay is not None and arguments.trace is not None:
        raise ConfigError("--overlay draws on a video; a trace has no pictures")


def _replayed(arguments: argparse.Namespace, motion: MotionConfig) -> Iterator[Replayed]:
    if arguments.trace is None:
        for video in arguments.videos:
            yield _replay_video(video, motion)
    else:
        for night in traces.nights(arguments.trace):
            yield _replay_night(night, motion)


def _replay_video(video: str, motion: MotionConfig) -> Replayed:
    footage = Footage(video)
    cpu = time.process_time()
    try:
        replay = _watched(_shown(footage, video), motion)
    finally:
        footage.close()
    duration_s = footage.last_ts + 1 / footage.fps if footage.frames else 0.0
    facts = {"file": video, "fps": round(footage.fps, 3), "frames": footage.frames}
    return Replayed(_report(facts, duration_s, replay, 0.0, cpu), replay)


def _replay_night(night: traces.Night, motion: MotionConfig) -> Replayed:
    cpu = time.process_time()
    replay = _watched(night.fields(), motion)
    start = replay.scores[0].ts if replay.scores else 0.0
    duration_s = replay.scores[-1].ts - start if replay.scores else 0.0
    frames = len(replay.scores)
    facts = {"file": night.name, "fps": round(frames / max(duration_s, 0.1), 3), "frames": frames}
    report = _report(facts, duration_s, replay, start, cpu)
    report["start_unix_s"] = night.unix_s(start)
    return Replayed(report, replay, start)


def _watched(fields: Iterator[MotionField], motion: MotionConfig) -> Replay:
    return replay_watch(fields, Watch(motion), time.perf_counter, gap_s=MERGE_S)


def _shown(footage: Footage, video: str) -> Iterator[MotionField]:
    with Progress(video, footage.duration_s) as progress:
        for field in footage.fields():
            progress.show(field.ts)
            yield field


def _report(facts: Json, duration_s: Seconds, replay: Replay, start: Seconds, cpu: Seconds) -> Json:
    return {
        **facts,
        "duration_s": round(duration_s, 3),
        "events": [{**as_json(one, start), "kind": one.reason} for one in replay.motions],
        "ego": [
            {"start_s": round(a - start, 3), "end_s": round(b - start, 3), "state": state.value}
            for a, b, state in ego.spans(replay.egos)
        ],
        "cpu_s": round(time.process_time() - cpu, 3),
        "detector_us_per_frame": round(1e6 * sum(replay.detector_s) / max(1, facts["frames"]), 1),
    }


def _tell(report: Json) -> None:
    print(
        "%(file)s: %(frames)d frames, %(duration_s).1f s, detector %(detector_us_per_frame).0f us "
        "a frame" % report
    )
    clock = _clock(report.get("start_unix_s"))
    for event in report["events"]:
        label = clock(event["start_s"])
        print("  %s%8.2f s to %8.2f s  %s" % (
            label, event["start_s"], event["end_s"], event["reason"]))  # fmt: skip
    if not report["events"]:
        print("  nothing moves")


def _clock(start_unix_s: Optional[float]) -> Callable[[Seconds], str]:
    def face(offset_s: Seconds) -> str:
        if start_unix_s is None:
            return ""
        return time.strftime("%Y-%m-%d %H:%M:%S  ", time.localtime(start_unix_s + offset_s))

    return face


def _plot(one: Replayed, video: Optional[str], path: Path) -> None:
    from dashcamd.cli.overlays import thumbnails
    from dashcamd.cli.plots import draw_timeline

    starts = [motion.first for motion in one.replay.motions]
    pictures = thumbnails(video, starts) if video is not None and starts else []
    draw_timeline(one.replay, one.report, path, one.start, pictures)


def _overlay(video: str, motion: MotionConfig, path: Path) -> None:
    from dashcamd.cli.overlays import draw_overlay

    draw_overlay(video, motion, path)
