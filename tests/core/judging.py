"""Scores of scripted fields of an encoder."""

from dashcamd.core.detector import Detector
from tests.core.fields import field


def videocore(frames):
    """Scores of frames, each a list of patches, twenty a second after two quiet seconds."""
    detector = Detector()
    for i in range(40):
        detector.judge(field(i / 20, source="videocore"))
    stamps = (2.0 + i / 20 for i in range(len(frames)))
    return [
        detector.judge(field(ts, patches=patches, source="videocore"))
        for ts, patches in zip(stamps, frames)
    ]


def pools(patches, noise=600):
    """One field of an encoder, the same each time but for its stamp."""
    return lambda ts: field(ts, noise, patches, "videocore")


def in_turn(*parts):
    """Scores of (seconds, pools) in turn, ten a second; those of the last part."""
    detector, ts = Detector(), 0.0
    for seconds, make in parts:
        scores = []
        for _ in range(round(seconds * 10)):
            scores.append(detector.judge(make(ts)))
            ts += 0.1
    return scores
