"""``python -m benchmarks.motion.cpu``: seconds of processor per second of video, beside Motion.

Motion (the Debian package, with its own values, saving nothing) plays the clip through
``netcam_url file://`` at the clip's own pace and is watched from outside; then the same seconds go
through ``dashcamd replay`` (decoding included) and, as on a Pi whose hardware gives the field,
through the detector alone. One run, one machine, one clip.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from benchmarks.motion import scenes, sources
from dashcamd.core.detector import Detector
from dashcamd.core.replay import replay_fields
from dashcamd.core.tracker import Tracker

SETTLE_S = 4.0
GIVEN_BAR, DECODED_BAR = 1 / 20, 0.6

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


def judging_cpu(stream, seconds):
    """Processor seconds of detector and tracker per second of video when the field is given."""
    fields = list(stream)
    began = time.process_time()
    replay_fields(fields, Detector(), Tracker(), time.perf_counter)
    return (time.process_time() - began) / seconds


def main(argv=None):
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.cpu", description=__doc__)
    parser.add_argument("--clip", type=Path, help="a video file instead of the drawn one")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to watch Motion")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or drawn_clip(Path(folder))
        width, height, fps, seconds = facts_of(clip)
        if options.clip:
            fields = sources.of_clip(clip, clip.stem, fps)
        else:
            fields = sources.of_scene(scenes.scenes()["people_day"])
        peer = motion_cpu(clip, min(options.seconds, seconds - SETTLE_S - 1))
        ours = replay_cpu(clip)
        given = {
            source: judging_cpu(fields.stream(source), fields.seconds)
            for source in sources.SOURCES
            if source in fields.fields
        }
    print("%s, %dx%d at %.3g a second" % (clip.name, width, height, fps))
    print("| | CPU s per s of video | of Motion | bar |\n|---|---|---|---|")
    rows = [
        ("Motion, decoding included", peer, None),
        ("dashcamd replay, the same", ours, DECODED_BAR),
    ]
    rows += [("detector, %s field given" % name, cpu, GIVEN_BAR) for name, cpu in given.items()]
    for name, cpu, bar in rows:
        if cpu is not None:
            ratio = "%.3f" % (cpu / peer) if peer else "-"
            print(
                "| %s | %.4f | %s | %s |" % (name, cpu, ratio, "-" if bar is None else "%.2f" % bar)
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
