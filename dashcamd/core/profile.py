"""What a source of fields needs and what `sensitivity` and experts turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Mapping

from dashcamd.types import Seconds


@dataclass(frozen=True)
class Profile:
    """What experts can turn; one set of defaults a source, see `PROFILES`.

    `sad_floor` least SAD (16x16, 8 bit) of a block that stands out; `sad_deviations` how far above
    its own noise it must be; `cluster` least blocks in the largest group; `scene_fraction` of the
    picture beyond which it is the whole scene; `guard_s` how long the scene stays doubted
    afterwards; `noise_s` time constant of the noise model, `noise_patience` how much slower what
    stands out is learnt (a gardener stays visible); `hold_s` how long after it moved a
    thing is looked for around its place with limits lowered to `hold_fraction`; `drift_floor`
    and `drift_deviations` the same for vectors that agree (`core/drift.py`, pixels summed over nine
    blocks; a floor of 0: vectors are not looked at), `drift_weight` of the newest vectors.
    """

    sad_floor: float = 1600.0
    sad_deviations: float = 6.0
    cluster: int = 3
    scene_fraction: float = 0.5
    guard_s: Seconds = 0.6
    noise_s: Seconds = 20.0
    noise_patience: float = 0.7
    hold_s: Seconds = 1.0
    hold_fraction: float = 0.6
    drift_floor: float = 0.0
    drift_deviations: float = 5.0
    drift_weight: float = 0.35


PROFILES: Dict[str, Profile] = {
    "ffmpeg": Profile(),
    "lores": Profile(),
    "videocore": Profile(
        sad_floor=2500.0,
        cluster=4,
        guard_s=1.0,
        noise_patience=1.0,
        drift_floor=9.0,
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
    return replace(scaled, **dict(expert))  # type: ignore[arg-type]
