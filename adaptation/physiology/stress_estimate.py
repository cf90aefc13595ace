"""Stress estimate: how far heart rate stands above its usual at rest while the person is still.

    z = (smoothed heart rate - mean at rest) / max(SD at rest, 2)        level = 1/(1 + e^(-1.5·(z - 1)))

At the usual rest it is 0.18, one SD above it 0.5, two SD above it 0.82. Where a recent window of beats of
good quality is known, a quarter of z is how far its lnRMSSD lies *below* the person's own of such windows;
more weight it has not earned: on Stress-Predict (Iqbal et al. 2022, doi 10.3390/s22218135) it fell under
stress in 18 of 34 people only. Heart rate rises for other reasons too, which is why the confidence stays at
0.65 or below.
"""

from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND, Baselines
from adaptation.physiology.estimates import Estimate, logistic, maturities, z_of
from adaptation.physiology.heart_rate import GAP_RESTART, HeartRateStep, is_rest_known

REST_SD_MIN_BPM: Final = 2.0
"""A smaller deviation at rest is taken for this, beats/min (ours: no stress begins within a beat or two)."""
STRESS_MIDPOINT_Z: Final = 1.0
"""Standard deviations above the usual rest at which the level is 0.5 (ours)."""
STRESS_SLOPE: Final = 1.5
"""Steepness of the level, per standard deviation (ours: 0.18 at rest, 0.82 at two SD)."""

RMSSD_WEIGHT: Final = 0.25
"""Share of lnRMSSD in z where it joins (ours)."""
RMSSD_AGE_MAX: Final = timedelta(minutes=2)
"""A window that ended longer ago does not join (ours: the length of a window)."""
RMSSD_COUNT_MIN: Final = 10
"""Windows before a window is compared with them (ours)."""
LN_RMSSD_SD_MIN: Final = 0.1
"""A smaller deviation of lnRMSSD is taken for this, ln ms (ours: half of what nights of one person have)."""

HEART_RATE_CONFIDENCE: Final = 0.5
"""Most that heart rate alone deserves (ours: on Stress-Predict it ranks 65 of 100 pairs of a stressed and an
unstressed second rightly, and 50 would be chance)."""
RMSSD_CONFIDENCE: Final = 0.65
"""Most where lnRMSSD has joined (ours)."""
LONE_VALUE_FRESHNESS: Final = 0.5
"""What a heart rate that stands alone after a gap is worth of one among many (ours)."""

_GAP_US: Final = GAP_RESTART // MICROSECOND
_RMSSD_AGE_US: Final = RMSSD_AGE_MAX // MICROSECOND


class RestingWindows(NamedTuple):
    """The last windows of beats of n devices: good ones that ended while the person was still."""

    ln_rmssd: NDArray[np.float64]
    """(n,) of the last such window, ln ms; NaN before the first."""
    end_us: NDArray[np.int64]
    """(n,) its end, ``NEVER_US`` before the first."""
    usual: Baselines
    """(n,) lnRMSSD of such windows before the last one."""


def does_rmssd_join(windows: RestingWindows, time_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) where the last window ended in the two minutes before and has ten or more before it."""
    age_us = time_us - windows.end_us
    joins: NDArray[np.bool_] = (age_us >= 0) & (age_us <= _RMSSD_AGE_US)
    return joins & (windows.usual.count >= RMSSD_COUNT_MIN)


def estimate_stress(
    bpm: NDArray[np.float64],
    step: HeartRateStep,
    time_us: NDArray[np.int64],
    *,
    speaks: NDArray[np.bool_],
    rest: Baselines,
    windows: RestingWindows | None = None,
) -> Estimate:
    """Return the stress estimate of n readings.

    It is silent where the reading gave no heart rate that counts, where ``speaks`` is false, and while the
    baseline at rest is not known. The confidence is ``maturity · freshness · most``: maturity grows over the
    14 days of the baseline, freshness falls from 1 to 0.5 the longer the heart rate before this one is ago (2
    minutes and more), most is 0.5, and 0.65 where lnRMSSD has joined.

    Args:
        bpm: (n,) smoothed heart rate, beats/min.
        step: how this reading moved it.
        time_us: (n,) times of the readings.
        speaks: (n,) the person is still and the device is worn.
        rest: (n,) heart rate at rest before this reading, beats/min.
        windows: the last windows of beats; None where no device gave any.
    """
    deviation = np.sqrt(rest.variance)
    z = (bpm - rest.mean) / np.maximum(deviation, REST_SD_MIN_BPM)
    most: NDArray[np.float64] | float = HEART_RATE_CONFIDENCE
    if windows is not None and (joins := does_rmssd_join(windows, time_us)).any():
        z = np.where(joins, (1.0 - RMSSD_WEIGHT) * z + RMSSD_WEIGHT * _lowered(windows), z)
        most = np.where(joins, RMSSD_CONFIDENCE, HEART_RATE_CONFIDENCE)
    pause = np.minimum(step.elapsed_us, _GAP_US) / _GAP_US
    confidence = maturities(rest.since_us, time_us) * (1.0 - (1.0 - LONE_VALUE_FRESHNESS) * pause) * most
    level = logistic(STRESS_SLOPE * (z - STRESS_MIDPOINT_Z))
    silent = ~(speaks & step.moved & is_rest_known(rest, time_us))
    level[silent] = np.nan
    confidence[silent] = np.nan
    return Estimate(level, confidence)


def _lowered(windows: RestingWindows) -> NDArray[np.float64]:
    """Return (n,) how many SD the lnRMSSD of the last window lies below its usual, within ±3."""
    deviation = np.sqrt(windows.usual.variance)
    return z_of(windows.usual.mean, windows.ln_rmssd, deviation, sd_min=LN_RMSSD_SD_MIN)
