"""The body of a simulated person over one local day, minute by minute: the truth behind all readings."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.wearers.life_day import MINUTE_US, EpisodeKind, LifeDay
from ingest.wearers.randomness import Purpose, generator_of
from schemas.readings import Activity

Curve = NDArray[np.float64]

ENERGY_AFTER_HARD_WORKOUT: Final = 0.20
ENERGY_COST_OF_WORKOUT: Final = 0.08
ENERGY_STAYS_LOW_MINUTES: Final = 60
ENERGY_RECOVERS_MINUTES: Final = 150
ENERGY_RECOVERED_SHARE: Final = 0.65
"""A hard workout's cost is paid back to this share; the rest stays until the night (all energy is ours)."""

STRESS_ASLEEP: Final = 0.08
STRESS_AWAKE: Final = 0.24
STRESS_LEVEL: Final = {EpisodeKind.STRESS: 0.56, EpisodeKind.STRESSFUL_MEETING: 0.92}

LN_RMSSD_DAY_SD: Final = 0.20
"""Day-to-day SD of lnRMSSD (in persons .17-.27; Yfantidou et al. 2022, doi 10.1038/s41597-022-01764-x)."""
LN_RMSSD_DAY_LARGEST: Final = 0.30
LN_RMSSD_ASLEEP: Final = 0.20
LN_RMSSD_PER_STRESS: Final = -1.4
"""Change of lnRMSSD for each unit of stress above :data:`STRESS_FELT` (ours: a strong responder)."""
LN_RMSSD_EXERCISING: Final = -1.6
STRESS_FELT: Final = 0.3

BPM_ASLEEP: Final = -6.0
BPM_UPRIGHT: Final = 5.0
"""Changes of heart rate in sleep, and while awake but sitting or standing."""
BPM_STRESS: Final = 22.0
BPM_CIRCADIAN: Final = 3.0
CIRCADIAN_PEAK_HOUR: Final = 16.0
WALK_BPM: Final = 28.0
WORKOUT_RESERVE_SHARE: Final = {EpisodeKind.WORKOUT: 0.55, EpisodeKind.HARD_WORKOUT: 0.78}
"""Share of heart-rate reserve: moderate and vigorous exercise (ACSM, doi 10.1249/MSS.0b013e318213fefb)."""

_STEPS_PER_MINUTE: Final = {
    EpisodeKind.WALK: 105.0,
    EpisodeKind.WORKOUT: 60.0,
    EpisodeKind.HARD_WORKOUT: 155.0,
}
_ACTIVITY: Final[dict[EpisodeKind, Activity]] = {
    EpisodeKind.SLEEP: "sleep",
    EpisodeKind.WALK: "walk",
    EpisodeKind.WORKOUT: "workout",
    EpisodeKind.HARD_WORKOUT: "run",
}


@dataclass(frozen=True, slots=True, eq=False)
class DayCurves:
    """What is true of a body in each of the day's ``n`` minutes."""

    start_us: int
    heart_rate_bpm: Curve
    rmssd_ms: Curve
    energy: Curve
    stress: Curve
    steps: Curve
    """Steps in each minute."""
    activity: tuple[Activity, ...]

    def minute(self, time_us: int) -> int:
        """Return the index of the minute that holds a moment of the day."""
        return min(max((time_us - self.start_us) // MINUTE_US, 0), len(self.energy) - 1)


def body_of(day: LifeDay) -> DayCurves:
    """Return the curves that follow from a day's episodes and its nights."""
    rng = generator_of(
        day.wearer.seed, purpose=Purpose.CURVES, person=day.wearer.index, day=day.day.toordinal()
    )
    minutes = (day.end_us - day.start_us) // MINUTE_US
    masks = {kind: _mask(day, kind, minutes) for kind in EpisodeKind}
    stress = _stress(masks, rng)
    return DayCurves(
        start_us=day.start_us,
        heart_rate_bpm=_heart_rate(day, masks, stress, rng),
        rmssd_ms=_rmssd(day, masks, stress, rng),
        energy=_energy(day, minutes),
        stress=stress,
        steps=_steps(masks, rng),
        activity=_activities(masks, minutes),
    )


def _mask(day: LifeDay, kind: EpisodeKind, minutes: int) -> NDArray[np.bool_]:
    mask = np.zeros(minutes, dtype=bool)
    for episode in day.of(kind):
        first = (episode.start_us - day.start_us) // MINUTE_US
        mask[first : (episode.end_us - day.start_us) // MINUTE_US] = True
    return mask


def _energy(day: LifeDay, minutes: int) -> Curve:
    at_us = day.start_us + np.arange(minutes) * MINUTE_US
    night, next_night = day.night, day.next_night
    asleep_share = np.clip((at_us - night.bed_us) / (night.wake_us - night.bed_us), 0, 1)
    awake_share = np.clip((at_us - night.wake_us) / (next_night.bed_us - night.wake_us), 0, 1)
    again_share = np.clip((at_us - next_night.bed_us) / (next_night.wake_us - next_night.bed_us), 0, 1)
    energy = (
        night.energy_at_bed
        + (night.energy_on_waking - night.energy_at_bed) * asleep_share
        + (next_night.energy_at_bed - night.energy_on_waking) * awake_share**1.3
        + (next_night.energy_on_waking - next_night.energy_at_bed) * again_share
    )
    for workout in day.of(EpisodeKind.WORKOUT, EpisodeKind.HARD_WORKOUT):
        cost = ENERGY_COST_OF_WORKOUT
        if workout.kind is EpisodeKind.HARD_WORKOUT:
            cost = float(energy[(workout.start_us - day.start_us) // MINUTE_US]) - ENERGY_AFTER_HARD_WORKOUT
        since_start = (at_us - workout.start_us) / MINUTE_US
        lasts = (workout.end_us - workout.start_us) / MINUTE_US
        spent = np.clip(since_start / lasts, 0, 1)
        back = np.clip((since_start - lasts - ENERGY_STAYS_LOW_MINUTES) / ENERGY_RECOVERS_MINUTES, 0, 1)
        # Nothing of the cost is left at bedtime or midnight: there the night, or another day, takes over.
        rested_us = min(next_night.bed_us, day.end_us)
        rest = np.clip((rested_us - at_us) / (rested_us - workout.end_us), 0, 1)
        energy -= cost * spent * (1 - ENERGY_RECOVERED_SHARE * back) * rest**0.25
    return np.clip(energy, 0.03, 0.99)


def _stress(masks: dict[EpisodeKind, NDArray[np.bool_]], rng: np.random.Generator) -> Curve:
    level = np.where(masks[EpisodeKind.SLEEP], STRESS_ASLEEP, STRESS_AWAKE)
    for kind, high in STRESS_LEVEL.items():
        level = np.where(masks[kind], high, level)
    smooth = _lag(level, minutes=3)
    # Wanders less near the ends of the scale.
    wander = _wander(len(level), sd=0.05, minutes=15, rng=rng) * 4 * smooth * (1 - smooth)
    return np.clip(smooth + np.clip(wander, -0.12, 0.12), 0.01, 0.99)


def _rmssd(
    day: LifeDay, masks: dict[EpisodeKind, NDArray[np.bool_]], stress: Curve, rng: np.random.Generator
) -> Curve:
    of_day = float(np.clip(rng.normal(0, LN_RMSSD_DAY_SD), -LN_RMSSD_DAY_LARGEST, LN_RMSSD_DAY_LARGEST))
    asleep = np.where(masks[EpisodeKind.SLEEP], LN_RMSSD_ASLEEP, 0.0)
    exercising = masks[EpisodeKind.WORKOUT] | masks[EpisodeKind.HARD_WORKOUT]
    ln_rmssd = (
        np.log(day.wearer.rmssd_ms)
        + of_day
        + _lag(asleep, minutes=10)
        + LN_RMSSD_PER_STRESS * np.clip(stress - STRESS_FELT, 0, None)
        + _lag(np.where(exercising, LN_RMSSD_EXERCISING, 0.0), minutes=12)
        + _wander(len(stress), sd=0.08, minutes=20, rng=rng)
    )
    return np.asarray(np.clip(np.exp(ln_rmssd), 3, 180))


def _heart_rate(
    day: LifeDay, masks: dict[EpisodeKind, NDArray[np.bool_]], stress: Curve, rng: np.random.Generator
) -> Curve:
    wearer = day.wearer
    hours = np.arange(len(stress)) / 60
    reserve_bpm = wearer.heart_rate_max_bpm - wearer.resting_heart_rate_bpm
    level = wearer.resting_heart_rate_bpm + np.where(masks[EpisodeKind.SLEEP], BPM_ASLEEP, BPM_UPRIGHT)
    level = level + BPM_CIRCADIAN * np.cos(2 * np.pi * (hours - CIRCADIAN_PEAK_HOUR) / 24)
    level = level + BPM_STRESS * np.clip(stress - STRESS_FELT, 0, None) + WALK_BPM * masks[EpisodeKind.WALK]
    effort = np.zeros(len(stress))
    for kind, share in WORKOUT_RESERVE_SHARE.items():
        effort = np.where(masks[kind], share * reserve_bpm, effort)
    # After exercise the heart stays a little faster for half an hour and more.
    level = _lag(level + effort, minutes=2) + 0.08 * _lag(effort, minutes=35)
    level += _wander(len(stress), sd=2.0, minutes=8, rng=rng)
    return np.clip(level, 38, wearer.heart_rate_max_bpm)


def _steps(masks: dict[EpisodeKind, NDArray[np.bool_]], rng: np.random.Generator) -> Curve:
    pottering = np.where(rng.random(len(masks[EpisodeKind.SLEEP])) < 0.2, 20.0, 0.0)
    rate = np.where(masks[EpisodeKind.SLEEP], 0.0, pottering)
    for kind, steps in _STEPS_PER_MINUTE.items():
        rate = np.where(masks[kind], steps, rate)
    return rng.poisson(rate).astype(np.float64)


def _activities(masks: dict[EpisodeKind, NDArray[np.bool_]], minutes: int) -> tuple[Activity, ...]:
    activities: list[Activity] = ["rest"] * minutes
    for kind, activity in _ACTIVITY.items():
        for minute in np.flatnonzero(masks[kind]).tolist():
            activities[minute] = activity
    return tuple(activities)


def _lag(values: Curve, *, minutes: float) -> Curve:
    """Return the values as a body follows them: an exponential lag that starts settled."""
    length = round(8 * minutes)
    kernel = np.exp(-np.arange(length + 1) / minutes)
    padded = np.concatenate([np.full(length, values[0]), values])
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _wander(count: int, *, sd: float, minutes: float, rng: np.random.Generator) -> Curve:
    """Return noise of a given SD that is correlated over some minutes."""
    noise = _lag(rng.standard_normal(count), minutes=minutes)
    # White noise through an exponential kernel of this length keeps about 1/(2 minutes) of its variance.
    return np.asarray(noise * sd * np.sqrt(2 * minutes))
