"""Readiness estimate: how recovered a person is against their own usual, once a day.

    level = 1/(1 + e^(-(1 + 1.0·z_hrv - 0.5·z_hr - 0.08·debt)))

``z_hrv`` is the 7-day mean of lnRMSSD against the 60 days before, ``z_hr`` the heart rate of the night or
morning against its running baseline, both in SD within ±3; ``debt`` is the sleep of the last 14 days short of
the need, in hours. A usual day without debt is 0.73. The weights are ours; heart rate variability counts
most, since training by it has been tried (Kiviniemi et al. 2007, doi 10.1007/s00421-007-0552-2; Vesterinen
et al. 2016, doi 10.1249/MSS.0000000000000910). A term that is not known is left out and lowers the
confidence.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.estimates import Estimate, logistic

READINESS_USUAL: Final = 1.0
"""Logit of a usual day without sleep debt (ours: 0.73)."""
PER_HRV_SD: Final = 1.0
"""Logit per SD of the 7-day mean of lnRMSSD (ours: one SD below is 0.5; it happens on one day in twenty)."""
PER_HEART_RATE_SD: Final = -0.5
"""Logit per SD of heart rate at night (ours)."""
PER_DEBT_HOUR: Final = -0.08
"""Logit per hour of sleep debt (ours: two weeks of one hour less a night take a usual day to 0.47)."""
HRV_SHARE: Final = 0.5
"""Shares of the terms in the confidence; together 1 (ours)."""
HEART_RATE_SHARE: Final = 0.25
SLEEP_SHARE: Final = 0.25

SLEEP_DAYS: Final = 14
"""Nights of the sleep debt: attention lapses grew through 14 days of short nights without levelling off (Van
Dongen et al. 2003, doi 10.1093/sleep/26.2.117)."""
SLEEP_NIGHTS_MIN: Final = 5
"""Nights with a value that the debt needs (ours)."""
SLEEP_NEED_HOURS: Final = 8.0
"""Need a night of a person who has not told theirs (ours; Van Dongen et al. 2003: 24 - 15.84 h, SE 0.73)."""
DEBT_HOURS_MAX: Final = 40.0
"""Where the debt stops growing (ours): its term alone then takes a usual day to 0.1."""

READINESS_METHOD: Final = "daybeat-readiness-1"
"""Name of the formula and constants here; it changes with them."""

_MINUTES_PER_HOUR: Final = 60.0


def sleep_debt_hours(
    sleep_minutes: NDArray[np.float64], need_hours: NDArray[np.float64] | float = SLEEP_NEED_HOURS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sleep debt of 14 days in hours, and the share of their nights that are known.

    The debt is 14 times the mean shortfall of the known nights: long nights repay short ones, and no debt is
    below 0. NaN with fewer than five nights known.

    Args:
        sleep_minutes: (n, 14) minutes asleep, NaN where not known.
        need_hours: (n,) or one for all.
    """
    known = ~np.isnan(sleep_minutes)
    nights = known.sum(axis=1)
    slept_hours = np.where(known, sleep_minutes, 0.0).sum(axis=1) / _MINUTES_PER_HOUR
    shortfall = need_hours - slept_hours / np.maximum(nights, 1)
    debt = np.minimum(np.maximum(SLEEP_DAYS * shortfall, 0.0), DEBT_HOURS_MAX)
    return np.where(nights >= SLEEP_NIGHTS_MIN, debt, np.nan), nights / SLEEP_DAYS


def estimate_readiness(
    *,
    hrv_z: NDArray[np.float64],
    hrv_trust: NDArray[np.float64],
    heart_rate_z: NDArray[np.float64],
    heart_rate_trust: NDArray[np.float64],
    debt_hours: NDArray[np.float64],
    sleep_trust: NDArray[np.float64],
) -> Estimate:
    """Return the readiness of n people; NaN where no term is known.

    The confidence is ``0.5·trust(hrv) + 0.25·trust(heart rate) + 0.25·trust(sleep)`` over the known terms.

    Args:
        hrv_z: (n,) 7-day mean of lnRMSSD against the 60 days before, in SD within ±3; NaN where not known.
        hrv_trust: (n,) how far these days are trusted, 0-1.
        heart_rate_z: (n,) heart rate of the night or morning against its usual, in SD within ±3, or NaN.
        heart_rate_trust: (n,) how far that usual is trusted, 0-1.
        debt_hours: (n,) sleep debt of 14 days, 0-40 h, or NaN.
        sleep_trust: (n,) share of these nights that are known.
    """
    logit = np.full(len(hrv_z), READINESS_USUAL)
    confidence = np.zeros(len(hrv_z))
    unknown = np.ones(len(hrv_z), np.bool_)
    for term, weight, trust, share in (
        (hrv_z, PER_HRV_SD, hrv_trust, HRV_SHARE),
        (heart_rate_z, PER_HEART_RATE_SD, heart_rate_trust, HEART_RATE_SHARE),
        (debt_hours, PER_DEBT_HOUR, sleep_trust, SLEEP_SHARE),
    ):
        known = ~np.isnan(term)
        logit += np.where(known, weight * term, 0.0)
        confidence += np.where(known, share * trust, 0.0)
        unknown &= ~known
    return Estimate(np.where(unknown, np.nan, logistic(logit)), np.where(unknown, np.nan, confidence))
