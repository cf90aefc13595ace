"""The heartbeats of a simulated day.

An integral pulse frequency modulation model with a mean rate that varies (Bailón et al. 2011,
doi 10.1109/TBME.2010.2095011): the instantaneous rate is integrated, and a beat falls whenever the integral
passes a whole number. The rate is modulated by respiration (HF) and by a 0.1 Hz wave (LF) as in the Task
Force's bands (1996, doi 10.1161/01.CIR.93.5.1043), and by 1/f noise (Kobayashi & Musha 1982,
doi 10.1109/TBME.1982.324972). The depths are chosen so that the beats' RMSSD follows the day's curve.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.wearers.curves import Curve, DayCurves
from ingest.wearers.life_day import EpisodeKind, LifeDay
from ingest.wearers.randomness import Purpose, generator_of
from schemas.measures import RR_HIGH_MS, RR_LOW_MS

STEP_S: Final = 0.25
"""Step of the integration, s."""

LF_HZ: Final = 0.10
HF_SHARE: Final = 0.70
LF_SHARE: Final = 0.20
NOISE_SHARE: Final = 0.10
"""Shares of the variance of successive differences that the three modulations make (ours)."""

MODULATION_MOST: Final = 0.35
"""The rate is never modulated by more than this share."""

ARTEFACT_CHANCE_STILL: Final = 0.002
ARTEFACT_CHANCE_MOVING: Final = 0.02
"""Chance per beat that an optical sensor reports it wrongly (ours; wrist sensors do worse in exercise)."""


class Artefact(StrEnum):
    """What went wrong with a beat."""

    MISSED = "missed"
    EXTRA = "extra"
    ECTOPIC = "ectopic"
    """Not the sensor's fault: the heart beat early, then paused."""


_ARTEFACTS: Final = tuple(Artefact)
ARTEFACT_SHARES: Final = (0.50, 0.35, 0.15)
"""Shares of the kinds, in the order of :class:`Artefact` (ours)."""


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats of one day, as they were and as the sensor reports them."""

    true_us: NDArray[np.int64]
    """(n,) moments of the true beats."""
    reported_us: NDArray[np.int64]
    """(m,) moments of the reported beats."""
    artefacts: tuple[tuple[int, Artefact], ...]
    """Moment and kind of each artefact."""

    def reported_rr(self, from_us: int, upto_us: int) -> tuple[int, list[float]]:
        """Return the intervals that end in ``(from_us, upto_us]``: end of the last one, and their ms.

        Whole ms; the end is 0 and the list empty where no interval can be reported.
        """
        first, last = np.searchsorted(self.reported_us, [from_us, upto_us], side="right")
        moments = self.reported_us[max(first - 1, 0) : last]
        rr_ms = np.diff(moments) // 1000
        if not len(rr_ms) or rr_ms.min() < RR_LOW_MS or rr_ms.max() > RR_HIGH_MS:
            return 0, []
        return int(moments[-1]), rr_ms.tolist()


def beat(day: LifeDay, body: DayCurves) -> Beats:
    """Return the beats of a day."""
    rng = generator_of(
        day.wearer.seed, purpose=Purpose.BEATS, person=day.wearer.index, day=day.day.toordinal()
    )
    seconds = np.arange(0, len(body.energy) * 60, STEP_S)
    minute_middles = np.arange(len(body.energy)) * 60 + 30.0
    rate_hz = np.interp(seconds, minute_middles, body.heart_rate_bpm) / 60
    rmssd_s = np.interp(seconds, minute_middles, body.rmssd_ms) / 1000
    modulation = _modulation(day, rate_hz, rmssd_s, seconds, rng)
    phase = np.cumsum(rate_hz * (1 + np.clip(modulation, -MODULATION_MOST, MODULATION_MOST))) * STEP_S
    beat_s = np.interp(np.arange(1, int(phase[-1])), phase, seconds + STEP_S)
    # Devices give whole ms; moments that are whole ms keep intervals and moments in agreement.
    true_us = body.start_us + np.round(beat_s * 1000).astype(np.int64) * 1000
    return _as_reported(day, true_us, rng)


def _modulation(
    day: LifeDay, rate_hz: Curve, rmssd_s: Curve, seconds: Curve, rng: np.random.Generator
) -> Curve:
    """Return the relative modulation of the rate, at every step."""
    breath_hz = day.wearer.breaths_per_minute / 60 * _slow_wander(len(seconds), 0.06, rng)
    # Breathing keeps up with effort: about one breath for every four beats.
    breath_hz = np.maximum(breath_hz, 0.22 * rate_hz)
    hf = np.sin(2 * np.pi * np.cumsum(breath_hz) * STEP_S) * _slow_wander(len(seconds), 0.15, rng)
    lf_hz = LF_HZ * _slow_wander(len(seconds), 0.10, rng)
    lf = np.sin(2 * np.pi * np.cumsum(lf_hz) * STEP_S) * _slow_wander(len(seconds), 0.15, rng)
    hf_depth = np.sqrt(HF_SHARE) * rmssd_s * _depth_of_sine(breath_hz / rate_hz)
    lf_depth = np.sqrt(LF_SHARE) * rmssd_s * _depth_of_sine(lf_hz / rate_hz)
    noise_depth = np.sqrt(NOISE_SHARE) * rmssd_s
    depth_s = hf_depth * hf + lf_depth * lf + noise_depth * _pink(len(seconds), rng)
    return np.asarray(depth_s * rate_hz)


def _depth_of_sine(cycles_per_beat: Curve) -> Curve:
    """Return the depth (s) of a sine in the rate whose beats have an RMSSD of 1 s.

    A sine of depth A reaches the intervals as A·sinc(fT), since a beat averages over its interval T, and
    their successive differences then have an RMS of √2·A·sinc(fT)·sin(πfT).
    """
    turn = np.pi * np.clip(cycles_per_beat, 0.05, 0.5)
    return np.asarray(turn / (np.sqrt(2) * np.sin(turn) ** 2))


def _pink(count: int, rng: np.random.Generator) -> Curve:
    """Return 1/f noise whose differences over about a second have an RMS of 1."""
    frequencies = np.fft.rfftfreq(count, STEP_S)
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    spectrum[0] = 0
    # Nothing slower than twenty minutes: the day's curves already move at that pace.
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 1 / 1200)), count)
    a_second = round(1 / STEP_S)
    return np.asarray(noise / np.sqrt(np.mean((noise[a_second:] - noise[:-a_second]) ** 2)))


def _slow_wander(count: int, sd: float, rng: np.random.Generator) -> Curve:
    """Return a factor around 1 that changes over about a minute."""
    knots = rng.normal(1, sd, int(count * STEP_S / 60) + 2)
    return np.asarray(np.interp(np.arange(count) * STEP_S / 60, np.arange(len(knots)), knots))


def _as_reported(day: LifeDay, true_us: NDArray[np.int64], rng: np.random.Generator) -> Beats:
    moving = np.zeros(len(true_us), dtype=bool)
    for episode in day.of(EpisodeKind.WALK, EpisodeKind.WORKOUT, EpisodeKind.HARD_WORKOUT):
        moving |= (true_us >= episode.start_us) & (true_us < episode.end_us)
    chance = np.where(moving, ARTEFACT_CHANCE_MOVING, ARTEFACT_CHANCE_STILL)
    hit = np.flatnonzero(rng.random(len(true_us)) < chance)
    # Never two in a row: each artefact can then be told by the beats around it.
    hit = hit[(hit > 1) & (hit < len(true_us) - 2)]
    hit = hit[np.diff(hit, prepend=-3) > 2]
    kinds = rng.choice(len(_ARTEFACTS), len(hit), p=ARTEFACT_SHARES)
    rr_us = np.diff(true_us)
    moved = true_us.copy()
    missed, extra, ectopic = (hit[kinds == index] for index in range(len(_ARTEFACTS)))
    moved[ectopic] -= (rr_us[ectopic - 1] // 4) // 1000 * 1000
    split_us = true_us[extra] - (rr_us[extra - 1] // 2) // 1000 * 1000
    reported = np.sort(np.concatenate([np.delete(moved, missed), split_us]))
    listed = zip(true_us[hit].tolist(), (_ARTEFACTS[kind] for kind in kinds.tolist()), strict=True)
    # An ectopic beat is part of the truth.
    truth = true_us.copy()
    truth[ectopic] = moved[ectopic]
    return Beats(truth, reported, tuple(listed))
