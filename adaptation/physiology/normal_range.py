"""A day's HRV among the days before it: 7-day mean, normal range, and a status with hysteresis.

Everything is in natural logarithms of ms, because lnRMSSD is close to normally distributed within a person
and RMSSD is not. The mean of the last seven days is judged, not the single day: a single night of most
people leaves their range now and then for no reason that one would act upon (Plews et al. 2012, doi
10.1007/s00421-012-2354-4; Plews et al. 2013, doi 10.1007/s40279-013-0071-8). The range is mean ± k·SD of the
60 days before today: k = 0.5 is the smallest worthwhile change (Buchheit 2014, doi
10.3389/fphys.2014.00073), k = 1 the band in which the status is ``within``.

The days before are at hand as values, so everything is computed exactly from them: no state but the status.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InputError

RING_DAYS: Final = 60
"""Days before today that make the normal range (after Plews, Laursen and Buchheit)."""
MEAN_DAYS: Final = 7
"""Days of the mean that is judged, today included."""
MEAN_VALUES_MIN: Final = 3
"""Days with a value that the 7-day mean needs (Plews et al. 2014, doi 10.1123/ijspp.2013-0455)."""
CV_VALUES_MIN: Final = 5
"""Days with a value that its coefficient of variation needs (ours)."""
PROVISIONAL_DAYS: Final = 7
"""Days with a value from which there is a range, with the population's SD (ours)."""
FULL_DAYS: Final = 14
"""Days with a value from which the SD is the person's own (ours)."""
STABLE_DAYS: Final = 28
"""Days with a value from which the range hardly moves with one more (ours)."""
POPULATION_SD: Final = 0.225
"""Median within-person SD of nightly lnRMSSD, ln ms: 36 persons with 30 nights or more, interquartile range
0.17-0.27 (ours, from the data of Yfantidou et al. 2022, doi 10.1038/s41597-022-01764-x)."""
NORMAL_RANGE_SD: Final = 1.0
"""Half width of the normal range in SD; beyond it ``below`` and ``above`` begin."""
SMALLEST_WORTHWHILE_SD: Final = 0.5
"""Half width of the smallest worthwhile change in SD; inside it ``below`` and ``above`` end."""

MATURITIES: Final[tuple[Literal["learning", "provisional", "full", "stable"], ...]] = (
    "learning",
    "provisional",
    "full",
    "stable",
)
"""How far a range is to be trusted; :attr:`DayVerdicts.maturity` is the index."""
BELOW: Final = -1
WITHIN: Final = 0
ABOVE: Final = 1
NO_STATUS: Final = 2
"""No verdict: too few days with a value, or none today."""
STATUSES: Final[dict[int, Literal["below", "within", "above"]]] = {
    BELOW: "below",
    WITHIN: "within",
    ABOVE: "above",
}

_STAGES: Final = np.array([PROVISIONAL_DAYS, FULL_DAYS, STABLE_DAYS])
_SLACK: Final = 1e-9
"""Distance from a limit, ln ms, that is rounding and no change: a constant series has an SD of zero."""


@dataclass(frozen=True, slots=True, eq=False)
class DayVerdicts:
    """One day of each of n people; values are in ln ms and NaN where they are not known."""

    mean7: NDArray[np.float64]
    """Mean of the last seven days, today included; known from three values."""
    cv7: NDArray[np.float64]
    """Their coefficient of variation, percent; known from five values and where the mean is above 0."""
    centre: NDArray[np.float64]
    """Mean of the 60 days before today."""
    sd: NDArray[np.float64]
    """SD of these days (ddof 1); while provisional that of the population."""
    normal_low: NDArray[np.float64]
    normal_high: NDArray[np.float64]
    swc_low: NDArray[np.float64]
    swc_high: NDArray[np.float64]
    have: NDArray[np.int64]
    """Days with a value among the 60 before and today."""
    need: NDArray[np.int64]
    """Days with a value that the next stage asks for; ``have`` where there is none."""
    maturity: NDArray[np.int8]
    """Index into :data:`MATURITIES`."""
    status: NDArray[np.int8]
    """``BELOW``, ``WITHIN``, ``ABOVE`` or ``NO_STATUS``."""
    onset: NDArray[np.bool_]
    """Whether the status became below or above with this day."""


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """One day of one person, as :class:`DayVerdicts` describes it; None where a value is not known."""

    day: dt.date
    ln_value: float | None
    mean7: float | None
    cv7: float | None
    normal_low: float | None
    normal_high: float | None
    swc_low: float | None
    swc_high: float | None
    have: int
    need: int
    maturity: Literal["learning", "provisional", "full", "stable"]
    status: Literal["below", "within", "above"] | None
    onset: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Count, mean and SD (ddof 1) of each row; NaN where there are too few values."""

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def judge_days(
    previous: NDArray[np.float64], today: NDArray[np.float64], status_before: NDArray[np.int8]
) -> DayVerdicts:
    """Return today's verdict on each of n people.

    ``below`` begins where the 7-day mean lies under mean - 1 SD and ends where it is back at mean - 0.5 SD;
    ``above`` likewise. Where there is no verdict, ``status_before`` stays the one to hand in the next day.

    Args:
        previous: (n, 60) values of the days before in ln ms, NaN without one; the last column is yesterday.
        today: (n,) today's values in ln ms, NaN without one.
        status_before: (n,) the latest status that was not ``NO_STATUS``; ``NO_STATUS`` if there was none.
    """
    before = _spread(previous)
    week = _spread(np.column_stack([previous[:, 1 - MEAN_DAYS :], today]))
    is_known = np.isfinite(today)
    have = before.count + is_known
    maturity = np.searchsorted(_STAGES, have, side="right")
    has_range = maturity > 0
    centre = np.where(has_range, before.mean, np.nan)
    sd = np.where(maturity == 1, POPULATION_SD, np.where(has_range, before.sd, np.nan))
    mean7 = np.where(week.count >= MEAN_VALUES_MIN, week.mean, np.nan)
    has_cv = (week.count >= CV_VALUES_MIN) & (mean7 > 0)
    status = _next_status(np.where(is_known, mean7, np.nan), centre, sd, status_before)
    return DayVerdicts(
        mean7=mean7,
        cv7=100.0 * np.divide(week.sd, mean7, where=has_cv, out=np.full(len(today), np.nan)),
        centre=centre,
        sd=sd,
        normal_low=centre - NORMAL_RANGE_SD * sd,
        normal_high=centre + NORMAL_RANGE_SD * sd,
        swc_low=centre - SMALLEST_WORTHWHILE_SD * sd,
        swc_high=centre + SMALLEST_WORTHWHILE_SD * sd,
        have=have,
        need=np.append(_STAGES, 0)[maturity] + have * (maturity == len(_STAGES)),
        maturity=maturity.astype(np.int8),
        status=status,
        onset=_is_onset(status, status_before),
    )


def judge_series(days: Sequence[dt.date], ln_values: Sequence[float | None]) -> list[DayVerdict]:
    """Return the verdict on each of the days given, each among the days before it.

    Dates that are left out are days without a value. A day whose value is None has no status.

    Raises:
        InputError: the days do not ascend, or a value is not finite.
    """
    today = np.array([np.nan if value is None else value for value in ln_values], np.float64)
    _check_series(days, ln_values)
    if not days:
        return []
    # One row a calendar day, with the sixty days before the first one, so that a view is the ring of any day.
    place = np.array([(day - days[0]).days for day in days])
    calendar = np.full(RING_DAYS + int(place[-1]) + 1, np.nan)
    calendar[RING_DAYS + place] = today
    previous = np.lib.stride_tricks.sliding_window_view(calendar, RING_DAYS)[place]
    verdicts = judge_days(previous, today, np.full(len(days), NO_STATUS, np.int8))
    _carry_status(verdicts, is_known=np.isfinite(today))
    return [
        _one(verdicts, index, day, value)
        for index, (day, value) in enumerate(zip(days, ln_values, strict=True))
    ]


def _spread(values: NDArray[np.float64]) -> _Spread:
    is_value = np.isfinite(values)
    count = is_value.sum(axis=1)
    mean = _ratio(np.where(is_value, values, 0.0).sum(axis=1), count)
    squares = np.where(is_value, values - mean[:, np.newaxis], 0.0) ** 2
    return _Spread(count, mean, np.sqrt(_ratio(squares.sum(axis=1), count - 1)))


def _ratio(total: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(len(total), np.nan)
    np.divide(total, count, where=count > 0, out=ratio)
    return ratio


def _next_status(
    mean7: NDArray[np.float64],
    centre: NDArray[np.float64],
    sd: NDArray[np.float64],
    status_before: NDArray[np.int8],
) -> NDArray[np.int8]:
    """Return the status, whose limits on the side where it already lies are those of leaving it."""
    distance = mean7 - centre
    low_sd, high_sd = (
        np.where(status_before == side, SMALLEST_WORTHWHILE_SD, NORMAL_RANGE_SD) for side in (BELOW, ABOVE)
    )
    is_low = distance < -low_sd * sd - _SLACK
    is_high = distance > high_sd * sd + _SLACK
    status = np.where(is_low, BELOW, np.where(is_high, ABOVE, WITHIN))
    return np.where(np.isnan(distance), NO_STATUS, status).astype(np.int8)


def _is_onset(status: NDArray[np.int8], status_before: NDArray[np.int8]) -> NDArray[np.bool_]:
    is_onset: NDArray[np.bool_] = np.isin(status, (BELOW, ABOVE)) & (status != status_before)
    return is_onset


def _carry_status(verdicts: DayVerdicts, *, is_known: NDArray[np.bool_]) -> None:
    """Judge the status of days that follow each other, where everything else is known."""
    mean7 = np.where(is_known, verdicts.mean7, np.nan)
    before = np.full(1, NO_STATUS, np.int8)
    for index in range(len(mean7)):
        one = slice(index, index + 1)
        status = _next_status(mean7[one], verdicts.centre[one], verdicts.sd[one], before)
        verdicts.status[one] = status
        verdicts.onset[one] = _is_onset(status, before)
        before = np.where(status == NO_STATUS, before, status)


def _check_series(days: Sequence[dt.date], ln_values: Sequence[float | None]) -> None:
    for day, later in pairwise(days):
        if later <= day:
            raise InputError(f"{later} does not follow {day}", where="days", mend="give each once, in order")
    for day, value in zip(days, ln_values, strict=True):
        if value is not None and not np.isfinite(value):
            raise InputError(f"{value} is not a finite number", where=f"day {day}", mend="give None instead")


def _one(verdicts: DayVerdicts, index: int, day: dt.date, ln_value: float | None) -> DayVerdict:
    def known(values: NDArray[np.float64]) -> float | None:
        value = float(values[index])
        return None if np.isnan(value) else value

    return DayVerdict(
        day=day,
        ln_value=ln_value,
        mean7=known(verdicts.mean7),
        cv7=known(verdicts.cv7),
        normal_low=known(verdicts.normal_low),
        normal_high=known(verdicts.normal_high),
        swc_low=known(verdicts.swc_low),
        swc_high=known(verdicts.swc_high),
        have=int(verdicts.have[index]),
        need=int(verdicts.need[index]),
        maturity=MATURITIES[verdicts.maturity[index]],
        status=STATUSES.get(int(verdicts.status[index])),
        onset=bool(verdicts.onset[index]),
    )
