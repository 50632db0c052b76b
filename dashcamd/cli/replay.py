"""``dashcamd replay``: the detector over footage, as fast as it goes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Iterator, Tuple

from dashcamd.cameras.footage import Footage
from dashcamd.cli.arguments import add_json, print_json
from dashcamd.cli.progress import Progress
from dashcamd.config import Config
from dashcamd.core import explain
from dashcamd.core.detector import Detector
from dashcamd.core.replay import Replay, replay_fields
from dashcamd.core.tracker import Tracker, as_json
from dashcamd.errors import ConfigError
from dashcamd.types import Json, MotionField

MERGE_S = 2.0
"""Motion that pauses for less is listed as one event."""


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay", parents=[common], help="run the detector over recorded files"
    )
    parser.add_argument("videos", metavar="VIDEO", nargs="+")
    parser.add_argument("--plot", metavar="OUT.png", type=Path, help="draw what the detector saw")
    parser.add_argument(
        "--explain", action="store_true", help="say for each event, and for each near miss, why"
    )
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Replay every file; list the motion in it."""
    if arguments.plot is not None and len(arguments.videos) > 1:
        raise ConfigError(
            "--plot draws one video, not %d; call it for each" % len(arguments.videos)
        )
    reports = []
    for video in arguments.videos:
        report, replay = _replay(video, arguments.settings)
        reports.append(report)
        if arguments.explain and not arguments.json:
            print("\n".join([video, *explain.lines(replay.scores, replay.motions)]))
        elif not arguments.json:
            _tell(report)
        if arguments.plot is not None:
            _plot(replay, report, arguments.plot)
    if arguments.json:
        print_json(reports)
    return 0


def _replay(video: str, config: Config) -> Tuple[Json, Replay]:
    cpu = time.process_time()
    footage = Footage(video)
    try:
        replay = replay_fields(
            _watched(footage, video),
            Detector(config.motion.sensitivity, config.motion.warm_up_s),
            Tracker(),
            time.perf_counter,
            gap_s=MERGE_S,
        )
    finally:
        footage.close()
    report = {
        "file": video,
        "fps": round(footage.fps, 3),
        "frames": footage.frames,
        "duration_s": round(footage.last_ts + 1 / footage.fps, 3) if footage.frames else 0.0,
        "events": [as_json(motion) for motion in replay.motions],
        "cpu_s": round(time.process_time() - cpu, 3),
        "detector_us_per_frame": round(1e6 * sum(replay.detector_s) / max(1, footage.frames), 1),
    }
    return report, replay


def _watched(footage: Footage, video: str) -> Iterator[MotionField]:
    with Progress(video, footage.duration_s) as progress:
        for field in footage.fields():
            progress.show(field.ts)
            yield field


def _tell(report: Json) -> None:
    print(
        "%(file)s: %(frames)d frames, %(duration_s).1f s, detector %(detector_us_per_frame).0f us "
        "a frame" % report
    )
    for event in report["events"]:
        print("  %(start_s)8.2f s to %(end_s)8.2f s  %(reason)s" % event)
    if not report["events"]:
        print("  nothing moves")


def _plot(replay: Replay, report: Json, path: Path) -> None:
    from dashcamd.cli.plots import draw_timeline

    draw_timeline(replay, report, path)
