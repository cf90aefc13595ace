"""Running baselines: exponentially weighted mean and variance of values at irregular times.

A value speaks for the time ``Δt`` since its predecessor, but for 15 minutes at most; what was before fades
with the time constant τ. With ``w = 1 - exp(-min(Δt, 15 min)/τ)`` and the sum of all weights
``W = W·exp(-Δt/τ) + w`` its share is ``a = w/W``, and with ``d = x - m`` and ``i = a·d``::

    m += i        v = (1 - a)·(v + d·i)

(West 1979, doi 10.1145/359146.359153; Finch 2009, "Incremental calculation of weighted mean and variance",
section 9.) So a young baseline is the plain mean over time and an old one fades. With the plain
``a = 1 - exp(-Δt/τ)`` instead, whatever value came first would make up 61 % of the baseline after a week at
τ = 14 days, and the first value of each morning three quarters of the baseline of mornings. The sum of
squares is never formed, so a large offset costs no precision; splitting a step of up to 15 minutes in two
gives the same result.

A value that is not later than the last one moves nothing: at ``Δt = 0`` its weight is zero, and one out of
order has lost its place in the weighting. So a reading delivered twice counts once.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.columns import NEVER_US
from schemas.errors import InputError

BASELINE_TAU: Final = timedelta(days=14)
"""Time constant τ of all running baselines: two weeks hold a person's usual without freezing it."""

SPEAKS_MAX: Final = timedelta(minutes=15)
"""Longest time that one value speaks for (ours: sparing watches measure as often; more is a pause)."""

SPEAKS_FIRST: Final = timedelta(seconds=1)
"""Time that the first value speaks for: nothing is known of before (ours)."""

BASELINE_AGE_MIN: Final = timedelta(days=7)
"""A baseline whose first value is younger gives no verdict: a week holds every weekday once."""

BASELINE_COUNT_MIN: Final = 20
"""A baseline of fewer values gives no verdict (ours: about three readings a day for a week)."""

BASELINE_AGE_FULL: Final = timedelta(days=14)
"""From this age on a baseline is trusted fully; before that in proportion to its age."""

DEVIATION_COUNT_MIN: Final = 3
"""Values before there is a deviation: the first speaks for a second only, and one alone has none."""

MICROSECOND: Final = timedelta(microseconds=1)
_RATE_PER_US: Final = -1.0 / (BASELINE_TAU / MICROSECOND)
_WEIGHT_MAX: Final = -math.expm1(SPEAKS_MAX // MICROSECOND * _RATE_PER_US)
_WEIGHT_FIRST: Final = -math.expm1(SPEAKS_FIRST // MICROSECOND * _RATE_PER_US)
_COUNT_BITS: Final = 28
_COUNT_MASK: Final = 2**_COUNT_BITS - 1
_WEIGHT_MASK: Final = 2 ** (64 - _COUNT_BITS) - 1
_WEIGHT_ONE: Final = float(_WEIGHT_MASK + 1)


def count_of(tally: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of values in a tally."""
    count: NDArray[np.int64] = tally & _COUNT_MASK
    return count


def _tally(count: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return numbers of values and sums of weights in one integer each; both stop at their largest."""
    units = np.minimum(np.rint(weight * _WEIGHT_ONE), _WEIGHT_MASK).astype(np.int64)
    tally: NDArray[np.int64] = (units << _COUNT_BITS) | np.minimum(count, _COUNT_MASK)
    return tally


@dataclass(frozen=True, slots=True, eq=False)
class Baselines:
    """Running baselines side by side: arrays of one shape, changed in place."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    tally: NDArray[np.int64]
    """Number of values in the lower 28 bits, eight years of one a second; in the upper 36 the sum of their
    weights, 0 to 1, in units of 2⁻³⁶."""
    since_us: NDArray[np.int64]
    """Time of the first value; ``NEVER_US`` before it."""

    @property
    def count(self) -> NDArray[np.int64]:
        """Values that moved the baseline."""
        return count_of(self.tally)

    @property
    def weight(self) -> NDArray[np.float64]:
        """Sum of the weights: 1 for a baseline that has been fed for ever, 0 before the first value."""
        return (self.tally >> _COUNT_BITS & _WEIGHT_MASK) / _WEIGHT_ONE

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
        begins = self.tally == 0
        faded = np.expm1((elapsed_us * moves) * _RATE_PER_US)  # the share of what was before that is lost
        weight = np.minimum(-faded, _WEIGHT_MAX)
        begins_any = np.logical_or.reduce(begins, axis=None)  # rarely, and a masked copy costs the same
        if begins_any:
            np.copyto(weight, _WEIGHT_FIRST, where=begins)
        before = self.weight
        total = before + before * faded + weight
        # A share of exactly 1 makes the first value the mean, one of exactly 0 leaves all as it is.
        share = np.divide(weight, total, out=np.zeros(total.shape), where=moves)
        difference = np.where(moves, values - self.mean, 0.0)
        step = share * difference
        self.mean[...] += step
        self.variance[...] = (1.0 - share) * (self.variance + difference * step)
        np.copyto(self.tally, _tally(self.count + 1, total), where=moves)
        if begins_any:
            np.copyto(self.since_us, time_us, where=moves & begins)


def weigh_unweighted(
    tally: NDArray[np.int64], since_us: NDArray[np.int64], last_us: NDArray[np.int64]
) -> None:
    """Give baselines that were kept without weights those of values without a pause, in place.

    Args:
        tally: of baselines; those without values stay as they are, and those with weights.
        since_us: times of their first values.
        last_us: times of their last ones.
    """
    bare = (tally > 0) & (tally >> _COUNT_BITS == 0)
    weight = -np.expm1(np.where(bare, last_us - since_us, 0) * _RATE_PER_US)
    np.copyto(tally, _tally(tally, np.maximum(weight, _WEIGHT_FIRST)), where=bare)


class RunningBaseline:
    """One baseline, for use by itself.

    >>> baseline = RunningBaseline()
    >>> baseline.update(40.0, time_us=0)
    >>> baseline.update(60.0, time_us=600_000_000)
    >>> baseline.update(50.0, time_us=1_200_000_000)
    >>> round(baseline.mean, 3), round(baseline.sd, 3), baseline.count
    (54.986, 5.017, 3)
    """

    def __init__(self) -> None:
        self._last_us = NEVER_US
        self._state = Baselines(
            np.zeros(1), np.zeros(1), np.zeros(1, np.int64), np.full(1, NEVER_US, np.int64)
        )

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
            InputError: there were fewer than three values.
        """
        return float(self._with_values(DEVIATION_COUNT_MIN).variance[0])

    @property
    def sd(self) -> float:
        """Weighted standard deviation, in the unit of the values.

        Raises:
            InputError: there were fewer than three values.
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
