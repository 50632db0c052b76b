"""``python -m benchmarks.motion.cpu``: seconds of processor per second of video, beside Motion.

Motion (the Debian package, with its own values, saving nothing) plays the clip through
``netcam_url file://`` at the clip's own pace and is watched from outside; then the same clip goes
through ``dashcamd replay`` (decoding included), through its decoder alone and, as on a Pi whose
hardware gives the field, through the detector alone. Every round measures all of them in turn, and
the table has medians, so that a machine which others use too disturbs all of them alike.

``--clips DIR`` measures the clips of a manifest whose names begin with ``comp_`` beside the drawn
day; ``--clip FILE`` one file instead.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from benchmarks.motion import scenes, sources
from dashcamd.cameras.footage import Footage
from dashcamd.core.detector import Detector
from dashcamd.core.pooling import Pool
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker

SETTLE_S = 4.0
GIVEN_BAR, DECODED_BAR = 1 / 20, 0.6
GIVEN = ("ffmpeg", "videocore")
"""Sources whose fields the detector is given without decoding anything."""
LAYERS = ("fields", "videocore")

MOTION_CONF = """
daemon off
setup_mode off
netcam_url file://{clip}
width {width}
height {height}
framerate {fps}
target_dir {folder}
log_level 4
picture_output off
movie_output off
webcontrol_port 0
stream_port 0
"""


def drawn_clip(folder):
    """The people of a drawn day as an MP4, from the benchmark's cache."""
    import av

    scene = scenes.scenes()["people_day"]
    footage = sources.footage_of(scene)
    path = folder / "people_day.mp4"
    data, sizes = footage["coded"], footage["coded.sizes"]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=scenes.FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number, (end, size) in enumerate(zip(np.cumsum(sizes), sizes)):
            packet = av.Packet(data[end - size : end].tobytes())
            packet.stream, packet.time_base = stream, Fraction(1, scenes.FPS)
            packet.pts = packet.dts = number
            packet.is_keyframe = number % sources.GOP == 0
            container.mux(packet)
    return path


def facts_of(clip):
    """Width, height, rate and length of a video file."""
    import av

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        seconds = float(stream.duration * stream.time_base)
        return stream.width, stream.height, float(stream.average_rate), seconds


def motion_cpu(clip, seconds):
    """Processor seconds of Motion per second of `clip`, watched for `seconds` of it; None without.

    Its own threads and children are counted, its start is not.
    """
    if shutil.which("motion") is None:
        return None
    width, height, fps, _ = facts_of(clip)
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "motion.conf"
        conf.write_text(
            MOTION_CONF.format(
                clip=clip.resolve(), width=width, height=height, fps=round(fps), folder=folder
            )
        )
        with subprocess.Popen(
            ["motion", "-n", "-c", str(conf)], cwd=folder, stderr=subprocess.DEVNULL
        ) as child:
            try:
                time.sleep(SETTLE_S)
                watched = psutil.Process(child.pid)
                before = sum(watched.cpu_times()[:4])
                time.sleep(seconds)
                return (sum(watched.cpu_times()[:4]) - before) / seconds
            finally:
                child.terminate()


def replay_cpu(clip):
    """Processor seconds of ``dashcamd replay`` per second of `clip`, start of Python left out."""
    told = subprocess.run(
        [sys.executable, "-m", "dashcamd", "replay", "--json", str(clip)],
        check=True,
        capture_output=True,
    )
    (report,) = json.loads(told.stdout)
    return report["cpu_s"] / report["duration_s"]


def decoding_cpu(clip):
    """Processor seconds of decoding alone, as replay does it, per second of `clip`."""
    footage = Footage(str(clip))
    began = time.process_time()
    for _ in footage.pictures():
        pass
    spent = time.process_time() - began
    footage.close()
    return spent / (footage.last_ts + 1 / footage.fps)


def judging_cpu(fields, source):
    """Processor seconds of pool, detector and tracker per second of video; None without fields."""
    if source not in fields.fields:
        return None
    stream = list(fields.stream(source))
    began = time.process_time()
    pooled = filter(None, map(Pool().step, stream))
    replay_fields(pooled, Detector(), Tracker(), time.perf_counter)
    return (time.process_time() - began) / fields.seconds


def measured(clip, fields, rounds, seconds):
    """Medians of each column over so many rounds; None where something cannot be measured."""
    watched_s = min(seconds, facts_of(clip)[3] - SETTLE_S - 1)
    columns = {
        "Motion": lambda: motion_cpu(clip, watched_s),
        "decoding": lambda: decoding_cpu(clip),
        "replay": lambda: replay_cpu(clip),
        **{source: functools.partial(judging_cpu, fields, source) for source in GIVEN},
    }
    rows = [{name: measure() for name, measure in columns.items()} for _ in range(rounds)]
    return {
        name: None if rows[0][name] is None else statistics.median(row[name] for row in rows)
        for name in columns
    }


def line(clip, told):
    """One row of the table: seconds of processor, then what they are of Motion's."""
    peer = told["Motion"]
    cells = [told["Motion"], told["decoding"], told["replay"]]
    ratios = [peer and one and one / peer for one in (told["decoding"], told["replay"])]
    ratios += [peer and told[source] and told[source] / peer for source in GIVEN]
    width, height, fps, _ = facts_of(clip)
    texts = ["%s, %dx%d at %.3g" % (clip.stem, width, height, fps)]
    texts += ["-" if one is None else "%.4f" % one for one in cells]
    texts += ["-" if one is None else "%.3f" % one for one in ratios]
    return "| %s |" % " | ".join(texts)


def chosen(options, folder):
    """The clips to measure, each with its fields."""
    if options.clip:
        return [(options.clip, _fields_of(options.clip))]
    clips = [(drawn_clip(folder), sources.of_scene(scenes.scenes()["people_day"], layers=LAYERS))]
    for clip in sorted(options.clips.glob("comp_*.mp4")) if options.clips else ():
        clips.append((clip, _fields_of(clip)))
    return clips


def _fields_of(clip):
    return sources.of_clip(clip, clip.stem, facts_of(clip)[2], layers=LAYERS)


def main(argv=None):
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.cpu", description=__doc__)
    parser.add_argument("--clip", type=Path, help="this video file alone")
    parser.add_argument("--clips", type=Path, help="folder with labelled clips, beside the drawn")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to watch Motion")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    options = parser.parse_args(argv)
    print("load %.1f %.1f %.1f" % os.getloadavg(), file=sys.stderr)
    heads = ["clip", "Motion", "decoding", "replay", "decoding of Motion"]
    heads += ["replay of Motion (%.2f)" % DECODED_BAR]
    heads += ["detector, %s field (%.2f)" % (source, GIVEN_BAR) for source in GIVEN]
    print("| %s |\n%s|" % (" | ".join(heads), "|---" * len(heads)))
    with tempfile.TemporaryDirectory() as folder:
        for clip, fields in chosen(options, Path(folder)):
            print(line(clip, measured(clip, fields, options.rounds, options.seconds)), flush=True)
    print("load %.1f %.1f %.1f" % os.getloadavg(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
