"""``python -m benchmarks.motion``: every scene and clip, every source, ours and the peers.

What is drawn is kept in ``$DASHCAMD_BENCH_CACHE`` (the temporary folder otherwise): the first run
draws and encodes two hours of video, later ones take a few minutes. ``--set held`` scores only what
no constant was chosen on, ``--set tuned`` only the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Dict, List

import numpy as np

from benchmarks.motion import baselines, scenes, scoring, sources
from benchmarks.motion.scoring import Tally
from dashcamd.core.detector import Detector
from dashcamd.core.ego import EgoMotion, State
from dashcamd.core.pooling import Pool
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker
from dashcamd.types import MotionField

OURS = ["dashcamd/" + source for source in sources.SOURCES]
WEATHER_KINDS = ("weather", "light", "noise", "shake")
BUMP_LATE_S = 1.0


def ours(stream, sensitivity=5):
    """Our intervals over a stream of fields, and the median time of a judgement in us."""
    told = replay_fields(stream, Detector(sensitivity), Tracker(), time.perf_counter)
    return [(one.first, one.last) for one in told.motions], told.detector_us_per_frame


def flagged(stamps, flags):
    """Intervals of a per-picture verdict."""
    on = [t for t, flag in zip(stamps, flags) if flag]
    return scoring.merged([(t, t + 0.05) for t in on], 0.6)


def verdicts(fields, sensitivity=5) -> Dict[str, list]:
    """Intervals of every detector over one scene or clip."""
    made = {}
    for source in sources.SOURCES:
        if source in fields.fields:
            made["dashcamd/" + source], _ = ours(fields.pooled(source), sensitivity)
    for name, flags in fields.pixels.items():
        made[name] = flagged([i / fields.fps for i in range(len(flags))], flags)
    for name, rule in baselines.VECTOR_RULES.items():
        for source in ("vectors", "videocore"):
            if source in fields.fields:
                told = list(rule(fields.stream(source), fields.fps))
                made[name + "/" + source] = flagged(*zip(*told)) if told else []
    return made


def every_scene(names=()):
    """The scenes used for tuning and those held out, by name."""
    known = {}
    for split in scenes.SEEDS:
        known.update(scenes.scenes(split))
    return {name: scene for name, scene in known.items() if not names or name in names}


def run_scenes(names, refresh, split="all", sensitivity=5):
    """Score the scenes that have visitors or weather; {scene: {detector: Tally}}."""
    board = {}
    for name, scene in every_scene(names).items():
        if split not in ("all", "tuned" if scene.tuned else "held"):
            continue
        is_parked = name.startswith("parked")
        if scene.ego and not is_parked:
            continue
        fields = sources.of_scene(scene, refresh)
        truth = scenes.spans(fields.moving)
        neutral = [(a, b) for a, b, what in scene.nuisance if is_parked and what == "bump"]
        board[name] = {
            who: scoring.tally(told, truth, fields.seconds, neutral)
            for who, told in verdicts(fields, sensitivity).items()
        }
        print("scored", name, file=sys.stderr)
    return board


def run_clips(folder, refresh):
    """Score the labelled clips in `folder` with its manifest; {clip: {detector: Tally}}."""
    board = {}
    manifest = json.loads((folder / "manifest.json").read_text())
    for clip in manifest["sequences"]:
        fields = sources.of_clip(folder / clip["file"], clip["id"], clip["fps"], refresh)
        truth = [tuple(one) for one in clip["truth"]]
        board[clip["id"]] = {
            who: scoring.tally(told, truth, fields.seconds)
            for who, told in verdicts(fields).items()
        }
        print("scored", clip["id"], file=sys.stderr)
    return board


def run_ego(refresh):
    """Share of seconds in the right state, bumps found and false ones; {scene/source: facts}."""
    board = {}
    for name, scene in every_scene().items():
        if not scene.ego:
            continue
        fields = sources.of_scene(scene, refresh)
        for source in sources.SOURCES:
            ego = EgoMotion()
            told = [(field.ts, ego.step(field)) for field in fields.pooled(source)]
            board[name + "/" + source] = _ego_facts(scene, told)
    return board


def _ego_facts(scene, told):
    right = total = 0
    for start, end, state in scene.ego:
        for second in np.arange(start + 0.5, end, 1.0):
            states = [one.state for ts, one in told if abs(ts - second) <= 0.5]
            drives = sum(one is State.DRIVING for one in states) > len(states) / 2
            right += drives == (state == "driving")
            total += 1
    bumps = [one.bump for _, one in told if one.bump is not None]
    wanted = [a for a, _, what in scene.nuisance if what == "bump"]
    found = sum(any(abs(bump - a) <= BUMP_LATE_S for bump in bumps) for a in wanted)
    return {
        "right": right,
        "seconds": total,
        "bumps": len(wanted),
        "found": found,
        "false_bumps": len(bumps) - found,
    }


def empty_hour(fields, source, seed=1):
    """An hour without anything: two-second pieces of the empty scene in random order, mirrored."""
    stamps, blocks = fields.fields[source]
    rng = np.random.default_rng(seed)
    piece = max(1, int(2.0 / np.median(np.diff(stamps))))
    step, ts = float(np.median(np.diff(stamps))), 0.0
    while ts < 3600:
        start = int(rng.integers(0, len(blocks) - piece))
        across, down = rng.integers(0, 2, 2)
        for one in blocks[start : start + piece]:
            inner = one[:: -1 if down else 1, :-1][:, :: -1 if across else 1]
            mirrored = np.concatenate([inner, one[:, -1:]], 1)
            mirrored["x"] *= -1 if across else 1
            mirrored["y"] *= -1 if down else 1
            yield MotionField(ts, mirrored, 1.0, source)
            ts += step


def totals(board, keep) -> Dict[str, Tally]:
    """One tally a detector over the scenes for which `keep(scene)` holds."""
    made: Dict[str, Tally] = {}
    known = every_scene()
    for name, row in board.items():
        if name not in known or keep(known[name]):
            for who, one in row.items():
                made.setdefault(who, Tally()).add(one)
    return made


def _cell(value, form):
    return "-" if value is None else form % value


def table(rows: Dict[str, Tally]) -> str:
    """Markdown, one line a detector."""
    lines = [
        "| detector | recall | clean | first inside | false / h | quiet covered % | latency s |",
        "|---|---|---|---|---|---|---|",
    ]
    for who, one in rows.items():
        covered = None if one.covered is None else 100 * one.covered
        lines.append(
            "| %s | %d/%d | %d/%d | %d/%d | %s | %s | %s |"
            % (
                *(who, one.found, one.events, one.clean, one.events, one.inside, one.events),
                *(_cell(one.false_per_hour, "%.1f"), _cell(covered, "%.1f")),
                _cell(one.latency, "%.2f"),
            )
        )
    return "\n".join(lines)


def per_scene(board, who) -> str:
    """Markdown, one line a scene: found/events, false alarms and when the first ones were."""
    known = every_scene()
    lines = ["| scene | set | " + " | ".join(who) + " |", "|---" * (len(who) + 2) + "|"]
    for name, row in board.items():
        cells: List[str] = []
        for one in who:
            score = row.get(one)
            when = "" if not score or not score.false_at else " at %s" % score.false_at[:3]
            cells.append(
                "-"
                if score is None
                else "%d/%d, %d%s" % (score.found, score.events, score.false, when)
            )
        split = "clip" if name not in known else "tuned" if known[name].tuned else "held out"
        lines.append("| %s | %s | %s |" % (name, split, " | ".join(cells)))
    return "\n".join(lines)


def plot(rows: Dict[str, Tally], path: Path) -> None:
    """Recall against false alarms an hour, one dot a detector."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for who, one in rows.items():
        colour = "tab:green" if who in OURS else "tab:grey"
        axes.plot(one.false_per_hour or 0, one.recall or 0, "o", color=colour)
        axes.annotate(who, (one.false_per_hour or 0, one.recall or 0), fontsize=7)
    axes.set_xlabel("false alarms an hour")
    axes.set_ylabel("recall")
    axes.set_xscale("symlog")
    figure.savefig(path, dpi=110)


def report(board, clips, ego, hour) -> str:
    """The whole document as Markdown."""
    parts = []
    for title, keep in (
        ("All scenes", lambda scene: True),
        ("Scenes used for tuning", lambda scene: scene.tuned),
        ("Scenes only scored", lambda scene: not scene.tuned),
        ("Weather, light, noise and shake, all", lambda scene: scene.kind in WEATHER_KINDS),
        (
            "Weather, light, noise and shake, only scored",
            lambda scene: scene.kind in WEATHER_KINDS and not scene.tuned,
        ),
    ):
        parts.append("## %s\n\n%s" % (title, table(totals(board, keep))))
    if clips:
        parts.append("## Real clips\n\n" + table(totals(clips, lambda scene: True)))
    marks = [*OURS, "framediff", "mog2", "motion_style", "pikrellcam/videocore"]
    parts.append(
        "## Per scene (found/events, false alarms)\n\n" + per_scene({**board, **clips}, marks)
    )
    lines = ["| drive | seconds right | bumps found | false bumps |", "|---|---|---|---|"]
    for name, one in ego.items():
        lines.append(
            "| %s | %d/%d | %d/%d | %d |"
            % (name, one["right"], one["seconds"], one["found"], one["bumps"], one["false_bumps"])
        )
    parts.append("## Ego-motion\n\n" + "\n".join(lines))
    lines = ["%s: %d false alarms, judged in %.0f us (median)" % (s, n, us) for s, n, us in hour]
    parts.append("## An empty hour\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def main(argv=None):
    """Run, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion", description=__doc__)
    parser.add_argument("--scene", action="append", help="only this scene (may be repeated)")
    parser.add_argument("--set", choices=("all", "tuned", "held"), default="all", dest="split")
    parser.add_argument("--sensitivity", type=int, default=5, help="1 to 10")
    parser.add_argument("--clips", type=Path, help="folder with labelled clips and manifest.json")
    parser.add_argument("--refresh", action="store_true", help="render and encode again")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--plot", type=Path, help="write recall against false alarms to this PNG")
    options = parser.parse_args(argv)
    if not baselines.has_opencv():
        print(baselines.NO_OPENCV, file=sys.stderr)
    board = run_scenes(options.scene, options.refresh, options.split, options.sensitivity)
    clips = run_clips(options.clips, options.refresh) if options.clips else {}
    ego = {} if options.scene else run_ego(options.refresh)
    hour = []
    if not options.scene:
        empty = sources.of_scene(scenes.scenes()["empty"])
        for source in sources.SOURCES:
            told, us = ours(filter(None, map(Pool().step, empty_hour(empty, source))))
            hour.append((source, sum(b > scoring.WARM_UP_S for _, b in told), us))
    print(report(board, clips, ego, hour))
    if options.json:
        rows = {
            n: {w: one.as_json() for w, one in row.items()}
            for n, row in (*board.items(), *clips.items())
        }
        options.json.write_text(
            json.dumps({"scenes": rows, "ego": ego, "empty_hour": hour}, indent=1)
        )
    if options.plot:
        plot(totals(board, lambda scene: True), options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
