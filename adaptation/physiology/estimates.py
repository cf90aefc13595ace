"""What the estimates of stress, energy and readiness share: their form, their scale, their order in a round.

They stand in for a device that gives heart rate and beats only. Each is a level from 0 to 1 with a confidence
from 0 to 1, and both are NaN where nothing can be said: silence is never a 0. None of them was fitted to
people who felt stressed or tired; their constants are ours unless a source is named, so they say how someone
is against their own usual, and nothing about health.

One round holds one reading of each of n different devices. In this order::

    wear      = worn.move(time, has_data, contact_given, contact)              wear.py
    step      = heart.move(bpm where wear.on else NaN, time)                   heart_rate.py
    exerts    = is_exertion(heart.bpm, rest mean, maximal) & step.moved        heart_rate.py
    stillness = movement.move(activity, steps, exerts, time)                   stillness.py
    stress    = estimate_stress(…, speaks=stillness.quiet, rest=…)             stress_estimate.py
    the baseline at rest moves by bpm where step.moved & stillness.quiet       baselines.py
    energy.move(…), where a night is known energy.start(…), energy.estimate(…) energy_estimate.py

Readiness (readiness_estimate.py) changes once a day, when a day's values do. A baseline is looked at before
it moves, so that no value is compared with itself.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import BASELINE_AGE_FULL, MICROSECOND

ESTIMATE_METHOD: Final = "daybeat-estimates-1"
"""Name of the formulas and constants here; it changes with them."""

Z_MAX: Final = 3.0
"""Standard deviations at which a term among others stops growing (ours): no single one drowns the rest."""

_AGE_FULL_US: Final = BASELINE_AGE_FULL // MICROSECOND


class Estimate(NamedTuple):
    """Levels of n people; both arrays are NaN where nothing can be said."""

    level: NDArray[np.float64]
    """(n,) 0-1."""
    confidence: NDArray[np.float64]
    """(n,) 0-1."""


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1/(1 + e⁻ˣ), element by element; NaN stays NaN. |x| up to 700."""
    return 1.0 / (1.0 + np.exp(-x))


def z_of(
    values: NDArray[np.float64], mean: NDArray[np.float64], sd: NDArray[np.float64], *, sd_min: float
) -> NDArray[np.float64]:
    """Return how many standard deviations a value lies above its usual, within ±3.

    Args:
        values: (n,).
        mean: (n,) in the unit of the values.
        sd: (n,) in the same unit.
        sd_min: what a smaller deviation is taken for, in the same unit.

    Returns:
        (n,) NaN where any of them is.
    """
    z = (values - mean) / np.maximum(sd, sd_min)
    return np.minimum(np.maximum(z, -Z_MAX), Z_MAX)


def maturities(since_us: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) how far baselines are trusted, from 0 at their first value to 1 after 14 days.

    A baseline without values has ``since_us`` ``NEVER_US``, and the answer says nothing about it.
    """
    return np.minimum((time_us - since_us) / _AGE_FULL_US, 1.0)
