"""What a source of fields needs and what `sensitivity` and experts turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Mapping

from dashcamd.types import Seconds


@dataclass(frozen=True)
class Profile:
    """What experts can turn (``[[motion.expert]]``); one set of defaults a source, `PROFILES`."""

    sad_floor: float = 1600.0
    """Least SAD (16x16 pixels, 8 bit) of a block that stands out; halved by each 4 steps of
    `sensitivity`. The smallest walkers of the labelled clips have 6000."""

    sad_deviations: float = 6.0
    """How many mean deviations above its own noise a block must be."""

    cluster: int = 3
    """Least blocks that touch; halved by each 3 steps of `sensitivity`. Far walkers fill three."""

    scene_fraction: float = 0.5
    """Beyond this share of the picture at once it is light or a camera that moves."""

    guard_s: Seconds = 0.6
    """How long nothing is believed afterwards; where light is not taken out it settles later."""

    noise_s: Seconds = 20.0
    """Time constant of the noise model: clouds and dusk are slower, a visitor is faster."""

    noise_patience: float = 0.7
    """How much of that speed holds for what stands out: a gardener stays visible."""

    noise_period_s: Seconds = 0.09
    """Fields are learnt in turns, no more often than this: all ten a second of decoded pictures,
    five of an encoder's, for which vectors are learnt, too."""

    hold_s: Seconds = 1.0
    """How long after it moved a thing is looked for around its place with lower limits."""

    hold_fraction: float = 0.6
    """To how much the limits are lowered there: it may walk slower now."""

    drift_floor: float = 0.0
    """Least agreement of vectors: pixels in 0.2 s summed over nine blocks; 0: not looked at."""

    drift_deviations: float = 5.0
    """The same as `sad_deviations` for that sum."""

    drift_kept: float = 0.2
    """How much of the vectors is left when those of the next 0.2 s are added to them."""

    habit_part: float = 0.25
    """What moves at one place for this part of the time, over minutes and for seconds on end, is
    ordinary there. Drawn televisions 0.3 to 0.4; doors, short pieces of road and gaps 0.01 to 0.04,
    where cars follow each other closely 0.14. Above 1 nothing is."""


PROFILES: Dict[str, Profile] = {
    "ffmpeg": Profile(),
    "lores": Profile(),
    "videocore": Profile(
        sad_floor=2500.0,
        sad_deviations=5.5,
        guard_s=1.0,
        noise_patience=1.0,
        noise_period_s=0.18,
        drift_floor=45.0,
        drift_deviations=9.0,
    ),
}


def profile_for(source: str, sensitivity: int, expert: Mapping[str, float]) -> Profile:
    """The profile of `source` at `sensitivity` 1..10 (5 leaves it as it is), with overrides."""
    base = PROFILES.get(source, PROFILES["lores"])
    step = 5 - sensitivity
    scaled = replace(
        base,
        sad_floor=base.sad_floor * 2.0 ** (step / 4.0),
        cluster=max(1, round(base.cluster * 2.0 ** (step / 3.0))),
    )
    turned = {name: type(getattr(scaled, name))(value) for name, value in expert.items()}
    return replace(scaled, **turned)
