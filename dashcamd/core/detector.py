"""The detector *judges*: one motion field in, one `Score` out, with the reason.

Three rules, in this order:

1. **Noise.** Each block knows how much SAD is ordinary for it (mean and deviation, slowly
   adapting, so that dusk noise and swaying leaves become ordinary). A block *stands out* when its
   SAD lies above that and above a floor; with a VideoCore field a coherent vector counts too.
2. **Whole scene.** When too much of the picture stands out at once it is light, exposure or a
   moving camera, not a visitor.
3. **Group.** What is left must touch: the largest connected group needs a minimum size.

Whether several scores make an event is the tracker's matter. Everything here is decided from the
fields seen so far: no clock, no thread, no file; the same fields give the same scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Tuple

import numpy as np

from dashcamd.core.clusters import Groups, groups
from dashcamd.core.drift import Drift
from dashcamd.core.habit import IS_HABIT, Habit
from dashcamd.core.noise import Noise
from dashcamd.core.pace import FIELD_S
from dashcamd.core.presence import Presence
from dashcamd.core.profile import Profile, profile_for
from dashcamd.core.rest import Rest
from dashcamd.core.shifts import has_vectors, is_knock, is_shifted
from dashcamd.core.vectors import LIGHT, Doubts, inside_of
from dashcamd.core.weather import Weather
from dashcamd.core.zones import Area, ZonePlan
from dashcamd.types import Box, MotionField, Score, Seconds

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time


USUAL = 5
"""Noise is learnt, and light and weather are told, as at this sensitivity: a higher one finds the
same and more."""

WARM_UP = "warming up"
NO_PICTURE = "no new picture"
WHOLE_SCENE = "whole scene changes"
AFTER_SCENE = "settling after a whole-scene change"
TOO_SMALL = "too small"
SCATTERED = "scattered as rain or leaves"

NOISY_SAD = 300.0
CALM_RANK = 0.2
"""While the ordinary median SAD is above the first noise may be what limits, and each block's mean
follows that median, but by no more than the calmest fifth of the blocks has risen: leaves in most
of the picture are no noise. Else at dusk, when noise grows everywhere and a mean is 20 s behind,
the lag would pass for deviation and the limits be twice as high as noise asks for. Decoded pictures
only: the median of an encoder's field jumps when the camera shakes."""

REPEATED = 0.3
LEVEL_S: Seconds = 2.0
MAX_RISE = 2.0
"""A field with less than so much of the ordinary median SAD repeats the picture before (files that
hold 2 pictures a second to 15). The ordinary is an average over about two seconds, each field
counted as at most twice the ordinary."""

RISEN_SAD = 100.0
RISEN_PART = 0.5
EXCESS_WEIGHT = 3.0
"""When the median SAD rises (exposure, a keyframe of a poor encoder, dusk) every limit rises by so
many times as much: light changes bright blocks more than the median one. An encoder's field is
refused when its median has risen by more than the first and by this part, those after it only if
most blocks had a vector (a bump), or exposure that pumps would hide whoever comes. Where a group
stands out above what has risen it is judged without its vectors, unless it is a knock: exposure
that follows a car must not hide the car."""

UNSETTLED = 0.5
"""While a VideoCore's picture settles after a whole-scene change, so much of `scene_fraction` is
one again: the switch of an IR-cut filter goes on for a second in a third of the picture."""

SHAKEN_S: Seconds = 1.0
SHAKEN_WEIGHT = 1.5
"""A shift that was taken out leaves a rest at sharp edges: limits are higher for a moment."""

FEW_GROUPS = 4
SPECKS = 0.75
"""Each group beyond the fourth asks for so many blocks more in the largest: in rain, snow and wind
a visitor must be larger than what chance puts together."""

CLEAR_TIMES = 3.0
"""While it is known to rain or snow (decoded pictures only) no more than so many times the least
group is asked for: the tracker tells a visitor from a clump by his staying for a second and not
falling."""

WEATHER_NEAR = 20
"""From so many blocks on the place of the largest group is told while it rains or snows; below it
that of what stays (`presence`), if anything does: flakes draw the largest group hither and thither.
The largest group counts as well, or a crowd that is taken for weather would be nobody."""

LOST_S = 2.0
"""After a hole this long in the fields the camera has probably restarted: warm up again."""


_MOST = np.maximum.reduce


class Detector:
    """Judges the fields of one camera in their order.

    `sensitivity` 1..10 and `warm_up_s` as in the config; `expert` overrides single values of the
    profile by name; `zones` say where motion counts. The grid and the source are learnt from the
    fields; a change of either starts afresh. Not locked: one thread calls it.
    """

    def __init__(
        self,
        sensitivity: int = 5,
        warm_up_s: Seconds = 1.0,
        expert: Optional[Mapping[str, float]] = None,
        zones: Optional[ZonePlan] = None,
    ) -> None:
        self._zones = zones or ZonePlan()
        self._counting: Optional[Array] = None
        self._areas: Sequence[Area] = ()
        self._sensitivity = sensitivity
        self._is_usual = sensitivity == USUAL
        self._scene_excess = 0.0
        self._quiet_sad = 0.0
        self._nothing = np.zeros((0, 0), bool)
        self._usual_cluster = 0
        self._warm_up_s = warm_up_s
        self._expert = dict(expert or {})
        self._source = ""
        self._profile = profile_for("lores", sensitivity, self._expert)
        self._noise: Optional[Noise] = None
        self._drift: Optional[Drift] = None
        self._drifts = False
        self._drift_floor = 0.0
        self._rest = Rest(is_long=False)
        self._score = Score(0.0, False)
        self._doubts = Doubts()
        self._weather = Weather()
        self._habit: Optional[Habit] = None
        self._beyond: Optional[Array] = None
        self._presence = Presence()
        self._measures = np.zeros((1, 0, 0), np.float32)
        self._level = 0.0
        self._level_ts: Seconds = 0.0
        self._calm = 0.0
        self._excess = 0.0
        self._learnt = (0.0, 0.0)
        self._last_ts: Seconds = 0.0
        self._ready_ts: Seconds = 0.0
        self._doubt_until: Seconds = 0.0
        self._shaken_until: Seconds = 0.0
        self._hold_place: Optional[Box] = None
        self._hold_until: Seconds = 0.0
        self.standing: Optional[Array] = None
        """The blocks that stood out in the last field judged, for pictures; never changes."""
        self.left_out = 0
        """How many fields have come since that one."""

    @property
    def least_blocks(self) -> int:
        """How many must touch to count."""
        return self._profile.cluster

    @property
    def masked_part(self) -> float:
        """Which part of the picture is asked more since it moves there all the time."""
        return self._habit.part if self._habit is not None else 0.0

    def judge(self, field: MotionField, is_told: bool = False) -> Score:
        """Say whether `field` shows something moving, how much, where, or why not.

        While motion `is_told` anyway, what goes on is not judged in each field (`core/rest.py`).
        """
        blocks = field.blocks[:, :-1]
        noise = self._noise_for(field, blocks)
        rests = self._rest.holds(field.ts)
        if self._drift is not None and not (rests and self._rest.until - field.ts >= FIELD_S):
            self._drift.add(field.blocks)
        if rests:
            self.left_out += 1
            return _restamped(self._score, field.ts)
        self._measures[0][...] = blocks["sad"]
        self._score = score = self._judged(field, blocks, noise)
        self.left_out = 0
        self._rest.see(score, is_told and not self._weather.is_likely)
        return score

    def _judged(self, field: MotionField, blocks: Array, noise: Noise) -> Score:
        sad = self._measures[0]
        level, calm = self._level_of(sad, self._drift is None)
        if not self._level:
            self._level, self._calm = level, calm
        excess = level - self._level
        self._excess = excess if excess > RISEN_SAD else 0.0
        if self._drift is None and is_shifted(blocks):
            self._shaken_until = field.ts + SHAKEN_S
        peak = float(_MOST(sad, None))
        is_quiet = peak <= self._quiet_sad
        out = self._nothing if is_quiet else self._standing(field.ts, sad, noise, excess)
        self.standing = out
        is_repeat = self._drift is None and level <= REPEATED * self._level
        if is_repeat and not np.count_nonzero(out):
            return self._veto(field.ts, NO_PICTURE, 0)
        self._learn_level(level, calm, field.ts)
        is_due = noise.is_due(field.ts)
        if is_due and self._drift is not None:
            self._drifts = self._drift.measure(self._measures[1]) > self._drift_floor
        is_risen = self._drift is not None and excess > max(RISEN_SAD, RISEN_PART * self._level)
        counts_vectors = self._drifts and not is_risen
        if counts_vectors:
            self.standing = out = out | (self._measures[1] > noise.limit[1])
        if is_due:
            noise.learn(self._measures, field.ts, self._risen())
        count = 0 if is_quiet and not counts_vectors else int(np.count_nonzero(out))
        share = count if self._is_usual else np.count_nonzero(sad > noise.limit[0])
        if self._is_whole_scene(field.ts, share / out.size, excess):
            self._doubt_until = field.ts + self._profile.guard_s
            return self._veto(field.ts, WHOLE_SCENE, count)
        if is_risen:
            has_moved = has_vectors(blocks, self._profile.scene_fraction)
            if count < self._profile.cluster or (has_moved and is_knock(blocks)):
                if has_moved:
                    self._doubt_until = field.ts + self._profile.guard_s
                return self._veto(field.ts, WHOLE_SCENE, count)
        if field.ts < self._ready_ts:
            return self._veto(field.ts, WARM_UP, count)
        if self._counting is not None:
            self.standing = out = out & self._counting
            count = int(np.count_nonzero(out))
        self._beyond = self._beyond_habits(field.ts, level, peak)
        score = self._largest(field.ts, out, count, sad, noise)
        return self._among_flakes(score, sad, noise) if self._weather.is_likely else score

    def _largest(self, ts: Seconds, out: Array, count: int, sad: Array, noise: Noise) -> Score:
        """What to say of the largest group of the `count` blocks in `out`, habits aside."""
        beyond = self._beyond
        if count < self._profile.cluster:
            self._see_weather(ts, 1, sad, noise)
            return Score(ts, False, count, 0)
        if beyond is None:
            return self._grouped(ts, out, count, sad, noise)
        rare = out & beyond
        left = int(np.count_nonzero(rare))
        if left >= self._profile.cluster:
            score = self._grouped(ts, rare, left, sad, noise)
            if score.veto != TOO_SMALL or count - left < self._profile.cluster:
                return score
        else:
            self._see_weather(ts, 1, sad, noise)
        return Score(ts, False, count, 0, _box(out), IS_HABIT)

    def _among_flakes(self, score: Score, sad: Array, noise: Noise) -> Score:
        """While it rains or snows: what stays at its place, or else `score` as it is."""
        if score.ts < self._doubt_until:
            return score
        presence = self._presence
        stays = presence.see(score.ts, sad, noise.mean[0])
        if not (self._weather.is_falling and presence.is_ready):
            return score
        if score.is_moving and score.cluster >= WEATHER_NEAR:
            return score
        if self._counting is not None:
            stays &= self._counting
        if self._beyond is not None:
            stays &= self._beyond
        found = self._large_enough(stays) if stays.any() else None
        if found is not None and found.size > self._profile.cluster:
            return Score(score.ts, True, score.blocks, found.size, found.place, in_weather=True)
        return score

    def _beyond_habits(self, ts: Seconds, level: float, peak: float) -> Optional[Array]:
        """Learn habits, and say which blocks exceed theirs or have none; None: no block has one.

        Neither what is believed of no field nor drops and flakes become a habit.
        """
        habit = self._habit
        if habit is None:
            return None
        if ts >= self._doubt_until and not self._weather.is_falling:
            habit.see(ts, self._measures, level, peak, 1 + self.left_out)
        if habit.limit is None:
            return None
        beyond: Array = self._measures[0] > habit.limit[0]
        for measure, limit in zip(self._measures[1:], habit.limit[1:]):
            beyond |= measure > limit
        return beyond

    def _grouped(self, ts: Seconds, out: Array, count: int, sad: Array, noise: Noise) -> Score:
        found = self._large_enough(out)
        is_small, found = found is None, found or groups(out)
        cluster, place = found.size, found.place
        self._see_weather(ts, found.number, sad, noise)
        if is_small or cluster < self._profile.cluster:
            return Score(ts, False, count, cluster, place, TOO_SMALL)
        number = found.number if self._is_usual else self._usual_groups(sad, noise)
        if cluster < self._least_among(number):
            return Score(ts, False, count, cluster, place, SCATTERED)
        if ts < self._doubt_until:
            return Score(ts, False, count, cluster, place, AFTER_SCENE)
        if self._drift is None:
            self._hold_place, self._hold_until = place, ts + self._profile.hold_s
            return Score(ts, True, count, cluster, place, None, self._weather.is_falling)
        usual = (place, cluster) if self._is_usual else self._usual_part(place, sad, noise)
        vectors, (box, size) = self._drift.vectors, usual or (place, cluster)
        thought = self._doubts.of_group(ts, box, size, vectors, sad, noise, self._excess)
        doubt, is_faint, flow, is_smooth = thought
        if doubt is not None:
            light = LIGHT.get(doubt, 0) if usual else 0
            return Score(ts, False, count, cluster, place, doubt, light=light)
        self._hold_place, self._hold_until = place, ts + self._profile.hold_s
        more = False, is_faint, 0, flow, is_smooth
        return Score(ts, True, count, cluster, place, None, *more)

    def _usual_part(self, place: Box, sad: Array, noise: Noise) -> Optional[Tuple[Box, int]]:
        """Box and size of what stands out at sensitivity 5 in `place`, if that would be a group.

        The dim fringe that a higher one adds makes nothing light that is a thing without it.
        """
        rows, cols = inside = inside_of(place, sad.shape)
        usual = sad[inside] > noise.limit[0][inside]
        usual |= self._measures[1][inside] > noise.limit[1][inside]
        size = int(np.count_nonzero(usual))
        if size < self._usual_cluster:
            return None
        part = np.zeros(sad.shape, bool)
        part[rows, cols] = usual
        return _box(part), size

    def _least_among(self, number: int) -> float:
        """How large the largest of `number` groups must be."""
        least = self._profile.cluster
        asked = least + SPECKS * (number - FEW_GROUPS)
        return min(asked, CLEAR_TIMES * least) if self._weather.is_falling else asked

    def _large_enough(self, out: Array) -> Optional[Groups]:
        """The largest group that has the least size of the zone it lies in; None without one."""
        if not self._areas:
            return groups(out)
        best = None
        for area in self._areas:
            own = out & area.blocks
            found = groups(own) if own.any() else None
            if found and found.size >= area.least_blocks and (not best or found.size > best.size):
                best = found
        return best

    def _usual(self, sad: Array, noise: Noise) -> Array:
        """What would stand out at sensitivity 5: light and weather are the same for all."""
        usual: Array = sad > noise.limit[0]
        if self._counting is not None:
            np.logical_and(usual, self._counting, out=usual)
        if self._beyond is not None:
            usual &= self._beyond
        return usual

    def _usual_groups(self, sad: Array, noise: Noise) -> int:
        usual = self._usual(sad, noise)
        return groups(usual).number if usual.any() else 0

    def _see_weather(self, ts: Seconds, number: int, sad: Array, noise: Noise) -> None:
        """Tell the weather how many groups there are, as at sensitivity 5."""
        if self._drift is None:
            self._weather.see(ts, number if self._is_usual else self._usual_groups(sad, noise))

    @staticmethod
    def _level_of(sad: Array, with_calm: bool) -> Tuple[float, float]:
        """The median SAD, of every third block, and that of which a fifth is calmer, or 0."""
        some = sad.ravel()[::3].copy()
        middle, calm = len(some) // 2, int(CALM_RANK * len(some))
        if not with_calm:
            some.partition(middle)
            return float(some[middle]), 0.0
        some.partition((calm, middle))
        return float(some[middle]), float(some[calm])

    def _learn_level(self, level: float, calm: float, ts: Seconds) -> None:
        weight = min(1.0, max(0.0, ts - self._level_ts) / LEVEL_S)
        self._level_ts = ts
        self._level += weight * (min(level, MAX_RISE * self._level + 1) - self._level)
        self._calm += weight * (min(calm, MAX_RISE * self._calm + 1) - self._calm)

    def _risen(self) -> float:
        """By how much noise has risen everywhere since the last field learnt, if it is noise."""
        (level, calm), self._learnt = self._learnt, (self._level, self._calm)
        if self._drift is not None or min(level, self._level) <= NOISY_SAD:
            return 0.0
        risen, calm_risen = self._level - level, self._calm - calm
        if risen * calm_risen <= 0:
            return 0.0
        return min(risen, calm_risen) if risen > 0 else max(risen, calm_risen)

    def _is_whole_scene(self, ts: Seconds, share: float, excess: float) -> bool:
        most = self._profile.scene_fraction
        if self._drift is not None and ts < self._doubt_until:
            most *= UNSETTLED
        return share > most or excess > self._scene_excess

    def _standing(self, ts: Seconds, sad: Array, noise: Noise, excess: float) -> Array:
        """Which blocks lie above their limits now; a new array.

        Limits are higher while the whole picture differs more than is ordinary and while the
        camera shakes, and lower around a thing that moved a moment ago: it may walk slower now.
        """
        floor = self._profile.sad_floor
        limit: Array = noise.limit[0]
        if not self._is_usual:
            limit = noise.limit_at(slice(None), 1.0, floor)
        if excess > RISEN_SAD:
            risen: Array = sad > limit + np.float32(EXCESS_WEIGHT * excess)
            return risen
        if ts < self._shaken_until:
            shaken: Array = sad > limit * np.float32(SHAKEN_WEIGHT)
            return shaken
        out: Array = sad > limit
        if self._hold_place is None or not ts < self._hold_until:
            return out
        left, top, right, bottom = self._hold_place
        rows, cols = noise.grid
        around = (
            slice(max(0, int(top * rows) - 2), int(bottom * rows) + 3),
            slice(max(0, int(left * cols) - 2), int(right * cols) + 3),
        )
        part = self._profile.hold_fraction
        held = noise.limit_at(around, part, part * floor)
        np.greater(sad[around], held, out=out[around])
        return out

    def _veto(self, ts: Seconds, veto: str, count: int) -> Score:
        return Score(ts, False, count, veto=veto)

    def _noise_for(self, field: MotionField, blocks: Array) -> Noise:
        """The noise model that fits `field`, a new one when grid, source or time have jumped."""
        noise = self._noise
        if noise is not None and noise.grid == blocks.shape and field.source == self._source:
            if not -LOST_S <= field.ts - self._last_ts <= LOST_S:
                self._ready_ts = field.ts + self._warm_up_s
            self._last_ts = field.ts
            return noise
        self._source = field.source
        self._profile = profile_for(field.source, self._sensitivity, self._expert)
        self._ready_ts = field.ts + self._warm_up_s
        self._doubt_until = field.ts
        self._last_ts = field.ts
        self._level_ts = field.ts
        self._shaken_until = field.ts
        self._noise = self._start(blocks.shape, self._profile)
        return self._noise

    def _start(self, grid: Any, profile: Profile) -> Noise:
        """Fresh models for a `grid` of (rows, cols)."""
        self._counting = self._zones.on_grid(*grid)
        self._areas = self._zones.areas(*grid)
        self._level = self._calm = 0.0
        self._learnt = (0.0, 0.0)
        usual = profile_for(self._source, USUAL, self._expert)
        self._scene_excess, self._usual_cluster = usual.sad_floor, usual.cluster
        held = min(1.0, profile.hold_fraction)
        self._quiet_sad = held * min(usual.sad_floor, profile.sad_floor)
        self._nothing = np.zeros(grid, bool)
        floors, deviations = [usual.sad_floor], [profile.sad_deviations]
        self._drift, self._drifts = None, False
        self._doubts = Doubts()
        self._weather = Weather()
        self._presence = Presence()
        if profile.drift_floor > 0:
            self._drift = Drift(grid, profile.drift_kept)
            floors.append(profile.drift_floor)
            self._drift_floor = float(np.float32(profile.drift_floor))
            deviations.append(profile.drift_deviations)
        self._rest, self.left_out = Rest(is_long=self._drift is not None), 0
        self._measures = np.zeros((len(floors), *grid), np.float32)
        self._habit = Habit(self._measures.shape, floors, profile.habit_part)
        return Noise(
            *(grid, floors, deviations, profile.noise_s, profile.noise_patience),
            profile.noise_period_s,
        )


def _restamped(score: Score, ts: Seconds) -> Score:
    """`score` as that of the field at `ts`; `dataclasses.replace` costs three times as much."""
    said = score.is_moving, score.blocks, score.cluster, score.place, score.veto
    more = score.in_weather, score.is_faint, score.light, score.flow, score.is_smooth
    return Score(ts, *said, *more)


def _box(blocks: Array) -> Box:
    """The rectangle around all set blocks, in fractions of the picture."""
    rows, cols = blocks.shape
    down, across = np.flatnonzero(blocks.any(1)), np.flatnonzero(blocks.any(0))
    left, top = int(across[0]) / cols, int(down[0]) / rows
    return left, top, (int(across[-1]) + 1) / cols, (int(down[-1]) + 1) / rows
