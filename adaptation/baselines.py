"""Running baselines: exponentially weighted mean and variance of values at irregular times.

A value that comes ``Δt`` after its predecessor gets the weight ``a = 1 - exp(-Δt/τ)`` and everything before
it keeps ``1 - a``. With ``d = x - m`` and ``i = a·d``::

    m += i        v = (1 - a)·(v + d·i)

(West 1979, doi 10.1145/359146.359153; Finch 2009, "Incremental calculation of weighted mean and variance",
section 9.) The sum of squares is never formed, so a large offset costs no precision, and splitting a step in
two gives the same result. The first value sets ``m = x`` and ``v = 0``.

A value that is not later than the last one moves nothing: at ``Δt = 0`` its weight is zero, and one out of
order has lost its place in the weighting. So a reading delivered twice counts once.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import NEVER_US
from schemas.errors import InputError

BASELINE_TAU: Final = timedelta(days=14)
"""Time constant τ of all running baselines: two weeks hold a person's usual without freezing it."""

BASELINE_AGE_MIN: Final = timedelta(days=7)
"""A baseline whose first value is younger gives no verdict: a week holds every weekday once."""

BASELINE_COUNT_MIN: Final = 20
"""A baseline of fewer values gives no verdict (ours: about three readings a day for a week)."""

BASELINE_AGE_FULL: Final = timedelta(days=14)
"""From this age on a baseline is trusted fully; between a week and here in proportion."""

MICROSECOND: Final = timedelta(microseconds=1)
_RATE_PER_US: Final = -1.0 / (BASELINE_TAU / MICROSECOND)


@dataclass(frozen=True, slots=True, eq=False)
class Baselines:
    """Running baselines side by side: arrays of one shape, changed in place."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    count: NDArray[np.int64]
    """Values that moved the baseline."""
    since_us: NDArray[np.int64]
    """Time of the first value."""

    def move(
        self, values: NDArray[np.float64], time_us: NDArray[np.int64], elapsed_us: NDArray[np.int64]
    ) -> None:
        """Move each baseline by its value, where there is one and its time has moved on.

        Args:
            values: values in the shape of the baselines, NaN where there is none.
            time_us: their times, broadcastable to that shape.
            elapsed_us: time since the last value of each baseline; any huge number before the first.
        """
        moves = (values == values) & (elapsed_us > 0)  # noqa: PLR0124  # false for NaN, in one pass
        # A weight of exactly 1 makes the first value the mean, one of exactly 0 leaves all as it is.
        weight = -np.expm1((elapsed_us * moves) * _RATE_PER_US)
        difference = np.where(moves, values - self.mean, 0.0)
        step = weight * difference
        self.mean[...] += step
        self.variance[...] = (1.0 - weight) * (self.variance + difference * step)
        np.copyto(self.since_us, time_us, where=moves & (self.count == 0))
        self.count[...] += moves


class RunningBaseline:
    """One baseline, for use by itself.

    >>> baseline = RunningBaseline()
    >>> baseline.update(40.0, time_us=0)
    >>> baseline.update(60.0, time_us=14 * 86_400_000_000)
    >>> round(baseline.mean, 3), round(baseline.sd, 3), baseline.count
    (52.642, 9.645, 2)
    """

    def __init__(self) -> None:
        self._last_us = NEVER_US
        self._state = Baselines(np.zeros(1), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64))

    def update(self, value: float, *, time_us: int) -> None:
        """Move the baseline by ``value`` at ``time_us``; a value that is not the latest is left out."""
        elapsed_us = time_us - self._last_us
        self._state.move(np.array([value]), np.array([time_us]), np.array([elapsed_us]))
        self._last_us = max(self._last_us, time_us)

    @property
    def count(self) -> int:
        """Values that moved the baseline."""
        return int(self._state.count[0])

    @property
    def mean(self) -> float:
        """Weighted mean, in the unit of the values.

        Raises:
            InputError: there was no value yet.
        """
        return float(self._with_values(1).mean[0])

    @property
    def variance(self) -> float:
        """Weighted variance, in the squared unit of the values.

        Raises:
            InputError: there were fewer than two values.
        """
        return float(self._with_values(2).variance[0])

    @property
    def sd(self) -> float:
        """Weighted standard deviation, in the unit of the values.

        Raises:
            InputError: there were fewer than two values.
        """
        return float(np.sqrt(self.variance))

    def _with_values(self, need: int) -> Baselines:
        if self.count < need:
            raise InputError(
                f"a baseline of {self.count} values", where="baseline", mend=f"it needs {need} or more"
            )
        return self._state


def is_mature(
    count: NDArray[np.int64], since_us: NDArray[np.int64], time_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return where a baseline gives a verdict at ``time_us``: 20 values or more over 7 days or more."""
    return (count >= BASELINE_COUNT_MIN) & (time_us - since_us >= BASELINE_AGE_MIN // MICROSECOND)


def maturity(since_us: int, time_us: int) -> float:
    """Return how far a baseline is trusted at ``time_us``, from 0 at its first value to 1 after 14 days."""
    return min(1.0, (time_us - since_us) / (BASELINE_AGE_FULL // MICROSECOND))
