"""Pictures of what the detector saw, with matplotlib; imported only when one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Sequence, Tuple

import numpy as np

from dashcamd.core import ego
from dashcamd.core.ego import State
from dashcamd.core.explain import SILENT
from dashcamd.core.replay import Replay
from dashcamd.errors import OperationError, StorageError
from dashcamd.extras import how_to_install
from dashcamd.types import Json, Score, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time

WIDTH_INCHES = 12.0
VETOES_SHOWN = 6
COLOURS = {State.STILL: "0.9", State.DRIVING: "tab:blue", State.SHAKEN: "tab:orange"}
EVENT_COLOURS = {"driving": "tab:blue", "bump": "tab:red"}

Thumbnail = Tuple[Seconds, "Array"]
"""When, and the picture as RGB."""


def draw_timeline(
    replay: Replay,
    report: Json,
    path: Path,
    start: Seconds = 0.0,
    thumbnails: Sequence[Thumbnail] = (),
) -> None:
    """Draw blocks, thresholds, vetoes, ego-motion and events over time into the PNG at `path`.

    `start` is the stamp that `report` counts from. Raises `OperationError` without matplotlib,
    `StorageError` if the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OperationError(
            "--plot needs matplotlib (%s): %s"
            % (error, how_to_install("plot", "python3-matplotlib"))
        ) from None
    vetoes = _vetoes(replay.scores)
    heights = [1.6] * bool(thumbnails) + [3.0, 0.5 + 0.25 * len(vetoes)] + [0.5] * bool(replay.egos)
    figure = Figure(figsize=(WIDTH_INCHES, 0.8 + sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = list(np.ravel(figure.subplots(len(heights), 1, height_ratios=heights)))
    if thumbnails:
        _thumbnails(rows.pop(0), thumbnails)
    title = "%s: %d events" % (report["file"], len(report["events"]))
    _activity(rows[0], replay, report, start, title)
    _refusals(rows[1], replay.scores, vetoes, start)
    if replay.egos:
        _states(rows[2], replay, start)
    for axes in rows:
        axes.set_xlim(0, max(report["duration_s"], 0.1))
    for axes in rows[:-1]:
        axes.tick_params(labelbottom=False)
    rows[-1].set_xlabel("seconds")
    try:
        figure.savefig(path, dpi=100, format="png")
    except OSError as error:
        raise StorageError("%s: cannot be written: %s" % (path, error.strerror or error)) from None


def _activity(axes: Any, replay: Replay, report: Json, start: Seconds, title: str) -> None:
    times = [score.ts - start for score in replay.scores]
    blocks = [score.blocks for score in replay.scores]
    axes.plot(times, blocks, lw=0.8, label="blocks that stand out")
    axes.plot(times, [score.cluster for score in replay.scores], lw=0.8, label="largest group")
    least = replay.least_blocks
    if least:
        axes.axhline(least, color="0.4", ls="--", lw=0.8, label="least group, %d" % least)
    for event in report["events"]:
        colour = EVENT_COLOURS.get(event.get("kind", ""), "tab:green")
        axes.axvspan(event["start_s"], event["end_s"], color=colour, alpha=0.2)
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(0)
    axes.set_ylabel("blocks")
    axes.set_title(title + " (green: motion, blue: drive, red: bump)", fontsize=9)
    axes.legend(loc="upper right", fontsize=7)


def _vetoes(scores: Sequence[Score]) -> List[str]:
    """The reasons against motion that were given most often."""
    counts: dict[str, int] = {}
    for score in scores:
        if score.veto and score.veto not in SILENT:
            counts[score.veto] = counts.get(score.veto, 0) + 1
    return sorted(counts, key=lambda veto: -counts[veto])[:VETOES_SHOWN]


def _refusals(axes: Any, scores: Sequence[Score], vetoes: List[str], start: Seconds) -> None:
    """One line of marks for each reason against motion, and one for fields that moved."""
    lines = ["moving", *vetoes]
    for place, line in enumerate(lines):
        when = [s.ts - start for s in scores if (s.veto == line if place else s.is_moving)]
        colour = "tab:red" if place else "tab:green"
        axes.plot(when, [place] * len(when), "|", color=colour, ms=8)
    axes.set_yticks(range(len(lines)), lines, fontsize=7)
    axes.set_ylim(-0.6, len(lines) - 0.4)


def _states(axes: Any, replay: Replay, start: Seconds) -> None:
    for begin, end, state in ego.spans(replay.egos):
        axes.axvspan(begin - start, end - start, color=COLOURS[state], alpha=0.6)
        if state is not State.STILL:
            middle = (begin + end) / 2 - start
            axes.text(middle, 0.5, state.value, ha="center", va="center", fontsize=7)
    bumps = [one.bump - start for _, one in replay.egos if one.bump is not None]
    axes.plot(bumps, [0.5] * len(bumps), "v", color="tab:red")
    axes.set_yticks([0.5], ["camera"], fontsize=7)
    axes.set_ylim(0, 1)


def _thumbnails(axes: Any, thumbnails: Sequence[Thumbnail]) -> None:
    """The pictures side by side, each with its second."""
    tall = min(picture.shape[0] for _, picture in thumbnails)
    shown = [picture[:tall] for _, picture in thumbnails]
    axes.imshow(np.concatenate(shown, axis=1), aspect="equal")
    left = 0
    for (ts, _), picture in zip(thumbnails, shown):
        axes.text(left + 4, 4, "%.1f s" % ts, color="w", backgroundcolor="k", fontsize=7, va="top")
        left += picture.shape[1]
    axes.set_axis_off()
