"""Pictures of what the detector saw, with matplotlib; imported only when one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dashcamd.core.replay import Replay
from dashcamd.errors import OperationError, StorageError
from dashcamd.types import Json

SIZE_INCHES = (12.0, 4.0)


def draw_timeline(replay: Replay, report: Json, path: Path) -> None:
    """Draw moving blocks over time, vetoes and events, into the PNG at `path`.

    Raises `OperationError` without matplotlib, `StorageError` if the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OperationError(
            "--plot needs matplotlib (%s): pip install 'dashcamd[plot]'" % error
        ) from None
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    _fill(figure.add_subplot(), replay, report)
    try:
        figure.savefig(path, dpi=100, format="png")
    except OSError as error:
        raise StorageError("%s: cannot be written: %s" % (path, error.strerror or error)) from None


def _fill(axes: Any, replay: Replay, report: Json) -> None:
    times = [score.ts for score in replay.scores]
    axes.plot(times, [score.blocks for score in replay.scores], lw=0.8, label="moving blocks")
    axes.plot(times, [score.cluster for score in replay.scores], lw=0.8, label="largest group")
    for event in report["events"]:
        axes.axvspan(event["start_s"], event["end_s"], color="tab:green", alpha=0.25)
    vetoed = [score.ts for score in replay.scores if score.veto]
    axes.plot(vetoed, [0] * len(vetoed), "|", color="tab:red", ms=12, label="not believed")
    axes.set_xlabel("seconds")
    axes.set_ylabel("blocks")
    axes.set_xlim(0, max(report["duration_s"], 0.1))
    axes.set_title("%s: %d events (green)" % (report["file"], len(report["events"])), fontsize=9)
    axes.legend(loc="upper right", fontsize=8)
