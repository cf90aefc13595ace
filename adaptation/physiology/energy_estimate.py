"""Energy estimate: what a day began with, less the work of the heart, more what rest and sleep gave back.

A day starts at a level from the night before::

    level = 1/(1 + e^(-(1.5 + 0.7·z - 0.4·h)))     z: the night's lnRMSSD against its usual, in SD
                                                   h: hours of sleep short of the need

From then on it changes by a rate that holds between two readings: -0.03 an hour awake and -0.003 a TRIMP of
work, +0.03 an hour at rest and +0.10 an hour asleep. TRIMP is Banister's training impulse: minutes · HRr ·
0.64·e^(1.92·HRr) (Morton, Fitz-Clarke and Banister 1990, doi 10.1152/jappl.1990.69.3.1171; the factors are
those for men, women have 0.86 and 1.67). The rates are ours: 16 waking hours cost one half, an hour of hard
training (100 TRIMP) 0.3.

Where the device was not worn nothing is known: the level stands still, and the confidence falls with the
share of the day that was not seen. A day that no night started has no level.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import NEVER_US, NO_DAY
from adaptation.physiology.estimates import Estimate, logistic
from adaptation.physiology.heart_rate import HeartRateStep
from adaptation.physiology.wear import WEAR_GAP_US

AWAKE_PER_HOUR: Final = -0.03
"""Change awake, 1/h (ours: 16 hours cost about one half)."""
PER_TRIMP: Final = -0.003
"""Change by work, 1/TRIMP (ours: an hour at 0.7 of the reserve, 103 TRIMP, costs 0.31)."""
REST_PER_HOUR: Final = 0.03
"""Change still and at or below the usual heart rate at rest, 1/h (ours)."""
SLEEP_PER_HOUR: Final = 0.10
"""Change asleep, 1/h (ours: a night gives back what a day and a training took)."""

START_USUAL: Final = 1.5
"""Logit of the level after a usual night with enough sleep (ours: 0.82)."""
START_PER_SD: Final = 0.7
"""Logit per SD of the night's lnRMSSD (ours: one SD below begins at 0.69)."""
START_PER_HOUR_SHORT: Final = -0.4
"""Logit per hour of sleep short of the need (ours: two hours short begin at 0.67)."""
START_HRV_SHARE: Final = 0.6
"""Share of lnRMSSD in the confidence of a start; the rest is sleep's (ours)."""

ENERGY_HOLDS: Final = timedelta(hours=30)
"""A level is silent this long after its day's start (ours: the next night may be told a few hours late)."""

_HOUR_US: Final = timedelta(hours=1) // MICROSECOND
_MINUTES_PER_HOUR: Final = 60.0
_HOLDS_US: Final = ENERGY_HOLDS // MICROSECOND


def trimp_per_minute(reserve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Banister's training impulse of a minute at a share of the heart-rate reserve (0-1).

    >>> round(60 * float(trimp_per_minute(np.array([0.7]))[0]), 1)
    103.1
    """
    return 0.64 * reserve * np.exp(1.92 * reserve)


def energy_per_hour(
    reserve: NDArray[np.float64], *, quiet: NDArray[np.bool_], asleep: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return (n,) the rate at which energy changes, 1/h.

    Args:
        reserve: (n,) heart-rate reserve 0-1; NaN where not known.
        quiet: (n,) awake and still.
        asleep: (n,) asleep, whatever the heart rate.

    Returns:
        (n,) NaN where the person is awake and the reserve is not known.
    """
    work = AWAKE_PER_HOUR + (PER_TRIMP * _MINUTES_PER_HOUR) * trimp_per_minute(reserve)
    work[quiet & (reserve <= 0.0)] = REST_PER_HOUR
    work[asleep] = SLEEP_PER_HOUR
    return work


def start_of_day(
    ln_z: NDArray[np.float64],
    ln_trust: NDArray[np.float64],
    sleep_hours: NDArray[np.float64],
    need_hours: NDArray[np.float64] | float,
) -> Estimate:
    """Return the energy with which a day begins; NaN where nothing is known of the night.

    Args:
        ln_z: (n,) last night's lnRMSSD against its usual, in SD within ±3; NaN where not known.
        ln_trust: (n,) how far that usual is trusted, 0-1.
        sleep_hours: (n,) sleep of last night; NaN where not known.
        need_hours: (n,) or one for all, hours of sleep needed.
    """
    has_ln, has_sleep = ~np.isnan(ln_z), ~np.isnan(sleep_hours)
    logit = START_USUAL + START_PER_SD * np.where(has_ln, ln_z, 0.0)
    logit += START_PER_HOUR_SHORT * np.where(has_sleep, np.maximum(need_hours - sleep_hours, 0.0), 0.0)
    confidence = START_HRV_SHARE * np.where(has_ln, ln_trust, 0.0) + (1.0 - START_HRV_SHARE) * has_sleep
    unknown = ~(has_ln | has_sleep)
    return Estimate(np.where(unknown, np.nan, logistic(logit)), np.where(unknown, np.nan, confidence))


@dataclass(frozen=True, slots=True, eq=False)
class Energy:
    """Energy of the people of n devices, changed in place."""

    level: NDArray[np.float64]
    """(n,) 0-1, NaN before the first start."""
    start_level: NDArray[np.float64]
    """(n,) with which the day began, NaN before the first."""
    start_confidence: NDArray[np.float64]
    """(n,) 0-1, NaN before the first."""
    start_us: NDArray[np.int64]
    """(n,) when it began, ``NEVER_US`` before the first."""
    seen_us: NDArray[np.int64]
    """(n,) time since then that was seen; 0 at first."""
    day: NDArray[np.int64]
    """(n,) local day that began, ``NO_DAY`` before the first."""

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return the state of n devices whose days have not begun."""
        return cls(
            level=np.full(n, np.nan),
            start_level=np.full(n, np.nan),
            start_confidence=np.full(n, np.nan),
            start_us=np.full(n, NEVER_US, np.int64),
            seen_us=np.zeros(n, np.int64),
            day=np.full(n, NO_DAY, np.int64),
        )

    def start(self, night: Estimate, time_us: NDArray[np.int64], day: NDArray[np.int64]) -> None:
        """Begin a day where its night is known; told more of the same night, shift the day by the difference.

        Args:
            night: of :func:`start_of_day`; NaN leaves all as it is.
            time_us: (n,) when the night was over, or the reading that tells of it.
            day: (n,) local day, days since 1970-01-01; one that is over changes nothing.
        """
        given = ~np.isnan(night.level)
        begins, again = given & (day > self.day), given & (day == self.day)
        shifted = np.minimum(np.maximum(self.level + (night.level - self.start_level), 0.0), 1.0)
        np.copyto(self.level, shifted, where=again)
        np.copyto(self.level, night.level, where=begins)
        np.copyto(self.start_level, night.level, where=begins | again)
        np.copyto(self.start_confidence, night.confidence, where=begins | again)
        np.copyto(self.start_us, time_us, where=begins)
        np.copyto(self.seen_us, 0, where=begins)
        np.copyto(self.day, day, where=begins)

    def move(
        self,
        step: HeartRateStep,
        time_us: NDArray[np.int64],
        per_hour: NDArray[np.float64],
        worn_since_us: NDArray[np.int64],
    ) -> None:
        """Let the time since the last heart rate drain or recover energy, if the device was worn all along.

        Args:
            step: how this reading moved the smoothed heart rate.
            time_us: (n,) times of the readings.
            per_hour: (n,) of :func:`energy_per_hour`; NaN where not known, which counts as not seen.
            worn_since_us: (n,) since when the device is worn without a pause.
        """
        elapsed_us = step.elapsed_us
        seen = step.moved & (elapsed_us <= WEAR_GAP_US) & (time_us - elapsed_us >= worn_since_us)
        seen &= (per_hour == per_hour) & (self.start_us > NEVER_US)  # noqa: PLR0124  # false for NaN
        level = self.level + per_hour * (elapsed_us / _HOUR_US)
        np.copyto(self.level, np.minimum(np.maximum(level, 0.0), 1.0), where=seen)
        self.seen_us[...] += elapsed_us * seen

    def estimate(
        self, time_us: NDArray[np.int64], *, speaks: NDArray[np.bool_], rest_trust: NDArray[np.float64]
    ) -> Estimate:
        """Return the energy at n readings.

        The confidence is that of the start, times the share of the time since then that was seen (the first
        20 minutes are taken for seen), times the trust in the baseline at rest.

        Args:
            time_us: (n,) times of the readings.
            speaks: (n,) the reading gave a heart rate that counts.
            rest_trust: (n,) how far the baseline at rest is trusted, 0-1.
        """
        age_us = time_us - self.start_us
        speaks = speaks & (age_us >= 0) & (age_us <= _HOLDS_US)
        share = np.minimum((self.seen_us + WEAR_GAP_US) / (np.abs(age_us) + WEAR_GAP_US), 1.0)
        confidence = self.start_confidence * share * rest_trust
        return Estimate(np.where(speaks, self.level, np.nan), np.where(speaks, confidence, np.nan))
