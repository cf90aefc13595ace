"""Heart rate as the estimates look at it: smoothed over half a minute, and as a share of its reserve.

The smoothed rate is an exponentially weighted mean over irregular time: a value that comes ``Δt`` after its
predecessor gets the weight ``1 - exp(-Δt/τ)``, so splitting a step changes nothing. Its kernel ``e^(-t/τ)/τ``
has the mean age τ, that of a trailing mean over 60 s is 30 s: with τ = 30 s both look equally far back, one
with two numbers of state, the other with 60.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND, Baselines
from adaptation.columns import NEVER_US

SMOOTH_TAU: Final = timedelta(seconds=30)
"""Mean age of what makes up the smoothed heart rate: that of a trailing mean over 60 s."""
GAP_RESTART: Final = timedelta(minutes=2)
"""After a longer pause the smoothed rate begins anew (ours: of what was before, 2 % would be left)."""

REST_COUNT_MIN: Final = 20
"""Values at rest before anything is compared with them (ours)."""
REST_AGE_MIN: Final = timedelta(minutes=10)
"""Age of the baseline at rest before anything is compared with it (ours: it speaks early, and its confidence,
which takes 14 days to grow, says how early)."""

DEFAULT_AGE_YEARS: Final = 40.0
"""Age of a person who has not told theirs (ours; ten years move the maximal heart rate by 7 beats/min)."""
REST_BPM_MAX: Final = 100.0
"""Upper end of the usual clinical range of heart rate at rest, beats/min: exertion is never counted from
higher up, so that a strap worn only on runs does not take running for rest."""
EXERTION_RESERVE: Final = 0.40
"""Share of the heart-rate reserve from which on it is moderate exercise, whatever the device calls it (Garber
et al. 2011, doi 10.1249/MSS.0b013e318213fefb)."""

_RATE_PER_US: Final = -1.0 / (SMOOTH_TAU / MICROSECOND)
_GAP_US: Final = GAP_RESTART // MICROSECOND
_REST_AGE_US: Final = REST_AGE_MIN // MICROSECOND


class HeartRateStep(NamedTuple):
    """How n readings moved the smoothed heart rate."""

    moved: NDArray[np.bool_]
    """(n,) there was a heart rate, later than the last."""
    elapsed_us: NDArray[np.int64]
    """(n,) time since the last heart rate; huge before the first."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothedHeartRate:
    """Smoothed heart rates of n devices, changed in place."""

    bpm: NDArray[np.float64]
    """(n,) beats/min, NaN before the first."""
    time_us: NDArray[np.int64]
    """(n,) time of the last heart rate, ``NEVER_US`` before the first."""

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return the state of n devices that have not given anything yet."""
        return cls(np.full(n, np.nan), np.full(n, NEVER_US, np.int64))

    def move(self, bpm: NDArray[np.float64], time_us: NDArray[np.int64]) -> HeartRateStep:
        """Take one heart rate of each device, where there is one and its time has moved on.

        Args:
            bpm: (n,) beats/min; NaN where there is none, or where the device is not worn.
            time_us: (n,).
        """
        elapsed_us = time_us - self.time_us
        moved = (bpm == bpm) & (elapsed_us > 0)  # noqa: PLR0124  # false for NaN
        weight = -np.expm1(np.maximum(elapsed_us, 0) * _RATE_PER_US)
        smoothed = np.where(elapsed_us > _GAP_US, bpm, self.bpm + weight * (bpm - self.bpm))
        np.copyto(self.bpm, smoothed, where=moved)
        np.copyto(self.time_us, time_us, where=moved)
        return HeartRateStep(moved, elapsed_us)


def is_rest_known(rest: Baselines, time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) where a baseline at rest may be compared with: 20 values or more over 10 min or more."""
    return (rest.count >= REST_COUNT_MIN) & (time_us - rest.since_us >= _REST_AGE_US)


def maximal_heart_rate(age_years: NDArray[np.float64] | float = DEFAULT_AGE_YEARS) -> NDArray[np.float64]:
    """Return the expected maximal heart rate at an age: 208 - 0.7·age, beats/min.

    (Tanaka, Monahan and Seals 2001, doi 10.1016/S0735-1097(00)01054-8; people of one age differ by about ten
    beats/min.) NaN, an age that is not known, is taken for 40 years.

    >>> float(maximal_heart_rate(30.0))
    187.0
    """
    age = np.asarray(age_years, np.float64)
    return 208.0 - 0.7 * np.where(np.isnan(age), DEFAULT_AGE_YEARS, age)


def heart_rate_reserve(
    bpm: NDArray[np.float64], rest_bpm: NDArray[np.float64], maximal_bpm: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return HRr = (HR - rest)/(max - rest), within 0-1; NaN where heart rate or rest is not known.

    (Karvonen, Kentala and Mustala 1957.)
    """
    reserve = (bpm - rest_bpm) / np.maximum(maximal_bpm - rest_bpm, 1.0)
    return np.minimum(np.maximum(reserve, 0.0), 1.0)


def is_exertion(
    bpm: NDArray[np.float64], rest_bpm: NDArray[np.float64], maximal_bpm: NDArray[np.float64] | float
) -> NDArray[np.bool_]:
    """Return (n,) where the smoothed heart rate alone tells moderate exercise: HRr of 0.4 or more.

    Args:
        bpm: (n,) smoothed heart rate, beats/min; NaN is no exertion.
        rest_bpm: (n,) mean at rest, beats/min; 100 is taken where it is NaN or higher.
        maximal_bpm: (n,) or one for all, beats/min.
    """
    rest = np.fmin(rest_bpm, REST_BPM_MAX)
    return bpm >= rest + EXERTION_RESERVE * (maximal_bpm - rest)
